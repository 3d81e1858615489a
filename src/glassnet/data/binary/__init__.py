"""Tables that are not written as text: Parquet, Arrow, NumPy, IDX, pictures."""
