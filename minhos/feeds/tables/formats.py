"""The table of file formats: how each is recognised, and what its columns, units, stamps and zone mean.

The first row that fits a file is used, a user's rows before ours; the last one fits every table.  What a row leaves
empty the general reader (`tables`) finds out from names and data, or refuses.  A row of your own is a function:

    @parts.formats("my_vendor", version="1")
    def my_vendor() -> Format:
        return Format(title="My vendor's bars", begins=("when", "px"), columns={"stamp": "when", "close": "px"})
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import msgspec
import numpy as np
import numpy.typing as npt

from minhos import parts
from minhos.errors import PartsError
from minhos.feeds.notes import ReadNotes
from minhos.feeds.scid import fold_numba
from minhos.feeds.scid.files import read_scid
from minhos.feeds.seen import See
from minhos.feeds.tables import sierra_text
from minhos.feeds.tables.columns import NAMES, plain
from minhos.feeds.tables.sniff import Sample
from minhos.market.symbols import Symbol
from minhos.market.types import BAR_INTERVAL_NS, Bars, Ints

Floats = npt.NDArray[np.float64]
ROLES = (*NAMES, "time")
"""What a column may be: "time" beside "stamp" is the time of day beside a date."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller knows of a file; it counts before what its format says."""

    symbol: Symbol | None = None
    """A contract or a root to read; None for what the file says."""
    timezone: str | None = None
    """Zone of stamps without an offset."""
    stamps: str | None = None
    """"open" or "close": what stamps mark."""
    interval_ns: int = BAR_INTERVAL_NS
    see: See | None = None
    """Told of the rows as soon as their stamps are known, before they are judged."""


Reader = Callable[[Sample, Options], tuple[list[Bars], ReadNotes]]


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.  It fits a file where `begins`, and `recognise` if there is one, fit its beginning."""

    title: str
    """As reports name it."""
    begins: tuple[str, ...] = ()
    """The names with which the header line begins; case, spaces and signs do not count."""
    recognise: Callable[[Sample], bool] | None = None
    """A rule of its own, where names are not enough."""
    header: tuple[str, ...] = ()
    """Names of the columns of files that have no header line."""
    columns: dict[str, str] = {}
    """Role (stamp, time, open, high, low, close, volume, bid_volume, ask_volume, trades, contract) to the column's
    name; other roles are found by the usual names."""
    stamps: str = ""
    """"open" or "close"; empty where the data tell."""
    zone: str = ""
    """Zone of stamps without an offset, as "America/Chicago"; empty where the data tell."""
    zone_of: Callable[[Ints], tuple[str, str]] | None = None
    """A rule of its own for the zone: clock readings in ns to the zone and a sentence; raises DataError."""
    price_unit: float = 1.0
    """Points in one unit of the file's prices: 1e-9 for fixed-point integers."""
    single_trades: Callable[[Floats, Ints], npt.NDArray[np.bool_]] | None = None
    """Which rows are ticks, whose price is the close alone, from the opens and the numbers of trades."""
    read: Reader | None = None
    """A reader of its own, for what is no table."""

    def why(self, sample: Sample) -> str:
        """By what a file is of this format, empty where it is not."""
        names = tuple(plain(name) for name in sample.header[: len(self.begins)])
        if names != tuple(plain(name) for name in self.begins) or (self.recognise and not self.recognise(sample)):
            return ""
        return f"its header line begins with {', '.join(self.begins[:4])}" if self.begins else "by its content"


def _scid(sample: Sample, options: Options) -> tuple[list[Bars], ReadNotes]:
    bars, notes = read_scid(sample.path, symbol=options.symbol, fold=fold_numba.fold_records, see=options.see)
    return [bars], notes


GENERAL = Format(title="a table with a header line")
"""What no other row fits."""

FORMATS: dict[str, Format] = {
    "scid": Format(
        title="Sierra Chart's intraday file",
        recognise=lambda sample: sample.start.startswith(b"SCID") or sample.path.suffix.lower() == ".scid",
        read=_scid,
    ),
    "sierra_text": Format(
        title="Sierra Chart's exported text",
        begins=sierra_text.HEADER,
        stamps="open",
        zone_of=sierra_text.zone_of_export,
        single_trades=sierra_text.single_trades,
    ),
}
"""Our rows, by name, in the order in which they are tried."""


def format_of(sample: Sample) -> tuple[Format, str]:
    """The row for a file, and by what it was recognised.  Raises PartsError for a user's row that fails."""
    for part in parts.formats.own():
        try:
            row = cast(Callable[[], Format], part.value)()
            _check(row)
            why = row.why(sample)
        except Exception as error:
            raise PartsError(
                f"{part.where}: the file format {part.name!r} cannot be used ({type(error).__name__}: {error}); "
                "mend it, or leave [user] file in minhos.toml empty."
            ) from error
        if why:
            return row, why
    for row in FORMATS.values():
        if why := row.why(sample):
            return row, why
    return GENERAL, "no row of the table of formats fits"


def _check(row: Format) -> None:
    """Raises ValueError for a row that says nothing or the impossible."""
    unknown = [role for role in row.columns if role not in ROLES]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no role of a column; roles are {', '.join(ROLES)}")
    if row.stamps not in ("", "open", "close"):
        raise ValueError(f'stamps = {row.stamps!r}; stamps mark the "open" or the "close" of a bar')
    if not row.begins and row.recognise is None:
        raise ValueError("it says neither with which names a file begins nor how else it is recognised")
