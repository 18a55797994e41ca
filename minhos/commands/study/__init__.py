"""Commands that judge bars, models and what the system did.

Not for what acts on a running system: that is `commands.operate`."""
