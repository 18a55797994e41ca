"""Text and parquet tables of bars or ticks."""
