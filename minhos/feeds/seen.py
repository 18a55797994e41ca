"""What a reader saw in a file before anything was judged, folded or cut: what `check-data --export` writes.

A reader hands it over as soon as stamps and contract are known, before any check that may refuse the file.  Knows no
format and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.market.types import Ints


class Seen(NamedTuple):
    """Rows of one contract of one file, in order of time, exact repeats left out."""

    source: Path
    contract: str
    """Empty where it is unknown."""
    open_ns: Ints
    """Opens of the bars, or the moments of ticks, UTC; shape (n,)."""
    prices: npt.NDArray[np.floating]
    """Open, high, low, close in points as the file has them, beside the grid too; shape (4, n)."""
    volumes: Ints
    """Total, bid and ask, UNKNOWN where the file does not tell; shape (3, n) or more."""
    step_ns: int
    """Length of the bars; 0 for ticks."""
    why: npt.NDArray[np.object_] | None = None
    """By which rule the reader left a row out, empty for one that counts; shape (n,), None where all count."""


See = Callable[[Seen], None]
"""Called once for each contract of a file."""
