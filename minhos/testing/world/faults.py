"""The faults of the world's outside: drawing one, letting it begin, and ending it.

fault = draw(rng, "sierra", length_ms)
begin(fault, outside)
end(fault, outside)
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from minhos.testing.world import broker_faults, market_faults, person
from minhos.testing.world.broker import WorldBroker
from minhos.testing.world.broker_faults import BrokerFault
from minhos.testing.world.forecasts import GivenForecasts
from minhos.testing.world.market import WorldMarket
from minhos.testing.world.market_faults import ForecastFault, MarketFault
from minhos.testing.world.person import Person, PersonFault

OutsideFault = BrokerFault | MarketFault | PersonFault
SHARES = {"demo": (0.0, 1.0, 4.0), "sierra": (5.0, 2.0, 2.0), "folder": (0.0, 4.0, 2.0)}
"""By base: how often a fault is the broker's, the market's and the person's."""


@dataclass
class Outside:
    """What there is around the machine; None where the base has no such thing."""

    broker: WorldBroker | None
    market: WorldMarket | None
    forecasts: GivenForecasts
    person: Person | None = None


def draw(rng: random.Random, base: str, length_ms: int) -> OutsideFault:
    """A fault that this base can have."""
    whose = rng.choices(("broker", "market", "person"), SHARES[base])[0]
    if whose == "broker":
        return broker_faults.draw(rng, length_ms)
    if whose == "person":
        return person.draw(rng, base, length_ms)
    return market_faults.draw(rng, base, length_ms)


def begin(fault: OutsideFault, outside: Outside) -> None:
    """Let it hold; one that concerns what this base has not is none."""
    if isinstance(fault, ForecastFault):
        outside.forecasts.begin(fault)
    elif isinstance(fault, MarketFault):
        if outside.market is not None:
            outside.market.begin(fault)
    elif isinstance(fault, PersonFault):
        if outside.person is not None:
            outside.person.begin(fault)
    elif outside.broker is not None:
        outside.broker.begin(fault)


def end(fault: OutsideFault, outside: Outside) -> None:
    """It is over."""
    if isinstance(fault, ForecastFault):
        outside.forecasts.end(fault)
    elif isinstance(fault, MarketFault):
        if outside.market is not None:
            outside.market.end(fault)
    elif isinstance(fault, PersonFault):
        if outside.person is not None:
            outside.person.end(fault)
    elif outside.broker is not None:
        outside.broker.end(fault)


def join(broker: WorldBroker, market: WorldMarket, names: dict[str, str]) -> None:
    """Let the broker trade at the market's prices.  names: the contract of the market by the broker's symbol."""
    spreads = [(symbol, market.spreads[contract]) for symbol, contract in names.items()]

    def priced(ticks: int) -> None:
        for symbol, spread in spreads:
            broker.price(symbol, ticks + spread)

    def halted(halted: bool) -> None:
        for symbol in names:
            broker.halt(symbol, halted)

    def locked(side: int) -> None:
        for symbol in names:
            broker.lock(symbol, side)

    priced(market.last_ticks)
    market.on_trade.append(lambda trade: priced(trade.price_ticks))
    market.on_halt.append(halted)
    market.on_lock.append(locked)
    market.on_session.append(lambda opens: broker.market_opened() if opens else broker.market_closed())
