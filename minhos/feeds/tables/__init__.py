"""Files of bars or ticks by one table of formats.  Entry point: `tables.read_file`; the table itself is `formats`.

Importers only: this loads polars.  Not for files that grow.
"""
