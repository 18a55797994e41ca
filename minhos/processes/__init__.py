"""The processes that run for long: trader, trainer, watchdog, alerts, supervisor, bridge.

Each is an object with `open`, `step` and `close` (`process.Process`), and `process.run` is the shell that sleeps.  Not
for what a process is made of: rooms below know nothing of processes.
"""
