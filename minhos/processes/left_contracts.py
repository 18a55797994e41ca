"""Prices of contracts that are not traded any more while something is open in them, where our own venue fills orders.

NQ to ES, or a contract whose turn is over: the old position's stop and its close need its own prices, which the feed of
the new contract does not bring.  They come from the same source as long as that has them; else the position is closed
at the last price that is known, and an alarm says so.  At a broker the broker has the prices, and nothing is done here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from minhos.accounting.types import CLOSING
from minhos.errors import MinhosError
from minhos.feeds.port import Feed
from minhos.market.clock import Clock
from minhos.market.types import Price, Slice
from minhos.settings import Settings
from minhos.trading.engine import Engine

AT_ONCE = 64
"""Items of a feed that are taken in one turn."""
MakeFeed = Callable[[Settings], Feed]


class Source(msgspec.Struct):
    """Where the prices of one contract come from; feed: None where there are none."""

    feed: Feed | None
    items: Iterator[Price | Slice | None]


class LeftContracts:
    """One for each trader; `step` in every turn."""

    def __init__(self, settings: Settings, engine: Engine, clock: Clock, make: MakeFeed) -> None:
        self._settings, self._engine, self._clock, self._make = settings, engine, clock, make
        self._sources: dict[str, Source] = {}

    def step(self) -> None:
        """Bring the prices of what is still open; let go of what is closed."""
        state = self._engine.state
        if state.settings is None or not self._engine.venue.owns_account:
            return
        followed = (state.settings.signal_symbol, state.settings.order_symbol)
        left = state.open_symbols() - {*followed, *state.priced_by(state.settings.signal_symbol)}
        for symbol in self._sources.keys() - left:
            self._close(self._sources.pop(symbol))
        for symbol in sorted(left):
            if symbol not in self._sources:
                self._sources[symbol] = self._opened(symbol)
            self._bring(symbol, self._sources[symbol])

    def close(self) -> None:
        """Give back what was opened."""
        while self._sources:
            self._close(self._sources.popitem()[1])

    def _opened(self, symbol: str) -> Source:
        for name in self._names(symbol):
            try:
                feed = self._make(named(self._settings, name))
            except MinhosError:
                continue
            if feed.symbol == name and not feed.simulated:
                return Source(feed, feed.stream())
            feed.close()
        return Source(None, iter(()))

    def _names(self, symbol: str) -> list[str]:
        """The contract, and those on the same index, whose prices are its own."""
        instruments = self._engine.state.ledger.instruments
        ours = instruments.get(symbol)
        if ours is None:
            return [symbol]
        same = [
            other
            for other, theirs in instruments.items()
            if other == symbol.replace(ours.root, theirs.root, 1)
            and (theirs.root == ours.micro_root or ours.root == theirs.micro_root)
        ]
        return [symbol, *sorted(same)]

    def _bring(self, symbol: str, source: Source) -> None:
        if source.feed is None:
            self._close_at_last(symbol)
            return
        for _ in range(AT_ONCE):
            try:
                item = next(source.items, None)
            except MinhosError:
                self._close(source)
                source.feed, source.items = None, iter(())
                return
            if item is None:
                return
            if isinstance(item, Price):
                self._engine.on_price(Price(symbol, item.time_ns, item.price_ticks))
            elif item.bars:
                bar = item.bars[0]
                self._engine.on_price(Price(symbol, bar.close_time_ns, bar.close_ticks))

    def _close_at_last(self, symbol: str) -> None:
        """Let the close that was sent fill, once it was."""
        engine, state = self._engine, self._engine.state
        ticks = state.ledger.account().last_ticks.get(symbol, 0)
        if not ticks or not any(order.role in CLOSING for order in state.book.working(symbol)):
            return
        now_ns = self._clock.now_ns()
        points = state.ledger.instruments[symbol].to_points(ticks)
        text = (
            f"No prices of {symbol} come any more: what is held in it is closed at {points:g}, the last that is known."
        )
        engine.alarm(symbol, text, now_ns)
        engine.on_price(Price(symbol, now_ns, ticks))

    def _close(self, source: Source) -> None:
        if source.feed is not None:
            source.feed.close()


def named(settings: Settings, symbol: str) -> Settings:
    """The same settings for a feed of that contract; of a file, its folder."""
    source = Path(settings.data.source) if settings.data.source else None
    folder = str(source.parent) if source is not None and source.is_file() else settings.data.source
    market = settings.market.model_copy(update={"symbol": symbol, "order_root": ""})
    return settings.model_copy(update={"market": market, "data": settings.data.model_copy(update={"source": folder})})
