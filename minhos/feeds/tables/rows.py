"""From the rows of a table to bars: order, repeated rows, stamp convention, 5-minute intervals, the tick grid.

What a row means has been settled before, in `tables`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.errors import DataError
from minhos.feeds.aggregate import Rows, bars_of, fold
from minhos.feeds.notes import ReadNotes
from minhos.feeds.scid.files import Scale, price_scale
from minhos.feeds.seen import See, Seen
from minhos.feeds.tables import bases, checks, ticks, zones
from minhos.feeds.tables.formats import Options
from minhos.market.instruments import instrument as instrument_of
from minhos.market.levels import power_of_ten
from minhos.market.symbols import Symbol
from minhos.market.types import NANOS_PER_SECOND, Bars, Ints

GRIDS_NS = (60_000_000_000, 5_000_000_000)
LONGEST_S = 7 * 86_400
ON_GRID = 0.95
"""Share of stamps on whole minutes, or multiples of five seconds, that makes rows bars; others are ticks."""


BROKEN = "a row of them could not be read"


class TableRows(NamedTuple):
    """Rows of one contract: ns (n,) UTC, prices (4, n) as open, high, low, close in file units.

    volumes: four of shape (n,): total, bid, ask and number of trades; UNKNOWN where the table has no such column.
    """

    ns: Ints
    prices: npt.NDArray[np.float64]
    volumes: Sequence[Ints]

    def at(self, which: Ints | npt.NDArray[np.bool_] | slice) -> TableRows:
        """Those rows only."""
        return TableRows(self.ns[which], self.prices[:, which], [volume[which] for volume in self.volumes])


class _Found(NamedTuple):
    """What was met and put right, in rows or bars."""

    out_of_order: int = 0
    duplicates: int = 0
    contradictions: int = 0
    off_tick: int = 0


class _How(NamedTuple):
    """What stamps mark ("open" or "close"), the step of rows (0 for ticks), and the stamps of rows that were lost."""

    stamps: str
    step_ns: int
    interval_ns: int
    lost_ns: Ints

    def bins(self, ns: Ints) -> Ints:
        """The interval of each stamp."""
        return (ns - (self.stamps == "close")) // self.interval_ns

    def broken(self, ns: Ints) -> npt.NDArray[np.bool_]:
        """Which rows are of an interval that lacks a lost one."""
        if not len(self.lost_ns):
            return np.zeros(len(ns), np.bool_)
        return np.isin(self.bins(ns), self.bins(self.lost_ns))

    def sentences(self, broken_ns: Ints) -> list[str]:
        """On the intervals that are left out."""
        n = len(np.unique(self.bins(broken_ns)))
        return [f"{n:,} bars of {self.interval_ns / 60e9:g} minutes left out: {BROKEN}"] if n else []


def histories(
    parts: list[tuple[Symbol, TableRows]],
    notes: ReadNotes,
    convention: tuple[str, str],
    options: Options,
    lost_ns: Ints,
) -> tuple[list[Bars], ReadNotes]:
    """One history a contract, by the time of their first bars, and the notes.

    convention: ("open" or "close", sentence), or empty words where the data must tell.  options.see: told of the rows
    before they are judged.  lost_ns: stamps of rows that could not be read.  Raises DataError.
    """
    interval_ns, see = options.interval_ns, options.see
    said: list[str] = []
    ordered = [(contract, *in_order(_ticks_once(oldest_first(rows), notes.source, said))) for contract, rows in parts]
    longest = max((rows for _, rows, _ in ordered), key=lambda rows: len(rows.ns))
    try:
        step_ns = bar_step(longest.ns, notes.source, interval_ns)
        stamps, line = convention if convention[0] else _convention(longest.ns, step_ns, notes.source)
    except DataError:
        if see is not None and convention[0]:
            _show(see, notes.source, ordered, _How(convention[0], step_of(longest.ns), interval_ns, lost_ns))
        raise
    how = _How(stamps, step_ns, interval_ns, lost_ns if step_ns != interval_ns else lost_ns[:0])
    if see is not None:
        _show(see, notes.source, ordered, how)
    result, found = [], _Found()
    scales: list[str] = []
    for contract, rows, backwards in ordered:
        kept, repeated, different = once(rows) if step_ns else (rows, 0, 0)
        unit = _scale(contract, kept.prices[3]).multiplier
        points = kept.prices if unit == 1.0 else kept.prices * unit
        columns = checks.Columns(kept.ns, points, kept.volumes)
        said += list(checks.judge(columns, contract.root, notes.source))
        bases.one_base(columns, contract, notes.source)
        checks.few_contradictions(different, len(rows.ns), notes.source)
        broken = how.broken(kept.ns)
        said += how.sentences(kept.ns[broken])
        bars, off_tick, scale = _bars(contract, kept.at(~broken) if broken.any() else kept, how)
        if adjusted := bases.adjusted_prices(columns, contract, bars.instrument.tick_size):
            said.append(adjusted)
        result.append(msgspec.structs.replace(bars, adjusted=adjusted))
        scales += [scale] if scale else []
        counts = (backwards, repeated, different, off_tick)
        found = _Found(*(a + b for a, b in zip(found, counts, strict=True)))
    lines = (f"{notes.rows:,} rows of {_words(step_ns)}", *notes.lines, *([line] if line else []), *scales, *said)
    remarks = _remarks(found, result, aggregated=step_ns != interval_ns)
    result.sort(key=lambda bars: int(bars.close_time_ns[0]))
    return result, ReadNotes(
        notes.source,
        notes.rows,
        found.off_tick,
        found.duplicates,
        found.out_of_order,
        notes.rejected,
        notes.timezone,
        stamps,
        lines + remarks,
    )


def oldest_first(rows: TableRows) -> TableRows:
    """Newest-first rows are turned."""
    falls = rows.ns[1:] < rows.ns[:-1]
    turned = falls.any() and falls.sum() > (rows.ns[1:] > rows.ns[:-1]).sum()
    return rows.at(slice(None, None, -1)) if turned else rows


def _ticks_once(rows: TableRows, source: str, said: list[str]) -> TableRows:
    """Ticks without the stretches that stand in the file again; sentences are added to `said`."""
    if step_of(np.sort(rows.ns)):
        return rows
    again = ticks.repeated(rows.ns, [*rows.prices, *rows.volumes], source)
    if not again.any():
        return rows
    said.append(f"{again.sum():,} ticks that stand in it a second time left out")
    return rows.at(~again)


def in_order(rows: TableRows) -> tuple[TableRows, int]:
    """Rows by time (stable), and how many stood before their predecessor."""
    backwards = int((rows.ns[1:] < rows.ns[:-1]).sum())
    return (rows.at(np.argsort(rows.ns, kind="stable")) if backwards else rows), backwards


def bar_step(ns: Ints, source: str, interval_ns: int) -> int:
    """The commonest distance of stamps when rows are bars, 0 when they are ticks.

    Raises DataError for bars that are longer than the interval, do not divide it or lie beside its grid.
    """
    step = step_of(ns)
    typical = step or _typical_step(ns)
    if not typical:
        raise DataError(f"{source} has only one moment in it; give a longer file")
    length = "daily bars" if typical == 86_400_000_000_000 else f"bars of {typical / 60e9:.4g} minutes"
    has, wanted = f"{source} has {length}", f"{interval_ns / 60e9:g}"
    if typical > interval_ns:
        raise DataError(f"{has}, which cannot be cut into {wanted}; export bars of {wanted} minutes or of 1 minute")
    if step and interval_ns % step:
        raise DataError(f"{has}, which do not fill {wanted}; export bars of {wanted} minutes or of 1 minute")
    if step and np.mean(ns % step != 0) > 0.5:
        beside = int(np.median(ns % step)) / 1e9
        raise DataError(f"{has}, stamped {beside:g} s beside their grid; correct the clock and export again")
    return step


def _typical_step(ns: Ints) -> int:
    """The median distance of stamps that differ; 0 where all are one moment."""
    steps = np.diff(ns)
    steps = steps[steps > 0]
    return int(np.median(steps)) if len(steps) else 0


def step_of(ns: Ints) -> int:
    """The commonest distance of stamps in order where they lie on a grid, as those of bars do; 0 for ticks."""
    steps = np.diff(ns)
    if not len(steps) or steps.min() <= 0:
        steps = steps[steps > 0]
    if not len(steps) or not any(np.mean(ns % grid == 0) >= ON_GRID for grid in GRIDS_NS):
        return 0
    seconds = np.minimum(steps // NANOS_PER_SECOND, LONGEST_S)
    return int(np.bincount(seconds).argmax()) * NANOS_PER_SECOND


def _show(see: See, source: str, ordered: list[tuple[Symbol, TableRows, int]], how: _How) -> None:
    """Each contract's rows as the file has them, prices in points."""
    step_ns = how.step_ns
    for contract, rows, _ in ordered:
        scale = _scale(contract, rows.prices[3])
        last = np.r_[np.diff(rows.ns) != 0, True] | (step_ns == 0)
        repeats = np.r_[(np.diff(rows.ns) == 0) & (np.diff(rows.prices) == 0).all(axis=0), False]
        exact = (
            repeats & np.r_[np.logical_and.reduce([np.diff(each) == 0 for each in rows.volumes]), False] & (step_ns > 0)
        )
        why = np.where(last, "", "a later row of the file has the same stamp").astype(object)
        why[last & how.broken(rows.ns)] = BROKEN
        shown = rows.at(~exact)
        opens = shown.ns - (step_ns if how.stamps == "close" else 0)
        prices = shown.prices * scale.multiplier
        see(Seen(Path(source), contract.contract, opens, prices, np.stack(shown.volumes), step_ns, why[~exact]))


