"""What befalls files that traders have: rows that are lost, totals for volumes, names that say another contract.

By rules of its own: what is left of a series when rows are lost is counted here, not asked of the reader.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import Protocol
from zoneinfo import ZoneInfo

from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND
from minhos.testing.dialects.series import LEVELS, Row, Series
from minhos.testing.dialects.vendors import NEW_YORK, Vendor

DAY_NS = 86_400 * NANOS_PER_SECOND
FEW, EVERY = 2, 20
"""Rows that a loss takes; where many are lost, one in so many."""


class Befallen(Protocol):
    """What of a dialect is looked at here."""

    @property
    def root(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def symbol(self) -> str: ...
    @property
    def loss(self) -> str: ...
    @property
    def fate(self) -> str: ...


def fated(series: Series, dialect: Befallen) -> Series:
    """The rows as the file has them."""
    rows = series.rows
    if dialect.fate == "regular hours":
        rows = [row for row in rows if (9, 30) <= _new_york(row.open_ns) < (16, 0)]
    elif dialect.fate in ("running total", "total since midnight"):
        rows = _totals(rows, daily=dialect.fate == "total since midnight")
    elif dialect.fate == "two series":
        rows = rows + [row._replace(up=row.up + 1) for row in rows[:: EVERY // 2]]
    return series._replace(rows=rows)


def _new_york(time_ns: int) -> tuple[int, int]:
    local = dt.datetime.fromtimestamp(time_ns // NANOS_PER_SECOND, ZoneInfo(NEW_YORK))
    return local.hour, local.minute


def _totals(rows: list[Row], *, daily: bool) -> list[Row]:
    """Contracts sold and bought so far, of the day or of all."""
    found, down, up, day = [], 0, 0, -1
    for row in rows:
        if daily and row.open_ns // DAY_NS != day:
            down, up, day = 0, 0, row.open_ns // DAY_NS
        down, up = down + row.down, up + row.up
        found.append(row._replace(down=down, up=up))
    return found


def column_of(dialect: Befallen, fields: list[str], header: str) -> tuple[str, str] | None:
    """Name and field of a second column with the meaning of one that is there; None where there is no header line."""
    if not header:
        return None
    return {"two volumes": ("qty", "n"), "two times": ("unix", "s")}.get(dialect.fate)


def spoil(rows: list[list[str]], dialect: Befallen, fields: list[str], series: Series) -> list[int]:
    """Spoil some of the rows, and which those are."""
    many = dialect.fate == "many lost"
    if dialect.fate == "without symbols" and "symbol" in fields:
        for row in rows[:: EVERY // 2]:
            row[fields.index("symbol")] = ""
        return []
    if not (many or dialect.loss) or dialect.fate == "regular hours":
        return []
    if dialect.loss == "no stamp" and dialect.fate == "two times":  # the other column has it
        return []
    rng = random.Random(dialect.seed + 1)
    moved = [i for i in range(60, len(rows) - 60) if series.rows[i].high > series.rows[i].low]
    chosen = moved[::EVERY] if many else sorted(rng.sample(moved, FEW))
    volume = next(name for name in ("v", "up") if name in fields)
    stamp = next(i for i, name in enumerate(fields) if name.startswith("%") or name in ("s", "ms", "us", "ns"))
    for i in chosen:
        row = rows[i]
        if dialect.loss == "ragged":
            row.insert(fields.index(volume) + 1, "234")
        elif dialect.loss == "no stamp":
            row[stamp] = "never" if fields[stamp].startswith("%") else "nan"
        elif dialect.loss in ("", "no price"):
            row[fields.index("h")] = "x"
        else:
            row[fields.index(volume)] = {"no volume": "", "volume in words": "many", "volume below zero": "-5"}[
                dialect.loss
            ]
    return chosen


def others_of(rows: list[list[str]], dialect: Befallen, fields: list[str]) -> list[list[str]]:
    """Rows that are none of the series: of spreads, of another root, of another year."""
    if dialect.fate == "another year" and fields[0].startswith("%Y"):
        return [[f"{int(row[0][:4]) - 1}{row[0][4:]}", *row[1:]] for row in rows[100:102]]
    if "symbol" not in fields or dialect.fate not in ("spreads", "another root"):
        return []
    at, other = fields.index("symbol"), next(root for root in LEVELS if dialect.root not in root)
    symbol = rows[0][at]
    changed = f"{symbol}-{symbol}" if dialect.fate == "spreads" else symbol.replace(dialect.root, other, 1)
    return [[*row[:at], changed, *row[at + 1 :]] for row in rows[::7]]


def named_by(dialect: Befallen, vendor: Vendor, words: dict[str, str], true: dict[str, str]) -> tuple[str, str]:
    """The file's name, and the contract that must be read in it.

    words: as the file says it, true: as it is.
    """
    file = vendor.file.format(symbol=dialect.symbol.format(**words), **words)
    contract = vendor.contract.format(**true)
    if "symbol" in vendor.fields.split(" ") or dialect.fate not in ("a month's name", "a word"):
        return file, contract
    if dialect.fate == "a word":
        return "datos_es_2025.csv", contract
    return f"{dialect.root}-{dialect.start // 100}.csv", dialect.root


def without(series: Series, spoilt: list[int]) -> Series:
    """The series without spoilt rows, and without the others of the 5 minutes that each of them was of."""
    lost = {series.rows[i].open_ns // BAR_INTERVAL_NS for i in spoilt}
    return series._replace(rows=[row for row in series.rows if row.open_ns // BAR_INTERVAL_NS not in lost])
