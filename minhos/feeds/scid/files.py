"""Sierra Chart's intraday files (.scid): layout, checks, and whole files into bars.

One file holds one contract: a header of 56 bytes, then records of 40.  Stamps come in two formats, prices in
one of two scales; both are known by their values and said in the notes.  For a file that grows see `tail`.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from minhos.errors import DataError
from minhos.feeds.aggregate import BarsOf, Rows, bars_of
from minhos.feeds.notes import ReadNotes
from minhos.feeds.scid.fold import RECORD, Counts, Fold, Records, fold_records
from minhos.feeds.scid.folders import agreed_symbol
from minhos.feeds.seen import See, Seen
from minhos.market.instruments import instrument as instrument_of
from minhos.market.symbols import Symbol
from minhos.market.types import BAR_INTERVAL_NS, Bars, Instrument, Ints
from minhos.words import utc

HEADER = np.dtype(
    [
        ("magic", "S4"),
        ("header_size", "<u4"),
        ("record_size", "<u4"),
        ("version", "<u2"),
        ("unused", "<u2"),
        ("utc_start_index", "<u4"),
        ("reserve", "V36"),
    ]
)
HEADER_SIZE, RECORD_SIZE = HEADER.itemsize, RECORD.itemsize
MAGIC = b"SCID"

EPOCH_US = 2_209_161_600_000_000
"""Microseconds from 1899-12-30 to 1970-01-01 (25,569 days)."""
US_PER_DAY = 86_400_000_000
STAMPS_US = (2_900_000_000_000_000, 5_000_000_000_000_000)
"""Integer stamps of the years 1991 to 2058."""
STAMPS_DAYS = (30_000.0, 60_000.0)
"""The same for the old format: days since 1899-12-30 as a double."""

OTHER_DECADE_US = 5 * 366 * US_PER_DAY
MIN_BARS, MOST_STRANGE, MOST_STRANGE_SHARE = 50, 3, 0.001
"""Fewer bars are not judged; so many may lie years from all others and are cut."""

TIMES_100_ABOVE, PLAIN_BELOW = 200_000.0, 50_000.0
"""No index stands above the first in points, and none below the second in points times 100."""


class Scale(NamedTuple):
    """multiplier: stored price times this is points; note: why, for the trader."""

    multiplier: float
    note: str


def open_scid(path: Path) -> BinaryIO:
    """The file, open for reading and checked to be a .scid file; the caller closes it.  Raises DataError."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; give the path of a .scid file") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder; give a .scid file in it") from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be opened ({error.strerror}); close the program that holds it or allow reading it"
        ) from None
    try:
        check_header(file.read(HEADER_SIZE), path)
    except BaseException:
        file.close()
        raise
    return file


def check_header(header: bytes, path: Path) -> None:
    """Raises DataError for what is not the start of a .scid file of the known layout."""
    if not header:
        raise DataError(f"{path} is empty; open its symbol in a chart so that Sierra Chart downloads it")
    if len(header) < HEADER_SIZE:
        raise DataError(f"{path} ends after {len(header)} of the {HEADER_SIZE} bytes of its header; copy it again")
    fields = np.frombuffer(header, HEADER)[0]
    if fields["magic"] != MAGIC:
        raise DataError(f"{path} begins with {bytes(header[:4])!r} and not with {MAGIC!r}: it is no .scid file")
    sizes = int(fields["header_size"]), int(fields["record_size"])
    if sizes != (HEADER_SIZE, RECORD_SIZE):
        raise DataError(
            f"{path} says {sizes[0]} bytes of header and {sizes[1]} a record, but a .scid file has {HEADER_SIZE} and "
            f"{RECORD_SIZE}: let Sierra Chart download the symbol again"
        )


def read_records(path: Path) -> Records:
    """All whole records, mapped from disk (a copy where stamps are in the old format); a torn tail is left out.

    Raises DataError.  Do not keep the result of a file that Sierra Chart writes: on Windows a mapping blocks it.
    """
    with open_scid(path) as file:
        n = (file.seek(0, 2) - HEADER_SIZE) // RECORD_SIZE
        if n == 0:
            raise DataError(f"{path} holds no records; open its symbol in a chart so that Sierra Chart downloads it")
        return with_integer_stamps(np.asarray(np.memmap(file, RECORD, "r", HEADER_SIZE, n)), path)


