"""What the broker shows against what the journal knows: pure comparisons of a survey with the state.

`answers` turns a survey into reports and fills about our own orders, each of them the broker's own word: an order
that it lists works, an order that it neither lists nor filled is gone, a fill that it lists and that was never
reported is taken in.  Nothing is invented.  What remains unexplained is a difference (`differences`), and the engine
then allows only what shrinks the position, until a person has looked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from minhos.accounting.types import CLOSING, Fill, Order, OrderType, Role
from minhos.trading.book import OrderRecord, is_stop
from minhos.trading.order_ids import MANUAL, has_our_form, stop_id_of, target_id
from minhos.trading.order_states import FINAL, UNANSWERED, OrderState
from minhos.trading.state import TradingState
from minhos.trading.venue import OrderReport, OrderStatus, Report, Survey, VenueFill, VenueOrder

FEW_TICKS, BOUNCE = 8, 2_000
"""A triggered stop may fill so many ticks, or that part of its price, better than its trigger: the market bounced."""
CLOCK_SLACK_NS = 2_000_000_000
"""The broker's stamps are whole seconds in places, and its clock is another one."""


def answers(state: TradingState, survey: Survey, gone: Collection[str], *, targets: bool) -> list[Report]:
    """What the survey says about our orders, in the order in which it is to be taken in.

    gone: ids of orders that have been lacking for so long, or that the broker would not cancel and does not list, that
    they are no more.  targets: whether our brackets carry one; else a fill that nobody reported is never taken for that
    of a target.
    """
    fills: list[Report] = []
    filled: dict[str, int] = {}
    for fill, first in missed_fills(state, survey, targets=targets):
        fills += [*first, fill]
        filled[fill.order_id] = filled.get(fill.order_id, 0) + fill.contracts
    shown = {order.order_id: order for order in survey.orders if order.order_id}
    resized = [_resized(state, order, survey.time_ns, filled.get(order.order_id, 0)) for order in shown.values()]
    grown = [report for report in resized if report is not None and _grows(state, report)]
    shrunk = [report for report in resized if report is not None and report not in grown]
    listed = [report for order in shown.values() for report in _shown(state, order, survey.time_ns)]
    reports: list[Report] = [*grown, *fills, *listed, *shrunk]
    for record in state.book.open_records():
        key = record.order.order_id
        whole = key in filled and record.filled + filled[key] >= record.contracts
        if key in shown or whole or key not in gone:
            continue
        if record.state is OrderState.UNKNOWN:
            text = "asked twice: the broker shows neither the order nor a fill of it"
            reports.append(OrderReport(key, OrderStatus.NOT_FOUND, survey.time_ns, text))
        elif record.state not in UNANSWERED:
            text = "the broker no longer lists it"
            reports.append(OrderReport(key, OrderStatus.CANCELLED, survey.time_ns, text))
    return reports


def missing(state: TradingState, survey: Survey) -> list[OrderRecord]:
    """Our open orders that the broker does not list."""
    shown = {order.order_id for order in survey.orders}
    return [record for record in state.book.open_records() if record.order.order_id not in shown]


def ended(state: TradingState, survey: Survey) -> dict[str, VenueOrder]:
    """Orders of ours that have ended and that the broker lists as working, by our ids."""
    records = state.book.records
    return {
        order.order_id: order
        for order in survey.orders
        if not order.waiting and order.contracts > 0
        if (record := records.get(order.order_id)) is not None and record.state in FINAL
    }


def forgotten(state: TradingState, survey: Survey) -> dict[str, VenueOrder]:
    """Orders that bear a name of ours, work, and are not in the journal, by that name: it was cut or put back since, or
    a second MinhOS trades in the account.  A target goes with its stop."""
    listed = {order.order_id for order in survey.orders}
    return {
        order.order_id: order
        for order in survey.orders
        if not order.waiting and order.contracts > 0
        if has_our_form(order.order_id) and not _is_ours(state, order)
        if stop_id_of(order.order_id) not in listed
    }


def taken_up(row: VenueOrder, time_ns: int) -> OrderReport:
    """That such an order works.  A stop belongs to no lot by name; what else it may be, nobody knows."""
    order = Order(
        order_id=row.order_id,
        symbol=row.symbol,
        side=row.side,
        contracts=row.contracts,
        role=Role.STOP if row.is_stop else Role.UNKNOWN,
        order_type=OrderType.STOP if row.is_stop else OrderType.MARKET,
        trigger_ticks=row.trigger_ticks,
        decided_ns=time_ns,
    )
    text = "it is not in the journal, and the broker lists it as working"
    return OrderReport(row.order_id, OrderStatus.ACCEPTED, time_ns, text, order, row.venue_id)


