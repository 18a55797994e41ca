"""The append-only, hash-chained event store (`store.Journal`, `reader.reader`) and the inbox beside it.

It knows no event by name; what an event means is `minhos.trading.events`.
"""
