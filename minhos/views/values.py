"""What all views share: one base for their values, and numbers, times and money as JSON has them.

Values are frozen dataclasses, because FastAPI describes those by itself; what is unknown is None, never zero.  Not
for text: how a figure is written for people stands in `minhos.words`.
"""

from __future__ import annotations

import math
from typing import ClassVar

from minhos.words import utc


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
    return utc(time_ns) if time_ns else None


def in_dollars(cents: float) -> float:
    """Cents as a number of dollars."""
    return round(cents / 100.0, 2)
