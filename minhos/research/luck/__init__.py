"""How much of a result luck explains."""
