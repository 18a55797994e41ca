"""The order book of the served broker: what becomes of orders, replacements, cancels and prices.

It speaks in the updates that all clients get (301, 306) and lets the matching engine do the filling.  What it changes
is kept until `save` puts it on the disk.  The port `Backend` is `served`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from minhos.accounting.types import Fill, Order, Role
from minhos.accounting.types import OrderType as EngineOrderType
from minhos.dtc import messages as m
from minhos.dtc.faults import Faults
from minhos.dtc.messages import Message
from minhos.dtc.messages.enums import OrderStatus, OrderType, OrderUpdateReason
from minhos.market.clock import Clock
from minhos.market.types import Instrument, Price
from minhos.testing.broker.orders import Holding, Scale, ServedFill, ServedOrder
from minhos.testing.broker.store import Store
from minhos.trading.venue import Report
from minhos.venues.matching import MatchingEngine, MatchingParameters

_TAKEN = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP)
NOWHERE = Scale(Instrument("", "", 1.0, 1))
"""For prices of a symbol that is not known."""
Reason, Status = OrderUpdateReason, OrderStatus


class BrokerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of broker it is.  cash_cents: of each account at the start.

    fills_at_once: market orders fill at the last price in the moment they come; otherwise at the next price.
    refuses_used_ids: a ClientOrderID that came before is refused; otherwise it is one more order.
    """

    accounts: tuple[str, ...] = ("Sim1",)
    cash_cents: int = 25_000_000
    daily_net_loss_limit_cents: int = 0
    fills_at_once: bool = True
    refuses_used_ids: bool = True


