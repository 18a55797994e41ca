"""Several histories into one: files of one contract merged, contracts of one root joined where trading moved over.

Prices are never adjusted; every row that is left out is counted in a sentence.  Where the volume moves is decided
by `minhos.market.roll`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from minhos.errors import DataError
from minhos.market.calendar import SessionCalendar
from minhos.market.roll import roll_point
from minhos.market.symbols import contract_expiry_ns, parse_symbol
from minhos.market.types import COLUMNS, Bars
from minhos.words import utc

_COMPARED = ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume")


def concatenate(parts: Sequence[Bars]) -> Bars:
    """Histories one after the other, their contracts renumbered."""
    contracts = tuple(dict.fromkeys(name for part in parts for name in part.contracts))
    places = [np.array([contracts.index(name) for name in part.contracts], np.int64) for part in parts]
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS[1:]}
    contract = np.concatenate([place[part.contract] for place, part in zip(places, parts, strict=True)])
    adjusted = next((part.adjusted for part in parts if part.adjusted), "")
    return msgspec.structs.replace(parts[0], contracts=contracts, contract=contract, adjusted=adjusted, **columns)


def merge(parts: Sequence[Bars], sources: Sequence[str]) -> tuple[Bars, list[str]]:
    """Files of one contract as one history: bars that several files have must be the same.

    The first and last bar of a file may be cut off in the middle: there the bar with more volume counts.
    Raises DataError, with the time and the files, for bars that contradict each other.
    """
    if len(parts) == 1:
        return parts[0], []
    joined = concatenate(parts)
    origin = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    edge = np.concatenate([_edges(part) for part in parts])
    order = np.lexsort((joined.volume, ~edge, joined.close_time_ns))
    joined, origin, edge = joined.rows(order), origin[order], edge[order]
    same_time = np.diff(joined.close_time_ns) == 0
    different = np.zeros(len(same_time), np.bool_)
    for name in _COMPARED:
        different |= np.diff(getattr(joined, name)) != 0
    wrong = np.flatnonzero(same_time & different & ~edge[:-1])
    if len(wrong):
        i = int(wrong[0])
        raise DataError(
            f"{sources[origin[i]]} and {sources[origin[i + 1]]} contradict each other on the bar that closes at "
            f"{utc(int(joined.close_time_ns[i]))} and on {len(wrong) - 1} more; remove one of the two"
        )
    cut = int((same_time & different).sum())
    lines = [f"{len(parts)} files of {joined.symbol} merged: {int(same_time.sum()):,} bars were in more than one"]
    if cut:
        lines.append(f"{cut} bars that a file had only in part taken from the other")
    return joined.rows(np.r_[~same_time, True]), lines


def _edges(part: Bars) -> np.ndarray:
    """True for the first and the last bar."""
    edge = np.zeros(len(part), np.bool_)
    edge[[0, -1]] = True
    return edge


def stitch(parts: Sequence[Bars], calendar: SessionCalendar) -> tuple[Bars, list[str]]:
    """Contracts of one root, one history each, as one history that moves on where the volume did.

    A contract whose turn has not come contributes nothing, and the sentences say so.  Histories without a
    contract ("NQ") can only follow or precede others, never overlap them: DataError.
    """
    roots = {part.instrument.root for part in parts}
    if len(roots) != 1:
        raise DataError(f"{', '.join(sorted(roots))} cannot be one history; name one with --symbol")
    first, *others = sorted((part for part in parts if len(part)), key=_position)
    kept, lines = [first], []
    for part in others:
        old, new, line = _join(kept.pop(), part, calendar)
        lines.append(line)
        kept += [joined for joined in (old, new) if len(joined)]
    return concatenate(kept), lines


def _position(part: Bars) -> int:
    """Order of contracts: by expiry; a history without one by its last bar."""
    symbol = parse_symbol(part.symbol)
    return contract_expiry_ns(symbol) if symbol.dated else int(part.close_time_ns[-1])


def _join(old: Bars, new: Bars, calendar: SessionCalendar) -> tuple[Bars, Bars, str]:
    """The rows of two contracts that count, and a sentence on those that do not."""
    if int(old.close_time_ns[-1]) < int(new.close_time_ns[0]):
        return old, new, f"{old.symbol} ends before {new.symbol} begins"
    for part in (old, new):
        if not parse_symbol(part.symbol).dated:
            raise DataError(
                f"{old.symbol} and {new.symbol} overlap and {part.symbol} is no dated contract: which one counts when "
                "cannot be told; give them one at a time"
            )
    date = roll_point(old, new, calendar)
    session = calendar.session_on(date) or calendar.session_on(calendar.next_trade_date(date))
    cut_ns = session.open_ns if session else 0
    before, after = old.close_time_ns <= cut_ns, new.close_time_ns > cut_ns
    line = (
        f"from {old.symbol} to {new.symbol} on trade date {date}: {int((~before).sum()):,} later bars of the one and "
        f"{int((~after).sum()):,} earlier bars of the other left out"
    )
    return old.rows(before), new.rows(after), line
