"""Bars from the tables of the world: CSV in any dialect, parquet, Sierra Chart's exported text.

A table is understood or refused; what was understood (zone, stamp convention, order of dates, rounding,
repeated rows) stands in the notes.  Nothing is guessed in silence and no row vanishes uncounted.  Importers
only: this loads polars.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.errors import DataError, DataRefused, SymbolError
from minhos.feeds.notes import ReadNotes
from minhos.feeds.scid.folders import year_of
from minhos.feeds.tables import bases, checks, zones
from minhos.feeds.tables.columns import CLOSE_STAMPED, OPEN_STAMPED, numbers, plain, rivals, roles
from minhos.feeds.tables.contracts import Contracts, by_name, judge_life, named_otherwise
from minhos.feeds.tables.formats import FORMATS, GENERAL, Format, Options, format_of
from minhos.feeds.tables.lines import longer_lines, open_quote
from minhos.feeds.tables.lost import NAMELESS, NOWHERE, Mask, Rows, judge_lost, stamps_of_lost
from minhos.feeds.tables.rivals import SIDES, the_contract, the_prices, the_sides, the_time, the_volume
from minhos.feeds.tables.rows import TableRows, bar_step, histories, step_of
from minhos.feeds.tables.sniff import Sample, read_frame, sample_of
from minhos.feeds.tables.stamps import MISSING, Stamps, parse
from minhos.market.symbols import Symbol, parse_symbol, symbol_in_filename
from minhos.market.types import NANOS_PER_SECOND, UNKNOWN, Bars, Ints

if TYPE_CHECKING:
    import polars as pl

FIRST_ROWS = 20_000
TEXTS = ("stamp", "time", "contract")
VOLUMES = ("volume", "bid_volume", "ask_volume", "trades")


class Table(NamedTuple):
    """A table's columns and their names by role, and the row of the table of formats.

    name: of the file, or of the one that was packed in it where its own says no contract.  rivals: columns that claim
    the meaning of another, by role and name.  label: the contract that a line above the table names.  said: sentences
    on lines that are no rows.
    """

    path: Path
    columns: dict[str, pl.Series]
    names: dict[str, str]
    format: Format
    name: str
    rivals: dict[str, dict[str, pl.Series]]
    label: str
    number: Ints
    longer: Mask
    said: list[str]


def read_file(path: Path, options: Options = Options()) -> tuple[list[Bars], ReadNotes]:
    """The histories in a file of any known format, one a contract, in the order of their first bars.

    The notes say how it was read.  Raises DataError with the way out.
    """
    sample = sample_of(path)
    row, why = format_of(sample)
    histories, notes = row.read(sample, options) if row.read else _read_table(sample, row, options)
    unverified = "" if row is GENERAL or row.source or row not in FORMATS.values() else " (unverified)"
    return histories, msgspec.structs.replace(notes, format=f"{row.title}{unverified}: {why}")


def _read_table(sample: Sample, row: Format, options: Options) -> tuple[list[Bars], ReadNotes]:
    path, table = sample.path, _load(sample, row)
    more_times = table.rivals.get("stamp", {})
    times, marks, more = the_time(path, table.names["stamp"], _stamps(table), more_times, row.dates)
    said = [*table.said, *more]
    prices, volumes, unread, more = _values(table)
    said += more
    bases.refuse_below_zero(prices, str(path))
    rows = _rows(table, times.ns, prices, volumes, unread)
    usable, lost = rows.usable(), rows.lost()
    said += judge_lost(sample, table.number, lost)
    if usable.sum() < 2:
        raise DataError(
            f"{path}: only {usable.sum()} of {len(usable)} rows have a time and prices{_as(times.example)}; export it "
            "again"
        )
    strange = checks.strays(times.ns, usable, str(path))
    usable &= ~strange
    said += _cut(times.ns, strange)
    if not times.utc and options.timezone is None:
        _refuse_length(times.ns[usable], str(path), options.interval_ns)
    gone = np.logical_or.reduce([*lost.values()])
    utc_ns, zone, lines = _utc(table, times, usable, options.timezone)
    places = stamps_of_lost(np.where(table.longer, MISSING, times.ns), gone)
    lost_ns = np.r_[utc_ns[gone], zones.to_utc(places, zone)]
    nowhere = usable & (utc_ns == MISSING)
    said += judge_lost(sample, table.number, {NOWHERE: nowhere})
    usable &= ~nowhere
    if others := int((~usable & ~gone & ~nowhere & ~strange).sum()):
        said.append(f"{others:,} rows without a time or a price left out")
    contracts = _contracts(table, options, utc_ns, usable)
    said += [*contracts.said, *judge_lost(sample, table.number, {NAMELESS: contracts.nameless})]
    parts = _parts(contracts, TableRows(utc_ns, prices, volumes), usable, str(path), said)
    if day_only := zones.regular_hours_only(utc_ns[usable]):
        said.append(day_only)
    notes = ReadNotes(str(path), len(usable), rejected=int((~usable).sum()), timezone=zone, lines=(*lines, *said))
    convention = _known_convention(table, options.stamps, marks, utc_ns[usable])
    return histories(parts, notes, convention, options, lost_ns[lost_ns != MISSING])


def _stamps(table: Table) -> Stamps:
    """Of the column or the two of them, which are let go."""
    return parse(table.columns.pop("stamp"), table.columns.pop("time", None), order=table.format.dates)


def _rows(table: Table, ns: Ints, prices: npt.NDArray[np.float64], volumes: Sequence[Ints], unread: Mask) -> Rows:
    """What can be read of each row."""
    priced = np.logical_and.reduce(np.isfinite(prices) & (prices > 0))
    empty = np.logical_and.reduce(np.isnan(prices) | (prices == 0)) & (volumes[0] <= 0)
    return Rows(ns != MISSING, priced, empty, unread, table.longer, table.number)


def _refuse_length(wall_ns: Ints, source: str, interval_ns: int) -> None:
    """Raises DataError for bars that cannot be used, before their zone is asked for; a look at the first is enough
    for those that can.
    """
    try:
        bar_step(np.sort(wall_ns[:FIRST_ROWS]), source, interval_ns)
    except DataError:
        bar_step(np.sort(wall_ns), source, interval_ns)


def _as(example: str) -> str:
    return f", as {example[:40]!r}" if example else ""


def _cut(ns: Ints, strange: Mask) -> list[str]:
    """A sentence on stamps that are alone, naming one; none for none."""
    if not strange.any():
        return []
    one = dt.datetime.fromtimestamp(int(ns[strange][0]) // NANOS_PER_SECOND, dt.UTC)
    return [f"{strange.sum():,} rows stamped weeks away from all others cut, as {one:%Y-%m-%d %H:%M}"]


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
    more = rivals(names, found, row.columns)
    text |= {i for role in TEXTS for i in more.get(role, ())}
    wanted = {*found.values(), *(i for places in more.values() for i in places)}
    frame, number, longer, said = _framed(sample, text, wanted - text)
    stamps, name = frame[f"{found['stamp']}"], names[found["stamp"]]
    if sample.lines and name and (again := stamps.eq_missing(name).to_numpy()).any():
        said = [*said, f"{again.sum():,} lines that repeat the header line left out"]
        frame, number, longer = frame.filter(~again), number[~again], longer[~again]
    columns = {role: frame[f"{i}"] for role, i in found.items()}
    others = {role: {names[i]: frame[f"{i}"] for i in places} for role, places in more.items()}
    called = {role: names[i] for role, i in found.items()}
    return Table(sample.path, columns, called, row, _name(sample), others, _label(sample), number, longer, said)


def _framed(sample: Sample, text: set[int], numbers: set[int]) -> tuple[pl.DataFrame, Ints, Mask, list[str]]:
    """The columns, the number of each row, which have more fields than the header line names, and what is left out.

    Raises DataError, and DataRefused for a field that goes on over lines: they would be gone.
    """
    longer, lines, remarks = longer_lines(sample)
    try:
        frame, number, rows = read_frame(sample, text=text, numbers=numbers)
        broken = lines > rows
    except DataError:
        if open_quote(sample) is None:
            raise
        broken = True
    if broken and (line := open_quote(sample)):
        raise DataRefused(
            f"{sample.path}: a quotation mark in line {line.number:,} is not closed there ({line.text[:60]!r}), and "
            "what follows it is no row; take it out, or export it again"
        )
    said = [f"{len(remarks):,} lines that begin with # left out, the first is line {remarks[0]:,}"] if remarks else []
    return frame, number, np.isin(number, [line.row for line in longer]), said


def _label(sample: Sample) -> str:
    """The contract that a line above the table names; empty for none."""
    for line in sample.above:
        for field in re.split(r"[,;\t|=]|: ", line.replace("=F", "")):
            try:
                return parse_symbol(field.strip(' "'), year_of(sample.path)).contract
            except SymbolError:
                continue
    return ""


def _name(sample: Sample) -> str:
    """Of the file that says the contract: this one, else the one that is packed in it."""
    return sample.path.name if symbol_in_filename(sample.path.name, year_of(sample.path)) else sample.name


def _utc(
    table: Table, times: Stamps, usable: npt.NDArray[np.bool_], timezone: str | None
) -> tuple[Ints, str, list[str]]:
    """UTC stamps, the zone they were in, and sentences.  Raises DataError."""
    lines = [times.note] if times.note else []
    if times.utc:
        return times.ns, "UTC", lines
    wall = times.ns
    known = np.where(usable, wall, wall[usable][0])
    by_format = table.format.zone
    if timezone is not None:
        zone, line = zones.check_zone(timezone), f"time zone {timezone}, as given"
    elif times.zone:
        zone, line = zones.check_zone(times.zone), f"time zone {times.zone}, as the stamps say"
    elif _says_utc(table) and zones.rests_in_break(zones.to_utc(known, "UTC")):
        zone, line = "UTC", f"time zone UTC, as the name of the column {table.names['stamp']!r} says"
    elif by_format and _shown(table.format, zones.to_utc(known, zones.check_zone(by_format))):
        zone, line = by_format, f"time zone {by_format}, as its format says"
    elif table.format.zone_of is not None:
        zone, line = _told(table.path, known, table.format.zone_of)
    else:
        zone, line = _told(table.path, known, zones.infer_zone)
    timed = wall != MISSING
    return np.where(timed, zones.to_utc(np.where(timed, wall, known), zone), MISSING), zone, [*lines, line]


def _says_utc(table: Table) -> bool:
    """The name of the column does, as "Gmt time" or "time_utc"."""
    return any(word in plain(table.names["stamp"]) for word in ("utc", "gmt"))


def _shown(row: Format, utc_ns: Ints) -> bool:
    """The hours of the file show the zone of our row to be right; a user's own row is only not to be contradicted."""
    return zones.speaks_for(utc_ns) if row in FORMATS.values() else zones.rests_in_break(utc_ns)


