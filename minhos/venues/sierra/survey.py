"""What the broker's lists of orders, positions and fills say, in our terms.  Pure."""

from __future__ import annotations

from collections import Counter

from minhos.accounting.types import Fill, Role
from minhos.dtc.messages import HistoricalOrderFillResponse, OrderUpdate, PositionUpdate
from minhos.dtc.messages.enums import OrderStatus as DtcStatus
from minhos.trading.order_ids import MANUAL
from minhos.trading.venue import Survey, VenueFill, VenueOrder
from minhos.venues.sierra.book import SierraBook
from minhos.venues.sierra.wire import STOPS, contracts_of, side_of, ticks_of, time_ns_of


def make_survey(
    book: SierraBook,
    orders: list[OrderUpdate],
    positions: list[PositionUpdate],
    fills: list[HistoricalOrderFillResponse],
    started_ns: int,
    time_ns: int,
    quiet: bool,
) -> Survey:
    """The rows of our account and our symbols; all others are passed over."""
    return Survey(
        started_ns=started_ns,
        time_ns=time_ns,
        positions=positions_of(book, positions),
        orders=tuple(order for row in orders if (order := _order(book, row)) is not None),
        fills=tuple(_fills(book, fills, time_ns)),
        quiet=quiet,
    )


def positions_of(book: SierraBook, rows: list[PositionUpdate]) -> dict[str, int]:
    """Signed contracts by contract symbol, without zeros."""
    held: Counter[str] = Counter()
    for row in rows:
        contract = book.contract_of(row.symbol)
        if contract and row.trade_account in ("", book.account):
            held[contract] += contracts_of(row.quantity)
    return {contract: contracts for contract, contracts in held.items() if contracts}


def _order(book: SierraBook, row: OrderUpdate) -> VenueOrder | None:
    contract = book.contract_of(row.symbol)
    if not contract or row.trade_account not in ("", book.account):
        return None
    is_stop = row.order_type in STOPS
    left = row.remaining_quantity
    if left is None:
        left = (row.order_quantity or 0.0) - (row.filled_quantity or 0.0)
    return VenueOrder(
        venue_id=row.server_order_id,
        order_id=row.client_order_id or book.order_id_of(row.server_order_id),
        symbol=contract,
        side=side_of(row.buy_sell),
        contracts=contracts_of(left),
        is_stop=is_stop,
        trigger_ticks=ticks_of(row.price1, book.routes[contract].instrument) if is_stop and row.price1 else 0,
        parent_venue_id=row.parent_server_order_id,
        waiting=row.order_status == DtcStatus.PENDING_CHILD,
    )


def _fills(book: SierraBook, rows: list[HistoricalOrderFillResponse], time_ns: int) -> list[VenueFill]:
    """The rows in the broker's order; one without an execution id is named by its order and the contracts so far.

    By our order and not by the broker's number of it: a replacement has another number and goes on with the same fills.
    """
    so_far: Counter[str] = Counter()
    found = []
    for row in rows:
        contract = book.contract_of(row.symbol)
        if not contract or not row.quantity or row.trade_account not in ("", book.account):
            continue
        instrument, contracts = book.routes[contract].instrument, contracts_of(row.quantity)
        order_id = book.order_id_of(row.server_order_id)
        tracked = book.orders.get(order_id)
        named = order_id or f"{MANUAL}{row.server_order_id}"
        so_far[named] += contracts
        fill = Fill(
            fill_id=row.unique_execution_id or f"{named}-{so_far[named]}",
            order_id=order_id,
            symbol=contract,
            side=side_of(row.buy_sell),
            contracts=contracts,
            price_ticks=ticks_of(row.price, instrument),
            time_ns=time_ns_of(row.date_time, time_ns),
            commission_cents=instrument.commission_cents * contracts,
            role=tracked.order.role if tracked is not None else Role.UNKNOWN,
            parent_id=tracked.order.parent_id if tracked is not None else "",
        )
        found.append(VenueFill(fill, row.server_order_id))
    return found
