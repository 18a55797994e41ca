"""Size the same out-of-sample signals by Kelly, by a fixed 10 % and by one contract; `minh.py kelly-vs-fixed`.

Example: python scripts/backtest_kelly_vs_fixed.py --days 30
"""

from _environment import command

if __name__ == "__main__":
    command("kelly-vs-fixed")
