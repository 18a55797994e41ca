"""Times of bars on the clock of New York, where the market's day is made."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from minhos.market.types import NANOS_PER_SECOND

Ints = npt.NDArray[np.int64]
NEW_YORK = ZoneInfo("America/New_York")


def new_york_minutes(time_ns: Ints) -> Ints:
    """Minutes after midnight in New York of UTC nanoseconds, shape kept."""
    local = (dt.datetime.fromtimestamp(s, NEW_YORK) for s in (time_ns // NANOS_PER_SECOND).tolist())
    return np.fromiter((60 * t.hour + t.minute for t in local), dtype=np.int64, count=len(time_ns))
