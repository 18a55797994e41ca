"""Columns of time stamps, as text, numbers or parquet types, into nanoseconds; the zone may stay open.

Understands ISO 8601 with or without offset, year-first, day-first and month-first dates, AM and PM, compact
digits, and epochs in seconds to nanoseconds.  Which zone stamps without an offset are in: see `zones`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minhos.errors import DataError
from minhos.market.types import NANOS_PER_SECOND, Ints

if TYPE_CHECKING:
    import polars as pl

MISSING = np.iinfo(np.int64).min
"""In place of a stamp that cannot be read."""
_NO_DAY = -1

_DATE = (
    r"^\s*(?:(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    r"|(?P<head>\d{1,2})(?P<separator>[-/.])(?P<middle>\d{1,2})[-/.](?P<last>\d{4}|\d{2})"
    r"|(?P<c_year>(?:19|20)\d{2})(?P<c_month>\d{2})(?P<c_day>\d{2}))"
)
_TIME = (
    r"[ T,_]*(?:(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,:](?P<fraction>\d{1,9})\d*)?)?"
    r"|(?P<c_hour>\d{2})(?P<c_minute>\d{2})(?P<c_second>\d{2})?)\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
)
_OFFSET = r"\s*(?:(?:UTC|GMT)?(?P<sign>[+-])(?P<o_hour>\d{2}):?(?P<o_minute>\d{2})|(?P<zulu>Z|z|UTC|GMT))?\s*$"
_WORDS = ("separator", "half", "zulu", "sign", "fraction")
_UNITS = ((1e8, NANOS_PER_SECOND), (1e11, 1_000_000), (1e14, 1_000), (1e17, 1))
"""Least value of an epoch in seconds, milliseconds, microseconds, nanoseconds (1973 and later), and its unit in ns."""


class Stamps(NamedTuple):
    """ns: shape (n,), MISSING where unreadable; UTC when `utc`, else what the clock on the wall showed."""

    ns: Ints
    utc: bool
    note: str = ""


def parse(stamp: pl.Series, time: pl.Series | None = None) -> Stamps:
    """Stamps of one column, or of a date column and a time column.  Raises DataError."""
    import polars as pl

    if isinstance(stamp.dtype, pl.Datetime):
        ns = stamp.dt.cast_time_unit("ns").dt.epoch("ns").fill_null(MISSING).to_numpy()
        return Stamps(ns.astype(np.int64), stamp.dtype.time_zone is not None)
    if stamp.dtype == pl.Date and time is None:
        raise DataError(f"the column {stamp.name!r} has dates without times; 5-minute bars need the time of day")
    if stamp.dtype.is_numeric() and time is None:
        return _epochs(stamp.cast(pl.Float64), stamp)
    text = stamp.cast(pl.String)
    if time is not None:
        return _text(text + " " + time.cast(pl.String))
    numbers = text.cast(pl.Float64, strict=False)
    if numbers.null_count() == text.null_count() and not _compact(text):
        return _epochs(numbers, text)
    return _text(text)


def _compact(text: pl.Series) -> bool:
    """True for digits that are a date and a time, as 20250102173000."""
    first = text.drop_nulls()[:1].to_list()
    return bool(first) and len(first[0]) in (12, 14) and first[0][:2] in ("19", "20")


def _epochs(numbers: pl.Series, exact: pl.Series) -> Stamps:
    import polars as pl

    typical = float(np.nanmedian(np.abs(numbers.fill_null(np.nan).to_numpy())))
    unit = next((unit for least, unit in reversed(_UNITS) if typical >= least), None)
    if unit is None:
        raise DataError(f"{typical:g} is no time since 1970 in seconds, milliseconds, microseconds or nanoseconds")
    whole = exact.cast(pl.Int64, strict=False)
    if whole.null_count() == exact.null_count() and not exact.dtype.is_float():
        ns = whole.fill_null(0).to_numpy() * unit
    else:
        microseconds = np.rint(numbers.fill_null(0).to_numpy() * (unit / 1000))
        ns = microseconds.astype(np.int64) * 1000
    return Stamps(np.where(exact.is_null().to_numpy(), MISSING, ns), True)


def _text(text: pl.Series) -> Stamps:
    import polars as pl

    parts = text.str.extract_groups(_DATE + _TIME + _OFFSET).struct.unnest()
    number = {name: parts[name].cast(pl.Int64, strict=False) for name in parts.columns if name not in _WORDS}
    days, note = _days(parts, number)
    hour = number["hour"].fill_null(number["c_hour"])
    half = parts["half"].str.to_lowercase().str.slice(0, 1).to_numpy()
    hours = _filled(hour)
    hours = np.where(half == "p", hours % 12 + 12, np.where(half == "a", hours % 12, hours))
    minutes, seconds = (_filled(number[name].fill_null(number[f"c_{name}"])) for name in ("minute", "second"))
    fraction = _filled(parts["fraction"].str.pad_end(9, "0").cast(pl.Int64, strict=False))
    ns = (days * 86_400 + hours * 3600 + minutes * 60 + seconds) * NANOS_PER_SECOND + fraction
    readable = hour.is_not_null().to_numpy() & (hours < 24) & (minutes < 60) & (seconds < 60) & (days > _NO_DAY)
    offset = (parts["sign"].is_not_null() | parts["zulu"].is_not_null()).to_numpy()
    if offset.any():
        sign = np.where(parts["sign"].to_numpy() == "-", -1, 1)
        ns -= sign * (_filled(number["o_hour"]) * 60 + _filled(number["o_minute"])) * 60 * NANOS_PER_SECOND
        readable &= offset
    if not readable.any():
        raise DataError(f"{text.drop_nulls()[:1].to_list()} is no time that can be read; write 2025-01-31T17:30:00Z")
    return Stamps(np.where(readable, ns, MISSING), bool(offset.any()), note)


def _days(parts: pl.DataFrame, number: dict[str, pl.Series]) -> tuple[Ints, str]:
    """Days since 1970, _NO_DAY where there is no such date, and how the order of day and month was found out."""
    import polars as pl

    short = parts["head"].is_not_null()
    day_first, note = False, ""
    if short.any():
        head, middle = (_filled(number[name].filter(short)) for name in ("head", "middle"))
        day_first, note = _order(head, middle, parts["separator"].drop_nulls()[0])
    day, month = ("head", "middle") if day_first else ("middle", "head")
    full_year = pl.when(pl.col("last").str.len_chars() == 2).then("20" + pl.col("last")).otherwise("last")
    ymd = [pl.coalesce("year", "c_year", full_year), pl.coalesce("month", "c_month", month)]
    ymd.append(pl.coalesce("day", "c_day", day))
    dates = parts.select(pl.concat_str(ymd, separator="-").str.to_date("%Y-%m-%d", strict=False)).to_series()
    days = dates.cast(pl.Int32).fill_null(_NO_DAY).to_numpy().astype(np.int64)
    return np.maximum(days, _NO_DAY), note


def _order(first: Ints, second: Ints, separator: str) -> tuple[bool, str]:
    """Whether the day stands before the month, and how that was found out.  Raises DataError."""
    if (first > 12).any() and (second > 12).any():
        raise DataError("some dates begin with the day and others with the month; write them as YYYY-MM-DD")
    if (first > 12).any():
        return True, f"dates begin with the day (as in {first.max()}{separator}{second[first.argmax()]})"
    if (second > 12).any():
        return False, f"dates begin with the month (as in {first[second.argmax()]}{separator}{second.max()})"
    if separator == ".":
        return True, "dates with dots begin with the day"
    raise DataError(
        f"{first[0]}{separator}{second[0]} may be a day and a month or a month and a day: no date of the file goes "
        "beyond the 12th; write dates as YYYY-MM-DD, or give a longer file"
    )


def _filled(series: pl.Series) -> Ints:
    return series.fill_null(0).to_numpy().astype(np.int64)
