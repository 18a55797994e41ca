"""Two columns that claim one meaning: the bars, or what stamps and symbols say of themselves, tell which is meant.

Where nothing tells and the columns differ, the file is refused with the names of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from minhos.errors import DataError, DataRefused
from minhos.feeds.tables.checks import outside_own_range
from minhos.feeds.tables.columns import CLOSE_STAMPED, OPEN_STAMPED, numbers, plain
from minhos.feeds.tables.contracts import Contracts, by_column
from minhos.feeds.tables.formats import Options
from minhos.feeds.tables.lost import Mask
from minhos.feeds.tables.rows import step_of
from minhos.feeds.tables.stamps import MISSING, Stamps, parse
from minhos.market.types import NANOS_PER_MINUTE, Ints

if TYPE_CHECKING:
    import polars as pl

Columns = Mapping[str, "pl.Series"]
PRICES = ("open", "high", "low", "close")
MEANINGS = dict(zip(PRICES, ("opening price", "highest price", "lowest price", "closing price"), strict=True))
SIDES = (("up", "down"), ("bid_volume", "ask_volume"))
"""Roles of the two parts of a volume."""
FEW = 0.01
"""Share of rows in which two columns may differ and still be one."""
ZONES_NS = 15 * NANOS_PER_MINUTE, 15 * 60 * NANOS_PER_MINUTE
"""Clocks of two zones differ by a multiple of the one and by at most the other."""
_WAY_OUT = "leave one out, or name the right one in a row of your own of the table of formats"


def the_prices(
    path: Path,
    names: Mapping[str, str],
    prices: npt.NDArray[np.float64],
    rivals: Mapping[str, Columns],
    *,
    general: bool,
) -> list[str]:
    """Sentences on columns that are passed over, as they, or others of their group, lie outside the bars.

    prices: (4, n) as used.  general: no format says which of two groups of prices is the instrument's.  Raises
    DataRefused.
    """
    if general and all(rivals.get(role) for role in PRICES):
        raise DataRefused(
            f"{path}: open, high, low and close stand in it twice, and nothing tells which are the bars'; {_WAY_OUT}"
        )
    said, alike = [], []
    for i, role in enumerate(PRICES):
        for name, column in rivals.get(role, {}).items():
            other = numbers(column).values
            differ = np.isfinite(other) & (other != prices[i])
            if differ.mean() <= FEW:
                continue
            changed = prices.copy()
            changed[i] = other
            outside = outside_own_range(changed) & np.isfinite(other)
            if outside.mean() > FEW:
                said.append(f"the column {name!r} is passed over: {outside.mean():.0%} of it lie outside the bars")
            else:
                alike.append(_both(path, names[role], name, MEANINGS[role], int(differ.sum())))
    if alike and not said:
        raise alike[0]
    return said


def the_volume(path: Path, names: Mapping[str, str], volume: Ints, rivals: Columns) -> None:
    """Raises DataRefused for another column of volume that says something else; one without any volume says nothing."""
    for name, column in rivals.items():
        other = np.nan_to_num(numbers(column, whole=True).values)
        differ = other != volume
        if other.any() and differ.mean() > FEW:
            raise _both(path, names["volume"], name, "volume", int(differ.sum()))


def the_sides(path: Path, names: Mapping[str, str], found: Mapping[str, Ints]) -> None:
    """Raises DataRefused for a volume that is less than its two sides together.

    found: contracts by role, -1 where unknown, with a volume.
    """
    for one, other in SIDES:
        if one in found and other in found:
            known = (found[one] >= 0) & (found[other] >= 0) & (found["volume"] >= 0)
            less = known & (found["volume"] < found[one] + found[other])
            if less.mean() > FEW:
                raise DataRefused(
                    f"{path}: {names['volume']!r} claims to be the volume and is less than {names[one]!r} and "
                    f"{names[other]!r} together in {int(less.sum()):,} rows; {_WAY_OUT}"
                )


def the_contract(path: Path, columns: Columns, options: Options, ns: Ints, usable: Mask) -> Contracts | None:
    """By the column that names dated contracts, else by the first that names any.  Raises DataError."""
    import polars as pl

    found: dict[str, Contracts] = {}
    errors: list[DataError] = []
    for name, column in columns.items():
        try:
            if read := by_column(path, column.cast(pl.String), options, ns, usable):
                found[name] = read
        except DataError as error:
            errors.append(error)
    if not found and errors:
        raise errors[0]
    dated = {name: read for name, read in found.items() if all(each.dated for each in read.found)}
    for (one, first), (other, second) in zip(dated.items(), list(dated.items())[1:], strict=False):
        differ = np.array([*first.found, None])[first.which] != np.array([*second.found, None])[second.which]
        if differ[usable].mean() > FEW:
            raise _both(path, one, other, "contract", int(differ[usable].sum()))
    return next(iter({**dated, **found}.values()), None)


def the_time(path: Path, name: str, times: Stamps, rivals: Columns, dates: str) -> tuple[Stamps, str, list[str]]:
    """Stamps of the column that says its zone, else of the one that is used; what they mark; and sentences.

    What they mark is "open" or "close" where another column lies one bar after or before them, else empty.  A column
    that cannot be read as times claims nothing.  Raises DataRefused for two that neither zones nor a bar explain.
    """
    kinds = [each for each in (OPEN_STAMPED, CLOSE_STAMPED) if plain(name) in each]
    marks, said = "", []
    for other, column in rivals.items():
        if kinds and plain(other) in OPEN_STAMPED + CLOSE_STAMPED and plain(other) not in kinds[0]:
            continue
        try:
            read = parse(column, order=dates)
        except DataError:
            continue
        both = (times.ns != MISSING) & (read.ns != MISSING)
        later = read.ns[both] - times.ns[both]
        zones = _by_zones(later, same=times.utc and read.utc)
        if both.sum() < FEW * len(both):
            raise _both(path, name, other, "time", int((~zones).sum()))
        ahead = 0
        if (~zones).mean() > FEW:
            ahead = _bar_apart(times, read, later)
            if not ahead or _names_deny(name, other, ahead):
                raise _both(path, name, other, "time", int((~zones).sum()))
            first, second = (name, other) if ahead > 0 else (other, name)
            marks = "open" if ahead > 0 else "close"
            said.append(f"{first!r} marks the open of bars and {second!r} their close: one bar lies between them")
        if read.utc and not times.utc:
            said.append(f"times are those of {other!r}, which say their zone; {name!r} is passed over")
            return read, {1: "close", 0: marks, -1: "open"}[ahead], said
    return times, marks, said


def _by_zones(later: Ints, *, same: bool) -> Mask:
    """Which distances of two clocks are none, or one of two zones where they need not be the same."""
    return np.asarray((later == 0) if same else (later % ZONES_NS[0] == 0) & (np.abs(later) <= ZONES_NS[1]))


def _bar_apart(times: Stamps, read: Stamps, later: Ints) -> int:
    """1 where all of the others lie one bar after these, -1 where before, besides what zones explain; 0 for neither."""
    step_ns = step_of(np.sort(times.ns[times.ns != MISSING]))
    for ahead in (1, -1):
        fits = _by_zones(later - ahead * step_ns, same=times.utc and read.utc)
        if step_ns and (~fits).mean() <= FEW:
            return ahead
    return 0


def _names_deny(name: str, other: str, ahead: int) -> bool:
    """Whether the columns' names say the opposite of which comes first."""
    first, second = (name, other) if ahead > 0 else (other, name)
    return plain(first) in CLOSE_STAMPED or plain(second) in OPEN_STAMPED


def _both(path: Path, one: str, other: str, meaning: str, n: int) -> DataRefused:
    same = "both columns named" if one == other else "the columns"
    which = f"{one!r}" if one == other else f"{one!r} and {other!r} both"
    return DataRefused(f"{path}: {same} {which} claim to be the {meaning} and differ in {n:,} rows; {_WAY_OUT}")
