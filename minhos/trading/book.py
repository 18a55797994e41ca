"""The order book of our own orders: a fold of intents, reports and fills through the state table.

It knows orders, not positions; the ledger knows positions, not orders.  Where the two must fit together (every
open lot is covered by its stop) `stop_maintenance` says what is to be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from minhos.accounting.types import CLOSING, Fill, Order, OrderType, Position, Role
from minhos.errors import OrderStateError
from minhos.trading.order_ids import stop_id_of
from minhos.trading.order_states import FINAL, TRIGGER_OF_STATUS, OrderState, Trigger, transition
from minhos.trading.venue import OrderReport, OrderStatus

_RESTS = (OrderState.WORKING, OrderState.RESIZE_SENT)
"""A stop that is there for certain and that nobody has asked to be taken back."""


class OrderRecord(msgspec.Struct, frozen=True):
    """An order and how far it is.  contracts is what it is for now (a stop shrinks with its lot)."""

    order: Order
    state: OrderState
    contracts: int
    filled: int = 0
    reason: str = ""
    venue_ids: tuple[str, ...] = ()
    """The broker's numbers of the order, the newest last."""


class StopAction(msgspec.Struct, frozen=True):
    """What a resting stop needs so that the stops together equal the position."""

    what: Literal["cancel", "resize"]
    stop_id: str
    contracts: int = 0


