"""Check real bars before anything is learnt from them; the same as `minh.py check-data`.

Example: python scripts/test_real_historical_data.py --symbol NQU25-CME
"""

from _environment import command

if __name__ == "__main__":
    command("check-data")
