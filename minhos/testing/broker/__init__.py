"""The broker double: `backend.MatchingBackend`, a DTC server's backend that remembers its orders in a file.

`python -m minhos.testing.broker` starts it as a process.  Not for trading, and no model of a market.
"""
