"""The world's broker: real DTC bytes over the broker double, with a dial for each lie and each hard hour.

    broker = WorldBroker(clock, memory, {"MNQZ25-CME": MNQ})
    broker.start()
    broker.begin(ListLie(which="orders", how="empty", for_ms=500))
    broker.price("MNQZ25-CME", 80_000)
    broker.turn()
    broker.truth.positions

It runs in the world's thread: `turn` does what is due by its clock, `due_ns` says when the next thing is.  What is
active is a list of the faults themselves (`broker_faults`); `truth` is never touched by a lie.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from minhos.accounting.types import Role
from minhos.dtc import messages as m
from minhos.dtc.backend import Packed, Publish, Refused
from minhos.dtc.faults import Faults
from minhos.dtc.messages import Message
from minhos.dtc.messages.enums import LogonStatus, OrderStatus, OrderType, OrderUpdateReason
from minhos.dtc.server import DtcServer, ServerOptions
from minhos.dtc.transport import Memory
from minhos.dtc.turns import TurnLoop
from minhos.market.clock import Clock
from minhos.market.types import Instrument
from minhos.testing.broker.backend import MatchingBackend
from minhos.testing.broker.book import BrokerOptions
from minhos.testing.broker.orders import ServedOrder, requested
from minhos.testing.broker.store import MemoryStore
from minhos.testing.world import broker_faults as f
from minhos.testing.world.broker_book import Truth, Whose, WorldBook
from minhos.trading.order_ids import intent, order_id, target_id

PORT = 11099
REVIVED = 2
"""So many ended orders a list shows that lists orders after their end."""
FAR_STOP_TICKS = 400
_MILLI, _SECOND = 10**6, 10**9
_ROUNDED_NS = 1_000
"""A moment in seconds counts as so much later, lest it is rounded to one at which nothing is due yet."""
_FILLS = (OrderUpdateReason.ORDER_FILLED, OrderUpdateReason.ORDER_FILLED_PARTIALLY)
_WHY = {
    "clip": "The order quantity exceeds the maximum clip size.",
    "margin": "Insufficient margin for this order.",
    "band": "The price is outside of the exchange's price band.",
}
_LISTS: dict[type[Message], str] = {
    m.OpenOrdersRequest: "orders",
    m.CurrentPositionsRequest: "positions",
    m.HistoricalOrderFillsRequest: "fills",
}
T = TypeVar("T", bound=f.BrokerFault)


class WorldBroker:
    """The port `Backend`, and the server before it.

    clock: the broker's own, which no fault of our machine moves.  symbols: instruments by the broker's names.
    """

    def __init__(
        self,
        clock: Clock,
        transport: Memory,
        symbols: Mapping[str, Instrument],
        *,
        account: str = "Sim1",
        cash_cents: int = 25_000_000,
        port: int = PORT,
    ) -> None:
        self.account, self.symbols, self._clock = account, dict(symbols), clock
        options = BrokerOptions(accounts=(account, "Sim9"), cash_cents=cash_cents, refuses_used_ids=False)
        self._inner = MatchingBackend(self.symbols, MemoryStore(), clock, options, book=WorldBook)
        assert isinstance(self._inner.book, WorldBook)
        self.book: WorldBook = self._inner.book
        self.truth = Truth(self.book)
        self.active: list[f.BrokerFault] = []
        """Faults that last, and those that wait for their occasion."""
        self.traded = next(iter(self.symbols))
        """In which others trade on the account where nothing is held: the contract that MinhOS trades."""
        self.is_open = True
        """Whether the exchange trades; in between, market orders are refused."""
        self.shown: list[tuple[int, dict[str, int]]] = [(0, {})]
        """From when on which positions were shown, contracts by symbol."""
        self.loop = TurnLoop(clock.monotonic_ns)
        self._server = DtcServer(self, ServerOptions(port=port), transport=transport)
        self._publish: Publish = lambda message, symbol: None
        self._late: list[tuple[int, int, Message]] = []
        self._numbers = itertools.count(1)
        self._stale: dict[f.BrokerFault, Sequence[Message]] = {}
        self._listening = False

    # The server --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen."""
        self._run(self._server.start())
        self._listening = True

    def close(self) -> None:
        """Log all off and stop."""
        self._run(self._server.close())
        self.loop.close()

    def turn(self, now_ns: int = 0) -> None:
        """Do what is due by the broker's clock: late words, requests that came, timers."""
        now_ns = self._clock.monotonic_ns()
        while self._late and self._late[0][0] <= now_ns:
            self._publish(heapq.heappop(self._late)[2], "")
        self.loop.turn()

    def due_ns(self) -> int | None:
        """When, on the monotonic clock, the next turn has something to do by itself; None for never."""
        due_s, late_ns = self.loop.next_due_s(), self._late[0][0] if self._late else None
        if due_s is None:
            return late_ns
        timer_ns = round(due_s * _SECOND) + _ROUNDED_NS
        return timer_ns if late_ns is None else min(timer_ns, late_ns)

    @property
    def n_sessions(self) -> int:
        """Connections that are open."""
        return self._server.n_sessions

    def _run(self, work: Coroutine[object, None, object]) -> None:
        """In the server's loop, until it is done."""
        task = self.loop.create_task(work)
        self.loop.turn()
        while not task.done():
            self._clock.sleep(0.01)
            self.loop.turn()
        task.result()

    # The market --------------------------------------------------------------------------------------------------

    def price(self, symbol: str, price_ticks: int) -> None:
        """The contract was traded at that price."""
        if not self.book.live:
            self.book.state.books.prices[symbol] = price_ticks
            return
        updates = self.book.set_price(symbol, price_ticks)
        self.book.save()
        self._tell(updates)

    def market_opened(self) -> None:
        """A session begins."""
        self.is_open = True

    def market_closed(self) -> None:
        """A session ends; stops that are good for the day expire."""
        self.is_open = False
        if self._has(f.StopsExpire):
            self._expire_stops()

    def halt(self, symbol: str, halted: bool) -> None:
        """Trading stands still, or goes on: orders wait meanwhile."""
        (self.book.halted.add if halted else self.book.halted.discard)(symbol)
        if not halted:
            self._tell(self.book.match(symbol))

    def lock(self, symbol: str, side: int) -> None:
        """At its limit, that side finds nobody to trade with; 0 ends it."""
        self.book.locked[symbol] = side

    # Faults ------------------------------------------------------------------------------------------------------

    def begin(self, fault: f.BrokerFault) -> None:
        """Let a fault hold, until `end`; what happens once happens now, or at its occasion."""
        if isinstance(fault, f.ListLie) and fault.how == "stale":
            self._stale[fault] = self._rows(fault.which)
        if fault.for_ms or isinstance(fault, f.FillLie):
            self.active.append(fault)
        if isinstance(fault, f.ListLie) and fault.reconnect:
            self._server.disconnect_all()
        elif isinstance(fault, f.FillLie) and fault.how == "invented":
            self._invent(fault)
        elif isinstance(fault, f.FalseEnd):
            self._end_falsely()
        elif isinstance(fault, f.StopsExpire) and not fault.for_ms:
            self._expire_stops()
        elif isinstance(fault, f.RiskDesk):
            self._liquidate()
        elif isinstance(fault, f.SecondProgram):
            self._second_enters(fault)
        elif isinstance(fault, f.HandTrade):
            self.by_hand(fault)
        elif isinstance(fault, f.Cut | f.LogonRefused | f.NoOco):
            self._server.disconnect_all()
        elif isinstance(fault, f.MarginRaised):
            self._tell(self._balances())
        self._set_dials()

    def end(self, fault: f.BrokerFault) -> None:
        """It is over."""
        if fault in self.active:
            self.active.remove(fault)
        self._stale.pop(fault, None)
        if isinstance(fault, f.SecondProgram):
            self._second_leaves()
        elif isinstance(fault, f.MarginRaised):
            self._tell(self._balances())
        elif isinstance(fault, f.NoOco):
            self._server.disconnect_all()
        self._set_dials()

    def _set_dials(self) -> None:
        """What follows from the faults that are active."""
        book = self.book
        beyond = self._first(f.StopsBeyondProtection)
        book.protection_ticks = beyond.ticks if beyond else 0
        book.fill_in_pieces(1 if self._has(f.Pieces) else 0)
        book.renumber(self._has(f.Renumbering))
        book.keep_oco(not self._has(f.NoOco))
        slow, silent = self._first(f.Slow), self._has(f.Silence)
        late = frozenset(kind.TYPE for kind in _SLOW) if slow else frozenset()
        delay_s = slow.delay_ms / 1_000 if slow else 0.0
        self._server.misbehave(Faults(delay=late, delay_s=delay_s, silent_after_logon=silent))
        self._server.mute(silent)
        if self._has(f.Cut) == self._listening:
            self._listening = not self._listening
            if self._listening:
                self._run(self._server.start())
            else:
                self._server.refuse_connections()

    def _first(self, kind: type[T]) -> T | None:
        return next((fault for fault in self.active if isinstance(fault, kind)), None)

    def _has(self, kind: type[f.BrokerFault]) -> bool:
        return any(isinstance(fault, kind) for fault in self.active)

    # What clients ask --------------------------------------------------------------------------------------------

    def open(self, publish: Publish) -> None:
        """Words go out in the server's loop, also those that come about outside of it, as at a price."""

        def say(message: Message, symbol: str) -> None:
            self.loop.call_soon(publish, message, symbol)

        self._publish = say

    def logon(self, request: m.LogonRequest) -> m.LogonResponse:
        response = self._inner.logon(request)
        if self._has(f.NoOco):
            response = msgspec.structs.replace(response, oco_orders_supported=0)
        refused = self._first(f.LogonRefused)
        if refused is None:
            return response
        if refused.how == "no_trading":
            return msgspec.structs.replace(response, trading_is_supported=0)
        result = LogonStatus.ERROR_NO_RECONNECT if refused.how == "final" else LogonStatus.ERROR
        return msgspec.structs.replace(response, result=int(result), result_text="The server takes no logons now.")

    def query(self, request: Message) -> Sequence[Message] | Refused:
        rows = self._inner.query(request)
        if isinstance(rows, Refused):
            return rows
        if isinstance(request, m.AccountBalanceRequest) and self._has(f.MarginRaised):
            return self._balances()
        which = _LISTS.get(type(request), "")
        for lie in self.active:
            if which and isinstance(lie, f.ListLie) and lie.which == which:
                rows = self._bent(lie, rows)
        if which == "positions":
            self._note_shown(rows, whole=True)
        return rows

    def snapshot(self, request: Message) -> Sequence[Message] | Refused:
        return self._inner.snapshot(request)

    def history(self, request: m.HistoricalPriceDataRequest) -> Iterable[Message] | Packed | Refused:
        return self._inner.history(request)

    def trade(self, requests: Sequence[Message]) -> Iterable[Message]:
        silence = self._first(f.Silence)
        if silence is not None and silence.deaf:
            return ()
        refusal = self._refusal(requests)
        said = self._said(self._refused(requests, refusal) if refusal else list(self._inner.trade(requests)))
        self._note_shown(said, whole=False)
        return said

    def _note_shown(self, rows: Sequence[Message], *, whole: bool) -> None:
        """Remember the positions that clients were told of, true or not."""
        told = [row for row in rows if isinstance(row, m.PositionUpdate)]
        if not whole and not told:
            return
        shown: dict[str, int] = {} if whole else dict(self.shown[-1][1])
        for symbol in {row.symbol for row in told}:
            shown[symbol] = 0
        for row in told:
            shown[row.symbol] += round(row.quantity)
        if shown != self.shown[-1][1]:
            self.shown.append((self._clock.monotonic_ns(), shown))

    def shown_most(self, symbol: str, side: int, since_ns: int) -> int:
        """The most contracts that an order of that side could close, by any position shown since."""
        most, until_ns = 0, self._clock.monotonic_ns() + 1
        for at_ns, shown in reversed(self.shown):
            if until_ns < since_ns:
                break
            most, until_ns = max(most, -side * shown.get(symbol, 0)), at_ns
        return most

    def _rows(self, which: str) -> Sequence[Message]:
        """A list as it is, of our account."""
        requests: dict[str, Message] = {
            "orders": m.OpenOrdersRequest(trade_account=self.account, request_all_orders=1),
            "positions": m.CurrentPositionsRequest(trade_account=self.account),
            "fills": m.HistoricalOrderFillsRequest(trade_account=self.account, number_of_days=10),
        }
        rows = self._inner.query(requests[which])
        return () if isinstance(rows, Refused) else rows

    def _bent(self, lie: f.ListLie, rows: Sequence[Message]) -> Sequence[Message]:
        if lie.how == "empty":
            return []
        if lie.how == "partial":
            return rows[: len(rows) // 2]
        if lie.how == "stale":
            return self._stale.get(lie, rows)
        if lie.how == "doubled":
            return [*rows, *rows]
        if lie.how == "ended":
            return [*rows, *self._revived()]
        return [_opposite(row) if isinstance(row, m.PositionUpdate) else row for row in rows]

    def _revived(self) -> list[Message]:
        """The last orders of MinhOS that ended, as if they worked."""
        ended = [o for o in self.book.state.orders.values() if not o.is_live and self.book.whose_of(o) == "minhos"]
        shown: list[Message] = []
        for order in ended[-REVIVED:]:
            row = self.book.update(order, OrderUpdateReason.OPEN_ORDERS_REQUEST_RESPONSE)
            contracts = float(order.contracts)
            working = int(OrderStatus.OPEN)
            shown.append(
                msgspec.structs.replace(row, order_status=working, filled_quantity=0.0, remaining_quantity=contracts)
            )
        return shown

    def _balances(self) -> list[Message]:
        rows = self._inner.query(m.AccountBalanceRequest(trade_account=self.account))
        raised = self._has(f.MarginRaised)
        return [
            msgspec.structs.replace(row, balance_available_for_new_positions=0.0, margin_requirement=row.cash_balance)
            if raised and isinstance(row, m.AccountBalanceUpdate)
            else row
            for row in (() if isinstance(rows, Refused) else rows)
        ]

    # Refusals ----------------------------------------------------------------------------------------------------

    def _refusal(self, requests: Sequence[Message]) -> str:
        """Why this is not done; empty where it is."""
        what, contracts = self._kind_of(requests)
        if not self.is_open and what in ("entry", "close"):
            return "The market is closed."
        if what == "entry" and self._has(f.MarginRaised):
            return _WHY["margin"]
        rejections = [fault for fault in self.active if isinstance(fault, f.Rejection) and fault.what == what]
        for fault in rejections:
            if what in ("cancel", "replace"):
                return "The order is in flight and cannot be changed now."
            if fault.why != "clip" or contracts > fault.most:
                return _WHY[fault.why]
        return ""

    def _kind_of(self, requests: Sequence[Message]) -> tuple[str, int]:
        """What is asked for, and for how many contracts."""
        first = requests[0]
        if isinstance(first, m.CancelOrder):
            return "cancel", 0
        if isinstance(first, m.CancelReplaceOrder):
            return "replace", round(first.quantity)
        if isinstance(first, m.SubmitFlattenPositionOrder):
            return "close", abs(self.truth.positions.get(first.symbol, 0))
        if not isinstance(first, m.SubmitNewSingleOrder):
            return "stop", 0
        contracts = round(first.quantity)
        if first.is_parent_order:
            return "entry", contracts
        return ("stop" if first.order_type == OrderType.STOP else "close"), contracts

    def _refused(self, requests: Sequence[Message], why: str) -> list[Message]:
        """The answer to a request that is not done; to one to cancel or change an order, with that order."""
        first, book = requests[0], self.book
        if isinstance(first, m.CancelOrder | m.CancelReplaceOrder):
            order = book.named(first.server_order_id)
            if order is None:
                return list(self._inner.trade(requests))
            refused = OrderUpdateReason.ORDER_CANCEL_REJECTED
            if isinstance(first, m.CancelReplaceOrder):
                refused = OrderUpdateReason.ORDER_CANCEL_REPLACE_REJECTED
            return [book.update(order, refused, why)]
        if isinstance(first, m.SubmitFlattenPositionOrder):
            order = ServedOrder(
                symbol=first.symbol,
                account=first.trade_account,
                client_id=first.client_order_id,
                order_type=int(OrderType.MARKET),
                side=-1 if self.truth.positions.get(first.symbol, 0) > 0 else 1,
                contracts=abs(self.truth.positions.get(first.symbol, 0)),
            )
            return [book.reject(order, why)]
        scale = book.scales.get(getattr(first, "symbol", ""))
        orders = [order for request in requests for order in requested(request, scale)] if scale is not None else []
        return [book.reject(order, why) for order in orders]

    # Words -------------------------------------------------------------------------------------------------------

    def _tell(self, updates: Iterable[Message]) -> None:
        """To all clients, as the faults have it."""
        for message in self._said(list(updates)):
            self._note_shown([message], whole=False)
            self._publish(message, "")

    def _said(self, updates: list[Message]) -> list[Message]:
        """What is said now of what there is to say."""
        for fault in list(self.active):
            if isinstance(fault, f.FillLie):
                updates = self._told_otherwise(fault, updates)
        for fault in self.active:
            if isinstance(fault, f.WordLie):
                updates = self._distorted(fault, updates)
        return updates

    def _distorted(self, lie: f.WordLie, updates: list[Message]) -> list[Message]:
        meant = [message for message in updates if _is_of(message, lie.of)]
        others = [message for message in updates if not _is_of(message, lie.of)]
        if lie.how == "doubled":
            return [copy for message in updates for copy in [message] * (2 if _is_of(message, lie.of) else 1)]
        if lie.how == "reordered":
            return [*others, *reversed(meant)]
        if lie.how == "late":
            due_ns = self._clock.monotonic_ns() + lie.delay_ms * _MILLI
            for message in meant:
                heapq.heappush(self._late, (due_ns, next(self._numbers), message))
        return others

    def _told_otherwise(self, lie: f.FillLie, updates: list[Message]) -> list[Message]:
        """The first fill of MinhOS among them as the lie has it; then the lie is spent."""
        for i, message in enumerate(updates):
            if isinstance(message, m.OrderUpdate) and message.order_update_reason in _FILLS:
                order = self.book.named(message.server_order_id)
                if order is not None and self.book.whose_of(order) == "minhos":
                    self.active.remove(lie)
                    return [*updates[:i], *self._lies(lie, message), *updates[i + 1 :]]
        return updates

    def _lies(self, lie: f.FillLie, true: m.OrderUpdate) -> list[Message]:
        change, many = msgspec.structs.replace, float(lie.contracts)
        if lie.how == "too_large":
            return [change(true, last_fill_quantity=many, filled_quantity=many)]
        if lie.how == "other_side":
            return [change(true, buy_sell=3 - true.buy_sell)]
        if lie.how == "other_symbol":
            others = [symbol for symbol in self.symbols if symbol != true.symbol] or ["CLZ25-NYMEX"]
            return [change(true, symbol=others[0])]
        if lie.how == "far_price":
            return [change(true, last_fill_price=100 * (true.last_fill_price or 0.0))]
        name = f"X{next(self._numbers)}"
        if lie.how == "other_account":
            return [true, change(true, trade_account="Sim9", server_order_id=name, last_fill_execution_id=name)]
        return [true, change(true, server_order_id=name, last_fill_execution_id=name, last_fill_quantity=many)]

    def _invent(self, lie: f.FillLie) -> None:
        """A fill that never was, on the newest order of MinhOS that works; without one it waits for no occasion."""
        self.active.remove(lie)
        ours = [o for o in self.book.live.values() if self.book.whose_of(o) == "minhos"]
        if not ours:
            return
        order = ours[-1]
        contracts = min(lie.contracts, order.remaining)
        whole = contracts == order.remaining
        status = OrderStatus.FILLED if whole else OrderStatus.PARTIALLY_FILLED
        shown = self.book.update(order, _FILLS[0] if whole else _FILLS[1])
        price = self.book.scales[order.symbol].price(self.book.state.books.prices.get(order.symbol, order.price_ticks))
        self._publish(
            msgspec.structs.replace(
                shown,
                order_status=int(status),
                filled_quantity=float(order.filled + contracts),
                remaining_quantity=float(order.remaining - contracts),
                last_fill_quantity=float(contracts),
                last_fill_price=price,
                last_fill_execution_id=f"X{next(self._numbers)}",
                last_fill_date_time=self._clock.now_ns() // _MILLI,
            ),
            "",
        )

    def _end_falsely(self) -> None:
        """A word that a stop of MinhOS was cancelled, which it was not."""
        stops = [o for o in self.book.live.values() if o.order_type == OrderType.STOP and o.status != _WAITS]
        for order in [o for o in stops if self.book.whose_of(o) == "minhos"][-1:]:
            row = self.book.update(order, OrderUpdateReason.ORDER_CANCELED)
            ended = int(OrderStatus.CANCELED)
            self._publish(msgspec.structs.replace(row, order_status=ended, remaining_quantity=0.0), "")

    # Others at the account ---------------------------------------------------------------------------------------

    def by_hand(self, trade: f.HandTrade) -> None:
        """A person at the platform."""
        symbol = self._main_symbol()
        held = self.truth.positions.get(symbol, 0)
        if trade.what in ("buy", "sell"):
            self._market("hand", symbol, 1 if trade.what == "buy" else -1, trade.contracts)
        elif trade.what == "close" and held:
            self._market("hand", symbol, -1 if held > 0 else 1, abs(held))
        elif trade.what in ("cancel_stops", "cancel_all"):
            self._end_all(lambda o: trade.what == "cancel_all" or o.order_type == OrderType.STOP)
        elif trade.what == "move_stop":
            stops = [o for o in self.book.live.values() if o.order_type == OrderType.STOP and o.status != _WAITS]
            for order in stops[-1:]:
                further = max(1, order.price_ticks + order.side * FAR_STOP_TICKS)
                self._tell(self.book.moved(order.key, further))

    def _liquidate(self) -> None:
        """The risk desk: no order is left, and no position."""
        self._end_all(lambda order: True)
        for symbol, held in dict(self.truth.positions).items():
            self._market("desk", symbol, -1 if held > 0 else 1, abs(held))

    def _expire_stops(self) -> None:
        self._end_all(lambda o: o.order_type == OrderType.STOP and o.status != _WAITS)

    def _second_enters(self, fault: f.SecondProgram) -> None:
        """An entry with its legs, as a second MinhOS sends it."""
        symbol = self._main_symbol()
        number = next(self._numbers)
        entry, stop = f"other-{number}", f"other-{number}-S"
        if fault.our_ids:
            moments = self._clock.now_ns()
            entry = order_id(intent("another", symbol, moments, Role.ENTRY))
            stop = order_id(intent("another", symbol, moments, Role.STOP))
        last = self.book.state.books.prices.get(symbol, 0)
        if not last or not self.is_open:
            return
        parent = self._order(symbol, fault.side, fault.contracts, entry)
        legs = [
            self._order(symbol, -fault.side, fault.contracts, stop, OrderType.STOP, offset_ticks=60),
            self._order(symbol, -fault.side, fault.contracts, target_id(stop), OrderType.LIMIT, offset_ticks=400),
        ]
        parent.price_ticks = last
        self._send("other", [parent, *legs], bracket=True)

    def _second_leaves(self) -> None:
        """It takes its orders back and closes what it holds."""
        self._end_all(lambda order: self.book.whose_of(order) == "other")
        held: dict[str, int] = {}
        for fill in self.truth.fills:
            if fill.whose == "other":
                held[fill.symbol] = held.get(fill.symbol, 0) + fill.side * fill.contracts
        for symbol, contracts in held.items():
            if contracts:
                self._market("other", symbol, -1 if contracts > 0 else 1, abs(contracts))

    def _main_symbol(self) -> str:
        """What is held, or else what MinhOS trades."""
        return next(iter(self.truth.positions), self.traded)

    def _market(self, whose: Whose, symbol: str, side: int, contracts: int) -> None:
        if symbol in self.book.state.books.prices:
            self._send(whose, [self._order(symbol, side, contracts, "")], bracket=False)

    def _send(self, whose: Whose, orders: list[ServedOrder], *, bracket: bool) -> None:
        self.book.author = whose
        updates = self.book.accept(orders, bracket=bracket)
        self.book.author = "minhos"
        self.book.save()
        self._tell(updates)

    def _order(
        self,
        symbol: str,
        side: int,
        contracts: int,
        client_id: str,
        kind: OrderType = OrderType.MARKET,
        *,
        offset_ticks: int = 0,
    ) -> ServedOrder:
        return ServedOrder(
            symbol=symbol,
            account=self.account,
            client_id=client_id,
            order_type=int(kind),
            side=side,
            contracts=contracts,
            offset_ticks=offset_ticks,
        )

    def _end_all(self, meant: Callable[[ServedOrder], bool]) -> None:
        for order in list(self.book.live.values()):
            if meant(order):
                self._tell(self.book.end(order))
        self.book.save()


_WAITS = OrderStatus.PENDING_CHILD
_SLOW: tuple[type[Message], ...] = (
    m.OrderUpdate,
    m.PositionUpdate,
    m.HistoricalOrderFillResponse,
    m.AccountBalanceUpdate,
    m.TradeAccountResponse,
    m.SecurityDefinitionResponse,
)


def _is_of(message: Message, of: str) -> bool:
    """Whether a word is about orders or positions, as asked."""
    orders, positions = isinstance(message, m.OrderUpdate), isinstance(message, m.PositionUpdate)
    return {"orders": orders, "positions": positions}.get(of, orders or positions)


def _opposite(row: m.PositionUpdate) -> m.PositionUpdate:
    return msgspec.structs.replace(row, quantity=-row.quantity)