def _told(path: Path, wall_ns: Ints, rule: Callable[[Ints], tuple[str, str]]) -> tuple[str, str]:
    """What the rule says of the zone.  Raises DataError with the file's name."""
    try:
        return rule(wall_ns)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _values(table: Table) -> tuple[npt.NDArray[np.float64], Sequence[Ints], Mask, list[str]]:
    """Prices (4, n) and four volumes of all rows, which have no volume that can be read, and sentences.

    A table with one price has it four times.
    """
    columns, unit = table.columns, table.format.price_unit
    one, n = "open" not in columns, len(columns["close"])
    prices = np.empty((4, n))
    prices[3] = close = numbers(columns.pop("close")).values
    for i, name in enumerate(("open", "high", "low")):
        prices[i] = close if one else numbers(columns.pop(name)).values
    flat = np.logical_and.reduce([prices[i] == prices[3] for i in range(3)])
    volumes, unread, said = _volumes(table, flat=flat)
    if not one:
        if table.format.single_trades is not None:
            tick = table.format.single_trades(prices[0], volumes[3])
            prices[:3, tick] = prices[3, tick]
        said += the_prices(table.path, table.names, prices, table.rivals, general=table.format is GENERAL)
    the_volume(table.path, table.names, volumes[0], table.rivals.get("volume", {}))
    return prices if unit == 1.0 else prices * unit, volumes, unread, said


