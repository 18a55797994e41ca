"""Columns and values are two views of one history."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.market.types import Bar, Bars, Slice
from minhos.testing.builders import NQ, random_bars

any_bar = st.builds(
    Bar, st.sampled_from(["NQZ25", "NQH26"]), *[st.integers(-(2**62), 2**62)] * 9, interval_ns=st.just(60)
)


@settings(max_examples=50, deadline=None)
@given(st.lists(any_bar, max_size=12))
def test_values_to_columns_and_back(bars: list[Bar]) -> None:
    history = Bars.from_bars(NQ, bars)
    assert list(history) == bars
    assert [history.bar(i) for i in range(-len(bars), len(bars))] == bars + bars
    assert list(history.rows(slice(1, None, 2))) == bars[1::2]
    if bars:
        assert history.symbol == bars[-1].symbol


@pytest.mark.parametrize(("points", "ticks"), [(24_706.25, 98_825), (24_706.30, 98_825), (-0.25, -1)])
def test_points_are_a_matter_of_the_edges(points: float, ticks: int) -> None:
    assert NQ.to_ticks(points) == ticks
    assert NQ.to_points(ticks) == pytest.approx(points, abs=NQ.tick_size / 2)


def test_a_slice_finds_its_bar_by_contract() -> None:
    bar = random_bars(1).bar(0)
    moment = Slice(bar.close_time_ns, (bar,), missing=("ESZ25",))
    assert moment.bar("NQZ25") == bar
    assert moment.bar("ESZ25") is None
