"""What a feed gives that can be no price is passed over with an alarm; what is held keeps its stops."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
from one_thread import World
from trading_home import events_of, journal_of

from minhos import parts
from minhos.market.types import NANOS_PER_MINUTE, Price, Slice
from minhos.processes.trader import Trader
from minhos.trading.types import Outcome


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for child in made.children:
        if child.code is None and isinstance(child.process, Trader):
            child.kill()
    parts.load_source(parts.Source())


@pytest.mark.parametrize("ticks", [math.nan, 0, -80_000, 1, 10_000_000])
def test_a_price_that_is_none_triggers_nothing_and_stands_nowhere(world: World, ticks: int) -> None:
    world.run(12.0)
    trader = world.child(Trader).process
    assert isinstance(trader, Trader)
    held, equity = trader.engine.state.held(), trader.engine.state.ledger.account().equity_cents
    assert any(held.values())
    bad = [Price(trader.feed.symbol, trader.clock.now_ns(), ticks)] * 3
    trader.feeds._items = itertools.chain(bad, trader.feeds._items)
    world.run(0.2)
    account = trader.engine.state.ledger.account()
    assert (trader.engine.state.held(), account.equity_cents) == (held, equity)
    assert [e.text.startswith("A price of NQ-SIM was passed over, as ") for e in events_of(world.layout, "Alarm")] == [
        True
    ]
    world.run(4.0)
    with journal_of(world.layout) as source:
        assert source.verify().sound


YEARS_NS = 70 * 366 * 86_400 * 10**9
SPOILED: dict[str, tuple[Callable[[Slice], Slice], str]] = {
    "a number that is none": (
        lambda closed: with_bars(closed, low_ticks=math.nan),
        "it holds what is not a number",
    ),
    "outside its own high and low": (lambda closed: with_bars(closed, high_ticks=70_000), "do not hold its open"),
    "a power of ten away": (lambda closed: times(closed, 10), "lie far off the last price"),
    "bars of another length": (
        lambda closed: with_bars(closed, interval_ns=15 * NANOS_PER_MINUTE),
        "it is a bar of 15 minutes, and not of 5 minutes",
    ),
    "beside the grid": (
        lambda closed: with_bars(closed, close_time_ns=closed.close_time_ns + 7),
        "beside the grid of 5 minutes",
    ),
}


def with_bars(closed: Slice, **changes: object) -> Slice:
    return msgspec.structs.replace(closed, bars=tuple(msgspec.structs.replace(bar, **changes) for bar in closed.bars))


def times(closed: Slice, factor: int) -> Slice:
    (bar,) = closed.bars
    names = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    return with_bars(closed, **{name: factor * getattr(bar, name) for name in names})


def spoil(trader: Trader, change: Callable[[Slice], Iterable[Slice]]) -> list[Slice]:
    """The next slice of the feed is changed; gives the true one once it came."""
    stream, broken = trader.feeds._items, []

    def spoiled() -> Iterator[object]:
        for item in stream:
            if isinstance(item, Slice) and not broken:
                broken.append(item)
                yield from change(item)
            else:
                yield item

    trader.feeds._items = spoiled()  # type: ignore[assignment]
    return broken


@pytest.mark.parametrize("name", SPOILED)
def test_a_bar_that_is_none_is_missing_and_the_decision_says_why(world: World, name: str) -> None:
    world.run(9.0)
    trader = world.child(Trader).process
    assert isinstance(trader, Trader)
    change, why = SPOILED[name]
    broken = spoil(trader, lambda closed: [change(closed)])
    world.run(6.0)
    decisions = {e.decision.close_time_ns: e.decision for e in events_of(world.layout, "DecisionMade")}
    decision = decisions[broken[0].close_time_ns]
    assert decision.outcome is Outcome.MISSING_BAR
    assert why in decision.reason
    assert [why in e.text for e in events_of(world.layout, "Alarm")] == [True]
    assert list(decisions.values())[-1].outcome is not Outcome.MISSING_BAR


@pytest.mark.parametrize("years_ns", [YEARS_NS, -YEARS_NS])
def test_a_slice_from_another_decade_moves_no_date(world: World, years_ns: int) -> None:
    world.run(9.0)
    trader = world.child(Trader).process
    assert isinstance(trader, Trader)

    def moved(closed: Slice) -> list[Slice]:
        at_ns = closed.close_time_ns + years_ns
        return [msgspec.structs.replace(with_bars(closed, close_time_ns=at_ns), close_time_ns=at_ns), closed]

    date = trader.engine.state.ledger.account().trade_date
    broken = spoil(trader, moved)
    world.run(6.0)
    assert world.child(Trader).process is trader
    assert trader.engine.state.ledger.account().trade_date == date
    decided = [e.decision.close_time_ns for e in events_of(world.layout, "DecisionMade")]
    assert broken[0].close_time_ns in decided
    assert [" is stamped " in e.text or "it is stamped" in e.text for e in events_of(world.layout, "Alarm")] == [True]


def test_a_bar_that_comes_twice_is_decided_on_once(world: World) -> None:
    world.run(9.0)
    trader = world.child(Trader).process
    assert isinstance(trader, Trader)
    broken = spoil(trader, lambda closed: [closed, closed, msgspec.structs.replace(closed, late=True)])
    world.run(6.0)
    decided = [e.decision.close_time_ns for e in events_of(world.layout, "DecisionMade")]
    assert decided.count(broken[0].close_time_ns) == 1
    assert ["came before" in e.text for e in events_of(world.layout, "Alarm")] == [True]
