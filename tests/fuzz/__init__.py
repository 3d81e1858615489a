"""Fuzzing: every corrupted file must give a clear error or a working result."""
