"""The port `Feed` and what implements it: Sierra Chart files, text and parquet files, simulated markets."""
