"""What programs of the user's import: `kelly_service`, `ml_trading_workflow`, `trading_engine`, and the trader's alias.

They read; nothing here trades or writes.
"""
