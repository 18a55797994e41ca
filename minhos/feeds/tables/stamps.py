"""Columns of time stamps, as text, numbers or parquet types, into nanoseconds; the zone may stay open.

Understands ISO 8601 with or without offset, year-first, day-first and month-first dates, names of months, AM and PM,
compact digits, hours without their zero, 24:00, names and abbreviations of zones, and epochs in seconds to
nanoseconds.  A stamp that does not exist (31 February, 10:00:75) is none.  Which zone stamps without an offset are in:
see `zones`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.errors import DataError
from minhos.market.types import NANOS_PER_SECOND, Ints

if TYPE_CHECKING:
    import polars as pl

CHUNK = 1 << 18
"""Rows whose stamps are worked on at once."""
MISSING = np.iinfo(np.int64).min
"""In place of a stamp that cannot be read."""

_DATE = (
    r"^\s*(?:(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    r"|(?P<head>\d{1,2})(?P<separator>[-/.])(?P<middle>\d{1,2})[-/.](?P<last>\d{4}|\d{2})"
    r"|(?P<c_year>(?:19|20)\d{2})(?P<c_month>\d{2})(?P<c_day>\d{2}))"
)
_TIME = (
    r"(?:[ T,_-]*(?:(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,:](?P<fraction>\d{1,9})\d*)?)?"
    r"|(?P<c_hour>\d{2})(?P<c_minute>\d{2})(?:(?P<c_second>\d{2})(?:[ .](?P<c_fraction>\d{1,9}))?)?)"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?"
)
_OFFSET = (
    r"\s*(?:(?:UTC|GMT)?(?P<sign>[+-])(?P<o_hour>\d{2}):?(?P<o_minute>\d{2})?"
    r"|(?P<zulu>Z|z|UTC|GMT)|(?P<short>[A-Z]{3,4})|(?P<zone>[A-Z][A-Za-z]+/[A-Za-z_/]+))?\s*$"
)
_GRAMMAR = _DATE + _TIME + _OFFSET
_WORDS = ("separator", "half", "zulu", "sign", "fraction", "c_fraction", "short", "zone")
_UNITS = ((1e8, NANOS_PER_SECOND), (1e11, 1_000_000), (1e14, 1_000), (1e17, 1))
"""Least value of an epoch in seconds, milliseconds, microseconds, nanoseconds (1973 and later), and its unit in ns."""
MOST_NS = 2.0**62
"""No time lies later: it would be beyond the year 2116."""
_EPOCHS = 0.9
"""Share of values that are numbers, above which a column of text holds epochs."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SHORT_HOURS = {
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "CET": 1,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "BST": 1,
    "WET": 0,
    "JST": 9,
}
"""Hours from UTC of abbreviations that mean one thing in files of American futures."""
_SHORT_ZONES = {"ET": "America/New_York", "CT": "America/Chicago", "PT": "America/Los_Angeles"}
_DAYS_BEFORE = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
_LENGTHS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])

Numbers = dict[str, npt.NDArray[np.signedinteger]]
Masks = dict[str, npt.NDArray[np.bool_]]


class Stamps(NamedTuple):
    """ns: shape (n,), MISSING where unreadable; UTC when `utc`, else what the clock on the wall showed."""

    ns: Ints
    utc: bool
    note: str = ""
    zone: str = ""
    """That the stamps themselves name; empty for none."""
    example: str = ""
    """A stamp that is none."""


def parse(stamp: pl.Series, time: pl.Series | None = None, *, order: str = "") -> Stamps:
    """Stamps of one column, or of a date column and a time column.  Raises DataError.

    order: "day" or "month" where the file's format says which of the two comes first; the data may contradict it.
    """
    import polars as pl

    if isinstance(stamp.dtype, pl.Datetime):
        ns = stamp.dt.cast_time_unit("ns").dt.epoch("ns").fill_null(MISSING).to_numpy()
        return Stamps(ns.astype(np.int64), stamp.dtype.time_zone is not None)
    if stamp.dtype == pl.Date and time is None:
        raise _only_dates(stamp.name)
    if stamp.dtype.is_numeric() and time is None and not _are_dates(stamp):
        return _epochs(stamp.cast(pl.Float64), stamp)
    text = stamp.cast(pl.String)
    if time is not None:
        return _text(text + " " + _times(time.cast(pl.String)), order)
    if not _compact(text):
        numbers = text.cast(pl.Float64, strict=False)
        known = len(text) - text.null_count()
        if known and len(numbers) - numbers.null_count() >= _EPOCHS * known:
            return _epochs(numbers, text.cast(pl.Int64, strict=False) if _integers(text) else numbers)
    return _text(text, order)


