"""Which zone stamps without an offset are in, and whether they mark the open or the close of a bar.

Both are found out from the hour in which the exchange rests, 17:00 to 18:00 New York, and refused when the
data do not tell: a history shifted by an hour or by a bar looks perfect and is worthless.
"""

from __future__ import annotations

import difflib
import zoneinfo

import numpy as np
import numpy.typing as npt

from minhos.errors import DataError
from minhos.feeds.tables.stamps import MISSING
from minhos.market.coverage import distinct
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_MINUTE, Ints

NEW_YORK = "America/New_York"
SERVER = "New York + 7 h"
"""The clock of MetaTrader's servers: midnight there is the close of New York's day, summer and winter."""
SERVER_AHEAD_NS = 7 * 60 * NANOS_PER_MINUTE
CANDIDATES = (
    "UTC",
    NEW_YORK,
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Zurich",
    "Europe/Athens",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Hong_Kong",
    "Asia/Tokyo",
    "Australia/Sydney",
    SERVER,
    *(f"Etc/GMT{hours:+d}" for hours in range(-14, 13) if hours),
)
MIN_SESSIONS = 5
MAX_IN_BREAK = 0.002
"""Share of 5-minute stamps that may lie in the break; more rule a zone out."""
MAX_IN_BREAK_OF_A_WEEK = 0.01
"""The same for each week of its own: a zone that is an hour off in one has four times that there."""
MIN_IN_BREAK = 3
SOME_WEEKS = 24
MIN_EDGES = 2
"""Sessions whose first or last stamp tells open from close."""

MIN_OF_A_DAY, A_WEEK = 50, 7000

_BREAK, _REOPEN = 17 * 60, 18 * 60
_DAY, _DAY_ENDS = (9 * 60 + 30, 16 * 60 + 15), 16 * 60
MOST_DAYS = 0.8
"""Share of days that have all regular hours; the others are half days and holes."""


def to_utc(wall_ns: Ints, zone: str) -> Ints:
    """Clock readings in a zone as UTC; readings that do not exist there become MISSING, of two the first is meant."""
    import polars as pl

    if zone == SERVER:
        return to_utc(wall_ns - SERVER_AHEAD_NS, NEW_YORK)
    wall = pl.Series(wall_ns).cast(pl.Datetime("ns"))
    aware = wall.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return aware.dt.epoch("ns").fill_null(MISSING).to_numpy().astype(np.int64)


def check_zone(name: str) -> str:
    """The name, if it is a time zone; otherwise DataError with the nearest one."""
    known = zoneinfo.available_timezones()
    if name in known or name == SERVER:
        return name
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "write it as in America/New_York or UTC"
    raise DataError(f"{name!r} is no time zone; {hint}")


def infer_zone(wall_ns: Ints) -> tuple[str, str]:
    """The one zone in which the break is empty over at least 5 sessions, and a sentence that says so.

    Zones that agree on every stamp of the data count as one.  Raises DataError when it is not unique.
    """
    bins = wall_ns[wall_ns != MISSING] // BAR_INTERVAL_NS
    stamps = distinct(bins) * BAR_INTERVAL_NS
    fitting: dict[bytes, list[str]] = {}
    few = stamps[_some_weeks(stamps)]
    for zone in CANDIDATES:
        if not rests_in_break(to_utc(few, zone)):
            continue
        utc = to_utc(stamps, zone)
        if break_is_empty(utc):
            fitting.setdefault(utc.tobytes(), []).append(zone)
    if len(fitting) == 1:
        (names,) = fitting.values()
        same = f" (here the same as {', '.join(names[1:4])})" if len(names) > 1 else ""
        return names[0], f"time zone {names[0]}{same}: inferred from the empty hour 17:00 to 18:00 New York"
    if fitting:
        names = [group[0] for group in fitting.values()]
        raise DataError(f"the stamps have no offset and fit {', '.join(names)}; say which with --timezone")
    first, *others = _candidates(stamps) or [NEW_YORK]
    fit = f"; its hours would also fit {', '.join(others)}" if others else ""
    raise DataError(
        "the stamps have no offset, and in no zone is the hour 17:00 to 18:00 New York empty between trading hours "
        f"over {MIN_SESSIONS} sessions; say the zone with --timezone, as in --timezone {first}{fit}"
    )


def _candidates(wall_ns: Ints) -> list[str]:
    """One zone of each group that agrees on these clock readings and that a whole session, or day, speaks for."""
    found: dict[bytes, str] = {}
    for zone in CANDIDATES:
        utc = to_utc(wall_ns, zone)
        if speaks_for(utc):
            found.setdefault(utc.tobytes(), zone)
    return [*found.values()]


def speaks_for(utc_ns: Ints) -> bool:
    """True where the hours show the zone to be right: the break is empty between the hours around it, or days of
    regular hours alone begin at 09:30 New York and end at 16:00 or 16:15.
    """
    minute, day = _new_york(utc_ns[utc_ns != MISSING])
    if not _rests(minute, day, MAX_IN_BREAK_OF_A_WEEK):
        return False
    session = day + (minute >= _REOPEN)
    first = distinct(session[(minute >= _REOPEN) & (minute <= _REOPEN + 60)])
    last = distinct(session[(minute >= _BREAK - 60) & (minute <= _BREAK)])
    return len(np.intersect1d(first, last)) > 0 or any(_regular(minute, day))


