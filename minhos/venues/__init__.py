"""The matching engine and the venues over it."""
