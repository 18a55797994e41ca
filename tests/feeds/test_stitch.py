"""Contracts into one history: the roll by volume, merged files, contradictions refused, nothing dropped in silence."""

from __future__ import annotations

import numpy as np
import pytest
from market_days import CALENDAR, Row, days

from minhos.errors import DataError
from minhos.feeds.stitch import merge, stitch
from minhos.market.symbols import parse_symbol
from minhos.market.types import BAR_INTERVAL_NS, Bar, Bars
from minhos.testing.builders import MNQ, NQ


def bars_of(rows: list[Row], symbol: str) -> Bars:
    instrument = {"NQ": NQ, "MNQ": MNQ}[parse_symbol(symbol).root]
    return Bars.from_bars(
        instrument,
        [
            Bar(
                symbol, r.open_ns + BAR_INTERVAL_NS, *(round(p * 4) for p in (r.open, r.high, r.low, r.close)), r.volume
            )
            for r in rows
        ],
    )


def split(date: int, before: int, after: int, first: int = 20250908, n: int = 8) -> list[Row]:
    """Sessions whose bars trade `before` contracts until that trade date, `after` from then on."""
    session = CALENDAR.session_on(date)
    assert session is not None
    return [row._replace(volume=after if row.open_ns >= session.open_ns else before) for row in days(first, n)]


def test_the_new_contract_counts_from_the_trade_date_after_the_one_on_which_it_led() -> None:
    old = bars_of(split(20250911, 900, 300), "NQU25")
    new = bars_of(split(20250911, 100, 800), "NQZ25")
    bars, lines = stitch([new, old], CALENDAR)
    friday = CALENDAR.session_on(20250912)
    assert friday is not None
    assert bars.contracts == ("NQU25", "NQZ25")
    assert bars.contract.tolist() == [int(t > friday.open_ns) for t in bars.close_time_ns.tolist()]
    assert (np.diff(bars.close_time_ns) > 0).all()
    assert bars.volume[bars.contract == 1].tolist() == [800] * int((bars.contract == 1).sum())
    left_out = len(old) + len(new) - len(bars)
    later, earlier = (len(old) - int((bars.contract == 0).sum()), len(new) - int((bars.contract == 1).sum()))
    assert left_out == later + earlier
    assert lines == [
        f"from NQU25 to NQZ25 on trade date 20250912: {later:,} later bars of the one and "
        f"{earlier:,} earlier bars of the other left out"
    ]


def test_a_contract_whose_turn_has_not_come_contributes_nothing() -> None:
    old, new = bars_of(days(20251006, 3, volume=900), "NQZ25"), bars_of(days(20251006, 3, volume=9), "NQH26")
    bars, lines = stitch([old, new], CALENDAR)
    assert bars.contracts == ("NQZ25",)
    assert len(bars) == len(old)
    assert f"{len(new):,} earlier bars of the other left out" in lines[0]


def test_contracts_without_overlap_follow_each_other() -> None:
    old, new = bars_of(days(20250602, 2), "NQM25"), bars_of(days(20251006, 2), "NQZ25")
    bars, lines = stitch([new, old], CALENDAR)
    assert len(bars) == len(old) + len(new)
    assert lines == ["NQM25 ends before NQZ25 begins"]


def test_a_history_without_contract_cannot_overlap_a_contract() -> None:
    with pytest.raises(DataError, match=r"NQ and NQZ25 overlap and NQ is no dated contract.*one at a time"):
        stitch([bars_of(days(20251006, 2), "NQ"), bars_of(days(20251006, 3), "NQZ25")], CALENDAR)


def test_two_roots_are_no_history() -> None:
    with pytest.raises(DataError, match="MNQ, NQ cannot be one history; name one with --symbol"):
        stitch([bars_of(days(20251006, 1), "MNQZ25"), bars_of(days(20251006, 1), "NQZ25")], CALENDAR)


def test_overlapping_files_of_one_contract_are_merged() -> None:
    rows = days(20251006, 3)
    parts = [bars_of(rows[:400], "NQZ25"), bars_of(rows[300:], "NQZ25")]
    for order in (parts, parts[::-1]):
        bars, lines = merge(order, ["a.csv", "b.csv"])
        assert list(bars) == list(bars_of(rows, "NQZ25"))
        assert lines == ["2 files of NQZ25 merged: 100 bars were in more than one"]


def test_the_unfinished_last_bar_of_an_export_gives_way() -> None:
    rows = days(20251006, 2)
    cut = [*rows[:399], rows[399]._replace(close=rows[399].open, volume=1)]
    bars, lines = merge([bars_of(cut, "NQZ25"), bars_of(rows[200:], "NQZ25")], ["a.csv", "b.csv"])
    assert list(bars) == list(bars_of(rows, "NQZ25"))
    assert "1 bars that a file had only in part taken from the other" in lines


def test_contradicting_files_are_refused_with_the_time_and_both_names() -> None:
    rows = days(20251006, 2)
    other = [row._replace(close=row.close + 0.25) if i in (50, 60) else row for i, row in enumerate(rows)]
    with pytest.raises(DataError, match=r"a\.csv and b\.csv contradict each other.*2025-10-06T02:15:00Z and on 1 more"):
        merge([bars_of(rows, "NQZ25"), bars_of(other, "NQZ25")], ["a.csv", "b.csv"])