def _volumes(table: Table, *, flat: Mask) -> tuple[Sequence[Ints], Mask, list[str]]:
    """Four volumes, UNKNOWN where none can be read; which rows, shape (n,), lack their total; and sentences.

    flat: rows with one price only; without a volume nothing was traded in them.
    """
    columns, names, said = table.columns, table.names, []
    found = {}
    for name in (*VOLUMES, "up", "down"):
        values, line = _volume(table, name, flat)
        if values is not None:
            found[name] = values
        said += [line] if line else []
    if "volume" in found:
        the_sides(table.path, names, found)
        if "tick_volume" in columns and not found["volume"].any():
            said.append(
                f"{names['volume']} is 0 in every row; {names['tick_volume']} counts changes of price, not "
                "contracts, and is not used"
            )
    else:
        sides = next((pair for pair in SIDES if found.keys() >= {*pair}), ())
        found["volume"] = np.zeros(len(flat), np.int64)
        for name in sides:
            either = (found["volume"] < 0) | (found[name] < 0)
            found["volume"] = np.where(either, UNKNOWN, found["volume"] + found[name])
        said += [f"volume is {' and '.join(names[name] for name in sides)} together"] if sides else []
    unknown = np.broadcast_to(np.int64(UNKNOWN), flat.shape)
    volumes = [found.get(name, unknown) for name in VOLUMES]
    return volumes, volumes[0] < 0, said


