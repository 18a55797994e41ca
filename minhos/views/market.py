"""The newest bars and fills, as a chart needs them."""

from __future__ import annotations

import dataclasses
from collections import deque

from minhos.accounting.types import Fill
from minhos.market.types import Bar, Instrument, Price
from minhos.views.surroundings import Surroundings
from minhos.views.values import View, in_dollars, iso, rounded

BARS_KEPT = 2_000
FILLS_KEPT = 2_000


@dataclasses.dataclass(frozen=True)
class BarLine(View):
    """One bar, stamped by its close; prices in points."""

    time: str | None
    symbol: str
    open: float
    high: float
    low: float
    close: float
    volume: int


@dataclasses.dataclass(frozen=True)
class FillLine(View):
    """What the venue did."""

    sequence: int
    time: str | None
    symbol: str
    side: str
    contracts: int
    price: float | None
    role: str
    commission: float
    slippage_ticks: int | None
    """Ticks worse than the price that the decision could expect; null where that is unknown."""
    order_id: str


@dataclasses.dataclass(frozen=True)
class MarketStatus(View):
    """The market and the feed."""

    symbol: str
    last_price: float | None
    last_bar: str | None
    last_bar_age_s: float | None
    """In the market's time."""
    bars: int
    market_open: bool | None
    """Null where no trader runs that would know."""
    next_open: str | None
    connected: bool | None
    delayed: bool | None
    detail: str


class Market:
    """Mutable fold of history, slices, prices and fills."""

    def __init__(self) -> None:
        self.bars: deque[Bar] = deque(maxlen=BARS_KEPT)
        self.fills: deque[tuple[int, Fill]] = deque(maxlen=FILLS_KEPT)
        self.price: Price | None = None
        self.symbol = ""

    def on_bar(self, bar: Bar) -> None:
        """Bars that are older than the newest one change nothing."""
        if not self.bars or bar.close_time_ns > self.bars[-1].close_time_ns:
            self.bars.append(bar)

    def on_fill(self, sequence: int, fill: Fill) -> None:
        self.fills.append((sequence, fill))

    @property
    def last_close_ns(self) -> int:
        return self.bars[-1].close_time_ns if self.bars else 0

    def bar_lines(self, limit: int, instrument: Instrument | None) -> list[BarLine]:
        """Oldest first."""
        return [bar_line(bar, instrument) for bar in list(self.bars)[-limit:]] if instrument and limit > 0 else []

    def fill_lines(self, limit: int, instruments: dict[str, Instrument]) -> list[FillLine]:
        """Newest first."""
        newest = list(self.fills)[-limit:] if limit > 0 else []
        return [fill_line(sequence, fill, instruments) for sequence, fill in reversed(newest)]

    def status(self, instrument: Instrument | None, around: Surroundings) -> MarketStatus:
        """How market and feed are now."""
        trader = around.trader if around.trader_alive else None
        last = self.bars[-1] if self.bars else None
        ticks = last.close_ticks if last else None
        if self.price is not None and (last is None or self.price.time_ns > last.close_time_ns):
            ticks = self.price.price_ticks
        age_s = around.age_s(self.last_close_ns, self.last_close_ns) if last else None
        return MarketStatus(
            symbol=self.symbol,
            last_price=rounded(instrument.to_points(ticks)) if instrument and ticks is not None else None,
            last_bar=iso(self.last_close_ns),
            last_bar_age_s=rounded(max(0.0, age_s), 1) if age_s is not None else None,
            bars=len(self.bars),
            market_open=trader.market_open if trader else None,
            next_open=iso(trader.next_open_ns) if trader and not trader.market_open else None,
            connected=trader.feed.connected if trader else None,
            delayed=trader.feed.delayed if trader else None,
            detail=trader.feed.detail if trader else "The trader does not run.",
        )


def bar_line(bar: Bar, instrument: Instrument) -> BarLine:
    """A bar in points."""
    prices = (bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks)
    open_, high, low, close = (round(instrument.to_points(ticks), 6) for ticks in prices)
    return BarLine(iso(bar.close_time_ns), bar.symbol, open_, high, low, close, bar.volume)


def fill_line(sequence: int, fill: Fill, instruments: dict[str, Instrument]) -> FillLine:
    """A fill in points and dollars."""
    instrument = instruments.get(fill.symbol)
    worse = fill.side * (fill.price_ticks - fill.expected_ticks) if fill.expected_ticks else None
    return FillLine(
        sequence,
        iso(fill.time_ns),
        fill.symbol,
        "buy" if fill.side > 0 else "sell",
        fill.contracts,
        rounded(instrument.to_points(fill.price_ticks)) if instrument else None,
        fill.role.value,
        in_dollars(fill.commission_cents),
        worse,
        fill.order_id,
    )
