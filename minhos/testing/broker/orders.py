"""An order and a fill as the served broker keeps them, and how they look in DTC.  Prices are ticks, sides +1 and -1."""

from __future__ import annotations

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.messages import Message
from minhos.dtc.messages.enums import BuySell, OrderStatus, OrderUpdateReason
from minhos.market.types import Instrument

_NANOS_PER_S, _NANOS_PER_MS = 1_000_000_000, 1_000_000
LIVE = (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_CHILD)


class Scale(msgspec.Struct, frozen=True):
    """Ticks against the server's prices: display price = server price × multiplier."""

    instrument: Instrument
    multiplier: float = 1.0

    def ticks(self, price: float) -> int:
        """The nearest tick of a price, or the number of ticks of a distance."""
        return self.instrument.to_ticks(price * self.multiplier)

    def price(self, ticks: float) -> float:
        """The server's price."""
        return round(self.instrument.to_points(ticks) / self.multiplier, 9)


class ServedOrder(msgspec.Struct, kw_only=True):
    """What was asked and what became of it.

    key: its first ServerOrderID, which never changes; parent and sibling are keys.  price_ticks: a limit, or a stop's
    trigger.  offset_ticks: of a bracket's leg, from the parent's fill; its price is set by that fill.
    """

    symbol: str
    account: str
    client_id: str
    order_type: int
    side: int
    contracts: int
    price_ticks: int = 0
    offset_ticks: int = 0
    time_in_force: int = 0
    key: str = ""
    server_id: str = ""
    status: int = int(OrderStatus.OPEN)
    filled: int = 0
    value_ticks: int = 0
    """Sum of price times contracts of its fills."""
    parent: str = ""
    sibling: str = ""

    @property
    def is_live(self) -> bool:
        """Whether it can still fill or be cancelled."""
        return self.status in LIVE

    @property
    def remaining(self) -> int:
        """Contracts that have not filled."""
        return self.contracts - self.filled

    def is_reached(self, price_ticks: int) -> bool:
        """Whether a trade at that price fills a limit."""
        return self.side * (self.price_ticks - price_ticks) >= 0

    def update(self, scale: Scale, reason: OrderUpdateReason, text: str = "") -> m.OrderUpdate:
        """The order as it stands (301).  The broker puts the linked orders' present ServerOrderIDs in."""
        price = scale.price(self.price_ticks) if self.price_ticks else None
        return m.OrderUpdate(
            total_num_messages=1,
            message_number=1,
            symbol=self.symbol,
            server_order_id=self.server_id,
            client_order_id=self.client_id,
            order_status=int(self.status),
            order_update_reason=int(reason),
            order_type=self.order_type,
            buy_sell=int(BuySell.BUY if self.side > 0 else BuySell.SELL),
            price1=price,
            time_in_force=self.time_in_force,
            order_quantity=float(self.contracts),
            filled_quantity=float(self.filled),
            remaining_quantity=float(self.remaining),
            average_fill_price=scale.price(self.value_ticks / self.filled) if self.filled else None,
            trade_account=self.account,
            info_text=text,
        )


class ServedFill(msgspec.Struct, frozen=True):
    """One execution.  server_id: the ServerOrderID at that time."""

    execution_id: str
    client_id: str
    server_id: str
    account: str
    symbol: str
    side: int
    contracts: int
    price_ticks: int
    time_ns: int

    def as_response(self, scale: Scale) -> m.HistoricalOrderFillResponse:
        """For those who ask later (304)."""
        return m.HistoricalOrderFillResponse(
            symbol=self.symbol,
            server_order_id=self.server_id,
            buy_sell=int(BuySell.BUY if self.side > 0 else BuySell.SELL),
            price=scale.price(self.price_ticks),
            date_time=self.time_ns // _NANOS_PER_S,
            quantity=float(self.contracts),
            unique_execution_id=self.execution_id,
            trade_account=self.account,
        )

    def on(self, update: m.OrderUpdate, scale: Scale) -> m.OrderUpdate:
        """The order's update at the moment of this fill."""
        return msgspec.structs.replace(
            update,
            last_fill_price=scale.price(self.price_ticks),
            last_fill_quantity=float(self.contracts),
            last_fill_execution_id=self.execution_id,
            last_fill_date_time=self.time_ns // _NANOS_PER_MS,
        )


class Holding(msgspec.Struct):
    """A position: signed contracts and their average price."""

    contracts: int = 0
    average_ticks: float = 0.0

    def add(self, signed: int, price_ticks: int) -> float:
        """Take a fill in; returns the ticks realised, summed over contracts."""
        held, after = self.contracts, self.contracts + signed
        closed = min(abs(held), abs(signed)) if held * signed < 0 else 0
        realised = closed * (price_ticks - self.average_ticks) * (1 if held > 0 else -1)
        if held * signed >= 0:
            self.average_ticks = (self.average_ticks * abs(held) + price_ticks * abs(signed)) / abs(after)
        elif held * after <= 0:
            self.average_ticks = float(price_ticks) if after else 0.0
        self.contracts = after
        return realised


def requested(request: Message, scale: Scale) -> list[ServedOrder]:
    """The orders that a 208 or a 201 asks for; a second leg of no contracts is none."""
    if isinstance(request, m.SubmitNewSingleOrder):
        return [
            ServedOrder(
                symbol=request.symbol,
                account=request.trade_account,
                client_id=request.client_order_id,
                order_type=request.order_type,
                side=_side(request.buy_sell),
                contracts=round(request.quantity),
                price_ticks=scale.ticks(request.price1),
                time_in_force=request.time_in_force,
            )
        ]
    if not isinstance(request, m.SubmitNewOCOOrder):
        return []
    legs = (
        (request.client_order_id_1, request.order_type_1, request.buy_sell_1, request.quantity_1, request.price1_1),
        (request.client_order_id_2, request.order_type_2, request.buy_sell_2, request.quantity_2, request.price1_2),
    )
    offsets = (request.offset_from_parent1, request.offset_from_parent2) if request.use_offsets else (0.0, 0.0)
    return [
        ServedOrder(
            symbol=request.symbol,
            account=request.trade_account,
            client_id=name,
            order_type=order_type,
            side=_side(buy_sell),
            contracts=round(quantity),
            price_ticks=0 if request.use_offsets else scale.ticks(price),
            offset_ticks=scale.ticks(offset),
            time_in_force=request.time_in_force,
        )
        for (name, order_type, buy_sell, quantity, price), offset in zip(legs, offsets, strict=True)
        if quantity or name == request.client_order_id_1
    ]


def _side(buy_sell: int) -> int:
    return {BuySell.BUY: 1, BuySell.SELL: -1}.get(BuySell(buy_sell), 0) if buy_sell in (1, 2) else 0