def _regular(minute: Ints, day: Ints) -> tuple[int, int]:
    """Days of regular hours whose stamps mark the open of bars, and the close; 0 and 0 where other hours are there."""
    if not len(minute) or minute.min() < _DAY[0] or minute.max() > _DAY[1]:
        return 0, 0
    order = np.lexsort((minute, day))
    minute, day = minute[order], day[order]
    starts = np.flatnonzero(np.r_[True, np.diff(day) > 0])
    first, last = minute[starts], minute[np.r_[starts[1:] - 1, len(minute) - 1]]
    steps = np.diff(minute)[np.diff(day) == 0]
    step = int(np.median(steps[steps > 0])) if (steps > 0).any() else 0
    opens = (first == _DAY[0]) & ((last == _DAY[1] - step) | (last == _DAY_ENDS - step))
    closes = (first == _DAY[0] + step) & ((last == _DAY[1]) | (last == _DAY_ENDS))
    most = MOST_DAYS * len(starts)
    return int(opens.sum()) * int(opens.sum() >= most), int(closes.sum()) * int(closes.sum() >= most and step > 0)


def break_is_empty(utc_ns: Ints) -> bool:
    """True when 5 sessions have stamps in their first and their last hour, and hardly any lies in the break."""
    minute, day = _new_york(utc_ns[utc_ns != MISSING])
    if not _rests(minute, day, MAX_IN_BREAK):
        return False
    session = day + (minute >= _REOPEN)
    first = distinct(session[(minute >= _REOPEN) & (minute <= _REOPEN + 60)])
    last = distinct(session[(minute >= _BREAK - 60) & (minute <= _BREAK)])
    return len(np.intersect1d(first, last)) >= MIN_SESSIONS


def rests_in_break(utc_ns: Ints) -> bool:
    """True when hardly any stamp lies in the break: of all, and of each week by itself."""
    return _rests(*_new_york(utc_ns[utc_ns != MISSING]), MAX_IN_BREAK_OF_A_WEEK)


def _rests(minute: Ints, day: Ints, most: float) -> bool:
    inside = (minute > _BREAK) & (minute < _REOPEN)
    if not len(inside) or inside.mean() > most:
        return not len(inside)
    week = (day + 4) // 7
    week -= week.min()
    stamps, breaks = np.bincount(week), np.bincount(week, inside)
    return not ((breaks >= MIN_IN_BREAK) & (breaks > MAX_IN_BREAK_OF_A_WEEK * stamps)).any()


def _some_weeks(stamps: Ints) -> npt.NDArray[np.bool_]:
    """True for the stamps, in order, of a few weeks spread over all: what rules most zones out."""
    week = stamps // (7 * 24 * 60 * NANOS_PER_MINUTE)
    known = distinct(week)
    chosen = known[:: max(1, len(known) // SOME_WEEKS)]
    return np.isin(week, chosen)


def regular_hours_only(utc_ns: Ints) -> str:
    """A sentence where every bar lies in the day session of New York; empty elsewhere."""
    minute, _ = _new_york(utc_ns[:A_WEEK])
    if len(minute) == A_WEEK and _DAY[0] <= minute.min() and minute.max() <= _DAY[1]:
        minute, _ = _new_york(utc_ns)
    if len(minute) < MIN_OF_A_DAY or minute.min() < _DAY[0] or minute.max() > _DAY[1]:
        return ""
    return "regular hours only: every bar lies between 09:30 and 16:15 New York, the night is not there"


def infer_stamps(utc_ns: Ints) -> tuple[str, str]:
    """ "open" or "close" from the first and the last stamp of sessions, and a sentence that says so.

    Bars stamped by their open begin at 18:00 New York and end before 17:00; stamped by their close they begin
    after 18:00 and end at 17:00.  Raises DataError when the data do not tell.
    """
    minute, day = _new_york(utc_ns[utc_ns % (60 * NANOS_PER_MINUTE) == 0])
    first = len(distinct(day[minute == _REOPEN]))
    last = len(distinct(day[minute == _BREAK]))
    if first >= MIN_EDGES and last <= first // 10:
        return "open", f"stamps mark the open of bars: {first} sessions begin at 18:00 New York, {last} end at 17:00"
    if last >= MIN_EDGES and first <= last // 10:
        return "close", f"stamps mark the close of bars: {last} sessions end at 17:00 New York, {first} begin at 18:00"
    opens, closes = _regular(*_new_york(utc_ns))
    if opens >= MIN_EDGES:
        return (
            "open",
            f"stamps mark the open of bars: {opens} days begin at 09:30 and end before 16:00 or 16:15 New York",
        )
    if closes >= MIN_EDGES:
        return "close", f"stamps mark the close of bars: {closes} days begin after 09:30 and end at 16:00 or 16:15"
    raise DataError(
        f"the data do not tell whether stamps mark the open or the close of bars ({first} sessions begin at 18:00 "
        f"New York, {last} end at 17:00); say it with --stamps open or --stamps close"
    )


def _new_york(utc_ns: Ints) -> tuple[Ints, Ints]:
    """Minute of the day and number of the day in New York."""
    import polars as pl

    local = pl.Series(utc_ns).cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone(NEW_YORK).dt.replace_time_zone(None)
    minutes = local.dt.epoch("ns").to_numpy().astype(np.int64) // NANOS_PER_MINUTE
    return minutes % 1440, minutes // 1440
