"""The names under which the world writes the columns of bars, and what text in them means as numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.errors import DataError

if TYPE_CHECKING:
    import polars as pl

NAMES: dict[str, tuple[str, ...]] = {
    "stamp": (
        "datetime",
        "timestamp",
        "time",
        "date",
        "ts",
        "t",
        "tsevent",
        "dt",
        "datetimeutc",
        "timeutc",
        "timestamputc",
        "dateutc",
        "utctime",
        "utc",
        "gmttime",
        "localtime",
        "bartime",
        "opentime",
        "starttime",
        "start",
        "windowstart",
        "closetime",
        "endtime",
        "end",
        "timestampms",
        "index",
        "unix",
        "epoch",
        "dateandtime",
        "indexlevel0",
        "unnamed0",
    ),
    "open": ("open", "o", "openprice", "first"),
    "high": ("high", "h", "highprice", "max"),
    "low": ("low", "l", "lowprice", "min"),
    "close": ("close", "last", "c", "closeprice", "lastprice", "closelast", "latest", "price", "settle"),
    "volume": ("volume", "vol", "v", "periodvolume", "totalvolume", "tradevolume", "size", "quantity", "qty"),
    "tick_volume": ("tickvol", "tickvolume"),
    "trades": ("numberoftrades", "numtrades", "trades", "oftrades", "tradecount", "transactions"),
    "bid_volume": ("bidvolume", "bidvol", "sellvolume"),
    "ask_volume": ("askvolume", "askvol", "buyvolume", "offervolume"),
    "up": ("upvolume", "up"),
    "down": ("downvolume", "down"),
    "contract": ("symbol", "ticker", "contract", "instrument", "rawsymbol", "contractsymbol"),
}
"""Role to names, in order of preference; compared in lower case without spaces and signs."""

PRIMARY = {"open": 3, "high": 3, "low": 3, "close": 7}
"""So many of a role's names claim the same; of several columns the first in the file is meant, a study's come later."""
_NO_CLAIM = ("periodvolume", "totalvolume", "index", "indexlevel0", "unnamed0")
"""What may stand beside another column of its role and mean something else."""
CLOSE_STAMPED = ("closetime", "endtime", "end")
OPEN_STAMPED = ("opentime", "starttime", "start")
_DATES, _TIMES = ("date", "day", "dtyyyymmdd"), ("time", "timeofday", "hour")


def plain(name: str) -> str:
    """A column's name in lower case, letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def roles(names: Sequence[str], path: Path, given: Mapping[str, str]) -> dict[str, int]:
    """Role to index of column; "time" stands beside "stamp" for a pair of date and time.  Raises DataError.

    given: role to name of column where the file's format says it; the others are found by their usual names.
    """
    found = [plain(name) for name in names]
    result: dict[str, int] = {}
    for role, known in NAMES.items():
        first = min((found.index(name) for name in known[: PRIMARY.get(role, 0)] if name in found), default=None)
        index = first if first is not None else next((found.index(name) for name in known if name in found), None)
        if index is not None:
            result[role] = index
    if "stamp" not in result and found and found[0] == "":
        result["stamp"] = 0
    date = next((i for i, name in enumerate(found) if name in _DATES), None)
    time = next((i for i, name in enumerate(found) if name in _TIMES), None)
    if date is not None and time is not None and "stamp" not in given:
        result["stamp"], result["time"] = date, time
    for role, name in given.items():
        if plain(name) not in found:
            raise DataError(f"{path} has no column {name!r}, which its format names as {role}; correct one of the two")
        result[role] = found.index(plain(name))
    for role in ("stamp", "close"):
        if role not in result:
            raise DataError(
                f"{path} has no column for {'the time' if role == 'stamp' else 'the closing price'} among "
                f"{', '.join(names[:12])}; name one {'timestamp' if role == 'stamp' else 'close'}"
            )
    missing = [role for role in ("open", "high", "low") if role not in result]
    if 0 < len(missing) < 3:
        raise DataError(f"{path} has no column {missing[0]} among {', '.join(names[:12])}; add it or name it so")
    return result


