"""Instruments and symbols, sessions and trade dates, bars and their building, data quality, the port `Clock`."""
