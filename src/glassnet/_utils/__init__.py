"""Utilities for every package: array types, atomic writes, safe text and JSON, lookups, checks of settings."""
