"""On which base the prices of a file stand: one and the same, but where contracts roll.

Named rules as in `checks`, which judges what columns claim.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from minhos.errors import DataRefused
from minhos.feeds.tables.checks import MIN_ROWS, Columns, Floats
from minhos.market.symbols import MONTHS, Symbol, contract_expiry_ns
from minhos.market.types import NANOS_PER_MINUTE, NANOS_PER_SECOND
from minhos.words import utc

BASE_SHARE, BASE_TIMES, BASE_ROWS = 0.003, 20.0, 12
"""A step of the base is that share of the price, so many times what rows open beside the close before, and lasts."""
DAY_NS = 24 * 60 * NANOS_PER_MINUTE
ROLLS_BEFORE_NS = 16 * DAY_NS
"""Vendors go over to the next contract at most so long before the old one expires."""


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
    (open_, _, _, close), steps = columns.prices, np.diff(columns.ns)
    follows = (steps >= 0) & (steps <= max(int(np.median(steps)), NANOS_PER_SECOND))
    gaps = open_[1:] - close[:-1]
    if follows.sum() < MIN_ROWS:
        return []
    usual = float(np.quantile(np.abs(gaps[follows]), 0.99))
    far = follows & (np.abs(gaps) > np.maximum(BASE_SHARE * np.abs(close[:-1]), BASE_TIMES * usual))
    return [i for i in np.flatnonzero(far).tolist() if _stays(close, i, float(gaps[i]))]


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
