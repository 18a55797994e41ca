"""What may be held.  The way in is `manager.RiskManager.judge`: it asks every limit and takes the smallest answer.

Levels, latched stops, the shadow book and its evidence are one memory, `types.RiskState`, which `state` folds.  Not for
how much is worth holding (`sizing`) or for sending anything (`trading`).
"""
