"""Kills and faults against real processes, counted."""
