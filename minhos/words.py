"""How money, percent, time, probabilities and p are written, everywhere: in the terminal, on the page, in reports,
reasons and alarms.

Plain functions from a value to text, one for each kind of value; a value that is not known (None) is written as
`NONE`, or as the caller says.  Standard library only.  Not for sentences: those belong to who says them; nor for
values of JSON, which stay numbers.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

NONE = "–"
UNKNOWN = "unknown"
"""For a single figure on a page, where a dash alone would be read as a minus."""

Interval = tuple[float, float]

_NANOS = 1_000_000_000
_NEW_YORK = ZoneInfo("America/New_York")


def number(value: float | None, digits: int = 2, *, unknown: str = NONE) -> str:
    """ "1,234.50"."""
    return unknown if value is None else f"{value:,.{digits}f}"


def compact(value: float | None, digits: int = 2) -> str:
    """For narrow columns, with fewer digits the larger it is: "1.25", "469", "2e+05"."""
    if value is None:
        return NONE
    size = abs(value)
    return f"{value:.0e}" if size >= 1e5 else number(value, 0 if size >= 100 else digits)


def numbers(pair: Interval | None, digits: int = 2) -> str:
    """ "0.41 to 0.62", lower end first."""
    return NONE if pair is None else f"{pair[0]:.{digits}f} to {pair[1]:.{digits}f}"


def signed(value: float | None, digits: int = 4) -> str:
    """ "+0.1250": a difference, a return in R."""
    return NONE if value is None else f"{value:+.{digits}f}"


def signeds(pair: Interval | None, digits: int = 4) -> str:
    """ "-0.0210 to +0.0400"."""
    return NONE if pair is None else f"{pair[0]:+.{digits}f} to {pair[1]:+.{digits}f}"


def count(value: int | None) -> str:
    """ "1,234"."""
    return NONE if value is None else f"{value:,}"


def plural(n: int, what: str) -> str:
    """ "1 bar", "1,234 bars"."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def percent(
    share: float | None, digits: int = 1, *, sign: bool = False, tight: bool = False, unknown: str = NONE
) -> str:
    """A share as "57.3 %"; tight: "57.3%", for narrow columns and for reasons, whose text the journal keeps."""
    if share is None:
        return unknown
    return f"{100.0 * share:{'+' if sign else ''},.{digits}f}{'' if tight else ' '}%"


def percents(pair: Interval | None, digits: int = 1, *, tight: bool = False) -> str:
    """ "51.2 to 53.0 %"; tight: "51.2% to 53.0%"."""
    if pair is None:
        return NONE
    if tight:
        return " to ".join(percent(end, digits, tight=True) for end in pair)
    return f"{100.0 * pair[0]:.{digits}f} to {100.0 * pair[1]:.{digits}f} %"


def gain(share: float | None) -> str:
    """A share gained or lost, as percent with its sign; what grew more than a hundredfold, as a multiple."""
    if share is None:
        return NONE
    return percent(share, 2, sign=True) if share < 99.0 else f"x {1.0 + share:,.0f}"


def chance(share: float | None, *, tight: bool = False) -> str:
    """How likely, in whole percent, never all or nothing for what is not certain; tight: ">99%", "57%"."""
    if share is None:
        return NONE
    if share > 0.995:
        return ">99%" if tight else "above 99 %"
    if share < 0.005:
        return "<1%" if tight else "below 1 %"
    return percent(share, 0, tight=tight)


def probability(p: float | None, digits: int = 3, *, unknown: str = NONE) -> str:
    """A forecast's p, its lower bound or a break-even: "0.573"."""
    return unknown if p is None else f"{p:.{digits}f}"


def p_value(value: float | None) -> str:
    """Of a test: "0.032", and never zero, which no test can show: "below 0.001"."""
    if value is None:
        return NONE
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def power_of_ten(log10: float) -> str:
    """A wealth that began with one, to three digits while it can be read, else as a power of ten."""
    if not -3.0 < log10 < 6.0:
        return f"10^{log10:.0f}"
    value = float(f"{10**log10:.3g}")
    return f"{value:,.0f}" if value >= 100.0 else f"{value:g}"


def money(cents: float | None, digits: int = 2, *, sign: bool = False, mark: str = "$", unknown: str = NONE) -> str:
    """Cents as "$1,234.50", "-$1,234.50"; mark "": no currency, as reasons write it."""
    return dollars(None if cents is None else cents / 100, digits, sign=sign, mark=mark, unknown=unknown)


def dollars(value: float | None, digits: int = 2, *, sign: bool = False, mark: str = "$", unknown: str = NONE) -> str:
    """The same of dollars."""
    if value is None:
        return unknown
    return f"{'-' if value < 0 else '+' if sign else ''}{mark}{abs(value):,.{digits}f}"


def contracts(n: int, root: str) -> str:
    """ "2 NQ contracts", "1 NQ contract", whatever the side."""
    return plural(abs(n), f"{root} contract")


def position(n: int, root: str = "") -> str:
    """Signed contracts as "long 2", "short 1", "flat"; with a root as "long 2 NQ contracts"."""
    if n == 0:
        return "flat"
    return f"{'long' if n > 0 else 'short'} {contracts(n, root) if root else abs(n)}"


def duration(seconds: float) -> str:
    """ "12 s", "5 min", "3 h", "2 days"."""
    for limit, unit, name in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} days"


def utc(time_ns: int) -> str:
    """UTC nanoseconds in ISO 8601, whole seconds: "2025-10-06T13:35:00Z"."""
    return dt.datetime.fromtimestamp(time_ns // _NANOS, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def minute(iso: str) -> str:
    """A UTC time in ISO 8601, to the minute: "2025-10-06 13:35 UTC"."""
    return f"{iso[:16].replace('T', ' ')} UTC"


def new_york(time_ns: int) -> str:
    """UTC nanoseconds on the clock of New York, to the minute: "2025-11-03 09:35"."""
    return dt.datetime.fromtimestamp(time_ns // _NANOS, _NEW_YORK).strftime("%Y-%m-%d %H:%M")


def clock_time(time_ns: int) -> str:
    """Time of day in New York: "09:35"."""
    return new_york(time_ns)[-5:]


def date(yyyymmdd: int) -> str:
    """A trade date, 20251103, as "2025-11-03"."""
    return f"{month(yyyymmdd // 100)}-{yyyymmdd % 100:02d}"


def month(yyyymm: int) -> str:
    """ "2025-11"."""
    return f"{yyyymm // 100}-{yyyymm % 100:02d}"
