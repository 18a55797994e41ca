"""What is meant to differ from 0.1.0, one entry a difference; a failing test prints the entries to paste here.

`Wanted(what, before, after, reason)`: `reason` is the line of CHANGELOG.md that tells users.  An entry that no longer
describes a difference fails the test, too.
"""

from __future__ import annotations

from differences import Wanted

WANTED: list[Wanted] = []
