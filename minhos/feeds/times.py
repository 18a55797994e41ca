"""Times as text for sentences."""

from __future__ import annotations

import datetime as dt

from minhos.market.types import NANOS_PER_SECOND


def iso(time_ns: int) -> str:
    """UTC nanoseconds as ISO 8601 in whole seconds."""
    return dt.datetime.fromtimestamp(time_ns // NANOS_PER_SECOND, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
