"""The broker's own books against the trader's journal: what was sent twice, lost, invented, or left unprotected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from minhos.accounting.types import Fill
from minhos.assembly.layout import Layout
from minhos.bench.faults.trader import ACCOUNT, SYMBOL
from minhos.dtc.messages.enums import OrderStatus, OrderType
from minhos.journal.reader import reader
from minhos.testing.broker.orders import ServedFill
from minhos.testing.broker.store import BrokerState
from minhos.trading import events as ev


class Findings(msgspec.Struct, frozen=True):
    """What does not agree; all zeros where all is well.

    duplicate_orders: orders beyond the first under one ClientOrderID.  lost_fills: contracts' fills at the broker that
    the journal lacks; invented_fills: fills of the journal that the broker never made, or made otherwise.
    position_difference: contracts between both.  unprotected: contracts at the broker that no resting stop covers,
    where no alarm says so.  stray: contracts of resting stops and targets beyond the position.
    """

    duplicate_orders: int = 0
    lost_fills: int = 0
    invented_fills: int = 0
    position_difference: int = 0
    unprotected: int = 0
    stray: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether both sides agree in everything."""
        return self == Findings()


def journal_events(home: Path) -> list[ev.Event]:
    """Everything in the bench trader's journal."""
    records = reader(Layout(home).journal("paper", ACCOUNT)).records()
    return [ev.decode(record.kind, record.payload, record.version) for record in records]


def compare(broker: BrokerState, events: Sequence[ev.Event]) -> Findings:
    """One moment's books and journal; both sides must be at rest."""
    theirs = {fill.execution_id: fill for fill in broker.fills}
    ours = Counter(event.fill.fill_id for event in events if isinstance(event, ev.OrderFilled))
    filled = [event.fill for event in events if isinstance(event, ev.OrderFilled)]
    position = broker.position(ACCOUNT, SYMBOL)
    stops, targets = (_resting(broker, kind, -position) for kind in (OrderType.STOP, OrderType.LIMIT))
    wrong_side = sum(_resting(broker, kind, position or 1) for kind in (OrderType.STOP, OrderType.LIMIT))
    wrong_side += 0 if position else sum(_resting(broker, kind, -1) for kind in (OrderType.STOP, OrderType.LIMIT))
    beyond = max(0, stops - abs(position)) + max(0, targets - abs(position)) if position else 0
    bare = max(0, abs(position) - stops)
    return Findings(
        duplicate_orders=sum(count - 1 for count in Counter(o.client_id for o in broker.orders.values()).values()),
        lost_fills=sum(key not in ours for key in theirs),
        invented_fills=sum(not _is_true(fill, theirs.get(fill.fill_id)) for fill in filled)
        + sum(count - 1 for count in ours.values()),
        position_difference=abs(position - sum(fill.side * fill.contracts for fill in filled)),
        unprotected=0 if _is_told(events) else bare,
        stray=wrong_side + beyond,
    )


def has_market_orders(broker: BrokerState) -> bool:
    """Whether an order at the broker will fill with the next price."""
    return any(order.is_live and order.order_type == OrderType.MARKET for order in broker.orders.values())


def reversals(fills: Iterable[ServedFill]) -> int:
    """How often the position went through zero to the other side, in one fill or in two."""
    position, count, last_side = 0, 0, 0
    for fill in fills:
        position += fill.side * fill.contracts
        side = (position > 0) - (position < 0)
        count += side * last_side < 0
        last_side = side or last_side
    return count


def _resting(broker: BrokerState, kind: OrderType, side: int) -> int:
    """Contracts of live orders of that kind on that side of the market."""
    return sum(
        order.remaining
        for order in broker.orders.values()
        if order.is_live
        and order.order_type == kind
        and order.side * side > 0
        and order.status != OrderStatus.PENDING_CHILD
    )


def _is_true(ours: Fill, theirs: ServedFill | None) -> bool:
    if theirs is None:
        return False
    same = (ours.side, ours.contracts, ours.price_ticks)
    return same == (theirs.side, theirs.contracts, theirs.price_ticks)


def _is_told(events: Sequence[ev.Event]) -> bool:
    """Whether the user was told: only what shrinks the position is allowed, or an alarm about stops came since the
    position last changed."""
    alarms = [(i, event.text) for i, event in enumerate(events) if isinstance(event, ev.Alarm)]
    last_fill = max((i for i, event in enumerate(events) if isinstance(event, ev.OrderFilled)), default=-1)
    return any(text.startswith("Flat-only") or ("stop" in text and i > last_fill) for i, text in alarms)
