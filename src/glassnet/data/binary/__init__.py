"""Binary formats: Parquet, Arrow, NumPy, IDX, images."""
