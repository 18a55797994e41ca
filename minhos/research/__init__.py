"""Backtest, replay, compare."""
