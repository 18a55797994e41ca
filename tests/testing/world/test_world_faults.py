"""The outside's faults together: each that is drawn begins and ends, and the broker trades at the market's prices."""

from __future__ import annotations

import random

import msgspec
import pytest

from minhos.dtc.transport import Memory
from minhos.market.clock import SimulatedClock
from minhos.market.types import NANOS_PER_SECOND
from minhos.testing.builders import MNQ, MONDAY_OPEN, NQ
from minhos.testing.world.broker import WorldBroker
from minhos.testing.world.broker_faults import HandTrade, StopsExpire
from minhos.testing.world.faults import Outside, OutsideFault, begin, draw, end, join
from minhos.testing.world.forecasts import GivenForecasts
from minhos.testing.world.market import WorldMarket
from minhos.testing.world.market_faults import Halted, LockedLimit

HOUR = 3600 * NANOS_PER_SECOND


def outside() -> Outside:
    clock = SimulatedClock(MONDAY_OPEN)
    market = WorldMarket(1, NQ, "NQZ25", MONDAY_OPEN, next_symbol="NQH26")
    broker = WorldBroker(clock, Memory(), {"MNQZ25-CME": MNQ, "NQH26-CME": NQ})
    broker.start()
    join(broker, market, {"MNQZ25-CME": "NQZ25", "NQH26-CME": "NQH26"})
    return Outside(broker, market, GivenForecasts(1))


def test_the_broker_trades_at_the_markets_prices_and_hours() -> None:
    made = outside()
    assert made.broker is not None
    assert made.market is not None
    begin(HandTrade(what="buy"), made)
    made.market.turn(MONDAY_OPEN + HOUR)
    begin(HandTrade(what="buy"), made)
    first, second = made.broker.truth.fills
    assert (first.price_ticks, second.price_ticks) == (int(made.market.history.close_ticks[-1]), made.market.last_ticks)
    assert made.broker.book.state.books.prices["NQH26-CME"] == made.market.last_ticks + 400
    made.market.turn(MONDAY_OPEN + 8 * HOUR)
    assert not made.broker.is_open
    made.market.turn(MONDAY_OPEN + 9 * HOUR)
    assert made.broker.is_open


def test_halt_and_limit_reach_the_broker() -> None:
    made = outside()
    assert made.broker is not None
    halt, limit = Halted(for_ms=1), LockedLimit(for_ms=1, ticks=-400)
    for fault in (halt, limit):
        begin(fault, made)
    assert (made.broker.book.halted, set(made.broker.book.locked.values())) == ({"MNQZ25-CME", "NQH26-CME"}, {-1})
    for fault in (halt, limit):
        end(fault, made)
    assert (made.broker.book.halted, set(made.broker.book.locked.values())) == (set(), {0})


@pytest.mark.parametrize("base", ["demo", "sierra", "folder"])
def test_every_fault_that_is_drawn_begins_ends_and_is_json(base: str) -> None:
    made, chance = outside(), random.Random(base)
    assert made.market is not None
    for i in range(150):
        fault = draw(chance, base, 1_000)
        assert msgspec.json.decode(msgspec.json.encode(fault), type=OutsideFault) == fault
        begin(fault, made)
        made.market.turn(MONDAY_OPEN + i * HOUR // 10)
        end(fault, made)
    kinds = {type(each) for each in (draw(chance, base, 1_000) for _ in range(400))}
    assert (StopsExpire in kinds) == (base == "sierra")
