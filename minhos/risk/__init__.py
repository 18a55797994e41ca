"""Limits, levels, the manager that takes the minimum, the shadow book and the evidence state."""
