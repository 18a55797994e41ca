"""What is owned and owed.  The way in is `ledger.Ledger`: fills and marks become an immutable `types.Account`.

Integer ticks, contracts and cents throughout.  Not for judging a fill (`trading.reconciliation`) or a loss (`risk`).
"""
