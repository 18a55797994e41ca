"""`minh.py lab`: the laboratories."""
