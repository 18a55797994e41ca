"""A `Backend` in memory: accounts, orders that fill against a price one sets, positions, balances, history.

For trying clients and for tests.  It is no model of a market: an order fills whole at the price that reaches it, or in
two halves where the faults say so.  Prices here are the server's (see `minhos.dtc.prices`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.backend import Publish, Refused
from minhos.dtc.faults import Faults
from minhos.dtc.messages import Message
from minhos.dtc.messages.enums import BuySell, OrderStatus, OrderType, OrderUpdateReason, SecurityType
from minhos.dtc.simulated_orders import SimOrder

Status = OrderStatus
WORKING = (Status.OPEN, Status.PARTIALLY_FILLED)


class SimulatedBackend:
    """Symbols and their last prices, accounts and their cash; everything else follows from the orders.

    tick_values: what a tick is worth in dollars, by symbol; the definition of one that is not named does not say it.
    """

    def __init__(
        self,
        prices: dict[str, float],
        accounts: Sequence[str] = ("Sim1",),
        faults: Faults = Faults(),
        tick_values: Mapping[str, float] | None = None,
    ) -> None:
        self.prices, self._accounts, self._faults = dict(prices), tuple(accounts), faults
        self._tick_values = dict(tick_values or {})
        self.orders: dict[str, SimOrder] = {}
        self.fills: list[m.HistoricalOrderFillResponse] = []
        self.records: dict[str, list[Message]] = {}
        self._positions: dict[tuple[str, str], tuple[float, float]] = {}
        self._publish: Publish = lambda message, symbol: None
        self._last_id = 1_000

    def open(self, publish: Publish) -> None:
        self._publish = publish

    def logon(self, request: m.LogonRequest) -> m.LogonResponse:
        return m.LogonResponse(
            result_text="Logon successful.",
            server_name="Simulated DTC server",
            trading_is_supported=1,
            oco_orders_supported=1,
            bracket_orders_supported=1,
            security_definitions_supported=1,
            historical_price_data_supported=1,
            one_historical_price_data_request_per_connection=1,
            market_data_supported=1,
        )

    def query(self, request: Message) -> Sequence[Message] | Refused:
        if isinstance(request, m.TradeAccountsRequest):
            return [m.TradeAccountResponse(trade_account=account) for account in self._accounts]
        if isinstance(request, m.SecurityDefinitionForSymbolRequest):
            return [self._definition(request.symbol)] if request.symbol in self.prices else []
        account = getattr(request, "trade_account", "")
        if account and account not in self._accounts:
            return Refused(f"Trade account {account} does not exist.")
        wanted = (account,) if account else self._accounts
        if isinstance(request, m.AccountBalanceRequest):
            return [m.AccountBalanceUpdate(0, 250_000.0, 250_000.0, "USD", each) for each in wanted]
        if isinstance(request, m.CurrentPositionsRequest):
            return [self._position(*key) for key in self._positions if key[0] in wanted]
        if isinstance(request, m.OpenOrdersRequest):
            live = [order for order in self.orders.values() if order.is_live and order.trade_account in wanted]
            named = [order for order in live if request.server_order_id in ("", order.server_order_id)]
            return [order.update(OrderUpdateReason.OPEN_ORDERS_REQUEST_RESPONSE) for order in named]
        return [fill for fill in self.fills if fill.trade_account in wanted]

    def snapshot(self, request: Message) -> Sequence[Message] | Refused:
        symbol = getattr(request, "symbol", "")
        price = self.prices.get(symbol, 0.0)  # Sierra Chart answers zeros for a symbol that it does not know
        if isinstance(request, m.MarketDepthRequest):
            return [
                m.MarketDepthSnapshotLevel(
                    side=1, price=price - 0.25, quantity=5.0, level=1, is_first_message_in_batch=1
                ),
                m.MarketDepthSnapshotLevel(side=2, price=price, quantity=5.0, level=1, is_last_message_in_batch=1),
            ]
        known = float(symbol in self.prices)
        return [
            m.MarketDataSnapshot(
                session_settlement_price=price,
                session_open_price=price,
                session_high_price=price,
                session_low_price=price,
                session_volume=known,
                bid_price=price - 0.25 * known,
                ask_price=price,
                last_trade_price=price,
                last_trade_volume=known,
            )
        ]

    def history(self, request: m.HistoricalPriceDataRequest) -> Iterable[Message] | Refused:
        if request.symbol not in self.records:
            return Refused(f"There is no history of {request.symbol or 'an empty symbol'}.")
        return self.records[request.symbol]

    def trade(self, requests: Sequence[Message]) -> Iterable[Message]:
        first = requests[0]
        if isinstance(first, m.CancelOrder):
            return self._cancel(first)
        if isinstance(first, m.CancelReplaceOrder):
            return self._replace(first)
        if isinstance(first, m.SubmitFlattenPositionOrder):
            return self._flatten(first)
        orders = [order for request in requests for order in SimOrder.of(request)]
        parent = orders[0] if len(requests) == 2 else None
        return self._accept(orders, parent)

    def set_price(self, symbol: str, price: float) -> None:
        """Trade one contract at price: subscribers see it, and working orders that it reaches fill."""
        self.prices[symbol] = price
        self._publish(m.MarketDataUpdateTradeCompact(price, 1.0, 0, 0, 2), symbol)
        for update in [update for order in list(self.orders.values()) for update in self._try_fill(order)]:
            self._publish(update, "")

    def _accept(self, orders: list[SimOrder], parent: SimOrder | None) -> list[Message]:
        updates: list[Message] = []
        for order in orders:
            problem = self._problem(order)
            if problem:
                order.status = Status.REJECTED
                return [*updates, order.update(OrderUpdateReason.NEW_ORDER_REJECTED, problem)]
        for order in orders:
            order.server_order_id = self._next_id()
            self.orders[order.server_order_id] = order
        children = orders[1:] if parent is not None else orders
        for order, sibling in zip(children, reversed(children), strict=True):
            order.sibling = sibling.server_order_id if sibling is not order else ""
            order.parent = parent.server_order_id if parent is not None else ""
            order.status = Status.PENDING_CHILD if parent is not None else Status.OPEN
        if parent is not None:
            parent.status = Status.OPEN
        updates += [order.update(OrderUpdateReason.NEW_ORDER_ACCEPTED) for order in orders]
        return updates + [update for order in orders for update in self._try_fill(order)]

    def _problem(self, order: SimOrder) -> str:
        if order.symbol not in self.prices:
            return f"Symbol {order.symbol or '(empty)'} is unknown."
        if order.trade_account not in self._accounts:
            return f"Trade account {order.trade_account or '(empty)'} does not exist."
        if order.quantity <= 0.0:
            return f"An order for {order.quantity:g} contracts is not possible."
        taken = {other.client_order_id for other in self.orders.values()}
        return f"ClientOrderID {order.client_order_id} was used before." if order.client_order_id in taken else ""

    def _try_fill(self, order: SimOrder) -> list[Message]:
        """Fill a working order that the last price reaches: its updates, the position, and what hangs on it."""
        price = self.prices[order.symbol]
        if order.status not in WORKING or not order.is_reached(price):
            return []
        at = order.price1 if order.order_type == OrderType.LIMIT else price
        halves = [order.quantity // 2, order.quantity - order.quantity // 2] if self._faults.partial_fills else []
        updates: list[Message] = []
        for quantity in [half for half in halves if half] or [order.quantity - order.filled]:
            updates += self._fill(order, quantity, at)
            for child in self._children(order):
                child.open_as_child(order, at)
                updates.append(child.update(OrderUpdateReason.GENERAL_ORDER_UPDATE))
        sibling = self.orders.get(order.sibling)
        return updates + (self._end(sibling) if sibling is not None and sibling.is_live else [])

    def _fill(self, order: SimOrder, quantity: float, price: float) -> list[Message]:
        execution = f"E{self._next_id()}"
        order.filled += quantity
        whole = order.filled >= order.quantity
        order.status = Status.FILLED if whole else Status.PARTIALLY_FILLED
        key = (order.trade_account, order.symbol)
        held, average = self._positions.get(key, (0.0, 0.0))
        change = quantity if order.buy_sell == BuySell.BUY else -quantity
        after = held + change
        if held * change >= 0.0:
            average = (average * abs(held) + price * quantity) / abs(after)
        elif after * held <= 0.0:
            average = price if after else 0.0
        self._positions[key] = (after, average)
        self.fills.append(order.fill(price, quantity, execution))
        reason = OrderUpdateReason.ORDER_FILLED if whole else OrderUpdateReason.ORDER_FILLED_PARTIALLY
        update = msgspec.structs.replace(
            order.update(reason),
            average_fill_price=price,
            last_fill_price=price,
            last_fill_quantity=quantity,
            last_fill_execution_id=execution,
        )
        return [update, msgspec.structs.replace(self._position(*key), unsolicited=1)]

    def _end(self, order: SimOrder) -> list[Message]:
        """Cancel an order, and with a parent its children."""
        order.status = Status.CANCELED
        updates: list[Message] = [order.update(OrderUpdateReason.ORDER_CANCELED)]
        return updates + [update for child in self._children(order) for update in self._end(child)]

    def _children(self, order: SimOrder) -> list[SimOrder]:
        """The legs of a bracket that are still live."""
        return [other for other in self.orders.values() if other.parent == order.server_order_id and other.is_live]

    def _cancel(self, request: m.CancelOrder) -> list[Message]:
        order = self.orders.get(request.server_order_id)
        if order is None:
            text = f"Order {request.server_order_id or '(empty)'} is unknown."
            return [_unknown(request.client_order_id, OrderUpdateReason.ORDER_CANCEL_REJECTED, text)]
        if not order.is_live:
            return [order.update(OrderUpdateReason.ORDER_CANCEL_REJECTED, "The order is no longer working.")]
        return self._end(order)

    def _replace(self, request: m.CancelReplaceOrder) -> list[Message]:
        order = self.orders.get(request.server_order_id)
        reason = OrderUpdateReason.ORDER_CANCEL_REPLACE_REJECTED
        if order is None:
            text = f"Order {request.server_order_id or '(empty)'} is unknown."
            return [_unknown(request.client_order_id, reason, text)]
        if not order.is_live or 0.0 < request.quantity <= order.filled:
            return [order.update(reason, "The order is no longer working, or has filled as much.")]
        order.quantity = request.quantity or order.quantity
        order.price1 = request.price1 if request.price1_is_set else order.price1
        order.price2 = request.price2 if request.price2_is_set else order.price2
        before = order.server_order_id
        if self._faults.new_id_on_replace:
            self._renumber(order)
        changed = order.update(OrderUpdateReason.ORDER_CANCEL_REPLACE_COMPLETE)
        previous = before if before != order.server_order_id else ""
        return [msgspec.structs.replace(changed, previous_server_order_id=previous), *self._try_fill(order)]

    def _renumber(self, order: SimOrder) -> None:
        """A replacement under another number; what hangs together with the order follows it."""
        before, order.server_order_id = order.server_order_id, self._next_id()
        self.orders = {other.server_order_id: other for other in self.orders.values()}
        for other in self.orders.values():
            other.sibling = order.server_order_id if other.sibling == before else other.sibling
            other.parent = order.server_order_id if other.parent == before else other.parent

    def _flatten(self, request: m.SubmitFlattenPositionOrder) -> list[Message]:
        held, _ = self._positions.get((request.trade_account, request.symbol), (0.0, 0.0))
        order = SimOrder(
            symbol=request.symbol,
            trade_account=request.trade_account,
            client_order_id=request.client_order_id,
            order_type=int(OrderType.MARKET),
            buy_sell=int(BuySell.SELL if held > 0 else BuySell.BUY),
            quantity=abs(held),
        )
        if held == 0.0:
            order.status = Status.REJECTED
            return [order.update(OrderUpdateReason.NEW_ORDER_REJECTED, "There is no position to flatten.")]
        return self._accept([order], None)

    def _position(self, account: str, symbol: str) -> m.PositionUpdate:
        quantity, average = self._positions[(account, symbol)]
        return m.PositionUpdate(symbol=symbol, trade_account=account, quantity=quantity, average_price=average)

    def _definition(self, symbol: str) -> m.SecurityDefinitionResponse:
        return m.SecurityDefinitionResponse(
            symbol=symbol,
            security_type=int(SecurityType.FUTURES),
            description=f"{symbol} future",
            min_price_increment=0.25,
            currency_value_per_increment=self._tick_values.get(symbol, 0.0),
            display_price_multiplier=self._faults.display_price_multiplier,
            currency="USD",
        )

    def _next_id(self) -> str:
        self._last_id += 1
        return str(self._last_id)


def _unknown(client_order_id: str, reason: OrderUpdateReason, text: str) -> m.OrderUpdate:
    """The answer about an order that the server does not have: no ServerOrderID."""
    return m.OrderUpdate(
        client_order_id=client_order_id,
        order_status=int(Status.REJECTED),
        order_update_reason=int(reason),
        info_text=text,
    )
