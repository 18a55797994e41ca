"""The venue's memory: our orders at the broker, the position that fills make, and what each update means for us.

Pure: updates in, news for the trader out.  It sends nothing.  Updates may come twice, late or not at all: a fill counts
once by its execution id, what is done stays done, and where fills are missing it wants the broker to be asked.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import msgspec

from minhos.accounting.types import Fill, Order, OrderType, Role
from minhos.dtc.messages import OrderUpdate
from minhos.dtc.messages.enums import OrderStatus as DtcStatus
from minhos.dtc.messages.enums import OrderType as DtcType
from minhos.errors import SymbolError
from minhos.market.symbols import parse_symbol
from minhos.market.types import NANOS_PER_SECOND
from minhos.trading.order_ids import has_our_form, stop_id_of, target_id
from minhos.trading.venue import News, OrderReport, OrderStatus, Survey, VenueOrder
from minhos.venues.sierra.fills import Fills, fill_of
from minhos.venues.sierra.tracked import FILL_REASONS, REFUSALS, Leg, Phase, Tracked, announce
from minhos.venues.sierra.wire import STOPS, Route, contracts_of, is_far_off, price_distrust, side_of, ticks_of

REMEMBERED_NS = 3 * 86_400 * NANOS_PER_SECOND
"""What is done is forgotten after this: the broker is asked for the fills of two days."""
_ANOTHER = "it is another order at the broker"
_PRICED = (DtcType.STOP, DtcType.LIMIT)


class SierraBook:
    """changes: grows with everything that happens.  survey_reason, distrust: set when the broker must be asked, or its
    prices cannot be right.
    """

    def __init__(self, account: str) -> None:
        self.account = account
        self.orders: dict[str, Tracked] = {}
        self.routes: dict[str, Route] = {}
        self.fills = Fills()
        self.changes = 0
        self.survey_reason = ""
        self.distrust = ""
        self._by_server_id: dict[str, str] = {}

    # What we send -------------------------------------------------------------------------------------------------

    def expect(self, order: Order, now_ns: int, leg: Leg = Leg.SINGLE) -> Tracked:
        """An order is about to be sent."""
        self.changes += 1
        tracked = Tracked(order, leg, sent_ns=now_ns)
        self.orders[order.order_id] = tracked
        return tracked

    def expect_bracket(self, entry: Order, with_target: bool, now_ns: int) -> list[Tracked]:
        """An entry and its legs are about to be sent."""
        stop = Order(
            order_id=entry.stop_id,
            symbol=entry.symbol,
            side=-entry.side,
            contracts=entry.contracts,
            role=Role.STOP,
            order_type=OrderType.STOP,
            parent_id=entry.order_id,
            decided_ns=entry.decided_ns,
        )
        legs = [self.expect(entry, now_ns, Leg.PARENT), self.expect(stop, now_ns, Leg.STOP)]
        return [*legs, self.expect(_target_of(stop), now_ns, Leg.TARGET)] if with_target else legs

    def adopt(self, orders: list[tuple[Order, int]], positions: Mapping[str, int]) -> None:
        """After a restart: orders that may work, with what remains of each, and what is held.

        A stop without a trigger is one of which the trader never heard.
        """
        for order, remaining in orders:
            leg = Leg.PARENT if order.stop_id else Leg.SINGLE
            tracked = self.expect(order, 0, leg)
            tracked.filled = order.contracts - remaining
            unheard = tracked.is_stop and not order.trigger_ticks
            tracked.last_reported = None if unheard else OrderStatus.UNKNOWN
        self.fills.net = dict(positions)

    def know(self, venue_ids: Mapping[str, str]) -> None:
        """The broker's numbers of our orders: ServerOrderID to order id."""
        self._by_server_id.update(venue_ids)
        for number, order_id in venue_ids.items():
            tracked = self.orders.get(order_id)
            if tracked is not None and not tracked.server_id:
                tracked.server_id = number

    # What is there ------------------------------------------------------------------------------------------------

    def stops(self, contract: str) -> list[Tracked]:
        """Stops that work or may work, oldest first; not those whose entry has not filled."""
        stops = [t for t in self.orders.values() if t.order.symbol == contract and t.is_stop and t.may_rest]
        return [stop for stop in stops if stop.phase in (Phase.WORKING, Phase.LOST) or self._may_work(stop)]

    def openings(self, contract: str) -> list[Tracked]:
        """Entries that may still fill."""
        return [t for t in self.orders.values() if t.order.symbol == contract and t.leg is Leg.PARENT and t.may_rest]

    def target(self, stop: Tracked) -> Tracked | None:
        """The target beside a stop, while it may trade."""
        tracked = self.orders.get(target_id(stop.order.order_id))
        return tracked if tracked is not None and tracked.may_rest else None

    def orphans(self) -> list[str]:
        """Targets that outlived their stop: the broker's link between the two failed, and they would open something."""
        targets = [t for t in self.orders.values() if t.leg is Leg.TARGET and t.phase is Phase.WORKING]
        stops = {t.order.order_id: self.orders.get(stop_id_of(t.order.order_id)) for t in targets}
        return [target for target, stop in stops.items() if stop is not None and not stop.may_rest]

    def beyond_their_stops(self) -> dict[str, int]:
        """Targets that work for more contracts than the stop beside them, and for how many that is."""
        targets = {key: t for key, t in self.orders.items() if t.leg is Leg.TARGET and t.phase is Phase.WORKING}
        stops = {key: self.orders.get(stop_id_of(key)) for key in targets}
        working = {key: stop for key, stop in stops.items() if stop is not None and stop.phase is Phase.WORKING}
        return {key: s.remaining for key, s in working.items() if 0 < s.remaining < targets[key].remaining}

    def resting_targets(self) -> list[str]:
        """Targets that work."""
        return [key for key, t in self.orders.items() if t.leg is Leg.TARGET and t.phase is Phase.WORKING]

    def lacks_fills(self, contract: str) -> bool:
        """Whether fills of that contract are missing, so that net cannot be trusted."""
        return any(t.lacks_fills for t in self.orders.values() if t.order.symbol == contract)

    def held(self, contract: str, side: int) -> int:
        """Contracts that an order of that side can close."""
        return max(0, -side * self.fills.net.get(contract, 0))

    def uncovered(self, contract: str, side: int) -> int:
        """Those of them that it can close without crossing a stop that may still fill."""
        return max(0, self.held(contract, side) - sum(stop.remaining for stop in self.stops(contract)))

    def contract_of(self, symbol: str) -> str:
        """The contract that the broker calls so, in whatever form it writes it; empty for none of ours."""
        contract = next((route.contract for route in self.routes.values() if route.symbol == symbol), "")
        return contract or next((contract for contract in self.routes if _is_written(contract, symbol)), "")

    def order_id_of(self, server_id: str) -> str:
        """Our order with the broker's number; empty for none of ours."""
        return self._by_server_id.get(server_id, "")

    # What the broker says -----------------------------------------------------------------------------------------

    def take(self, update: OrderUpdate, now_ns: int) -> list[News]:
        """What an order update means."""
        if update.no_orders or update.trade_account not in ("", self.account):
            return []
        tracked = self._find(update)
        if tracked is None:
            return self._take_foreign(update, now_ns)
        route = self.routes.get(tracked.order.symbol)
        if route is None:
            return []
        self.changes += 1
        if update.order_update_reason in FILL_REASONS and (why := self._misfit(tracked, update, route)):
            return self._refuse(tracked, update, route, why, now_ns)
        renumbered = self._identify(tracked, update)
        was_open = tracked.phase is not Phase.DONE
        changed = tracked.advance(update, route.instrument, now_ns)
        tracked.answer(update)
        self._check_price(update, route)
        fill = self._new_fill(fill_of(update, tracked, "", route, now_ns), tracked, now_ns)
        news: list[News] = []
        if tracked.leg is not Leg.TARGET:
            news += announce(tracked, fill is not None, changed, renumbered, update, now_ns)
        news += [fill] if fill is not None else []
        if tracked.leg is not Leg.TARGET:
            news += self._conclude(tracked, was_open, update, now_ns)
        if tracked.phase is Phase.LOST and update.order_update_reason in REFUSALS:
            tracked.end(now_ns)  # neither listed nor known: what was doubtful is certain
        if tracked.lacks_fills:
            self.survey_reason = f"a fill of order {tracked.order.order_id} was not received"
        return news

    def _misfit(self, tracked: Tracked, update: OrderUpdate, route: Route) -> str:
        """Why a fill is none of the order whose name it bears; empty where it may be."""
        order, contracts = tracked.order, contracts_of(update.last_fill_quantity)
        numbers = (tracked.server_id, *tracked.former_ids)
        if self.fills.was_told(update.last_fill_execution_id):
            return ""
        if update.symbol and not _is_meant(order.symbol, route.symbol, update.symbol, self.contract_of(update.symbol)):
            return f"the order is in {order.symbol}"
        if update.buy_sell and side_of(update.buy_sell) != order.side:
            return f"the order {'buys' if order.side > 0 else 'sells'}"
        parent = self.orders.get(order.parent_id) if tracked.leg in (Leg.STOP, Leg.TARGET) else None
        most = max(order.contracts, parent.order.contracts if parent is not None else 0)
        if contracts > most - tracked.filled:
            return f"{max(0, most - tracked.filled)} of its {most} are left"
        replaced = self.order_id_of(update.previous_server_order_id) == order.order_id
        if tracked.server_id and update.server_order_id and update.server_order_id not in numbers and not replaced:
            return _ANOTHER
        price, last = update.last_fill_price, self.fills.last_ticks.get(route.contract, 0)
        if price and is_far_off(ticks_of(price, route.instrument), last):
            return price_distrust(route.symbol, price, route.instrument.to_points(last))
        return ""

    def _refuse(self, tracked: Tracked, update: OrderUpdate, route: Route, why: str, now_ns: int) -> list[News]:
        """A fill that does not fit: nothing of it is counted, and the broker is asked; the trader hears what was said.

        One under another number of the broker's, or at a price that cannot be, may be a true one told wrongly: the list
        of fills has it.
        """
        self.survey_reason = f"a fill of order {tracked.order.order_id} does not fit it: {why}"
        self._check_price(update, route)
        fill = fill_of(update, tracked, "", route, now_ns)
        if fill is None or why == _ANOTHER or why == self.distrust:
            return []
        symbol = self.contract_of(update.symbol) or update.symbol or fill.symbol
        side = side_of(update.buy_sell) if update.buy_sell else fill.side
        return [msgspec.structs.replace(fill, symbol=symbol, side=side)]

    def restate(self, rows: list[OrderUpdate], now_ns: int) -> list[News]:
        """What the broker's list of open orders says of ours."""
        for row in rows:
            self._recognise(row)
        return [news for row in rows if self._find(row) is not None for news in self.take(row, now_ns)]

    def _recognise(self, row: OrderUpdate) -> None:
        """Take up an order that works under a name of ours and that no journal told of, so that it can be taken back.

        Nothing is announced: whether the list is to be believed is for the trader to say.
        """
        name, contract = row.client_order_id, self.contract_of(row.symbol)
        meant = contract and row.trade_account in ("", self.account) and has_our_form(name)
        if not meant or not row.server_order_id or row.no_orders or self._find(row) is not None:
            return
        is_stop, filled = row.order_type in STOPS, contracts_of(row.filled_quantity)
        order = Order(
            order_id=name,
            symbol=contract,
            side=side_of(row.buy_sell),
            contracts=contracts_of(row.order_quantity) or contracts_of(row.remaining_quantity) + filled,
            role=Role.STOP if is_stop else Role.UNKNOWN,
            order_type=OrderType.STOP if is_stop else OrderType.MARKET,
            trigger_ticks=ticks_of(row.price1, self.routes[contract].instrument) if is_stop and row.price1 else 0,
        )
        tracked = Tracked(order, Leg.TARGET if stop_id_of(name) else Leg.SINGLE, last_reported=OrderStatus.ACCEPTED)
        if tracked.shows_works(row):
            tracked.phase, tracked.filled, tracked.reported = Phase.WORKING, filled, filled
            tracked.identify(row)
            self.orders[name] = tracked
            self._by_server_id[row.server_order_id] = name

    def mark_unknown(self, tracked: Tracked, reason: str, now_ns: int) -> list[News]:
        """No answer came: it may or may not work.  Of a leg that the trader has not heard of, nothing is reported."""
        self.survey_reason = reason
        was_reported = tracked.last_reported is not None or tracked.leg in (Leg.PARENT, Leg.SINGLE)
        if not tracked.is_open or tracked.leg is Leg.TARGET or not was_reported:
            return []
        tracked.last_reported = OrderStatus.UNKNOWN
        return [OrderReport(tracked.order.order_id, OrderStatus.UNKNOWN, now_ns, reason, venue_id=tracked.server_id)]

    def settle(self, survey: Survey, patience_ns: int) -> None:
        """Take over what the broker's own lists show; positions, and which orders are gone, only where nothing moved
        meanwhile.  patience_ns: an order sent less than this before may still come up.
        """
        listed = {order.venue_id: order for order in survey.orders}
        filled = self.fills.settle(survey)
        for order_id, contracts in filled.items():
            if (tracked := self.orders.get(order_id)) is not None:
                tracked.filled = max(tracked.filled, min(contracts, tracked.order.contracts))
        if survey.quiet:
            for tracked in self.orders.values():
                tracked.sent_ns = min(tracked.sent_ns, survey.started_ns)  # later only where the clock was set back
                done = filled.get(tracked.order.order_id, 0)
                self._compare(tracked, listed.get(tracked.server_id), done, survey, patience_ns)
        self._forget(survey.time_ns - REMEMBERED_NS)

    def _compare(self, tracked: Tracked, row: VenueOrder | None, filled: int, survey: Survey, patience_ns: int) -> None:
        """One order against its row in the list; what the list says must be said for a while.

        filled: contracts of it in the list of fills.
        """
        works = row is not None and not row.waiting and row.contracts > 0
        if tracked.is_open and row is None and tracked.sent_ns < survey.started_ns - patience_ns:
            if tracked.is_doubted(survey.time_ns):
                tracked.phase, tracked.done_ns = Phase.LOST, survey.time_ns
        elif row is not None and works and row.contracts > (tracked.remaining if tracked.is_open else 0):
            if tracked.is_doubted(survey.time_ns):
                tracked.works_for(row.contracts, filled)
        else:
            tracked.doubted_ns = 0

    # -------------------------------------------------------------------------------------------------------------

    def _find(self, update: OrderUpdate) -> Tracked | None:
        names = (
            update.client_order_id,
            self.order_id_of(update.server_order_id),
            self.order_id_of(update.previous_server_order_id),
        )
        for name in names:
            if name in self.orders:
                return self.orders[name]
        stop = self.orders.get(stop_id_of(update.client_order_id))
        return self.expect(_target_of(stop.order), 0, Leg.TARGET) if stop is not None else None

    def _identify(self, tracked: Tracked, update: OrderUpdate) -> bool:
        renumbered = tracked.identify(update)
        if renumbered:
            self._by_server_id[tracked.server_id] = tracked.order.order_id
        if update.parent_server_order_id and tracked.order.parent_id and tracked.leg is not Leg.PARENT:
            self._by_server_id.setdefault(update.parent_server_order_id, tracked.order.parent_id)
        return renumbered

    def _take_foreign(self, update: OrderUpdate, now_ns: int) -> list[News]:
        """An order that is not ours, in our account: its fills move the position."""
        contract = self.contract_of(update.symbol)
        if not contract:
            return []
        self.changes += 1
        self.survey_reason = f"someone else's order {update.server_order_id} in {contract}"
        known_id = self.order_id_of(update.server_order_id)
        fill = self._new_fill(fill_of(update, None, known_id, self.routes[contract], now_ns), None, now_ns)
        return [fill] if fill is not None else []

    def _new_fill(self, fill: Fill | None, tracked: Tracked | None, now_ns: int) -> Fill | None:
        return fill if fill is not None and self.fills.take(fill, tracked, now_ns) else None

    def _check_price(self, update: OrderUpdate, route: Route) -> None:
        prices = [update.last_fill_price, update.price1 if update.order_type in _PRICED else None]
        last = self.fills.last_ticks.get(route.contract, 0)
        for price in prices:
            if price and is_far_off(ticks_of(price, route.instrument), last):
                self.distrust = price_distrust(route.symbol, price, route.instrument.to_points(last))

    def _conclude(self, tracked: Tracked, was_open: bool, update: OrderUpdate, now_ns: int) -> list[News]:
        """How an order ended, or that a request about it was refused."""
        order, text = tracked.order, update.info_text
        if was_open and tracked.phase is Phase.DONE and tracked.ended is not DtcStatus.FILLED:
            if tracked.leg is Leg.STOP and tracked.last_reported is None and not self._parent_lives(tracked):
                return []
            cancelled = tracked.ended is DtcStatus.CANCELED
            tracked.last_reported = OrderStatus.CANCELLED if cancelled else OrderStatus.REJECTED
            shown = order if tracked.is_stop else None
            return [OrderReport(order.order_id, tracked.last_reported, now_ns, text, shown, tracked.server_id)]
        rest_ends = tracked.rest_reason and tracked.ended is DtcStatus.FILLED and not tracked.lacks_fills
        if rest_ends and tracked.last_reported is not OrderStatus.CANCELLED:
            tracked.last_reported = OrderStatus.CANCELLED
            return [
                OrderReport(
                    order.order_id, tracked.last_reported, now_ns, tracked.rest_reason, venue_id=tracked.server_id
                )
            ]
        if update.order_update_reason in REFUSALS and tracked.last_reported is not None:
            if not update.server_order_id:
                self.survey_reason = f"the broker does not know order {order.order_id}"
            works = order if tracked.shows_works(update) and tracked.leg is not Leg.TARGET else None
            return [OrderReport(order.order_id, OrderStatus.CANCEL_REJECTED, now_ns, text, works, tracked.server_id)]
        return []

    def _may_work(self, stop: Tracked) -> bool:
        """Whether a stop that was not seen working may rest: it was sent alone, or its entry has filled."""
        if stop.leg is Leg.SINGLE:
            return True
        parent = self.orders.get(stop.order.parent_id)
        return parent is not None and max(parent.filled, parent.reported) > 0

    def _parent_lives(self, stop: Tracked) -> bool:
        parent = self.orders.get(stop.order.parent_id)
        return parent is not None and (parent.is_open or parent.filled > 0 or parent.reported > 0)

    def _forget(self, before_ns: int) -> None:
        for order_id, tracked in list(self.orders.items()):
            if not tracked.is_open and tracked.done_ns < before_ns:
                del self.orders[order_id]
                for number in (tracked.server_id, *tracked.former_ids):
                    self._by_server_id.pop(number, None)
        self.fills.forget(before_ns)


@functools.lru_cache(maxsize=1024)
def _is_written(contract: str, symbol: str) -> bool:
    """Whether a symbol is one of the usual forms of a contract: MNQZ25-CME, MNQZ25_FUT_CME and so on of MNQZ25."""
    try:
        return parse_symbol(symbol, parse_symbol(contract).year).contract == contract
    except SymbolError:
        return False


def _is_meant(contract: str, name: str, symbol: str, known: str) -> bool:
    """Whether a symbol in a message may be that contract; one that is no form of any is the broker's own name."""
    if known or symbol == name:
        return symbol == name or known == contract
    try:
        return parse_symbol(symbol, parse_symbol(contract).year).contract == contract
    except SymbolError:
        return True


def _target_of(stop: Order) -> Order:
    """The order that the target beside a stop is to us: it closes what its entry opened."""
    return msgspec.structs.replace(
        stop, order_id=target_id(stop.order_id), role=Role.EXIT, order_type=OrderType.MARKET, trigger_ticks=0
    )
