"""What the models would see of real bars: sessions, warm-up, features, labels; the same as `minh.py check-context`.

Example: python scripts/verify_ai_historical_context.py --symbol NQU25-CME
"""

from _environment import command

if __name__ == "__main__":
    command("check-context")
