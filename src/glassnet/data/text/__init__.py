"""Text formats: CSV and SVMlight."""
