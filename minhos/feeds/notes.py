"""What a reader reports of what it read: counts and sentences that go into reports, never into a decision."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.market.types import Ints

OFF_GRID = 0.02
"""Share of a tick by which a price may miss the grid before it counts: what float32 costs at 30,000 points x 100."""


class ReadNotes(msgspec.Struct, frozen=True):
    """How one source was read."""

    source: str
    rows: int
    """Records or lines."""
    off_tick: int = 0
    """Bars with a price beside the tick grid."""
    duplicates: int = 0
    """Rows that repeat an earlier one."""
    out_of_order: int = 0
    """Rows stamped before their predecessor."""
    rejected: int = 0
    """Rows without a time, or without a usable price."""
    timezone: str = "UTC"
    stamps: str = "open"
    """What stamps were taken to mark."""
    lines: tuple[str, ...] = ()
    """Sentences for the trader."""
    format: str = ""
    """The row of the table of formats, and by what the file was recognised."""

    def sentences(self) -> tuple[str, ...]:
        """All that a trader should know about how it was read."""
        return (f"read as {self.format}", *self.lines) if self.format else self.lines


def to_ticks(prices: npt.NDArray[np.floating], tick: float) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Nearest ticks of prices (any shape), and which prices missed the grid; `tick` is in the file's units."""
    exact = np.asarray(prices, dtype=np.float64) / tick
    ticks = np.rint(exact)
    return ticks.astype(np.int64), np.abs(exact - ticks) > OFF_GRID
