"""Metrics: how good predictions are, as functions on arrays."""
