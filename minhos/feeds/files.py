"""Market data from disk for training, research and checking: one file, or a folder with the files of a root.

Importers only: this may load polars and numba.  What trades follows a folder with `scid.feed`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from minhos.errors import DataError
from minhos.feeds.notes import ReadNotes
from minhos.feeds.scid.folders import DEPTH, data_files, is_wanted, year_of
from minhos.feeds.seen import See
from minhos.feeds.stitch import merge, stitch
from minhos.feeds.tables.formats import Options
from minhos.feeds.tables.tables import read_file
from minhos.market.calendar import SessionCalendar
from minhos.market.symbols import Symbol, month_in_filename, parse_symbol, symbol_in_filename
from minhos.market.types import Bars


class Loaded(msgspec.Struct, frozen=True):
    """A history and where it came from.  notes: one for each file; joins: sentences on how files were put together."""

    bars: Bars
    notes: tuple[ReadNotes, ...]
    sources: tuple[Path, ...]
    joins: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """All that a trader should know about how the data were read."""
        return [f"{Path(n.source).name}: {line}" for n in self.notes for line in n.sentences()] + list(self.joins)


def refuse_no_file(source: Path) -> None:
    """Raises DataError for what is neither a file nor a folder; a pipe or a device would be read without an end."""
    if not source.exists():
        raise DataError(f"there is no file or folder {source}; give the path of one")
    if not source.is_file() and not source.is_dir():
        raise DataError(f"{source} is a pipe or a device; copy the bars into a file")


def load(
    source: Path,
    *,
    symbol: str | None = None,
    timezone: str | None = None,
    stamps: str | None = None,
    days: int | None = None,
    calendar: SessionCalendar | None = None,
    see: See | None = None,
) -> Loaded:
    """The bars of a file, or of all files of one root in a folder.

    symbol: a contract, or a root for all its contracts, each used while it was in front by volume; by default
    what the file's name says.  timezone and stamps ("open" or "close") are for tables that do not tell them.
    days: the last that many trade dates.  see: told of the rows of each file before they are judged.  In a folder
    .scid files are preferred to tables of the same contract.
    Raises DataError, SymbolError or CalendarError.
    """
    if days is not None and days < 1:
        raise DataError(f"days = {days} leaves nothing; give at least 1")
    refuse_no_file(source)
    wanted = parse_symbol(symbol, year_of(source)) if symbol else None
    sessions = calendar or SessionCalendar.load()
    chosen, skipped = _files(source, wanted) if source.is_dir() else ({source: wanted}, [])
    histories, notes = [], []
    months = {month_in_filename(path.name) for path in chosen} - {None}
    options = Options(
        symbol=wanted,
        timezone=timezone,
        stamps=stamps,
        see=see,
        calendar_months=any(month % 3 for _, month in filter(None, months)),
    )
    for path, named in chosen.items():
        parts, note = read_file(path, msgspec.structs.replace(options, symbol=named))
        histories += [(part, path.name) for part in parts]
        notes.append(note)
    bars, joins = _join(histories, sessions)
    if days is not None:
        bars = last_trade_dates(bars, days, sessions)
    if not len(bars):
        raise DataError(f"{source} has no bars of {wanted.contract if wanted else 'any contract'}; name another symbol")
    return Loaded(bars, tuple(notes), tuple(chosen), (*skipped, *joins))


def refusal_of_adjusted(bars: Bars) -> str:
    """Why nothing can be tested or sized on that history, and the way out; empty where its prices were traded."""
    if not bars.adjusted:
        return ""
    return (
        f"{bars.adjusted}: ticks, ATR and costs are false on such prices, and nothing is sized on them; give prices as "
        "they were traded (one file a contract is joined without adjusting), or only train on these with --adjusted"
    )


def last_trade_dates(bars: Bars, days: int, calendar: SessionCalendar) -> Bars:
    """The bars from the last `days` trade dates that the history has."""
    dates = calendar.trade_dates_of_bars(bars.close_time_ns)
    known = np.unique(dates[dates > 0])
    if len(known) <= days:
        return bars
    session = calendar.session_on(int(known[-days]))
    return bars.rows(bars.close_time_ns > session.open_ns) if session else bars


def _files(folder: Path, wanted: Symbol | None) -> tuple[dict[Path, Symbol | None], list[str]]:
    """The files of a root in a folder with the symbol that each is read as, and sentences on files passed over.

    Raises DataError.
    """
    named = {path: symbol for path, symbol in data_files(folder, DEPTH).items() if symbol is not None}
    roots = sorted({symbol.root for symbol in named.values()})
    if not roots:
        raise DataError(f"{folder} has no file named after a contract; name files as in NQZ25-CME.scid or NQZ25.csv")
    if wanted is None and len(roots) > 1:
        raise DataError(f"{folder} has files of {', '.join(roots)}; name one with --symbol, as in --symbol {roots[0]}")
    asked = wanted or Symbol(roots[0])
    mine = {path: symbol for path, symbol in named.items() if is_wanted(symbol, asked)}
    if not mine:
        there = ", ".join(sorted({symbol.contract for symbol in named.values()}))
        raise DataError(f"{folder} has no file of {asked.contract}, only of {there}; name one of these with --symbol")
    chosen: dict[Path, Symbol | None] = {}
    skipped = []
    for contract in dict.fromkeys(symbol.contract for symbol in mine.values()):
        paths = [path for path, symbol in mine.items() if symbol.contract == contract]
        scid = [path for path in paths if path.suffix.lower() == ".scid"]
        used = [max(scid, key=lambda path: path.stat().st_size)] if scid else paths
        chosen |= {path: wanted if symbol_in_filename(path.name, year_of(path)) else mine[path] for path in used}
        skipped += [f"{path.name} passed over: {used[0].name} has {contract}" for path in paths if path not in used]
    return chosen, skipped


def _join(histories: list[tuple[Bars, str]], calendar: SessionCalendar) -> tuple[Bars, list[str]]:
    """One history of several: files of one contract merged, contracts stitched."""
    merged, lines = [], []
    for contract in dict.fromkeys(bars.symbol for bars, _ in histories):
        same = [(bars, name) for bars, name in histories if bars.symbol == contract]
        bars, said = merge([bars for bars, _ in same], [name for _, name in same])
        merged.append(bars)
        lines += said
    bars, said = stitch(merged, calendar)
    return bars, lines + said
