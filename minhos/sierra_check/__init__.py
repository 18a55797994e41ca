"""The walk through a real Sierra Chart; `walk.check_sierra` is the way in.  It sends only what cannot fill."""
