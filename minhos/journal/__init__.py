"""The append-only, hash-chained event store; it knows no event by name."""