def rivals(names: Sequence[str], used: Mapping[str, int], given: Mapping[str, str]) -> dict[str, list[int]]:
    """Other columns that claim the meaning of one that is used, by role; what the file's format names has none.

    used: role to index of column; given: role to name where the format says it.
    """
    found: dict[str, list[int]] = {}
    for role in ("open", "high", "low", "close", "volume", "stamp", "contract"):
        if role not in used or (role in given and role not in PRIMARY):
            continue
        claims = NAMES[role][: PRIMARY[role]] if role in PRIMARY else NAMES[role]
        claims = tuple(name for name in claims if name not in _NO_CLAIM)
        taken = {*used.values()}
        found[role] = [i for i, name in enumerate(names) if i not in taken and plain(name) in claims]
    return {role: places for role, places in found.items() if places}


class Numbers(NamedTuple):
    """values: shape (n,), NaN where there is none; unread: cells that hold something else; example: one of them."""

    values: npt.NDArray[np.float64]
    unread: int = 0
    example: str = ""


NOTHING = ("", "-", "--", "n/a", "na", "nan", "null", "none", "#n/a")
"""What stands for no number, in lower case."""
_SUFFIXES = {"K": 1e3, "M": 1e6, "MIO": 1e6, "MIO.": 1e6, "MLN": 1e6, "B": 1e9, "MRD": 1e9, "MRD.": 1e9, "BN": 1e9}
_NUMBER = r"^([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)([A-Za-z]+\.?)?$"


def numbers(series: pl.Series, *, whole: bool = False) -> Numbers:
    """A column as numbers: thousands parted by anything, a decimal comma, K, M, B and Mio behind it.

    whole: counts, as a volume: what could be parted thousands is that (1.234 beside 17 is 1,234).
    """
    import polars as pl

    if series.dtype.is_numeric():
        return Numbers(series.cast(pl.Float64).fill_null(np.nan).to_numpy())
    text = series.cast(pl.String).str.replace_all(r"[ '_\u2019\u00a0\u2009\u202f\u2007\ufffd$]", "")
    decimal = _decimal_mark(text, whole=whole)
    if decimal == ",":
        text = text.str.replace_all(".", "", literal=True).str.replace_all(",", ".", literal=True)
    else:
        text = text.str.replace_all(",", "", literal=True)
        if not decimal:
            text = text.str.replace_all(".", "", literal=True)
    plain_ = text.cast(pl.Float64, strict=False)
    left = plain_.is_null() & text.is_not_null() & ~text.str.to_lowercase().is_in(NOTHING)
    if left.any():
        parts = text.str.extract_groups(_NUMBER).struct.unnest()
        factor = parts["2"].str.to_uppercase().replace_strict(_SUFFIXES, default=None, return_dtype=pl.Float64)
        plain_ = plain_.fill_null((parts["1"].cast(pl.Float64, strict=False) * factor).round(6))
        left &= plain_.is_null()
    values = plain_.fill_null(np.nan).to_numpy()
    unread = int(left.sum())
    return Numbers(values, unread, str(series.filter(left)[0]) if unread else "")


def _decimal_mark(text: pl.Series, *, whole: bool) -> str:
    """ "." or ",", or empty where points part thousands and nothing is a decimal mark."""
    found = text.filter(text.str.contains("[.,]").fill_null(False)).unique()
    both = found.filter(found.str.contains(r"\..*,|,.*\.").fill_null(False))
    if len(both):
        return "," if both.str.contains(r"\.[\d.]*,\d*[A-Za-z]*\.?$").any() else "."
    commas = found.filter(found.str.contains(",", literal=True))
    points = found.filter(found.str.contains(".", literal=True) & ~found.str.contains(r"^[^.]*[A-Za-z]+\.$"))
    if len(commas):
        return "." if _parted(commas, ",") and not len(points) else ","
    if not len(points) or not _parted(points, "\\."):
        return "."
    many = bool(points.str.contains(r"\..*\.").any())
    rounded = bool(points.str.contains(r"\.000$").all())
    return "" if many or (whole and not rounded and not points.str.contains(r"^[-+]?0").any()) else "."


def _parted(found: pl.Series, mark: str) -> bool:
    """Every value has its thousands parted by the mark, as in 1,234 and 25,000,000."""
    return bool(found.str.contains(rf"^[-+]?[1-9]\d{{0,2}}({mark}\d{{3}})+$").all())
