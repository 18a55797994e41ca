"""Bars from the tables of the world: CSV in any dialect, parquet, Sierra Chart's exported text.

A table is understood or refused; what was understood (zone, stamp convention, order of dates, rounding,
repeated rows) stands in the notes.  Nothing is guessed in silence and no row vanishes uncounted.  Importers
only: this loads polars.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.errors import DataError, SymbolError
from minhos.feeds.notes import ReadNotes
from minhos.feeds.scid.folders import agreed_symbol, is_wanted, year_of
from minhos.feeds.tables import zones
from minhos.feeds.tables.columns import CLOSE_STAMPED, OPEN_STAMPED, numbers, plain, roles
from minhos.feeds.tables.formats import Format, Options, format_of
from minhos.feeds.tables.rows import TableRows, histories
from minhos.feeds.tables.sniff import Sample, read_frame, sample_of
from minhos.feeds.tables.stamps import MISSING, Stamps, parse
from minhos.market.symbols import Symbol, parse_symbol, symbol_in_filename
from minhos.market.types import NANOS_PER_SECOND, UNKNOWN, Bars, Ints

if TYPE_CHECKING:
    import polars as pl

TEXTS = ("stamp", "time", "contract")
VOLUMES = ("volume", "bid_volume", "ask_volume", "trades")


class Table(NamedTuple):
    """A table's columns by role, the name of the column of the time, the row of the table of formats, and
    the name of the file, or of the one that was packed in it where its own says no contract."""

    path: Path
    columns: dict[str, pl.Series]
    stamp_name: str
    format: Format
    name: str


def read_file(path: Path, options: Options = Options()) -> tuple[list[Bars], ReadNotes]:
    """The histories in a file of any known format, one a contract, in the order of their first bars.

    The notes say how it was read.  Raises DataError with the way out.
    """
    sample = sample_of(path)
    row, why = format_of(sample)
    histories, notes = row.read(sample, options) if row.read else _read_table(sample, row, options)
    return histories, msgspec.structs.replace(notes, format=f"{row.title}: {why}")


def _read_table(sample: Sample, row: Format, options: Options) -> tuple[list[Bars], ReadNotes]:
    path, table = sample.path, _load(sample, row)
    times = parse(table.columns["stamp"], table.columns.get("time"))
    utc_ns, zone, lines = _utc(table, times, options.timezone)
    prices, volumes = _values(table)
    usable = np.isfinite(prices).all(axis=0) & (prices > 0).all(axis=0) & (utc_ns != MISSING)
    if usable.sum() < 2 or usable.mean() < 0.5:
        raise DataError(f"{path}: only {usable.sum()} of {len(usable)} rows have a time and prices; export it again")
    year = dt.datetime.fromtimestamp(int(utc_ns[usable][0]) // NANOS_PER_SECOND, dt.UTC).year
    contracts, which = _contracts(table, options.symbol, year)
    rows = TableRows(utc_ns, prices, volumes)
    parts = [(contract, rows.at(usable & (which == i))) for i, contract in enumerate(contracts)]
    parts = [(contract, part) for contract, part in parts if len(part.ns)]
    if not parts:
        raise DataError(f"{path} has no usable rows of {', '.join(c.contract for c in contracts)}; name another symbol")
    notes = ReadNotes(str(path), len(usable), rejected=int((~usable).sum()), timezone=zone, lines=tuple(lines))
    return histories(parts, notes, _known_convention(table, options.stamps), options.interval_ns, options.see)


def _load(sample: Sample, row: Format) -> Table:
    """The columns of a text or parquet file.  Raises DataError."""
    names = row.header if row.header and not sample.has_header else sample.header
    if sample.lines and not row.header and not sample.has_header:
        raise DataError(
            f"{sample.path} has no header line (it begins with {sample.lines[0][:40]!r}); put the names of the columns "
            "into its first line, as in timestamp,open,high,low,close,volume"
        )
    if len(names) > len(sample.header):
        raise DataError(f"{sample.path} has {len(sample.header)} columns; {row.title} has {len(names)}")
    found = roles(names, sample.path, row.columns)
    text = {i for role, i in found.items() if role in TEXTS}
    frame = read_frame(sample, text=text, numbers={*found.values()} - text)
    columns = {role: frame[f"{i}"] for role, i in found.items()}
    return Table(sample.path, columns, plain(names[found["stamp"]]), row, _name(sample))


def _name(sample: Sample) -> str:
    """Of the file that says the contract: this one, else the one that is packed in it."""
    return sample.path.name if symbol_in_filename(sample.path.name, year_of(sample.path)) else sample.name


def _utc(table: Table, times: Stamps, timezone: str | None) -> tuple[Ints, str, list[str]]:
    """UTC stamps, the zone they were in, and sentences.  Raises DataError."""
    lines = [times.note] if times.note else []
    if times.utc:
        return times.ns, "UTC", lines
    wall = times.ns
    known = np.where(wall == MISSING, wall[wall != MISSING][0], wall)
    if timezone is not None:
        zone, line = zones.check_zone(timezone), f"time zone {timezone}, as given"
    elif table.format.zone:
        zone, line = zones.check_zone(table.format.zone), f"time zone {table.format.zone}, as its format says"
    elif table.format.zone_of is not None:
        zone, line = table.format.zone_of(known)
    else:
        zone, line = _inferred(table.path, known)
    return np.where(wall == MISSING, MISSING, zones.to_utc(known, zone)), zone, [*lines, line]


def _inferred(path: Path, wall_ns: Ints) -> tuple[str, str]:
    try:
        return zones.infer_zone(wall_ns)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _values(table: Table) -> tuple[npt.NDArray[np.float64], Ints]:
    """Prices (4, n) and volumes (4, n) of all rows; a table with one price has it four times."""
    columns = table.columns
    close = numbers(columns["close"])
    volumes = np.full((4, len(close)), UNKNOWN, np.int64)
    for i, name in enumerate(VOLUMES):
        if name in columns:
            volumes[i] = np.rint(np.clip(np.nan_to_num(numbers(columns[name])), 0, 2**53)).astype(np.int64)
    if "volume" not in columns:
        volumes[0] = 0
    if "open" not in columns:
        return np.stack([close] * 4) * table.format.price_unit, volumes
    prices = np.stack([*(numbers(columns[name]) for name in ("open", "high", "low")), close])
    if table.format.single_trades is not None:
        tick = table.format.single_trades(prices[0], volumes[3])
        prices[:, tick] = close[tick]
    return prices * table.format.price_unit, volumes


def _contracts(table: Table, symbol: Symbol | None, year: int) -> tuple[list[Symbol], Ints]:
    """The contracts wanted, and for each row the index of its contract, -1 for a row of another."""
    n = len(table.columns["close"])
    column = table.columns.get("contract")
    if column is None:
        return [agreed_symbol(table.path.with_name(table.name), symbol, year)], np.zeros(n, np.int64)
    import polars as pl

    texts = column.cast(pl.String)
    found: dict[str, Symbol] = {}
    for text in texts.unique(maintain_order=True).drop_nulls().to_list():
        try:
            found[text] = parse_symbol(text, year)
        except SymbolError:
            continue
    wanted = {text: s for text, s in found.items() if symbol is None or is_wanted(s, symbol)}
    roots = sorted({s.root for s in wanted.values()})
    if len(roots) != 1:
        there = ", ".join(sorted({s.contract for s in found.values()})) or ", ".join(texts.unique().drop_nulls()[:5])
        asked = f"none of them is {symbol.contract}" if symbol and not roots else "name one root with --symbol"
        raise DataError(f"{table.path} holds {there}: {asked}")
    contracts = list({s.contract: s for s in wanted.values()}.values())
    index = {s.contract: i for i, s in enumerate(contracts)}
    places = {text: index[s.contract] for text, s in wanted.items()}
    which = texts.replace_strict(places, default=-1, return_dtype=pl.Int64).fill_null(-1)
    return contracts, which.to_numpy().astype(np.int64)


def _known_convention(table: Table, stamps: str | None) -> tuple[str, str]:
    """("open" or "close", sentence) as given or as the format or the column says; empty where only data can tell."""
    if stamps is not None:
        if stamps not in ("open", "close"):
            raise DataError(f"stamps {stamps!r} is unknown; stamps mark the open or the close of a bar")
        return stamps, f"stamps mark the {stamps} of bars, as given"
    if table.format.stamps:
        return table.format.stamps, f"stamps mark the {table.format.stamps} of bars, as in {table.format.title}"
    if table.stamp_name in OPEN_STAMPED + CLOSE_STAMPED:
        word = "open" if table.stamp_name in OPEN_STAMPED else "close"
        return word, f"stamps mark the {word} of bars, as the name of their column says"
    return "", ""
