"""The true books of the world's broker: what really works, was filled and is held, and a market that is hard.

`WorldBook` is the order book of the broker double with the switches of a hard market; `Truth` is what invariants ask
of it.  Lies are not told here: what a client is shown is `broker`'s affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from minhos.accounting.types import Fill
from minhos.dtc.faults import Faults
from minhos.dtc.messages import CancelReplaceOrder, Message, OrderUpdate
from minhos.dtc.messages.enums import OrderStatus, OrderType, OrderUpdateReason
from minhos.market.clock import Clock
from minhos.market.types import Price
from minhos.testing.broker.book import BrokerBook, BrokerOptions
from minhos.testing.broker.orders import Scale, ServedFill, ServedOrder
from minhos.testing.broker.store import Store
from minhos.venues.matching import MatchingEngine, MatchingParameters

Whose = Literal["minhos", "hand", "desk", "other"]
"""Who sent an order: MinhOS, the person, the broker's risk desk, or another program on the same account."""
Kind = Literal["market", "limit", "stop"]
_KINDS: dict[int, Kind] = {OrderType.MARKET: "market", OrderType.LIMIT: "limit", OrderType.STOP: "stop"}


class Working(msgspec.Struct, frozen=True):
    """An order that works: contracts is what remains.

    group: the OCO group, by its first key; empty for an order alone, and where the broker keeps no OCO.  parent: the
    key of the order that it protects.  waiting: its parent has not filled, so that it cannot trade yet.
    """

    key: str
    client_id: str
    symbol: str
    side: int
    contracts: int
    kind: Kind
    price_ticks: int
    group: str
    parent: str
    waiting: bool
    whose: Whose


class TrueFill(msgspec.Struct, frozen=True):
    """A fill that took place."""

    execution_id: str
    client_id: str
    symbol: str
    side: int
    contracts: int
    price_ticks: int
    time_ns: int
    whose: Whose
    before: int = 0
    """Signed contracts of that symbol that the account held before it."""


class Sent(msgspec.Struct, frozen=True):
    """An order of MinhOS that the broker took, and when, on its own clock."""

    client_id: str
    symbol: str
    side: int
    contracts: int
    time_ns: int


