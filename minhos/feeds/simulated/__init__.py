"""Generated markets with a known answer, and the oracle that knows it."""
