"""How money, percent, time and p are written, everywhere: in the terminal, on the page, in reports and alarms.

Plain functions from a value to text; a value that is not known (None, NaN) is written as `NONE`.  Standard library
only.  Not for sentences: those belong to who says them.
"""

from __future__ import annotations

NONE = "–"
