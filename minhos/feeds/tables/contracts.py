"""Which contract each row of a table is of: by a column, by the file's name, by a line above the table.

A contract trades from its listing to its expiry: rows beyond are a few that are cut, or refuse the file.  What is
passed over, a spread or another root, is counted and named.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minhos.errors import DataError, DataRefused, SymbolError
from minhos.feeds.scid.folders import agreed_symbol, is_wanted
from minhos.feeds.tables.formats import Options
from minhos.feeds.tables.lost import Mask
from minhos.market.symbols import (
    YEARS_OF_TRADE,
    Symbol,
    contract_expiry_ns,
    contract_listed_ns,
    contract_trades_ns,
    month_in_filename,
    parse_symbol,
    symbol_in_filename,
)
from minhos.market.types import NANOS_PER_SECOND, Ints
from minhos.words import utc

if TYPE_CHECKING:
    import polars as pl

FEW, MAX_OUTSIDE = 3, 0.001
"""So many rows, and such a share, may lie outside a contract's life and are cut."""
DAY_NS = 86_400 * NANOS_PER_SECOND
NAMED = 4


class Contracts(NamedTuple):
    """found: in the order of the file; which: for each row, shape (n,), the place of its contract, -1 for none.

    nameless: rows whose column of contracts is empty.
    """

    found: list[Symbol]
    which: Ints
    said: list[str]
    nameless: Mask


def by_name(path: Path, label: str, options: Options, ns: Ints) -> tuple[Symbol, list[str]]:
    """The one contract of a file by its name, the caller and a line above the table; and sentences.

    ns: stamps of its rows.  Raises DataError, and DataRefused for a contract that did not trade then.
    """
    wanted, year = options.symbol, _year_of(int(np.median(ns)))
    if label and wanted is None and symbol_in_filename(path.name, year) is None:
        symbol = parse_symbol(label, year)
    else:
        symbol = agreed_symbol(path, wanted, year)
    told = wanted is not None and wanted.dated
    if (month := month_in_filename(path.name)) and symbol.dated and not told:
        symbol, said = _contract_or_month(path, symbol, month, options, ns)
        return symbol, said
    if symbol.dated and wanted is not None and not told:
        elsewhere = outside_life(symbol, ns) | (ns < contract_trades_ns(symbol))
        if elsewhere.mean() > MAX_OUTSIDE:
            return Symbol(symbol.root), [f"{symbol.contract} did not trade, or hardly: read as {symbol.root}, as given"]
    return symbol, []


def named_otherwise(name: str, found: Sequence[Symbol], ns: Ints) -> list[str]:
    """A sentence where a file's name says another contract than the column that counts; none where it does not.

    ns: stamps of its rows.
    """
    named = symbol_in_filename(name, _year_of(int(np.median(ns))))
    if named is None or month_in_filename(name) or any(is_wanted(each, named) for each in found):
        return []
    column = ", ".join(each.contract for each in found[:NAMED])
    return [f"the name of the file says {named.contract}, its column of contracts {column}: the column counts"]


def _contract_or_month(
    path: Path, symbol: Symbol, month: tuple[int, int], options: Options, ns: Ints
) -> tuple[Symbol, list[str]]:
    """A month in a file's name is the contract's or the calendar's: the stamps tell, or the caller.

    Raises DataRefused where both may be.
    """
    year, number = month
    name = f"{calendar.month_name[number]} {year}"
    first = dt.datetime(year, number, 1, tzinfo=dt.UTC).timestamp()
    last = first + calendar.monthrange(year, number)[1] * 86_400
    within = first * 1e9 - 2 * DAY_NS <= int(ns.min()) and int(ns.max()) <= last * 1e9 + 2 * DAY_NS
    alive = outside_life(symbol, ns).mean() <= MAX_OUTSIDE
    if within and (options.calendar_months or not alive):
        return Symbol(symbol.root), [f"the name says {name}, and all rows are of that month: {symbol.root}"]
    if within:
        raise DataRefused(
            f"{path}: the name may say the contract {symbol.contract} or the month {name}, and all its rows are of "
            f"that month; say which with --symbol {symbol.contract} or the contract in front then, or name the file "
            f"{symbol.contract}.csv"
        )
    return symbol, []


