"""What all pages share: one base for their values, and how numbers, times and money leave the house.

Values are frozen dataclasses, because FastAPI describes those by itself; what is unknown is None, never zero.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import ClassVar

from minhos.market.types import NANOS_PER_SECOND


class View:
    """Base of everything that a page or an endpoint shows; a field's docstring becomes its description."""

    __pydantic_config__: ClassVar[dict[str, bool]] = {"use_attribute_docstrings": True}


def known(value: float | None) -> float | None:
    """The number, or None where it is none (NaN, infinite or absent)."""
    return None if value is None or not math.isfinite(value) else float(value)


def rounded(value: float | None, digits: int = 6) -> float | None:
    """Like `known`, without digits that mean nothing."""
    number = known(value)
    return None if number is None else round(number, digits)


def iso(time_ns: int | None) -> str | None:
    """ISO 8601 in UTC ("2025-10-06T13:35:00Z"), or None for 0 and None."""
    if not time_ns:
        return None
    moment = dt.datetime.fromtimestamp(time_ns // NANOS_PER_SECOND, dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def dollars(cents: float) -> float:
    """Money for people."""
    return round(cents / 100.0, 2)


def percent(share: float | None, digits: int = 1) -> str:
    """ "57.3 %", or "unknown"."""
    return "unknown" if share is None else f"{100.0 * share:.{digits}f} %"


def seconds_in_words(seconds: float) -> str:
    """ "12 s", "5 min", "3 h", "2 days"."""
    for limit, unit, name in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} days"