def _volume(table: Table, name: str, flat: Mask) -> tuple[Ints | None, str]:
    """A column that counts, UNKNOWN where nothing can be read, and a sentence; None for none or an empty one."""
    if name not in table.columns:
        return None, ""
    read = numbers(table.columns[name], whole=True)
    none = np.isnan(read.values)
    if none.all() and not read.unread:
        return None, ""
    own = np.where(table.longer, np.nan, read.values) if table.longer.any() else read.values
    whole = checks.whole_contracts(table.names[name], own, str(table.path))
    counted = whole if read.unread else np.where(none & flat, 0.0, whole)
    known = (counted >= 0) & (counted < 2**53)
    values = np.rint(counted if known.all() else np.where(known, counted, UNKNOWN)).astype(np.int64)
    if not read.unread:
        return values, ""
    return values, f"{read.unread:,} values of {table.names[name]} could not be read, as {read.example!r}"


def _contracts(table: Table, options: Options, ns: Ints, usable: Mask) -> Contracts:
    """The contracts wanted, and for each row which it is of.  Raises DataError."""
    column = table.columns.get("contract")
    if column is not None:
        columns = {table.names["contract"]: column, **table.rivals.get("contract", {})}
        if found := the_contract(table.path, columns, options, ns, usable):
            return found._replace(said=[*found.said, *named_otherwise(table.name, found.found, ns[usable])])
        if options.symbol is not None:
            return Contracts([options.symbol], np.zeros(len(ns), np.int64), [], np.zeros(len(ns), np.bool_))
    symbol, said = by_name(table.path.with_name(table.name), table.label, options, ns[usable])
    return Contracts([symbol], np.zeros(len(ns), np.int64), said, np.zeros(len(ns), np.bool_))


def _parts(
    contracts: Contracts, rows: TableRows, usable: Mask, source: str, said: list[str]
) -> list[tuple[Symbol, TableRows]]:
    """The rows of each contract while it traded; sentences are added to `said`.  Raises DataError for none."""
    parts = []
    for i, contract in enumerate(contracts.found):
        mine = usable & (contracts.which == i)
        outside, line = judge_life(contract, rows.ns[mine], source)
        said += line
        mine[mine] = ~outside
        if mine.any():
            parts.append((contract, rows if mine.all() else rows.at(mine)))
    if not parts:
        names = ", ".join(each.contract for each in contracts.found)
        raise DataError(f"{source} has no usable rows of {names}; name another symbol")
    return parts


def _known_convention(table: Table, stamps: str | None, marks: str, utc_ns: Ints) -> tuple[str, str]:
    """("open" or "close", sentence) as given or as the file's columns or format say; empty where only data can tell.

    marks: what a second column of times tells, or empty.  Data that tell the opposite count before a format: the same
    program may write either.  Raises DataError for what is given and untrue.
    """
    if stamps not in (None, "open", "close"):
        raise DataError(f"stamps {stamps!r} is unknown; stamps mark the open or the close of a bar")
    if stamps is not None:
        _not_denied(table.path, stamps, marks, utc_ns)
        return stamps, f"stamps mark the {stamps} of bars, as given"
    by_format, stamp_name = table.format.stamps, plain(table.names["stamp"])
    if not marks and not by_format and stamp_name not in OPEN_STAMPED + CLOSE_STAMPED:
        return "", ""
    by_name = "open" if stamp_name in OPEN_STAMPED else "close"
    says = marks or by_format or by_name
    try:
        by_data, why = zones.infer_stamps(utc_ns)
    except DataError:
        by_data, why = says, ""
    if marks and by_data != marks:
        raise DataRefused(
            f"{table.path}: one of its columns of times lies one bar beside the other, so that those used would mark "
            f"the {marks} of bars, and yet {why}; leave the wrong column out"
        )
    if by_data != says:
        return "", ""
    if marks:
        return marks, f"stamps mark the {marks} of bars, as the other column of times tells"
    if by_format:
        return by_format, f"stamps mark the {by_format} of bars, as in {table.format.title}"
    return by_name, f"stamps mark the {by_name} of bars, as the name of their column says"


def _not_denied(path: Path, stamps: str, marks: str, utc_ns: Ints) -> None:
    """Rule: what is given as the meaning of bars' stamps is not what the hours of the file, or its columns, deny.

    Raises DataRefused with the evidence.
    """
    if not step_of(np.sort(utc_ns)):
        return
    try:
        by_data, why = zones.infer_stamps(utc_ns)
    except DataError:
        by_data, why = marks, f"one column of times marks the {marks} of bars, and another lies one bar beside it"
    if by_data and by_data != stamps:
        raise DataRefused(
            f"{path}: --stamps {stamps} is given, and {why}: each bar would be named by another's time; leave --stamps "
            f"out, or give {by_data}; where the zone is wrong, correct --timezone"
        )