class OrderBook:
    """Mutable; open orders plus those of the current trade date (late reports still find theirs)."""

    def __init__(self) -> None:
        self.records: dict[str, OrderRecord] = {}
        self.open_ids: dict[str, None] = {}
        """Ids whose order is not final, oldest first."""
        self.leg_fills: dict[str, int] = {}
        """Contracts filled of legs that have no record of their own: targets, and stops that were not reported yet."""

    def intend(self, order: Order) -> None:
        """An intent was journaled; a known id changes nothing."""
        if order.order_id not in self.records:
            self._put(OrderRecord(order, OrderState.INTENDED, order.contracts))

    def trigger(self, order_id: str, trigger: Trigger, *, reason: str = "", contracts: int | None = None) -> None:
        """Move an order along the table; OrderStateError where the table does not allow it."""
        record = self.records[order_id]
        after = transition(record.state, trigger)
        self._put(
            msgspec.structs.replace(
                record,
                state=after,
                reason=reason or record.reason,
                contracts=record.contracts if contracts is None else contracts,
            )
        )

    def refusal(self, order_id: str, trigger: Trigger) -> str:
        """Why the table does not let that happen to the order now; empty where it does."""
        try:
            transition(self.records[order_id].state, trigger)
        except OrderStateError as error:
            return str(error)
        return ""

    def report(self, report: OrderReport) -> None:
        """What the venue said; an order that it made itself (a stop) is taken up."""
        if report.order is not None:
            self.intend(report.order)
        if report.order_id not in self.records:
            return
        self._number(report)
        ended = self.records[report.order_id].state in FINAL
        sized = report.status is (OrderStatus.LISTED if ended else OrderStatus.RESIZED)
        contracts = report.order.contracts if report.order and sized else None
        self.trigger(report.order_id, TRIGGER_OF_STATUS[report.status], reason=report.reason, contracts=contracts)

    def _number(self, report: OrderReport) -> None:
        """Keep the broker's number, so that fills which are asked for later find their order."""
        record = self.records[report.order_id]
        if report.venue_id and report.venue_id not in record.venue_ids:
            self._put(msgspec.structs.replace(record, venue_ids=(*record.venue_ids, report.venue_id)))

    def venue_ids(self) -> dict[str, str]:
        """From the broker's numbers to our ids."""
        return {number: key for key, record in self.records.items() for number in record.venue_ids}

    def fill(self, fill: Fill) -> None:
        """A fill of one of our orders; others are reconciliation's business."""
        record = self.records.get(fill.order_id)
        if record is None:
            if fill.role is not Role.UNKNOWN:
                self.leg_fills[fill.order_id] = self.leg_fills.get(fill.order_id, 0) + fill.contracts
            return
        filled = record.filled + fill.contracts
        trigger = Trigger.FILL if filled >= record.contracts else Trigger.PARTIAL_FILL
        after = transition(record.state, trigger)
        self._put(msgspec.structs.replace(record, state=after, filled=filled))

    def misfit(self, fill: Fill) -> str:
        """Why a fill cannot be one of the order that it names; empty where it fits it in symbol, side and quantity.

        A stop may grow with its entry before that is said, so that it is held against its entry's size.
        """
        found = self._meant(fill.order_id)
        if found is None:
            return f"no order {fill.order_id} of ours is known"
        order, left = found
        if fill.symbol != order.symbol:
            return f"the order is in {order.symbol}"
        if fill.side != order.side:
            return f"the order {'buys' if order.side > 0 else 'sells'}"
        if not 0 < fill.contracts <= left:
            return f"{max(0, left)} of the order's {order.contracts} are left"
        return ""

    def is_ours(self, order_id: str) -> bool:
        """Whether it is the name of an order of ours, or of a leg of one of our brackets."""
        return self._meant(order_id) is not None

    def _meant(self, order_id: str) -> tuple[Order, int] | None:
        """The order of that id as it can be known, and how many contracts of it are not filled."""
        record = self.records.get(order_id)
        if record is not None:
            entry = self.records.get(record.order.parent_id) if is_stop(record.order) else None
            most = max(record.contracts, entry.contracts if entry is not None else 0)
            return record.order, most - record.filled
        stop_id = stop_id_of(order_id)
        stop = self.records.get(stop_id)
        entry = next((r for r in self.records.values() if r.order.stop_id == (stop_id or order_id)), None)
        if entry is None and stop is None:
            return None
        whole = max(each.contracts for each in (entry, stop) if each is not None)
        like = stop.order if stop is not None else _leg(entry.order) if entry is not None else None
        assert like is not None
        return msgspec.structs.replace(like, contracts=whole), whole - self.leg_fills.get(order_id, 0)

    def order(self, order_id: str) -> Order | None:
        """The order with that id, if we know it."""
        record = self.records.get(order_id)
        return record.order if record else None

    def working(self, symbol: str) -> tuple[Order, ...]:
        """Orders that may still trade and are not protective stops, each with what remains of it."""
        if not self.open_ids:
            return ()
        return tuple(remaining(r) for r in self._open() if r.order.symbol == symbol and not is_stop(r.order))

    def stops(self, symbol: str) -> list[OrderRecord]:
        """Protective stops that the venue holds or may hold."""
        return [r for r in self._open() if r.order.symbol == symbol and is_stop(r.order)]

    def refusal_of_stop(self, entry_id: str) -> str:
        """Why the last stop of an entry was refused; empty where none was."""
        refused = [
            record.reason
            for record in self.records.values()
            if record.order.parent_id == entry_id and is_stop(record.order) and record.state is OrderState.REJECTED
        ]
        return refused[-1] if refused else ""

    def unknown(self) -> list[Order]:
        """Orders of which we do not know whether they trade: no new risk until the venue was asked."""
        return [r.order for r in self._open() if r.state is OrderState.UNKNOWN]

    def open_records(self) -> list[OrderRecord]:
        """Orders that are not final, oldest first."""
        return self._open()

    def load(self, records: tuple[OrderRecord, ...], leg_fills: dict[str, int]) -> None:
        """Take the records of a snapshot."""
        self.records, self.open_ids, self.leg_fills = {}, {}, dict(leg_fills)
        for record in records:
            self._put(record)

    def forget_final(self, but: str = "") -> None:
        """At a new trade date: orders that are done need no memory any more.  but: one that the venue speaks of now."""
        self.records = {key: known for key, known in self.records.items() if known.state not in FINAL or key == but}
        if self.leg_fills:
            stops = {stop for r in self.records.values() for stop in (r.order.stop_id, r.order.order_id)}
            self.leg_fills = {key: n for key, n in self.leg_fills.items() if (stop_id_of(key) or key) in stops}

    def _open(self) -> list[OrderRecord]:
        return [self.records[key] for key in self.open_ids] if self.open_ids else []

    def _put(self, record: OrderRecord) -> None:
        key = record.order.order_id
        if record.state in FINAL:
            self.open_ids.pop(key, None)
        else:
            if key not in self.open_ids:  # the first that we hear of it, or open again: the newest in either order
                self.records.pop(key, None)
            self.open_ids[key] = None
        self.records[key] = record


