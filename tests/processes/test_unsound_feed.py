"""What a feed gives that can be no price is passed over with an alarm; what is held keeps its stops."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from one_thread import World
from trading_home import events_of, journal_of

from minhos import parts
from minhos.market.types import Price, Slice
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


def test_a_bar_that_is_none_is_missing(world: World) -> None:
    world.run(9.0)
    trader = world.child(Trader).process
    assert isinstance(trader, Trader)
    stream, broken = trader.feeds._items, []

    def spoiled() -> Iterator[object]:
        for item in stream:
            if isinstance(item, Slice) and not broken:
                broken.append(item)
                bars = tuple(msgspec.structs.replace(bar, low_ticks=math.nan) for bar in item.bars)
                yield msgspec.structs.replace(item, bars=bars)
            else:
                yield item

    trader.feeds._items = spoiled()  # type: ignore[assignment]
    world.run(6.0)
    outcomes = {e.decision.close_time_ns: e.decision.outcome for e in events_of(world.layout, "DecisionMade")}
    assert outcomes[broken[0].close_time_ns] is Outcome.MISSING_BAR
    assert list(outcomes.values())[-1] is not Outcome.MISSING_BAR
