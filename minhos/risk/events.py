"""Scheduled events around which nothing is added, from the text of `config/events.csv`.

The columns are time,name,currency: an ISO 8601 time with its offset, what is published, and the currency it moves
(empty: all).  Lines that begin with # are remarks.  It parses text; reading the file is for the settings.
"""

from __future__ import annotations

import csv
import datetime as dt

import msgspec

from minhos.errors import SettingsError
from minhos.market.types import NANOS_PER_MINUTE, NANOS_PER_SECOND

COLUMNS = ["time", "name", "currency"]
WARN_DAYS = 14.0


class NewsEvent(msgspec.Struct, frozen=True):
    """One publication.  currency: whose instruments it moves; empty for all."""

    time_ns: int
    name: str
    currency: str = ""


def parse_events(text: str) -> tuple[NewsEvent, ...]:
    """Events in order of time; empty text gives none.

    Raises:
        SettingsError: a header other than time,name,currency, or a line whose time has no offset or cannot be read.
    """
    rows = [
        (number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")
    ]
    if not rows:
        return ()
    parsed = list(csv.reader([line for _, line in rows], skipinitialspace=True))
    if [column.strip().lower() for column in parsed[0]] != COLUMNS:
        raise SettingsError(f"events.csv begins with {rows[0][1]!r}; its first line must be time,name,currency.")
    events = (_event(number, fields) for (number, _), fields in zip(rows[1:], parsed[1:], strict=True))
    return tuple(sorted(events, key=lambda event: (event.time_ns, event.name)))


def _event(number: int, fields: list[str]) -> NewsEvent:
    if len(fields) != len(COLUMNS) or not fields[1].strip():
        raise SettingsError(f"events.csv line {number} has {len(fields)} fields; give time,name,currency.")
    try:
        moment = dt.datetime.fromisoformat(fields[0].strip())
    except ValueError as error:
        raise SettingsError(f"events.csv line {number}: {fields[0]!r} is not an ISO 8601 time.") from error
    if moment.tzinfo is None:
        raise SettingsError(
            f"events.csv line {number}: {fields[0]!r} has no offset; write it as 2025-12-10T14:00:00-05:00."
        )
    return NewsEvent(round(moment.timestamp()) * NANOS_PER_SECOND, fields[1].strip(), fields[2].strip().upper())


def days_left(events: tuple[NewsEvent, ...], time_ns: int) -> float:
    """Days until the last known event; zero or less once the list has run out, minus infinity where it is empty."""
    if not events:
        return float("-inf")
    return (max(event.time_ns for event in events) - time_ns) / (24 * 60 * NANOS_PER_MINUTE)


def warning(events: tuple[NewsEvent, ...], time_ns: int) -> str:
    """One sentence when the list is empty, has run out or will within two weeks; else nothing."""
    days = days_left(events, time_ns)
    if days > WARN_DAYS:
        return ""
    if not events:
        return "config/events.csv names no events, so nothing is held back around news."
    if days <= 0:
        return "config/events.csv has run out of events; add new ones, or nothing is held back around news."
    return f"config/events.csv runs out of events in {days:.0f} days; add new ones."
