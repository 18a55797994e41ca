"""Which stops are missing, and the order that puts one in its place: every open lot rests on a stop at the venue.

Pure functions of the state; when a missing stop is placed is for recovery and settlement to say.
"""

from __future__ import annotations

import itertools

from minhos.accounting.types import Lot, Order, OrderType, Role
from minhos.trading.book import OrderBook
from minhos.trading.order_ids import order_id
from minhos.trading.state import TradingState


def missing_stops(state: TradingState, time_ns: int) -> list[Order]:
    """Stops that open lots should have and the book lacks, or has for fewer contracts."""
    orders = []
    for position in state.ledger.account().positions:
        resting = {r.order.order_id: r.contracts - r.filled for r in state.book.stops(position.symbol)}
        entries: dict[str, list[Lot]] = {}
        for lot in position.lots:
            if lot.stop_ticks:
                entries.setdefault(lot.order_id, []).append(lot)
        orders += [
            protective_stop(state.book, position.symbol, lots, time_ns)
            for lots in entries.values()
            if resting.get(lots[0].stop_id, 0) < sum(lot.contracts for lot in lots)
        ]
    return orders


def protective_stop(book: OrderBook, symbol: str, lots: list[Lot], time_ns: int) -> Order:
    """A new order for the stop that the lots of one entry had; the old id is spent."""
    lot = lots[0]
    ids = (order_id(f"{lot.order_id}-{time_ns}-{number}".encode()) for number in itertools.count())
    return Order(
        order_id=next(name for name in ids if book.order(name) is None),
        symbol=symbol,
        side=-lot.side,
        contracts=sum(lot.contracts for lot in lots),
        role=Role.STOP,
        order_type=OrderType.STOP,
        trigger_ticks=lot.stop_ticks,
        parent_id=lot.order_id,
        decided_ns=time_ns,
    )