def _only_dates(name: str) -> DataError:
    return DataError(f"the column {name!r} has dates without times (daily bars?); 5-minute bars need the time of day")


def _are_dates(numbers: pl.Series) -> bool:
    """Whole numbers as 20251006."""
    low, high = numbers.min(), numbers.max()
    return bool(low is not None and float(low) >= 19_000_101 and float(high) <= 21_001_231)  # type: ignore[arg-type]


def _integers(text: pl.Series) -> bool:
    return not text.head(1000).str.contains(".", literal=True).any()


def _compact(text: pl.Series) -> bool:
    """True for digits that are a date, or a date and a time, as 20250102173000."""
    first = text.drop_nulls()[:1].to_list()
    return bool(first) and len(first[0]) in (8, 12, 14) and first[0][:2] in ("19", "20")


def _times(time: pl.Series) -> pl.Series:
    """The time of day with its zeros in front where it is digits alone: 930 and 5 as 0930 and 0005."""
    import polars as pl

    digits = time.str.contains(r"^\d{1,6}$")
    if not digits.any():
        return time
    width = 4 if int(time.filter(digits).str.len_chars().max() or 0) <= 4 else 6  # type: ignore[arg-type]
    return pl.select(pl.when(digits).then(time.str.zfill(width)).otherwise(time)).to_series()


def _epochs(numbers: pl.Series, exact: pl.Series) -> Stamps:
    import polars as pl

    values = numbers.fill_null(np.nan).to_numpy()
    known = np.isfinite(values) & exact.is_not_null().to_numpy()
    typical = float(np.median(np.abs(values[known]))) if known.any() else 0.0
    unit = next((unit for least, unit in reversed(_UNITS) if typical >= least), None)
    if unit is None:
        raise DataError(f"{typical:g} is no time since 1970 in seconds, milliseconds, microseconds or nanoseconds")
    known &= np.abs(values) * unit < MOST_NS
    if not exact.dtype.is_float():
        whole = exact.cast(pl.Int64, strict=False).fill_null(0).to_numpy()
        ns = np.where(known, whole, 0) * unit
    else:
        ns = np.rint(np.where(known, values, 0) * (unit / 1000)).astype(np.int64) * 1000
    return Stamps(np.where(known, ns, MISSING), True)


def _text(text: pl.Series, order: str) -> Stamps:
    text = _plain_months(text)
    fixed = _fixed_width(text)
    number, mask, words = fixed if fixed is not None else _by_grammar(text)
    day_first, note = _day_first(number, mask, order, words.get("separator", "/"))
    ns, readable = np.empty(len(text), np.int64), np.empty(len(text), np.bool_)
    for at in _chunks(len(text)):
        some = {name: values[at] for name, values in number.items()}
        ns[at], readable[at] = _moments(some, {name: values[at] for name, values in mask.items()}, day_first)
    if not (readable & mask["timed"]).any():
        if readable.any():
            raise _only_dates(text.name)
        raise DataError(f"{text.drop_nulls()[:1].to_list()} is no time that can be read; write 2025-01-31T17:30:00Z")
    utc = bool(mask["offset"].any())
    if utc:
        readable &= mask["offset"]
    unread = np.flatnonzero(~readable & text.is_not_null().to_numpy())
    example = str(text[int(unread[0])]) if len(unread) else ""
    ns[~readable] = MISSING
    return Stamps(ns, utc, note, words.get("zone", ""), example)


def _chunks(n: int) -> Iterator[slice]:
    """CHUNK rows at a time, so that what is made of them on the way stays small."""
    return (slice(first, min(first + CHUNK, n)) for first in range(0, n, CHUNK))


