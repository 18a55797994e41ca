"""Sierra Chart's exported text: how it is recognised, and what its columns mean beyond their names.

"Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume", from "Export Bar Data" or from
an intraday file as ticks.  Stamps are the opens of bars, UTC unless the chart was set to another zone.  The
reading itself is that of any table: see `tables`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from minhos.feeds.tables.zones import infer_zone, speaks_for, to_utc
from minhos.market.types import Ints

HEADER = ("date", "time", "open", "high", "low", "last", "volume", "numberoftrades", "bidvolume", "askvolume")


def single_trades(open_: npt.NDArray[np.float64], trades: Ints) -> npt.NDArray[np.bool_]:
    """Rows that are ticks: one trade, and in Open zero or the large negative mark of an unbundled trade."""
    return np.asarray((trades == 1) & (open_ <= 0))


def zone_of_export(wall_ns: Ints) -> tuple[str, str]:
    """UTC where the hours show it; else, as a chart is exported in its own zone, it is inferred.  Raises DataError."""
    if speaks_for(to_utc(wall_ns, "UTC")):
        return "UTC", "time zone UTC, as Sierra Chart exports unless told otherwise"
    return infer_zone(wall_ns)
