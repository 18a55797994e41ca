"""Sizing policies against each other on the same bets."""