def _moments(number: Numbers, mask: Masks, day_first: bool) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Nanoseconds since 1970, in UTC where an offset is known, and which rows are a time at all."""
    days = _days(number, mask, day_first)
    hours, minutes, seconds = number["hour"], number["minute"], number["second"]
    if mask["pm"].any() or mask["am"].any():
        hours = np.where(mask["pm"], hours % 12 + 12, np.where(mask["am"], hours % 12, hours))
    midnight = (hours == 24) & (minutes == 0) & (seconds == 0)
    ns = ((days * 24 + hours) * 60 + minutes - number["offset_minutes"]) * (60 * NANOS_PER_SECOND)
    ns += seconds * np.int64(NANOS_PER_SECOND) + number["fraction"]
    return ns, mask["read"] & ((hours < 24) | midnight) & (minutes < 60) & (seconds < 60) & (days >= 0)


def _plain_months(text: pl.Series) -> pl.Series:
    """Names of months as numbers, year first; names of weekdays gone."""
    first = next(iter(text.head(20).drop_nulls().to_list()), "").lower()
    if not any(month in first for month in _MONTHS):
        return text
    text = text.str.replace(r"(?i)^\s*(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+", "")
    for number, name in enumerate(_MONTHS, 1):
        name_first = rf"(?i)^\s*{name}[a-z]*\.?[-/. ]+(\d{{1,2}}),?[-/. ]+(\d{{4}})"
        day_first = rf"(?i)^\s*(\d{{1,2}})\.?[-/. ]*{name}[a-z]*\.?,?[-/. ]*(\d{{4}})"
        text = text.str.replace(name_first, f"${{2}}-{number:02d}-${{1}}")
        text = text.str.replace(day_first, f"${{2}}-{number:02d}-${{1}}")
    return text


def _fixed_width(text: pl.Series) -> tuple[Numbers, Masks, dict[str, str]] | None:
    """Stamps that all look like the first one, digit for digit; None where they do not.

    The same grammar says where which number stands; the rest is arithmetic on columns of bytes.
    """

    n, first = len(text), text[0] if len(text) else None
    if n < 2 or first is None or text.null_count() or not first.isascii():
        return None
    match = re.match(_GRAMMAR, first)
    lengths = text.str.len_bytes()
    if match is None or (match["hour"] is None and match["c_hour"] is None) or match["half"]:
        return None
    if lengths.min() != len(first) or lengths.max() != len(first):
        return None
    spans = {name: match.span(name) for name in match.groupdict() if match[name] and match[name].isdigit()}
    values = _digits(text, first, spans)
    if values is None:
        return None
    nothing = np.broadcast_to(np.int64(0), (n,))

    def value(*names: str) -> npt.NDArray[np.signedinteger]:
        return next((values[name] for name in names if name in values), nothing)

    places = len(match["fraction"] or match["c_fraction"] or "")
    number = {
        "hour": value("hour", "c_hour"),
        "minute": value("minute", "c_minute"),
        "second": value("second", "c_second"),
        "fraction": value("fraction", "c_fraction") * 10 ** (9 - places) if places else nothing,
    }
    if match["head"] is not None:
        year = value("last")
        number |= {"head": value("head"), "middle": value("middle"), "year": year + 2000 * (len(match["last"]) == 2)}
    else:
        number |= {name: value(name, f"c_{name}") for name in ("year", "month", "day")}
    hours = _SHORT_HOURS.get(match["short"] or "")
    sign = -1 if match["sign"] == "-" else 1
    minutes = value("o_hour") * 60 + value("o_minute") if match["o_hour"] else nothing
    number["offset_minutes"] = sign * minutes if hours is None else np.broadcast_to(np.int64(hours * 60), (n,))
    yes, no = np.ones(n, np.bool_), np.zeros(n, np.bool_)
    offset = match["sign"] is not None or match["zulu"] is not None or hours is not None
    if match["short"] and hours is None and match["short"] not in _SHORT_ZONES:
        return None
    zone = match["zone"] or _SHORT_ZONES.get(match["short"] or "", "")
    mask = {"read": yes, "timed": yes, "pm": no, "am": no, "offset": yes if offset else no}
    mask["short"] = yes if match["head"] is not None else no
    return number, mask, {"separator": match["separator"] or "/", "zone": zone}


def _digits(text: pl.Series, first: str, spans: Mapping[str, tuple[int, int]]) -> Numbers | None:
    """The numbers that stand at those places of every text; None where one does not look like the first."""
    import polars as pl

    values = {name: np.empty(len(text), np.int32) for name in spans}
    for at in _chunks(len(text)):
        joined = text[at].str.join("").cast(pl.Binary).item()
        letters = np.ascontiguousarray(np.frombuffer(joined, np.uint8).reshape(-1, len(first)).T)
        for column, letter in zip(letters, first.encode(), strict=True):
            same = column.min() >= 48 and column.max() <= 57 if 48 <= letter <= 57 else (column == letter).all()
            if not same:
                return None
        for name, (start, end) in spans.items():
            number = values[name][at]
            number[:] = 0
            for column in letters[start:end]:
                number *= 10
                number += column
                number -= 48
    return values


def _by_grammar(text: pl.Series) -> tuple[Numbers, Masks, dict[str, str]]:
    """The same of stamps that look different from each other."""
    import polars as pl

    parts = text.str.extract_groups(_GRAMMAR).struct.unnest()
    cell = {name: parts[name].cast(pl.Int64, strict=False) for name in parts.columns if name not in _WORDS}
    number = {name: _filled(cell[name].fill_null(cell[f"c_{name}"])) for name in ("hour", "minute", "second")}
    fraction = parts["fraction"].fill_null(parts["c_fraction"])
    number["fraction"] = _filled(fraction.str.pad_end(9, "0").cast(pl.Int64, strict=False))
    year = cell["last"] + pl.select(pl.when(parts["last"].str.len_chars() == 2).then(2000).otherwise(0)).to_series()
    number["year"] = _filled(cell["year"].fill_null(cell["c_year"]).fill_null(year))
    number |= {name: _filled(cell[name].fill_null(cell[f"c_{name}"])) for name in ("month", "day")}
    number |= {name: _filled(cell[name]) for name in ("head", "middle")}
    half = parts["half"].str.to_lowercase().str.slice(0, 1).fill_null("")
    short = parts["short"].replace_strict(_SHORT_HOURS, default=None, return_dtype=pl.Int64)
    minutes = _filled(cell["o_hour"]) * 60 + _filled(cell["o_minute"])
    signed = np.where((parts["sign"] == "-").fill_null(False).to_numpy(), -minutes, minutes)
    number["offset_minutes"] = np.where(short.is_not_null().to_numpy(), _filled(short) * 60, signed)
    dated = parts["year"].is_not_null() | parts["c_year"].is_not_null() | parts["head"].is_not_null()
    names = parts["short"].replace_strict(_SHORT_ZONES, default=None, return_dtype=pl.String)
    zones = parts["zone"].fill_null(names).drop_nulls().unique().to_list()
    if len(zones) > 1:
        raise DataError(f"stamps name several time zones ({', '.join(sorted(zones)[:3])}); write them in one of them")
    strange = parts["short"].is_not_null() & short.is_null() & names.is_null()
    mask = {
        "read": (dated & ~strange).to_numpy(),
        "timed": (parts["hour"].is_not_null() | parts["c_hour"].is_not_null()).to_numpy(),
        "pm": (half == "p").to_numpy(),
        "am": (half == "a").to_numpy(),
        "offset": (parts["sign"].is_not_null() | parts["zulu"].is_not_null() | short.is_not_null()).to_numpy(),
        "short": parts["head"].is_not_null().to_numpy(),
    }
    separator = parts["separator"].drop_nulls()
    return number, mask, {"separator": separator[0] if len(separator) else "/", "zone": zones[0] if zones else ""}


def _day_first(number: Numbers, mask: Masks, order: str, separator: str) -> tuple[bool, str]:
    """Whether the day stands before the month where the year comes last, and how that was found out."""
    short = mask["short"]
    if not short.any():
        return False, ""
    head, middle = number["head"], number["middle"]
    if not short.all():
        head, middle = head[short], middle[short]
    return _order(head, middle, separator, order)


def _days(number: Numbers, mask: Masks, day_first: bool) -> Ints:
    """Days since 1970, -1 where there is no such date."""
    short, year = mask["short"], number["year"]
    if short.all():
        head, middle = number["head"], number["middle"]
        day, month = (head, middle) if day_first else (middle, head)
    elif short.any():
        head, middle = number["head"], number["middle"]
        day = np.where(short, head if day_first else middle, number["day"])
        month = np.where(short, middle if day_first else head, number["month"])
    else:
        day, month = number["day"], number["month"]
    month_known = (month >= 1) & (month <= 12)
    at = np.where(month_known, month - 1, 0)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    exists = month_known & (day >= 1) & (day <= _LENGTHS[at] + (leap & (month == 2)))
    before = year - 1
    since = before * 365 + before // 4 - before // 100 + before // 400 - 719_162
    days = since + _DAYS_BEFORE[at] + (leap & (month > 2)) + day - 1
    return np.where(exists, days, np.int64(-1))


def _order(first: Ints, second: Ints, separator: str, order: str) -> tuple[bool, str]:
    """Whether the day stands before the month, and how that was found out.  Raises DataError."""
    if (first > 12).any() and (second > 12).any():
        raise DataError("some dates begin with the day and others with the month; write them as YYYY-MM-DD")
    if (first > 12).any():
        return True, f"dates begin with the day (as in {first.max()}{separator}{second[first.argmax()]})"
    if (second > 12).any():
        return False, f"dates begin with the month (as in {first[second.argmax()]}{separator}{second.max()})"
    if order:
        return order == "day", f"dates begin with the {order}, as the format of the file has it"
    if separator == ".":
        return True, "dates with dots begin with the day"
    raise DataError(
        f"{first[0]}{separator}{second[0]} may be a day and a month or a month and a day: no date of the file goes "
        "beyond the 12th; write dates as YYYY-MM-DD, or give a longer file"
    )


def _filled(series: pl.Series) -> Ints:
    return series.fill_null(0).to_numpy().astype(np.int64)
