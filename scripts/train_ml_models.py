"""Train the LSTM and the ensemble, and say what they are worth; the same as `minh.py train`.

Example: python scripts/train_ml_models.py --symbol NQU25-CME --days 30 --target kelly_integration
"""

from _environment import command

if __name__ == "__main__":
    command("train")