def _leg(entry: Order) -> Order:
    """What an exit of an entry's bracket is to it."""
    return msgspec.structs.replace(entry, side=-entry.side, role=Role.EXIT, stop_id="", parent_id=entry.order_id)


def is_stop(order: Order) -> bool:
    return order.order_type is OrderType.STOP


def remaining(record: OrderRecord) -> Order:
    """The order for as many contracts as have not been filled."""
    if not record.filled:
        return record.order
    return msgspec.structs.replace(record.order, contracts=record.contracts - record.filled)


def opens(order: Order) -> bool:
    """Whether it may make a position larger."""
    return order.role in (Role.ENTRY, Role.ADD)


def moot_orders(position: Position, records: list[OrderRecord], shown: int | None = None) -> list[str]:
    """Ids of orders that were to close a position which is gone, as when its stop was faster: they would reverse it.

    shown: what the broker holds for certain, where that is what is closed.
    """
    held = position.contracts if shown is None else shown
    return [
        r.order.order_id
        for r in records
        if r.order.role in CLOSING and r.order.side * held >= 0 and r.state is not OrderState.CANCEL_SENT
    ]


def stops_within(position: Position, stops: list[OrderRecord], most: Mapping[int, int]) -> list[StopAction]:
    """Where a broker holds something else than the journal: stops for no more than it shows, those of open lots first.

    stops: all that are open, also those that are left alone for now.
    most: by side of the stop, how many contracts stops of that side may be for.
    """
    named = {lot.stop_id: i for i, lot in enumerate(position.lots)}
    left, actions = dict(most), []
    for record in sorted(stops, key=lambda each: named.get(each.order.order_id, len(named))):
        resting = _left(record)
        kept = min(resting, left.get(record.order.side, 0))
        left[record.order.side] = left.get(record.order.side, 0) - kept
        if record.state not in _RESTS or kept == resting:
            continue
        stop_id = record.order.order_id
        actions.append(StopAction("resize", stop_id, kept) if kept else StopAction("cancel", stop_id))
    return actions


def stop_maintenance(position: Position, stops: list[OrderRecord]) -> list[StopAction]:
    """Cancel the stops of closed lots, shrink those of reduced ones; nothing where all is right.

    stops: all that are open, also those that are left alone for now, as they cover what they rest for.  One that the
    venue has not accepted yet stays: its lot does not name it before.  One that belongs to no entry, as the journal
    lost it, is for what the stops of the lots leave uncovered.
    """
    resting = [record for record in stops if record.state in _RESTS]
    of_lots = _wanted_by_lots(position, [record for record in resting if record.order.parent_id])
    closing = [r for r in resting if not r.order.parent_id and r.order.side * position.contracts < 0]
    wanted = of_lots | _wanted_beyond(abs(position.contracts) - sum(of_lots.values()), closing)
    actions = []
    for record in resting:
        stop_id = record.order.order_id
        contracts = wanted.get(stop_id, 0)
        if contracts == 0:
            actions.append(StopAction("cancel", stop_id))
        elif contracts < _left(record):
            actions.append(StopAction("resize", stop_id, contracts))
    return actions


def _wanted_by_lots(position: Position, stops: list[OrderRecord]) -> dict[str, int]:
    """By stop, for how many contracts the lots that name it need it: no more than it rests for."""
    held: dict[str, int] = {}
    for lot in position.lots:
        held[lot.stop_id] = held.get(lot.stop_id, 0) + lot.contracts
    return {r.order.order_id: min(_left(r), held.get(r.order.order_id, 0)) for r in stops}


def _wanted_beyond(uncovered: int, stops: list[OrderRecord]) -> dict[str, int]:
    """By stop, for how many of the uncovered contracts it is needed, the oldest first."""
    wanted = {}
    for record in stops:
        contracts = min(_left(record), uncovered)
        wanted[record.order.order_id] = contracts
        uncovered -= contracts
    return wanted


def _left(record: OrderRecord) -> int:
    return max(0, record.contracts - record.filled)
