"""Training again and again along the time axis."""