class BrokerBook:
    """Orders, positions and cash of all accounts, as the store has them and with what came since."""

    def __init__(
        self, scales: Mapping[str, Scale], store: Store, clock: Clock, options: BrokerOptions, faults: Faults
    ) -> None:
        self.scales, self._store, self._clock, self._options, self._faults = scales, store, clock, options, faults
        at_most = 1 if faults.partial_fills else 0
        self._engine = MatchingEngine(
            {symbol: scale.instrument for symbol, scale in scales.items()},
            MatchingParameters(slippage_ticks=0, max_contracts_per_fill=at_most),
        )
        self.state = store.load()
        self._books, self._orders, self._fills = self.state.books, self.state.orders, self.state.fills
        if self._books.matching:
            self._engine.restore(self._books.matching)
        for account in options.accounts:
            self._books.cash_cents.setdefault(account, options.cash_cents)
        self.live = {key: order for key, order in self._orders.items() if order.is_live}
        """Orders that can still fill or be cancelled, by key."""
        self._used_ids = {order.client_id for order in self._orders.values()}
        self._changed: dict[str, ServedOrder] = {}
        self._new_fills: list[ServedFill] = []
        self._other_size: dict[str, ServedOrder] = {}
        """Legs for another number of contracts than the engine holds them for."""

    def accept(self, orders: list[ServedOrder], *, bracket: bool) -> list[Message]:
        """Take new orders, or refuse them together; a bracket is a parent and its legs."""
        parent, legs = (orders[0], orders[1:]) if bracket else (None, orders)
        problem = next(filter(None, (self._problem(order) for order in orders)), "")
        if not problem and parent is not None and not parent.price_ticks and any(leg.offset_ticks for leg in legs):
            problem = "With UseOffsets the parent needs Price1, a market order too."
        if problem or not orders:
            return [self._rejection(order, problem) for order in orders]
        for order in orders:
            order.key = order.server_id = self._next_id()
            self._orders[order.key] = self.live[order.key] = order
            self._changed[order.key] = order
            self._used_ids.add(order.client_id)
        for leg, other in zip(legs, reversed(legs), strict=True):
            leg.sibling = other.key if other is not leg else ""
            if parent is not None:
                leg.parent, leg.status = parent.key, Status.PENDING_CHILD
        updates: list[Message] = [self.update(order, Reason.NEW_ORDER_ACCEPTED) for order in orders]
        for order in orders:
            if order.status == Status.OPEN:
                self._rest(order)
        return updates + (self.match(orders[0].symbol) if self._options.fills_at_once else [])

    def _problem(self, order: ServedOrder) -> str:
        if order.symbol not in self.scales:
            return f"Symbol {order.symbol or '(empty)'} is unknown."
        if order.account not in self._options.accounts:
            return f"Trade account {order.account or '(empty)'} does not exist."
        if order.contracts <= 0 or not order.side:
            return f"An order for {order.contracts} contracts and side {order.side} is not possible."
        if order.order_type not in _TAKEN:
            return f"Order type {order.order_type} is not supported."
        if order.order_type != OrderType.MARKET and order.price_ticks <= 0 and order.offset_ticks <= 0:
            return "A stop or limit order needs a price."
        if self._options.refuses_used_ids and order.client_id and order.client_id in self._used_ids:
            return f"ClientOrderID {order.client_id} was used before."
        return ""

    def _rejection(self, order: ServedOrder, text: str) -> Message:
        order.status = Status.REJECTED
        scale = self.scales.get(order.symbol, NOWHERE)
        return order.update(scale, Reason.NEW_ORDER_REJECTED, text)

    def _rest(self, order: ServedOrder) -> None:
        """Let the engine hold what remains of an order; a limit waits here until its price comes.

        The engine's roles protect a trader from turning his position round.  A broker does not: all are entries.
        """
        self._changed[order.key] = order
        now_ns = self.now()
        self._engine.cancel(order.key, now_ns)
        if order.order_type == OrderType.LIMIT:
            return
        stop = order.order_type == OrderType.STOP
        kind = EngineOrderType.STOP if stop else EngineOrderType.MARKET
        trigger = order.price_ticks if stop else 0
        self._engine.submit(
            Order(order.key, order.symbol, order.side, order.remaining, Role.ENTRY, kind, trigger_ticks=trigger), now_ns
        )

    def set_price(self, symbol: str, price_ticks: int) -> list[Message]:
        """A contract was traded at that price; what fills with it."""
        self._books.prices[symbol] = price_ticks
        return self.match(symbol)

    def match(self, symbol: str) -> list[Message]:
        """Fill what the last price allows."""
        if symbol not in self._books.prices:
            return []
        price = Price(symbol, self.now(), self._books.prices[symbol])
        reached = [order for order in self.live.values() if self._is_reached(order, price)]
        for order in reached:
            at_market = Order(order.key, symbol, order.side, order.remaining, Role.ENTRY)
            self._engine.submit(at_market, price.time_ns)
        updates = self._take(self._engine.on_price(price))
        for order in reached:
            self._engine.cancel(order.key, price.time_ns)  # what a limit did not get waits for its price again
        return updates

    def _is_reached(self, order: ServedOrder, price: Price) -> bool:
        """Whether it is a limit that works and trades at that price."""
        works = order.order_type == OrderType.LIMIT and order.status != Status.PENDING_CHILD
        return works and order.symbol == price.symbol and order.is_reached(price.price_ticks)

    def _take(self, reports: list[Report]) -> list[Message]:
        """What the engine filled; legs go back to it once all of that is booked, so for what is then left of them."""
        updates: list[Message] = []
        for report in reports:
            if isinstance(report, Fill):
                updates += self._fill(self._orders[report.order_id], report)
        resized, self._other_size = self._other_size, {}
        for order in resized.values():
            if order.is_live:
                self._rest(order)
        return updates

    def _fill(self, order: ServedOrder, fill: Fill) -> list[Message]:
        """Book a fill: the order, the position, the legs that wait for it and the one that it ends."""
        scale = self.scales[order.symbol]
        order.filled += fill.contracts
        order.value_ticks += fill.contracts * fill.price_ticks
        whole = order.remaining <= 0
        order.status = Status.FILLED if whole else Status.PARTIALLY_FILLED
        self._changed[order.key] = order
        if whole:
            self.live.pop(order.key, None)
        booked = ServedFill(
            self._next_id(),
            order.client_id,
            order.server_id,
            order.account,
            order.symbol,
            order.side,
            fill.contracts,
            fill.price_ticks,
            fill.time_ns,
        )
        self._fills.append(booked)
        self._new_fills.append(booked)
        holding = self._books.holdings.setdefault(order.account, {}).setdefault(order.symbol, Holding())
        realised = holding.add(order.side * fill.contracts, fill.price_ticks)
        self._books.cash_cents[order.account] += round(realised * scale.instrument.tick_value_cents)
        reason = Reason.ORDER_FILLED if whole else Reason.ORDER_FILLED_PARTIALLY
        position = msgspec.structs.replace(self.position(order.account, order.symbol), unsolicited=1)
        updates: list[Message] = [booked.on(self.update(order, reason), scale), position]
        return updates + self._grow_legs(order, fill) + self._shrink_sibling(order, fill.contracts)

    def _grow_legs(self, parent: ServedOrder, fill: Fill) -> list[Message]:
        """Legs work for what the parent has filled; offsets count from its first fill."""
        updates: list[Message] = []
        for leg in [leg for leg in self.live.values() if leg.parent == parent.key]:
            if leg.status == Status.PENDING_CHILD:
                leg.status, leg.contracts = Status.OPEN, fill.contracts
                if leg.offset_ticks:
                    away = 1 if leg.order_type == OrderType.LIMIT else -1
                    leg.price_ticks = fill.price_ticks + away * parent.side * leg.offset_ticks
            else:
                leg.contracts += fill.contracts
            self._changed[leg.key] = self._other_size[leg.key] = leg
            updates.append(self.update(leg, Reason.GENERAL_ORDER_UPDATE))
        return updates

    def _shrink_sibling(self, order: ServedOrder, contracts: int) -> list[Message]:
        """One leg's fill takes as much from the other; with the whole leg goes what is left of the parent."""
        updates: list[Message] = []
        sibling = self.live.get(order.sibling)
        if sibling is not None:
            if sibling.remaining <= contracts or not order.is_live:
                updates += self._end(sibling)
            else:
                sibling.contracts -= contracts
                self._changed[sibling.key] = self._other_size[sibling.key] = sibling
                updates.append(self.update(sibling, Reason.GENERAL_ORDER_UPDATE))
        parent = self.live.get(order.parent)
        return updates + self._end(parent) if parent is not None and not order.is_live else updates

    def _end(self, order: ServedOrder) -> list[Message]:
        """Cancel an order, and with a parent the legs that wait for it."""
        order.status = Status.CANCELED
        self._changed[order.key] = order
        del self.live[order.key]
        self._engine.cancel(order.key, self.now())
        waiting = [o for o in self.live.values() if o.parent == order.key and o.status == Status.PENDING_CHILD]
        updates: list[Message] = [self.update(order, Reason.ORDER_CANCELED)]
        return updates + [update for leg in waiting for update in self._end(leg)]

    def cancel(self, request: m.CancelOrder) -> list[Message]:
        """203."""
        order = self._named(request.server_order_id)
        if order is None:
            return [_unknown(request, Reason.ORDER_CANCEL_REJECTED)]
        if not order.is_live:
            return [self.update(order, Reason.ORDER_CANCEL_REJECTED, "The order is no longer working.")]
        return self._end(order)

    def replace(self, request: m.CancelReplaceOrder) -> list[Message]:
        """204; the quantity is the new total, what has filled included."""
        order, reason = self._named(request.server_order_id), Reason.ORDER_CANCEL_REPLACE_REJECTED
        if order is None:
            return [_unknown(request, reason)]
        total = round(request.quantity) or order.contracts
        if not order.is_live or total <= order.filled:
            return [self.update(order, reason, "The order is no longer working, or has filled as much.")]
        order.contracts, previous = total, order.server_id
        if request.price1_is_set:
            order.price_ticks = self.scales[order.symbol].ticks(request.price1)
        if self._faults.new_id_on_replace:
            order.server_id = self._next_id()
        self._changed[order.key] = order
        if order.status != Status.PENDING_CHILD:
            self._rest(order)
        update = self.update(order, Reason.ORDER_CANCEL_REPLACE_COMPLETE)
        previous = previous if previous != order.server_id else ""
        return [msgspec.structs.replace(update, previous_server_order_id=previous), *self.match(order.symbol)]

    def flatten(self, request: m.SubmitFlattenPositionOrder) -> list[Message]:
        """209: a market order for the position as it stands."""
        held = self.state.position(request.trade_account, request.symbol)
        order = ServedOrder(
            symbol=request.symbol,
            account=request.trade_account,
            client_id=request.client_order_id,
            order_type=int(OrderType.MARKET),
            side=-1 if held > 0 else 1,
            contracts=abs(held),
        )
        if not held:
            return [self._rejection(order, "There is no position to flatten.")]
        return self.accept([order], bracket=False)

    # Books --------------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Put what changed on the disk."""
        self._books.matching = self._engine.snapshot()
        self._store.save(self._books, self._changed.values(), self._new_fills)
        self._changed, self._new_fills = {}, []

    def update(self, order: ServedOrder, reason: OrderUpdateReason, text: str = "") -> m.OrderUpdate:
        """The order as it stands, with the present numbers of the orders that hang together with it."""
        parent, sibling = self._orders.get(order.parent), self._orders.get(order.sibling)
        return msgspec.structs.replace(
            order.update(self.scales[order.symbol], reason, text),
            parent_server_order_id=parent.server_id if parent else "",
            oco_linked_order_server_order_id=sibling.server_id if sibling else "",
        )

    def _named(self, server_id: str) -> ServedOrder | None:
        """The order that bears that ServerOrderID now."""
        order = self._orders.get(server_id)
        if order is not None and order.server_id == server_id:
            return order
        return next((order for order in self._orders.values() if order.server_id == server_id), None)

    def position(self, account: str, symbol: str) -> m.PositionUpdate:
        """The position as it stands; KeyError where nothing of that symbol was ever traded."""
        holding = self._books.holdings[account][symbol]
        average = self.scales[symbol].price(holding.average_ticks)
        return m.PositionUpdate(
            symbol=symbol, trade_account=account, quantity=float(holding.contracts), average_price=average
        )

    def _next_id(self) -> str:
        self._books.last_id += 1
        return str(self._books.last_id)

    def now(self) -> int:
        """The clock's time, never going back, not even over a restart."""
        self._books.time_ns = max(self._books.time_ns, self._clock.now_ns())
        return self._books.time_ns


def _unknown(request: m.CancelOrder | m.CancelReplaceOrder, reason: OrderUpdateReason) -> m.OrderUpdate:
    """The answer about an order that the server does not have: no ServerOrderID."""
    return m.OrderUpdate(
        client_order_id=request.client_order_id,
        order_status=int(Status.REJECTED),
        order_update_reason=int(reason),
        info_text=f"Order {request.server_order_id or '(empty)'} is unknown.",
    )