def once(rows: TableRows) -> tuple[TableRows, int, int]:
    """The last row of each stamp, how many repeated one before, and how many of these said something else."""
    same = np.diff(rows.ns) == 0
    if not same.any():
        return rows, 0, 0
    i = np.flatnonzero(same)
    prices, volume = rows.prices, rows.volumes[0]
    different = (prices[:, i] != prices[:, i + 1]).any(axis=0) | (volume[i] != volume[i + 1])
    return rows.at(np.flatnonzero(np.r_[~same, True])), len(i), int(different.sum())


def _convention(ns: Ints, step_ns: int, source: str) -> tuple[str, str]:
    if not step_ns:
        return "open", ""
    try:
        return zones.infer_stamps(ns)
    except DataError as error:
        raise DataError(f"{source}: {error}") from None


def _bars(contract: Symbol, rows: TableRows, how: _How) -> tuple[Bars, int, str]:
    """Bars of rows in order, how many of them had a price beside the tick grid, and a sentence on their scale."""
    folded = fold(Rows(how.bins(rows.ns), *rows.prices, *rows.volumes))
    used = instrument_of(contract.contract)
    scale = _scale(contract, folded.close)
    closes = (folded.bin + 1) * how.interval_ns
    bars, off_tick = bars_of(folded, closes, used, contract.contract, how.interval_ns, scale.multiplier)
    return bars, off_tick, scale.note


