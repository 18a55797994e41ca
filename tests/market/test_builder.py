"""Bars built record by record equal those computed in one go."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.market.builder import BarBuilder
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_MINUTE, NANOS_PER_SECOND, UNKNOWN, Bar
from minhos.testing.builders import MONDAY_OPEN

MINUTE = NANOS_PER_MINUTE

ticks = st.lists(
    st.tuples(st.integers(0, 3600), st.integers(-50, 50), st.integers(1, 9), st.booleans()), min_size=1, max_size=60
).map(lambda rows: sorted(rows, key=lambda row: row[0]))
"""(second, price, size, bought) in order of time."""


def feed(builder: BarBuilder, rows: list[tuple[int, int, int, bool]]) -> list[Bar]:
    closed = []
    for second, price, size, bought in rows:
        time_ns = MONDAY_OPEN + second * NANOS_PER_SECOND
        done = builder.add(time_ns, price, price, price, price, size, size * (not bought), size * bought, 1)
        closed += [done] if done else []
    last = builder.close_before(MONDAY_OPEN + 2 * 3600 * NANOS_PER_SECOND)
    return closed + ([last] if last else [])


def at_once(rows: list[tuple[int, int, int, bool]]) -> list[Bar]:
    intervals: dict[int, list[tuple[int, int, int, bool]]] = {}
    for row in rows:
        intervals.setdefault(row[0] // 300, []).append(row)
    return [
        Bar(
            "NQZ25",
            MONDAY_OPEN + (i + 1) * BAR_INTERVAL_NS,
            group[0][1],
            max(g[1] for g in group),
            min(g[1] for g in group),
            group[-1][1],
            sum(g[2] for g in group),
            sum(g[2] for g in group if not g[3]),
            sum(g[2] for g in group if g[3]),
            len(group),
        )
        for i, group in sorted(intervals.items())
    ]


@settings(max_examples=50, deadline=None)
@given(ticks)
def test_streaming_equals_batch(rows: list[tuple[int, int, int, bool]]) -> None:
    builder = BarBuilder("NQZ25")
    bars = feed(builder, rows)
    assert bars == at_once(rows)
    assert sum(bar.volume for bar in bars) == sum(row[2] for row in rows)
    assert builder.out_of_order == 0
    assert builder.partial is None


@settings(max_examples=50, deadline=None)
@given(ticks)
def test_small_bars_build_the_same_bars_as_their_ticks(rows: list[tuple[int, int, int, bool]]) -> None:
    small, large = BarBuilder("NQZ25", interval_ns=MINUTE), BarBuilder("NQZ25")
    built = []
    for bar in feed(small, rows):
        done = large.add(
            bar.open_time_ns,
            bar.open_ticks,
            bar.high_ticks,
            bar.low_ticks,
            bar.close_ticks,
            bar.volume,
            bar.bid_volume,
            bar.ask_volume,
            bar.trades,
        )
        built += [done] if done else []
    assert [*built, large.partial] == at_once(rows)


def test_a_record_on_the_boundary_opens_the_next_bar() -> None:
    builder = BarBuilder("NQZ25")
    builder.add(MONDAY_OPEN, 10, 10, 10, 10, 1)
    closed = builder.add(MONDAY_OPEN + 5 * MINUTE, 11, 11, 11, 11, 2)
    assert closed == Bar("NQZ25", MONDAY_OPEN + 5 * MINUTE, 10, 10, 10, 10, 1)
    assert builder.partial == Bar("NQZ25", MONDAY_OPEN + 10 * MINUTE, 11, 11, 11, 11, 2)


def test_an_empty_interval_gives_no_bar() -> None:
    builder = BarBuilder("NQZ25")
    assert builder.close_before(MONDAY_OPEN) is None
    builder.add(MONDAY_OPEN, 10, 10, 10, 10, 1)
    closed = builder.add(MONDAY_OPEN + 60 * MINUTE, 20, 20, 20, 20, 1)
    assert closed is not None
    assert closed.close_time_ns == MONDAY_OPEN + 5 * MINUTE
    assert builder.partial is not None
    assert builder.partial.close_time_ns == MONDAY_OPEN + 65 * MINUTE


def test_a_bar_is_closed_when_its_interval_ends_and_not_before() -> None:
    builder = BarBuilder("NQZ25")
    builder.add(MONDAY_OPEN + MINUTE, 10, 10, 10, 10, 1)
    assert builder.close_before(MONDAY_OPEN + 5 * MINUTE - 1) is None
    assert builder.close_before(MONDAY_OPEN + 5 * MINUTE) == Bar("NQZ25", MONDAY_OPEN + 5 * MINUTE, 10, 10, 10, 10, 1)
    assert builder.close_before(MONDAY_OPEN + 6 * MINUTE) is None


def test_what_comes_late_belongs_nowhere() -> None:
    builder = BarBuilder("NQZ25")
    builder.add(MONDAY_OPEN + 2 * MINUTE, 10, 10, 10, 10, 1)
    builder.add(MONDAY_OPEN + MINUTE, 99, 99, 99, 99, 5)
    builder.close_before(MONDAY_OPEN + 5 * MINUTE)
    builder.add(MONDAY_OPEN + 4 * MINUTE, 99, 99, 99, 99, 5)
    assert builder.out_of_order == 2
    assert builder.partial is None


def test_unknown_stays_unknown() -> None:
    builder = BarBuilder("NQZ25")
    builder.add(MONDAY_OPEN, 10, 10, 10, 10, 1, 1, 0, 1)
    builder.add(MONDAY_OPEN + 1, 10, 10, 10, 10, 1)
    builder.add(MONDAY_OPEN + 2, 10, 10, 10, 10, 1, 1, 0, 1)
    assert builder.partial is not None
    assert (builder.partial.volume, builder.partial.bid_volume, builder.partial.trades) == (3, UNKNOWN, UNKNOWN)