def with_integer_stamps(records: Records, path: Path) -> Records:
    """The records with stamps in microseconds; the format shows in two of three stamps.  Raises DataError."""
    few = records["stamp"][[0, len(records) // 2, len(records) - 1]]
    if sum(STAMPS_US[0] < stamp < STAMPS_US[1] for stamp in few.tolist()) >= min(2, len(records)):
        return records
    days = few.view(np.float64).tolist()
    if sum(STAMPS_DAYS[0] < day < STAMPS_DAYS[1] for day in days) < min(2, len(records)):
        raise DataError(f"{path}: the first stamp, {few[0]}, is no time in either format; copy the file again")
    converted = records.copy()
    milliseconds = np.rint(np.ascontiguousarray(records["stamp"]).view(np.float64) * (US_PER_DAY // 1000))
    converted["stamp"] = milliseconds.astype(np.int64) * 1000
    return converted


def price_scale(symbol: Symbol, close: float) -> Scale:
    """How stored prices become points: by the symbol's form, unless the price itself says otherwise."""
    by_form = symbol.price_multiplier
    if by_form == 1.0 and close > TIMES_100_ABOVE:
        return Scale(0.01, f"prices such as {close:g} are points times 100, although {symbol.contract} does not say so")
    if by_form == 0.01 and close < PLAIN_BELOW:
        return Scale(1.0, f"prices such as {close:g} are points, although {symbol.form.value} symbols store times 100")
    if by_form != 1.0:
        return Scale(by_form, f"prices are stored as points times {1 / by_form:g} ({symbol.form.value} symbol)")
    return Scale(1.0, "")


def read_scid(
    path: Path,
    instrument: Instrument | None = None,
    *,
    interval_ns: int = BAR_INTERVAL_NS,
    symbol: Symbol | None = None,
    fold: Fold = fold_records,
    see: See | None = None,
) -> tuple[Bars, ReadNotes]:
    """All bars of a .scid file, the last one included even where it is not over yet.

    instrument and symbol default to what the file's name says; a symbol that contradicts it is refused.
    interval_ns divides a day.  Open, high, low and close of ticks come from the trade price alone; the notes count
    records by kind.  fold: importers pass the one of `fold_numba`, equal and faster.  see: told of the bars
    before they are judged.  Raises DataError.
    """
    records = read_records(path)
    contract = symbol_of(path, records, symbol)
    used = instrument or instrument_of(contract.contract)
    rows, counts, out_of_order = fold(records, interval_ns // 1000)
    rows, strange = _cut_other_decades(rows, records, interval_ns)
    if not len(rows.bin):
        raise DataError(f"{path} holds {len(records)} records but no trade; let Sierra Chart download the symbol again")
    if see is not None:
        _show(see, path, contract, records, fold, strange=bool(strange))
    _check_interval(path, records, counts, interval_ns)
    scale = price_scale(contract, float(np.median(rows.close)))
    bars, off_tick = bars_of_rows(rows, used, contract.contract, interval_ns, scale.multiplier)
    lines = (_summary(records, counts), *(line for line in (scale.note, strange) if line))
    return bars, ReadNotes(
        str(path), len(records), off_tick, out_of_order=out_of_order, rejected=counts.rejected, lines=lines
    )


def symbol_of(path: Path, records: Records, wanted: Symbol | None = None) -> Symbol:
    """The contract that the file's name and the caller agree on.  Raises DataError."""
    middle = dt.datetime(1899, 12, 30) + dt.timedelta(microseconds=int(records["stamp"][len(records) // 2]))
    return agreed_symbol(path, wanted, middle.year)


def bars_of_rows(rows: Rows, instrument: Instrument, contract: str, interval_ns: int, unit: float) -> BarsOf:
    """Rows binned from 1899-12-30 as bars of one contract, and how many of them have a price beside the tick grid."""
    closes = ((rows.bin + 1) * (interval_ns // 1000) - EPOCH_US) * 1000
    return bars_of(rows, closes, instrument, contract, interval_ns, unit)


def time_ns(stamps: Ints) -> Ints:
    """Stamps of the file as UTC nanoseconds since 1970."""
    return (stamps - EPOCH_US) * 1000


def _cut_other_decades(rows: Rows, records: Records, interval_ns: int) -> tuple[Rows, str]:
    """Bars without single ones that lie years from all others, and a sentence on the records that these were."""
    if len(rows.bin) < MIN_BARS:
        return rows, ""
    years = np.abs(rows.bin - int(np.median(rows.bin))) * (interval_ns // 1000) > OTHER_DECADE_US
    if not 0 < years.sum() <= max(MOST_STRANGE, MOST_STRANGE_SHARE * len(years)):
        return rows, ""
    steps = np.diff(np.sort(rows.bin)) * (interval_ns // 1000)
    if steps.max() < OTHER_DECADE_US // 2:
        return rows, ""
    n = int(np.isin(records["stamp"] // (interval_ns // 1000), rows.bin[years]).sum())
    when = utc(int(time_ns(rows.bin[years] * (interval_ns // 1000))[0]))
    return Rows._make(column[~years] for column in rows), f"{n:,} records from another decade cut, as {when}"


def _show(see: See, path: Path, contract: Symbol, records: Records, fold: Fold, *, strange: bool) -> None:
    """Bars at the file's own length, in points; what holds ticks as 5-minute bars."""
    rows, counts, _ = fold(records, BAR_INTERVAL_NS // 1000)
    step_ns = 0 if counts.ticks else int(np.median(np.diff(np.sort(records["stamp"])))) * 1000
    if step_ns > 0 and step_ns != BAR_INTERVAL_NS:
        rows, _, _ = fold(records, step_ns // 1000)
    if strange:
        rows, _ = _cut_other_decades(rows, records, step_ns or BAR_INTERVAL_NS)
    length_ns = step_ns or BAR_INTERVAL_NS
    prices = rows.prices().astype(np.float64) * price_scale(contract, float(np.median(rows.close))).multiplier
    volumes = np.stack([rows.volume, rows.bid_volume, rows.ask_volume])
    see(Seen(path, contract.contract, time_ns(rows.bin * (length_ns // 1000)), prices, volumes, length_ns))


def _check_interval(path: Path, records: Records, counts: Counts, interval_ns: int) -> None:
    """Bars that are longer than the interval cannot be cut; raises DataError."""
    if counts.ticks or counts.bars < 3:
        return
    step_ns = int(np.median(np.diff(records["stamp"]))) * 1000
    if step_ns > interval_ns:
        raise DataError(
            f"{path} stores bars of {step_ns / 60e9:g} minutes, which cannot be cut into {interval_ns / 60e9:g}; set "
            "Intraday Data Storage Time Unit to 1 Tick and download the symbol again"
        )


def _summary(records: Records, counts: Counts) -> str:
    quotes = f", {counts.quotes:,} bid/ask updates skipped" if counts.quotes else ""
    rejected = f", {counts.rejected:,} without a price skipped" if counts.rejected else ""
    return f"{len(records):,} records: {counts.ticks:,} ticks, {counts.bars:,} bars{quotes}{rejected}"
