"""Prices as people read them, against prices as the server keeps them.

A server may keep ES 4000.50 as 400050; its security definition then says DisplayPriceMultiplier = .01.  Market data
and reports are multiplied by it, the prices of orders divided: an order sent without that is wrong a hundredfold.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.messages import Message

_QUOTE = ("bid_price", "ask_price")
_LEVEL = ("price",)
_SESSION = ("session_settlement_price", "session_open_price", "session_high_price", "session_low_price")
_DURING = ("high_price_during_position", "low_price_during_position")
PRICE_FIELDS: dict[type[Message], tuple[str, ...]] = {
    m.MarketDataSnapshot: (*_SESSION, *_QUOTE, "last_trade_price"),
    m.MarketDataUpdateTrade: _LEVEL,
    m.MarketDataUpdateTradeCompact: _LEVEL,
    m.MarketDataUpdateTradeNoTimestamp: _LEVEL,
    m.MarketDataUpdateTradeWithUnbundledIndicator: _LEVEL,
    m.MarketDataUpdateTradeWithUnbundledIndicator2: _LEVEL,
    m.MarketDataUpdateLastTradeSnapshot: ("last_trade_price",),
    m.MarketDataUpdateBidAsk: _QUOTE,
    m.MarketDataUpdateBidAskCompact: _QUOTE,
    m.MarketDataUpdateBidAskNoTimeStamp: _QUOTE,
    m.MarketDataUpdateBidAskFloatWithMicroseconds: _QUOTE,
    m.MarketDataUpdateSessionOpen: _LEVEL,
    m.MarketDataUpdateSessionHigh: _LEVEL,
    m.MarketDataUpdateSessionLow: _LEVEL,
    m.MarketDataUpdateSessionSettlement: _LEVEL,
    m.MarketDepthSnapshotLevel: _LEVEL,
    m.MarketDepthSnapshotLevelFloat: _LEVEL,
    m.MarketDepthUpdateLevel: _LEVEL,
    m.MarketDepthUpdateLevelFloatWithMilliseconds: _LEVEL,
    m.MarketDepthUpdateLevelNoTimestamp: _LEVEL,
    m.SubmitNewSingleOrder: ("price1", "price2"),
    m.SubmitNewOCOOrder: (
        *("price1_1", "price2_1", "price1_2", "price2_2"),
        *("offset_from_parent1", "offset_from_parent2"),
    ),
    m.CancelReplaceOrder: ("price1", "price2"),
    m.OrderUpdate: ("price1", "price2", "average_fill_price", "last_fill_price"),
    m.HistoricalOrderFillResponse: ("price", *_DURING),
    m.PositionUpdate: ("average_price", *_DURING),
    m.HistoricalPriceDataRecordResponse: ("open_price", "high_price", "low_price", "last_price"),
    m.HistoricalPriceDataTickRecordResponse: _LEVEL,
}


class PriceScale(msgspec.Struct, frozen=True):
    """How a symbol's prices are kept: display price = server price × multiplier; tick in display units, 0 unknown."""

    multiplier: float = 1.0
    tick: float = 0.0

    @classmethod
    def of(cls, definition: m.SecurityDefinitionResponse) -> PriceScale:
        """The scale that a security definition states; its two numbers are 4-byte floats, meant as decimals."""
        return cls(_decimal(definition.display_price_multiplier) or 1.0, _decimal(definition.min_price_increment))

    def to_display(self, message: Message) -> Message:
        """A message from the server, in display prices."""
        if self.multiplier == 1.0:
            return message
        return _changed(message, lambda price: round(price * self.multiplier, 9))

    def to_server(self, message: Message) -> Message:
        """An order in display prices, rounded to the tick, as the server wants it."""
        return _changed(message, lambda price: round(self.on_tick(price) / self.multiplier, 9))

    def on_tick(self, price: float) -> float:
        """The nearest price that the exchange knows."""
        return round(round(price / self.tick) * self.tick, 9) if self.tick > 0.0 else price


def _changed(message: Message, change: Callable[[float], float]) -> Message:
    changes = {}
    for name in PRICE_FIELDS.get(type(message), ()):
        price = getattr(message, name)
        if price:
            changes[name] = change(price)
    return msgspec.structs.replace(message, **changes) if changes else message


def _decimal(number: float) -> float:
    """The decimal that a 4-byte float stands for: 0.009999999776 is .01."""
    return float(f"{number:.7g}")
