"""The port `Venue`: where orders go.  Another broker is one file that keeps this contract.

| method | called when |
|---|---|
| submit | an intent is durable in the journal |
| cancel | a resting order is to go |
| resize | a resting stop is to cover fewer contracts after a reduction |
| on_price | a price between bars is known |
| match_open, match_range | a slice closed: first what fills at the bar's open, then what its range triggers |
| adopt | after a restart: the orders that the journal shows working (a venue with a memory of its own ignores it) |
| know | after a restart: which order each of the broker's own numbers belongs to |
| poll | between inputs: what came since; a venue in our own process has nothing to add |
| ask | a survey is wanted soon; it comes out of `poll` |

A broker answers later: `submit`, `cancel` and `resize` then return nothing, and what became of them comes out of
`poll`, beside what the broker shows of the account (`Survey`) and how the connection is (`VenueStatus`).
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
    """Not answered: it may or may not work.  It is never sent again; the broker is asked."""
    NOT_FOUND = "not_found"
    """Asked twice, the broker shows neither an order nor a fill of it."""


class OrderReport(msgspec.Struct, frozen=True):
    """What the venue says of an order, apart from fills.  order is set where the venue created it (a stop).

    venue_id: the broker's own number of the order; a replacement may change it.
    """

    order_id: str
    status: OrderStatus
    time_ns: int
    reason: str = ""
    order: Order | None = None
    venue_id: str = ""


class VenueOrder(msgspec.Struct, frozen=True):
    """A working order as the broker lists it.  order_id: the name that its sender gave it, empty for none.

    contracts: what remains of it.  trigger_ticks: of a stop, else 0.  parent_venue_id: of the order that it waits for.
    waiting: its parent has not filled yet (a bracket's leg).
    """

    venue_id: str
    order_id: str
    symbol: str
    side: int
    contracts: int
    is_stop: bool
    trigger_ticks: int = 0
    parent_venue_id: str = ""
    waiting: bool = False


class VenueFill(msgspec.Struct, frozen=True):
    """A fill as the broker lists it; fill.order_id is empty where the broker's number belongs to no order we know."""

    fill: Fill
    venue_id: str


class Survey(msgspec.Struct, frozen=True):
    """What the broker shows of our account: asked for, in answer to our request, from started_ns to time_ns.

    positions: signed contracts by contract symbol, in our symbols, without zeros.  fills: of the last two days, and of
    more days in the first survey on a connection.  quiet: no order, fill or position changed while it was asked.
    """

    started_ns: int
    time_ns: int
    positions: dict[str, int]
    orders: tuple[VenueOrder, ...] = ()
    fills: tuple[VenueFill, ...] = ()
    quiet: bool = True


class VenueStatus(msgspec.Struct, frozen=True):
    """Whether orders can be sent, else why not.  loss_limit_cents: the broker's own for the day, 0 without one."""

    time_ns: int
    ready: bool
    reason: str = ""
    loss_limit_cents: int = 0


Report = OrderReport | Fill
News = OrderReport | Fill | Survey | VenueStatus


class Venue(Protocol):
    """See the table above; every method returns what the venue reports at once, in order."""

    name: str
    simulated: bool
    targets: bool
    """Whether an entry's bracket carries a target beside its stop."""

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

    def know(self, venue_ids: Mapping[str, str]) -> None:
        """venue_ids: from the broker's number of an order to our id."""

    def poll(self, time_ns: int) -> list[News]:
        """What came since the last call, in order."""

    def ask(self) -> None:
        """Survey the account as soon as possible."""
