"""The commands: thin shells that read settings, call the rooms and print what came of it.

`minhos.cli` names every command and where it stands: `operate` runs, watches and mends, `study` judges, `lab` tries.
Not for anything that another part could want: that belongs to a room below.
"""
