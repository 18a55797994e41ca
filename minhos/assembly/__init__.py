"""From settings to objects: `layout.Layout` is the home, its disk and its machine; beside it one table a port.

Not for anything that runs for long, and not for settings themselves.
"""
