"""Real tables, at the first try."""
