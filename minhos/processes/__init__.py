"""The processes that run for long: trader, trainer, watchdog, supervisor, bridge."""
