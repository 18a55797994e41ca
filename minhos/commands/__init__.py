"""The commands: thin shells that read settings, call the rooms and print what came of it."""