def _scale(contract: Symbol, closes: npt.NDArray[np.floating]) -> Scale:
    """How the table's prices become points; what lies a billion times too high is in units of 1e-9."""
    typical = float(np.median(closes))
    if power_of_ten(typical, contract.root) == -9:
        return Scale(1e-9, f"prices such as {typical:g} are in units of 1e-9")
    return price_scale(Symbol(contract.root, contract.month, contract.year), typical)


def _words(step_ns: int) -> str:
    if not step_ns:
        return "ticks"
    return f"{step_ns / 60e9:g}-minute bars" if step_ns >= 60e9 else f"{step_ns / 1e9:g}-second bars"


def _remarks(found: _Found, result: list[Bars], *, aggregated: bool) -> tuple[str, ...]:
    """Sentences about what was put right."""
    n = sum(len(bars) for bars in result)
    tick = result[0].instrument.tick_size
    repeated = f"{found.duplicates:,} rows repeat a stamp, {found.contradictions:,} with other values"
    beside = f"{found.off_tick / n:.1%} of bars have prices beside the tick grid of {tick:g}"
    lines = {
        f"put together into {n:,} bars of {result[0].interval_ns / 60e9:g} minutes": aggregated,
        f"{found.out_of_order:,} rows out of order, sorted": found.out_of_order,
        f"{repeated}; the last one counts": found.duplicates,
        f"{beside} (adjusted prices?), rounded": found.off_tick,
        "no volume": not any((bars.volume > 0).any() for bars in result),
    }
    return tuple(line for line, said in lines.items() if said)
