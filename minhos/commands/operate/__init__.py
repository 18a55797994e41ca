"""Commands that run, watch, stop and mend the system.

Not for what judges bars or models: that is `commands.study`."""
