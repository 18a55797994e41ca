"""Kelly against fixed 10 % and seven other sizes on the same unseen signals; `minh.py lab sizing` by its old name.

Example: python scripts/backtest_kelly_vs_fixed.py --days 30
"""

from _environment import command

if __name__ == "__main__":
    command("kelly-vs-fixed")
