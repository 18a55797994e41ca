"""The port `Venue`: where orders go.  Another broker is one file that keeps this contract.

| method | called when |
|---|---|
| submit | an intent is durable in the journal |
| cancel | a resting order is to go |
| resize | a resting stop is to cover fewer contracts after a reduction |
| on_price | a price between bars is known |
| match_open, match_range | a slice closed: first what fills at the bar's open, then what its range triggers |
| adopt | after a restart: the orders that the journal shows working (a venue with a memory of its own ignores it) |
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Protocol

import msgspec

from minhos.accounting.types import Fill, Order
from minhos.market.types import Instrument, Price, Slice


class OrderStatus(enum.StrEnum):
    """What a venue can say of an order."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    CANCEL_REJECTED = "cancel_rejected"
    RESIZED = "resized"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    UNKNOWN = "unknown"


class OrderReport(msgspec.Struct, frozen=True):
    """What the venue says of an order, apart from fills.  order is set where the venue created it (a stop)."""

    order_id: str
    status: OrderStatus
    time_ns: int
    reason: str = ""
    order: Order | None = None


Report = OrderReport | Fill


class Venue(Protocol):
    """See the table above; every method returns what the venue reports at once, in order."""

    name: str
    simulated: bool

    def add_instrument(self, symbol: str, instrument: Instrument) -> None:
        """A further contract may be traded, as after a roll."""

    def submit(self, order: Order, time_ns: int) -> list[Report]: ...

    def cancel(self, order_id: str, time_ns: int) -> list[Report]: ...

    def resize(self, order_id: str, contracts: int, time_ns: int) -> list[Report]: ...

    def on_price(self, price: Price) -> list[Report]: ...

    def match_open(self, closed: Slice) -> list[Report]: ...

    def match_range(self, closed: Slice) -> list[Report]: ...

    def adopt(self, orders: list[tuple[Order, int]], positions: Mapping[str, int]) -> None:
        """orders: each with what remains of it.  positions: net contracts by symbol."""