def listed_again(state: TradingState, row: VenueOrder, time_ns: int) -> OrderReport:
    """That an order which had ended works, for what its row shows beyond what was filled."""
    record = state.book.records[row.order_id]
    trigger_ticks = row.trigger_ticks or record.order.trigger_ticks
    contracts = record.filled + row.contracts
    order = msgspec.structs.replace(record.order, contracts=contracts, trigger_ticks=trigger_ticks)
    text = f"it had ended ({record.state}), and the broker lists it as working"
    return OrderReport(row.order_id, OrderStatus.LISTED, time_ns, text, order, row.venue_id)


def _shown(state: TradingState, order: VenueOrder, time_ns: int) -> Iterator[OrderReport]:
    """An order of ours that the broker lists and our record does not show working."""
    record = state.book.records.get(order.order_id)
    if order.waiting:
        return
    if record is None:
        stop = _stop_of_an_entry(state, order)
        if stop is not None:
            yield OrderReport(
                order.order_id, OrderStatus.ACCEPTED, time_ns, "listed by the broker", stop, order.venue_id
            )
        return
    if record.state in UNANSWERED:
        yield OrderReport(
            order.order_id, OrderStatus.ACCEPTED, time_ns, "listed by the broker", venue_id=order.venue_id
        )


def _resized(state: TradingState, order: VenueOrder, time_ns: int, just_filled: int) -> OrderReport | None:
    """A stop of ours that the broker lists for another number of contracts than our record.

    The rows and the fills of one survey are not of one moment: a row may be older than the fills that are news with it
    (`just_filled`), so that what remains and what filled may count the same contracts.  Only a number that no moment in
    between explains is another one.  What is done is not resized: that row is older still.
    """
    record = state.book.records.get(order.order_id)
    if record is None or order.waiting or not is_stop(record.order):
        return None
    if record.state in FINAL or record.state is OrderState.CANCEL_SENT:
        return None
    least = order.contracts + record.filled
    total = min(max(record.contracts, least), least + just_filled)
    if total == record.contracts:
        return None
    shown = msgspec.structs.replace(record.order, contracts=total)
    return OrderReport(order.order_id, OrderStatus.RESIZED, time_ns, order=shown, venue_id=order.venue_id)


def _grows(state: TradingState, resized: OrderReport) -> bool:
    """Such a report is taken before the fills: it has room for them."""
    return resized.order is not None and resized.order.contracts > state.book.records[resized.order_id].contracts


def _stop_of_an_entry(state: TradingState, order: VenueOrder) -> Order | None:
    """The stop that one of our entries carried, as the broker lists it."""
    entry = _entry_with_stop(state, order.order_id)
    if entry is None or not order.is_stop:
        return None
    return Order(
        order_id=order.order_id,
        symbol=order.symbol,
        side=order.side,
        contracts=order.contracts,
        role=Role.STOP,
        order_type=OrderType.STOP,
        trigger_ticks=order.trigger_ticks,
        parent_id=entry.order_id,
        decided_ns=entry.decided_ns,
    )


def _entry_with_stop(state: TradingState, stop_id: str) -> Order | None:
    entries = (record.order for record in state.book.records.values())
    return next((order for order in entries if order.stop_id == stop_id and order.stop_distance_ticks), None)


# Fills that were never reported --------------------------------------------------------------------------------------


def missed_fills(state: TradingState, survey: Survey, *, targets: bool) -> Iterator[tuple[Fill, list[Report]]]:
    """Fills that the broker lists and the journal lacks, oldest first, each under the order that it belongs to.

    A fill under a number that we do not know belongs to the one order of ours of that side that is open and not
    listed; where there is none it is a manual trade.  The second value: what must be taken in before.
    """
    traded = state.traded_symbols()
    unheard = [
        each
        for each in survey.fills
        if each.fill.symbol in traded
        and not state.ledger.knows(each.fill.fill_id)
        and each.fill.time_ns >= state.began_ns - CLOCK_SLACK_NS
    ]
    shown = {order.order_id for order in survey.orders}
    numbers = state.book.venue_ids()
    owners: dict[str, Order] = {}
    left: dict[str, int] = {}
    for each in sorted(unheard, key=lambda one: (one.fill.time_ns, one.fill.role is not Role.ENTRY)):
        owner = owners.get(each.venue_id) or _owner(state, each, numbers, shown, left, targets=targets)
        if owner is None:
            yield _manual(each), []
            continue
        owners[each.venue_id] = owner
        before: list[Report] = []
        if owner.role is Role.STOP and state.book.order(owner.order_id) is None and owner.order_id not in left:
            before.append(
                OrderReport(owner.order_id, OrderStatus.ACCEPTED, survey.time_ns, "filled", owner, each.venue_id)
            )
        left[owner.order_id] = left.get(owner.order_id, _unfilled(state, owner)) - each.fill.contracts
        yield (
            msgspec.structs.replace(each.fill, order_id=owner.order_id, role=owner.role, parent_id=owner.parent_id),
            before,
        )


