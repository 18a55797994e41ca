"""Events, the order state table, `decide`, the engine, reconciliation and the port `Venue`."""
