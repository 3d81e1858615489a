"""The ground that every package may use: array types, atomic writes, safe text, lookups by name."""