def by_column(path: Path, texts: pl.Series, options: Options, ns: Ints, usable: Mask) -> Contracts | None:
    """The contracts that a column names; None where it is empty, or names nothing known and the caller says what.

    A year of one digit is the one near the row's own.  Raises DataError for none that is wanted, or several roots.
    """
    import polars as pl

    n, symbol = len(texts), options.symbol
    nameless = (texts.is_null() | (texts == "")).to_numpy()
    if nameless[usable].all():
        return None
    years = np.where(usable, _years_of(np.where(usable, ns, ns[usable][0])), 0)
    keys = pl.DataFrame({"text": texts, "year": years, "row": usable & ~nameless})
    each = keys.filter("row").group_by("text", "year", maintain_order=True).len()
    found: dict[tuple[str, int], Symbol] = {}
    for text, year, _ in each.iter_rows():
        try:
            found[text, year] = parse_symbol(text, year)
        except SymbolError:
            continue
    if symbol is not None and not found and each["text"].n_unique() == 1:
        return None
    wanted = {key: s for key, s in found.items() if symbol is None or is_wanted(s, symbol)}
    roots = sorted({s.root for s in wanted.values()})
    if len(roots) != 1:
        there = ", ".join(sorted({s.contract for s in found.values()})) or ", ".join(each["text"].unique()[:5])
        asked = f"none of them is {symbol.contract}" if symbol and not roots else "name one root with --symbol"
        raise DataError(f"{path} holds {there}: {asked}")
    contracts = list({s.contract: s for s in wanted.values()}.values())
    index = {s.contract: i for i, s in enumerate(contracts)}
    places = pl.DataFrame(
        [(text, year, index[s.contract]) for (text, year), s in wanted.items()],
        schema={"text": pl.String, "year": keys["year"].dtype, "place": pl.Int64},
        orient="row",
    )
    which = keys.join(places, on=("text", "year"), how="left", maintain_order="left")["place"].fill_null(-1).to_numpy()
    assert len(which) == n
    others = [(text, rows) for text, year, rows in each.iter_rows() if (text, year) not in wanted]
    return Contracts(contracts, which.astype(np.int64), _passed_over(others), nameless & usable)


def _passed_over(others: list[tuple[str, int]]) -> list[str]:
    """A sentence on the rows of other symbols."""
    counts: dict[str, int] = {}
    for text, rows in others:
        counts[text] = counts.get(text, 0) + rows
    if not counts:
        return []
    named = ", ".join(sorted(counts, key=lambda text: -counts[text])[:NAMED])
    more = f" and {len(counts) - NAMED} more" if len(counts) > NAMED else ""
    return [f"{sum(counts.values()):,} rows of {named}{more} passed over"]


def outside_life(symbol: Symbol, ns: Ints) -> Mask:
    """Which stamps lie before the contract can have been listed or after its expiry; none for a root."""
    if not symbol.dated:
        return np.zeros(len(ns), np.bool_)
    return np.asarray((ns > contract_expiry_ns(symbol)) | (ns < contract_listed_ns(symbol)))


def judge_life(symbol: Symbol, ns: Ints, source: str) -> tuple[Mask, list[str]]:
    """Rule: a contract has no rows before it can be listed or after its expiry.  The few to cut, and sentences.

    Raises DataRefused for many.
    """
    outside = outside_life(symbol, ns)
    n = int(outside.sum())
    if not n:
        return outside, _long_before_expiry(symbol, ns)
    first = utc(int(ns[outside][0]))
    begin, expiry = (utc(at(symbol))[:10] for at in (contract_listed_ns, contract_expiry_ns))
    life = f"{symbol.contract}, which expires on {expiry} and cannot trade before {begin}"
    if n > max(FEW, MAX_OUTSIDE * len(ns)):
        raise DataRefused(
            f"{source}: {n:,} of {len(ns):,} rows, the first at {first}, cannot be of {life}; give the contract that "
            f"they are of, or, where the name of the file alone says it, --symbol {symbol.root} for a history of "
            "several contracts"
        )
    said = [f"{n:,} rows cut that cannot be of {life}, as at {first}"]
    return outside, [*said, *_long_before_expiry(symbol, ns[~outside])]


def _long_before_expiry(symbol: Symbol, ns: Ints) -> list[str]:
    """A sentence on rows from so long before the expiry that they are rather of other contracts; none for none."""
    if not symbol.dated or not (early := int((ns < contract_trades_ns(symbol)).sum())):
        return []
    return [
        f"{early:,} rows are of more than {YEARS_OF_TRADE:g} years before {symbol.contract} expires, when few trade "
        f"it: where they are of the contracts before it, and the name of the file alone says {symbol.contract}, give "
        f"--symbol {symbol.root}"
    ]


def _years_of(ns: Ints) -> Ints:
    return ns.astype("datetime64[ns]").astype("datetime64[Y]").astype(np.int64) + 1970


def _year_of(ns: int) -> int:
    return int(_years_of(np.array([ns]))[0])
