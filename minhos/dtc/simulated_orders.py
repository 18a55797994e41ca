"""An order as the simulated backend keeps it."""

from __future__ import annotations

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.messages import Message
from minhos.dtc.messages.enums import BuySell, OrderStatus, OrderType, OrderUpdateReason


class SimOrder(msgspec.Struct, kw_only=True):
    """What was asked, what became of it, and the orders that hang together with it, by ServerOrderID."""

    symbol: str
    trade_account: str
    client_order_id: str
    order_type: int
    buy_sell: int
    quantity: float
    price1: float = 0.0
    price2: float = 0.0
    time_in_force: int = 0
    server_order_id: str = ""
    status: OrderStatus = OrderStatus.OPEN
    filled: float = 0.0
    parent: str = ""
    sibling: str = ""
    offset: float = 0.0
    """Distance of a bracket's leg from its parent's fill; 0 where price1 is the price itself."""

    @classmethod
    def of(cls, request: Message) -> list[SimOrder]:
        """The orders that a 208 or a 201 asks for (a leg of no contracts is none); none for any other message."""
        if isinstance(request, m.SubmitNewSingleOrder):
            names = ("symbol", "trade_account", "client_order_id", "order_type", "buy_sell", "quantity")
            more = ("price1", "price2", "time_in_force")
            return [cls(**{name: getattr(request, name) for name in (*names, *more)})]
        if not isinstance(request, m.SubmitNewOCOOrder):
            return []
        names = ("client_order_id", "order_type", "buy_sell", "quantity", "price1", "price2")
        return [
            cls(
                symbol=request.symbol,
                trade_account=request.trade_account,
                time_in_force=request.time_in_force,
                offset=getattr(request, f"offset_from_parent{leg}") if request.use_offsets else 0.0,
                **{name: getattr(request, f"{name}_{leg}") for name in names},
            )
            for leg in (1, 2)
            if leg == 1 or request.quantity_2
        ]

    @property
    def is_live(self) -> bool:
        """Whether it can still fill or be cancelled."""
        return self.status in (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_CHILD)

    def open_as_child(self, parent: SimOrder, price: float) -> None:
        """Rest for what its parent has filled; a leg with an offset lies that far from the first fill at price."""
        if self.offset and self.status == OrderStatus.PENDING_CHILD:
            side = 1.0 if self.buy_sell == BuySell.BUY else -1.0
            self.price1 = price + side * self.offset * (1.0 if self.order_type == OrderType.STOP else -1.0)
        self.status, self.quantity = OrderStatus.OPEN, parent.filled

    def is_reached(self, price: float) -> bool:
        """Whether a trade at price fills it: a market order always, a limit at or better, a stop at or beyond."""
        if self.order_type == OrderType.MARKET:
            return True
        buys, limits = self.buy_sell == BuySell.BUY, self.order_type == OrderType.LIMIT
        return price <= self.price1 if buys == limits else price >= self.price1

    def update(self, reason: OrderUpdateReason, text: str = "") -> m.OrderUpdate:
        """The order as it stands."""
        return m.OrderUpdate(
            total_num_messages=1,
            message_number=1,
            symbol=self.symbol,
            server_order_id=self.server_order_id,
            client_order_id=self.client_order_id,
            order_status=int(self.status),
            order_update_reason=int(reason),
            order_type=self.order_type,
            buy_sell=self.buy_sell,
            price1=self.price1 or None,
            price2=self.price2 or None,
            time_in_force=self.time_in_force,
            order_quantity=self.quantity,
            filled_quantity=self.filled,
            remaining_quantity=self.quantity - self.filled,
            trade_account=self.trade_account,
            info_text=text,
            parent_server_order_id=self.parent,
            oco_linked_order_server_order_id=self.sibling,
        )

    def fill(self, price: float, quantity: float, execution_id: str) -> m.HistoricalOrderFillResponse:
        """One execution, for those who ask later."""
        return m.HistoricalOrderFillResponse(
            symbol=self.symbol,
            server_order_id=self.server_order_id,
            buy_sell=self.buy_sell,
            price=price,
            quantity=quantity,
            unique_execution_id=execution_id,
            trade_account=self.trade_account,
        )
