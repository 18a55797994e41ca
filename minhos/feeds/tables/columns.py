"""The names under which the world writes the columns of bars, and what text in them means as numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
        "gmttime",
        "localtime",
        "bartime",
        "opentime",
        "starttime",
        "start",
        "closetime",
        "endtime",
        "end",
        "timestampms",
        "index",
        "unix",
        "epoch",
        "dateandtime",
        "indexlevel0",
    ),
    "open": ("open", "o", "openprice", "first"),
    "high": ("high", "h", "highprice", "max"),
    "low": ("low", "l", "lowprice", "min"),
    "close": ("close", "last", "c", "closeprice", "lastprice", "closelast", "price", "settle"),
    "volume": ("volume", "vol", "v", "totalvolume", "tradevolume", "size", "quantity", "qty", "tickvol", "tickvolume"),
    "trades": ("numberoftrades", "numtrades", "trades", "oftrades", "tradecount", "transactions"),
    "bid_volume": ("bidvolume", "bidvol", "sellvolume"),
    "ask_volume": ("askvolume", "askvol", "buyvolume"),
    "contract": ("symbol", "ticker", "contract", "instrument", "rawsymbol", "contractsymbol"),
}
"""Role to names, in order of preference; compared in lower case without spaces and signs."""

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
        index = next((found.index(name) for name in known if name in found), None)
        if index is not None:
            result[role] = index
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


def numbers(series: pl.Series) -> npt.NDArray[np.float64]:
    """A column as numbers, NaN where there is none; text may have a decimal comma and thousands."""
    import polars as pl

    if series.dtype.is_numeric():
        return series.cast(pl.Float64).fill_null(np.nan).to_numpy()
    text = series.cast(pl.String)
    if _comma_is_decimal(text):
        text = text.str.replace_all(".", "", literal=True).str.replace_all(",", ".", literal=True)
    text = text.str.replace_all(r"[ ,'_\u00a0\ufffd]", "")
    return text.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()


def _comma_is_decimal(text: pl.Series) -> bool:
    """True for 25000,25 and 25.000,25; false for 25,000.25 and 25,000."""
    commas = text.filter(text.str.contains(",", literal=True).fill_null(False))
    if not len(commas):
        return False
    if commas.str.contains(r"\..*,").any():
        return True
    with_points = commas.str.contains(".", literal=True).any()
    return not with_points and not commas.str.contains(r"^\s*-?\d{1,3}(,\d{3})+\s*$").all()
