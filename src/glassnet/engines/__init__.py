"""Engines: ways to run the eight steps. Each answers the same three questions (`interface`)."""