class WorldBook(BrokerBook):
    """changes: grows with every change of an order, a fill or a position.

    halted: symbols without trading: orders are taken and wait.  locked: by symbol, the side that finds nobody to trade
    with.  protection_ticks: a stop that is passed by more than this rests as a limit order so far from its trigger; 0
    lets stops fill wherever the price is.  own_oco: whether one leg's fill ends the other.
    """

    def __init__(
        self, scales: Mapping[str, Scale], store: Store, clock: Clock, options: BrokerOptions, faults: Faults
    ) -> None:
        super().__init__(scales, store, clock, options, faults)
        self.account = options.accounts[0]
        self.changes = 0
        self.halted: set[str] = set()
        self.locked: dict[str, int] = {}
        self.protection_ticks = 0
        self.own_oco = True
        self._at_most = 0
        self.author: Whose = "minhos"
        """Who sends the orders that come now."""
        self.whose: dict[str, Whose] = {}
        """By order key."""
        self.true_fills: list[TrueFill] = []
        self.taken: list[Sent] = []

    def accept(self, orders: list[ServedOrder], *, bracket: bool) -> list[Message]:
        self.changes += 1
        updates = super().accept(orders, bracket=bracket)
        self.whose |= {order.key: self.author for order in orders if order.key}
        if self.author == "minhos":
            self.taken += [Sent(o.client_id, o.symbol, o.side, o.contracts, self.now()) for o in orders if o.key]
        return updates

    def replace(self, request: CancelReplaceOrder) -> list[Message]:
        self.changes += 1
        return super().replace(request)

    def save(self) -> None:
        """Nothing outlives this broker."""
        self._changed.clear()
        self._new_fills.clear()

    def match(self, symbol: str) -> list[Message]:
        """Fill what price and market allow."""
        if symbol in self.halted or symbol not in self._books.prices:
            return []
        updates = self._rest_beyond_protection(symbol) if self.protection_ticks else []
        barred = self.locked.get(symbol, 0)
        held_back = [o for o in self.live.values() if o.symbol == symbol and o.side == barred] if barred else []
        for order in held_back:
            self._engine.cancel(order.key, self.now())
        updates += super().match(symbol)
        for order in held_back:
            if order.is_live and order.status != OrderStatus.PENDING_CHILD:
                self._rest(order)
        return updates

    def _is_reached(self, order: ServedOrder, price: Price) -> bool:
        return super()._is_reached(order, price) and self.locked.get(order.symbol) != order.side

    def fill_in_pieces(self, at_most: int) -> None:
        """Let a price fill no more than so many contracts of an order; 0 ends that."""
        if at_most == self._at_most:
            return
        self._at_most = at_most
        snapshot = self._engine.snapshot()
        instruments = {symbol: scale.instrument for symbol, scale in self.scales.items()}
        parameters = MatchingParameters(slippage_ticks=0, max_contracts_per_fill=at_most)
        self._engine = MatchingEngine(instruments, parameters)
        self._engine.restore(snapshot)

    def keep_oco(self, keep: bool) -> None:
        """Whether one leg's fill ends the other."""
        self.changes += keep != self.own_oco
        self.own_oco = keep

    def renumber(self, always: bool) -> None:
        """Whether a replaced order gets another ServerOrderID."""
        self._faults = msgspec.structs.replace(self._faults, new_id_on_replace=always)

    def end(self, order: ServedOrder) -> list[Message]:
        """The broker itself cancels an order."""
        return self._end(order) if order.is_live else []

    def reject(self, order: ServedOrder, text: str) -> Message:
        """An order that is not taken."""
        return self._rejection(order, text)

    def named(self, server_id: str) -> ServedOrder | None:
        """The order that bears that ServerOrderID now."""
        return self._named(server_id)

    def moved(self, key: str, price_ticks: int) -> list[Message]:
        """An order is given another price."""
        order = self.live[key]
        order.price_ticks = price_ticks
        self.changes += 1
        self._rest(order)
        return [self.update(order, OrderUpdateReason.ORDER_CANCEL_REPLACE_COMPLETE)]

    def update(self, order: ServedOrder, reason: OrderUpdateReason, text: str = "") -> OrderUpdate:
        shown = super().update(order, reason, text)
        return shown if self.own_oco else msgspec.structs.replace(shown, oco_linked_order_server_order_id="")

    def _rest(self, order: ServedOrder) -> None:
        self.changes += 1
        self.whose.setdefault(order.key, self.author)
        super()._rest(order)

    def _fill(self, order: ServedOrder, fill: Fill) -> list[Message]:
        self.changes += 1
        before = self.position_of(order.symbol)
        updates = super()._fill(order, fill)
        booked: ServedFill = self._fills[-1]
        self.true_fills.append(
            TrueFill(
                execution_id=booked.execution_id,
                client_id=booked.client_id,
                symbol=booked.symbol,
                side=booked.side,
                contracts=booked.contracts,
                price_ticks=booked.price_ticks,
                time_ns=booked.time_ns,
                whose=self.whose_of(order),
                before=before,
            )
        )
        return updates

    def position_of(self, symbol: str) -> int:
        """Signed contracts that the account holds."""
        held = self.state.books.holdings.get(self.account, {}).get(symbol)
        return held.contracts if held is not None else 0

    def whose_of(self, order: ServedOrder) -> Whose:
        """Who sent it; a leg that waits belongs to whoever sent its parent."""
        return self.whose.get(order.key) or self.whose.get(order.parent) or self.author

    def _end(self, order: ServedOrder) -> list[Message]:
        self.changes += 1
        return super()._end(order)

    def _shrink_sibling(self, order: ServedOrder, contracts: int) -> list[Message]:
        if self.own_oco:
            return super()._shrink_sibling(order, contracts)
        sibling, order.sibling = order.sibling, ""
        updates = super()._shrink_sibling(order, contracts)
        order.sibling = sibling
        return updates

    def _rest_beyond_protection(self, symbol: str) -> list[Message]:
        """Stops that the price has passed too far trigger, and become limit orders that wait for it to come back."""
        price_ticks = self._books.prices[symbol]
        updates: list[Message] = []
        for order in list(self.live.values()):
            if order.symbol != symbol or order.order_type != OrderType.STOP:
                continue
            if order.status == OrderStatus.PENDING_CHILD:
                continue
            if order.side * (price_ticks - order.price_ticks) > self.protection_ticks:
                order.order_type = int(OrderType.LIMIT)
                order.price_ticks += order.side * self.protection_ticks
                self._rest(order)
                updates.append(self.update(order, OrderUpdateReason.GENERAL_ORDER_UPDATE))
        return updates


