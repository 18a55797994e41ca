"""Sierra Chart's .scid files.  Entry points: `feed.FolderFeed` for a folder that grows, `files.read_scid` for a file.

Not for its text exports: those are a row of `tables.formats`.
"""
