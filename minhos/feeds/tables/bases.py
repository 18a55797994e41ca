"""On which base the prices of a file stand: one and the same, but where contracts roll, and the one that was traded.

Named rules as in `checks`, which judges what columns claim.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np

from minhos.errors import DataRefused
from minhos.feeds.notes import to_ticks
from minhos.feeds.tables.checks import MIN_ROWS, Columns, Floats
from minhos.market.levels import year_end
from minhos.market.symbols import MONTHS, Symbol, contract_expiry_ns
from minhos.market.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Ints
from minhos.words import utc

BASE_SHARE, BASE_TIMES, BASE_ROWS = 0.003, 20.0, 12
"""A step of the base is that share of the price, so many times what rows open beside the close before, and lasts."""
DAY_NS = 24 * 60 * NANOS_PER_MINUTE
ROLLS_BEFORE_NS = 16 * DAY_NS
"""Vendors go over to the next contract at most so long before the old one expires."""

SAMPLE, ROWS_OF_A_DAY, DAYS_BESIDE = 200_000, 5, 3
"""Closes that are looked at; of a day, to say anything of it; days beside the grid that are no accident."""
FACTORS = np.arange(0.5, 1.5, 1e-4)
STEPS, LARGEST_STEP, MOST_BESIDE_LATTICE = 1000, 20, 0.1
"""Steps from close to close that are laid on a lattice, their most ticks, and how far they may lie beside it, in steps
of the lattice: steps of no lattice lie a quarter beside each."""
LEAST_OFF, MOST_OFF_LAST, MOST_ROLLED, SLACK = 0.03, 0.06, 0.065, 0.015
"""Shares of the index.  Adjusted prices lie so far off in some year and no further in the newest; they drift by at most
so much a year (four rolls), all one way; a future lies within the last of its index."""


def one_base(columns: Columns, contract: Symbol, source: str) -> None:
    """Rule: prices do not move to another base between two rows that follow each other, but where contracts roll.

    A market moves by trades, so that a row opens where the one before closed, however wild the move is.
    """
    jumps = [i for i in base_changes(columns) if contract.dated or not _rolls_at(int(columns.ns[i + 1]), contract.root)]
    if not jumps:
        return
    i, (open_, _, _, close) = jumps[0], columns.prices
    more = f", and {len(jumps) - 1} more places" if len(jumps) > 1 else ""
    raise DataRefused(
        f"{source}: the base of the prices changes by {open_[i + 1] - close[i]:+g} points at "
        f"{utc(int(columns.ns[i + 1]))} without a roll (the row before closes at {close[i]:g}, this one opens at "
        f"{open_[i + 1]:g}, no time lies between them and prices stay there{more}): contracts, or ways to adjust, "
        "are mixed; give each contract a file of its own, or export this one again"
    )


def base_changes(columns: Columns) -> list[int]:
    """Rows after which prices stand elsewhere, although the next row follows at once."""
    if len(columns.ns) < MIN_ROWS:
        return []
    ns, (open_, _, _, close) = columns.ns, columns.prices
    gaps = open_[1:] - close[:-1]
    thin = np.arange(0, len(gaps), max(1, len(gaps) // SAMPLE))
    steps = ns[thin + 1] - ns[thin]
    longest_ns = max(int(np.median(steps)), NANOS_PER_SECOND)
    some = np.abs(gaps[thin[(steps >= 0) & (steps <= longest_ns)]])
    if len(some) < MIN_ROWS - 1:
        return []
    least = max(BASE_SHARE * float(close.min()), BASE_TIMES * float(np.quantile(some, 0.99)))
    far = np.flatnonzero(np.abs(gaps, out=gaps) > least)
    far = far[(ns[far + 1] - ns[far] <= longest_ns) & (gaps[far] > BASE_SHARE * close[far])]
    return [i for i in far.tolist() if _stays(close, i, float(open_[i + 1] - close[i]))]


def _stays(close: Floats, i: int, gap: float) -> bool:
    """Whether the rows before i lie on one level and those after it on the other."""
    before, after = close[max(0, i + 1 - BASE_ROWS) : i + 1] - close[i], close[i + 1 : i + 1 + BASE_ROWS] - close[i]
    enough = min(len(before), len(after)) == BASE_ROWS
    return enough and bool((np.abs(before) < 0.4 * abs(gap)).all() and (np.abs(after - gap) < 0.4 * abs(gap)).all())


def _rolls_at(time_ns: int, root: str) -> bool:
    """Whether a history without a contract may go over from one to the next then."""
    year = dt.datetime.fromtimestamp(time_ns // NANOS_PER_SECOND, dt.UTC).year
    ends = (contract_expiry_ns(Symbol(root, month, year)) for month in MONTHS)
    return any(end_ns - ROLLS_BEFORE_NS <= time_ns <= end_ns + DAY_NS for end_ns in ends)


def adjusted_prices(columns: Columns, contract: Symbol, tick: float) -> str:
    """Why the prices are not those that were traded but adjusted over the rolls, with the evidence; empty where not."""
    if len(columns.ns) < MIN_ROWS:
        return ""
    thin = slice(None, None, max(1, len(columns.ns) // SAMPLE))
    by_ratio = _by_ratio(columns.ns[thin], columns.prices[3, thin], tick)
    return by_ratio or ("" if contract.dated else _by_differences(columns, contract))


def refuse_below_zero(prices: Floats, source: str) -> None:
    """Rule: no price is below zero.  Raises DataRefused for what back-adjustment made so."""
    below = np.logical_and.reduce(prices < 0)
    if below.sum() < ROWS_OF_A_DAY or len(np.unique(prices[3][below])) < ROWS_OF_A_DAY:
        return
    raise DataRefused(
        f"{source}: {int(below.sum()):,} of {len(below):,} rows have prices below zero, as {prices[3][below].min():g}: "
        "they were back-adjusted by the differences at the rolls; export unadjusted prices, or later dates alone"
    )


def _by_ratio(ns: Ints, close: Floats, tick: float) -> str:
    """Adjusted by ratios, old prices leave the grid of ticks for one that is as much finer or coarser."""
    beside = to_ticks(close, tick)[1]
    day, first = np.unique(ns // DAY_NS, return_index=True)
    rows = np.diff(np.r_[first, len(ns)])
    share = np.add.reduceat(beside, first, dtype=np.int64) / rows
    known = rows >= ROWS_OF_A_DAY
    day, first, rows, share = day[known], first[known], rows[known], share[known]
    off = np.flatnonzero(share > 0.5)
    if len(off) < DAYS_BESIDE:
        return ""
    last = int(off[-1])
    start, end = first[max(0, last - DAYS_BESIDE)], first[last] + rows[last]
    found = f"{beside[:end].mean():.0%} of closes lie beside the tick grid of {tick:g}"
    if last + 1 < len(day) and len(off) > 0.9 * (last + 1) and share[last + 1 :].max() < 0.02:
        until = dt.datetime.fromtimestamp(int(day[last + 1]) * DAY_NS // NANOS_PER_SECOND, dt.UTC)
        return f"prices are ratio-adjusted: {found} until {until:%Y-%m-%d}, and hardly any after that"
    factor = _lattice(np.diff(close[start:end]) / tick)
    return f"prices are ratio-adjusted: {found}, on one of {tick * factor:.4f}" if factor else ""


def _lattice(steps: Floats) -> float:
    """The factor by which the grid of ticks was stretched; 0 for steps on no grid.  steps: in ticks."""
    steps = steps[(np.abs(steps) > 0.3) & (np.abs(steps) < LARGEST_STEP)][:STEPS]
    if len(steps) < MIN_ROWS:
        return 0.0
    in_steps = steps[None, :] / FACTORS[:, None]
    beside = np.abs(in_steps - np.rint(in_steps)).mean(axis=1)
    if beside.min() > MOST_BESIDE_LATTICE:
        return 0.0
    fits = np.flatnonzero(beside < 1.5 * beside.min() + 0.01)  # a grid of half its steps fits as well
    coarsest = fits[FACTORS[fits] > 0.99 * FACTORS[fits[-1]]]
    return float(FACTORS[coarsest[np.argmin(beside[coarsest])]])


def _by_differences(columns: Columns, contract: Symbol) -> str:
    """Adjusted by differences, prices of old years lie off their index by the rolls since then.

    Not for one contract: what it costs to carry the index to its expiry puts its true prices just there.
    """
    found = list(_at_year_ends(columns, contract.root))
    if len(found) < 2:
        return ""
    price, index = np.array([at[1:] for at in found]).T
    off = price - index
    drift = np.diff(off) / np.maximum(index[1:], index[:-1])
    one_way = (drift <= SLACK).all() or (drift >= -SLACK).all()
    far, near = np.abs(off / index).max() > LEAST_OFF, abs(off[-1] / index[-1]) <= MOST_OFF_LAST
    if not (far and near and one_way and np.abs(drift).max() <= MOST_ROLLED):
        return ""
    words = ", ".join(f"{paid:,.0f} for {close:,.0f} at the end of {year}" for year, paid, close in found)
    return f"prices are back-adjusted: they stand off the index by the rolls since then ({words})"


def _at_year_ends(columns: Columns, root: str) -> Iterator[tuple[int, float, float]]:
    """The year, the last price in it and the last close of the index."""
    first, last = (dt.datetime.fromtimestamp(int(ns) // NANOS_PER_SECOND, dt.UTC).year for ns in columns.ns[[0, -1]])
    for year in range(first, last + 1):
        end_ns = int(dt.datetime(year, 12, 31, 21, tzinfo=dt.UTC).timestamp()) * NANOS_PER_SECOND
        i = int(np.searchsorted(columns.ns, end_ns)) - 1
        index = year_end(root, year)
        if index is not None and i >= 0 and columns.ns[i] > end_ns - 4 * DAY_NS:
            yield year, float(columns.prices[3, i]), index