class Truth:
    """What the broker's books really say, for the invariants.  Cheap while nothing changes."""

    def __init__(self, book: WorldBook) -> None:
        self._book = book
        self._seen = -1
        self._working: tuple[Working, ...] = ()
        self._positions: dict[str, int] = {}

    @property
    def changes(self) -> int:
        """Another number after every change of an order, a fill or a position."""
        return self._book.changes

    @property
    def positions(self) -> dict[str, int]:
        """Signed contracts by the broker's symbol, without zeros."""
        self._look()
        return self._positions

    @property
    def working(self) -> tuple[Working, ...]:
        """Every order that works, oldest first."""
        self._look()
        return self._working

    @property
    def fills(self) -> list[TrueFill]:
        """Everything that was filled, oldest first."""
        return self._book.true_fills

    @property
    def taken(self) -> list[Sent]:
        """Every order of MinhOS that was taken, oldest first; the legs of a bracket are orders of their own."""
        return self._book.taken

    @property
    def keeps_oco(self) -> bool:
        """Whether one leg's fill ends the other."""
        return self._book.own_oco

    @property
    def cash_cents(self) -> int:
        """The account's cash."""
        return self._book.state.books.cash_cents[self._book.account]

    def resting(self, symbol: str, side: int) -> int:
        """Contracts that orders of that side which rest (stops, limits) could trade at most, an OCO group once."""
        most: dict[str, int] = {}
        for order in self.working:
            if order.symbol == symbol and order.side == side and order.kind != "market" and not order.waiting:
                name = order.group or order.key
                most[name] = max(most.get(name, 0), order.contracts)
        return sum(most.values())

    def stops(self, symbol: str, side: int) -> int:
        """Contracts in stops of that side that rest and can trigger."""
        rests = (o for o in self.working if (o.symbol, o.side, o.kind, o.waiting) == (symbol, side, "stop", False))
        return sum(order.contracts for order in rests)

    def excess(self, symbol: str) -> int:
        """How far resting orders could carry the position beyond flat, in contracts; 0 where no path of prices can."""
        held = self.positions.get(symbol, 0)
        return max(0, self.resting(symbol, -1) - max(held, 0), self.resting(symbol, 1) - max(-held, 0))

    def _look(self) -> None:
        if self._seen == self._book.changes:
            return
        book = self._book
        self._seen = book.changes
        holdings = book.state.books.holdings.get(book.account, {})
        self._positions = {symbol: held.contracts for symbol, held in holdings.items() if held.contracts}
        self._working = tuple(self._as_working(order) for order in book.live.values())

    def _as_working(self, order: ServedOrder) -> Working:
        grouped = self._book.own_oco and order.sibling in self._book.live
        return Working(
            key=order.key,
            client_id=order.client_id,
            symbol=order.symbol,
            side=order.side,
            contracts=order.remaining,
            kind=_KINDS[order.order_type],
            price_ticks=order.price_ticks,
            group=min(order.key, order.sibling, key=int) if grouped else "",
            parent=order.parent,
            waiting=order.status == OrderStatus.PENDING_CHILD,
            whose=self._book.whose_of(order),
        )
