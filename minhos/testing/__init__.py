"""What tests need, ours and those of users' parts: builders, simulated markets, the broker double."""
