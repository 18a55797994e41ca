"""Whole studies, from settings to a result."""