def _unfilled(state: TradingState, order: Order) -> int:
    record = state.book.records.get(order.order_id)
    return record.contracts - record.filled if record else order.contracts


def _owner(
    state: TradingState,
    each: VenueFill,
    numbers: dict[str, str],
    shown: set[str],
    left: dict[str, int],
    *,
    targets: bool,
) -> Order | None:
    """The order of ours that this fill belongs to; None for somebody else's."""
    key = each.fill.order_id or numbers.get(each.venue_id, "")
    record = state.book.records.get(key)
    if record is not None:
        return record.order
    implied = list(_legs(state, each.fill))
    named = next((order for order in implied if order.order_id == key), None)
    if key:
        return named
    open_ones = [r.order for r in sorted(state.book.open_records(), key=_likelihood) if r.order.order_id not in shown]
    known = [order for order in implied if state.book.order(order.order_id) is None and order.order_id not in shown]
    usual = [order for order in known if targets or is_stop(order)]
    living = [order for order in usual if state.ledger.has_lots(order.parent_id) or order.parent_id in left]
    for order in (*open_ones, *living):  # a leg whose entry holds nothing has ended: that fill is somebody else's
        fits = order.symbol == each.fill.symbol and order.side == each.fill.side and _can_be_at(state, order, each.fill)
        in_time = each.fill.time_ns >= order.decided_ns - CLOCK_SLACK_NS
        if fits and in_time and left.get(order.order_id, _unfilled(state, order)) >= each.fill.contracts:
            return order
    return None


def _can_be_at(state: TradingState, order: Order, fill: Fill) -> bool:
    """Whether that order can have filled at that price.

    A stop does once the market is at its trigger or beyond, a target where its entry gains.
    """
    if order.trigger_ticks:
        better = order.side * (order.trigger_ticks - fill.price_ticks)
        return better <= max(FEW_TICKS, order.trigger_ticks // BOUNCE)
    if order.parent_id and not is_stop(order):
        lots = state.ledger.account().position(order.symbol).lots
        entry_ticks = next((lot.entry_ticks for lot in lots if lot.order_id == order.parent_id), 0)
        return not entry_ticks or order.side * (fill.price_ticks - entry_ticks) < 0
    return True


def _likelihood(record: OrderRecord) -> tuple[bool, bool, int]:
    """An order that was never answered first, then one that closes, then the oldest."""
    return record.state not in UNANSWERED, record.order.role not in CLOSING, record.order.decided_ns


def _legs(state: TradingState, fill: Fill) -> Iterator[Order]:
    """The legs that our brackets had, also those that were never reported: their fills are ours."""
    for record in list(state.book.records.values()):
        order = record.order
        if order.stop_id:
            order = Order(
                order_id=order.stop_id,
                symbol=order.symbol,
                side=-order.side,
                contracts=order.contracts,
                role=Role.STOP,
                order_type=OrderType.STOP,
                trigger_ticks=fill.price_ticks,
                parent_id=order.order_id,
                decided_ns=order.decided_ns,
            )
            yield order
        if is_stop(order):
            yield msgspec.structs.replace(
                order, order_id=target_id(order.order_id), role=Role.EXIT, order_type=OrderType.MARKET, trigger_ticks=0
            )


def _manual(each: VenueFill) -> Fill:
    return msgspec.structs.replace(each.fill, order_id=f"{MANUAL}{each.venue_id}", role=Role.UNKNOWN, parent_id="")


# What remains -------------------------------------------------------------------------------------------------------


def differences(state: TradingState, survey: Survey) -> tuple[str, ...]:
    """Positions that differ and orders that are not ours, one sentence each; the answers are taken in before."""
    found = []
    held = {position.symbol: position.contracts for position in state.ledger.account().positions}
    for symbol in sorted(state.traded_symbols() | set(held)):
        ours, theirs = held.get(symbol, 0), survey.positions.get(symbol, 0)
        if ours != theirs:
            found.append(f"the journal holds {ours:+d} {symbol}, the broker {theirs:+d}")
    for order in survey.orders:
        if order.symbol in state.traded_symbols() and not _is_ours(state, order):
            word = "buy" if order.side > 0 else "sell"
            whose = "is not in the journal" if has_our_form(order.order_id) else "MinhOS did not send"
            found.append(f"an order to {word} {order.contracts} {order.symbol} works that {whose}")
    return tuple(found)


def _is_ours(state: TradingState, order: VenueOrder) -> bool:
    if state.book.order(order.order_id) is not None or _entry_with_stop(state, order.order_id) is not None:
        return True
    stops = [record.order.stop_id or record.order.order_id for record in state.book.records.values()]
    legs = {target_id(stop) for stop in stops}
    return order.order_id in legs or order.venue_id in state.book.venue_ids()
