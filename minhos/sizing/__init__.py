"""Payoff in R, Kelly, drawdown-constrained Kelly, and the recommendation with its trace."""
