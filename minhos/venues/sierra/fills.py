"""Fills as order updates bring them, each counted and reported once; position and prices as they follow from them."""

from __future__ import annotations

from minhos.accounting.types import Fill, Role
from minhos.dtc.messages import OrderUpdate
from minhos.trading.order_ids import MANUAL
from minhos.trading.venue import Survey
from minhos.venues.sierra.tracked import FILL_REASONS, Tracked
from minhos.venues.sierra.wire import Route, contracts_of, is_far_off, side_of, ticks_of, time_ns_of


def fill_of(update: OrderUpdate, tracked: Tracked | None, known_id: str, route: Route, now_ns: int) -> Fill | None:
    """The fill that an update brings, None for none.  known_id: our order's name where it is tracked no more.

    A fill without an execution id is named by its order and the contracts filled so far, the same way every time.
    """
    if update.order_update_reason not in FILL_REASONS:
        return None
    so_far = tracked.filled if tracked is not None else 0
    contracts = contracts_of(update.last_fill_quantity) or contracts_of(update.filled_quantity) - so_far
    price = update.last_fill_price or update.average_fill_price
    if contracts <= 0 or not price:
        return None
    order_id = tracked.order.order_id if tracked is not None else known_id or f"{MANUAL}{update.server_order_id}"
    return Fill(
        fill_id=update.last_fill_execution_id or f"{order_id}-{contracts_of(update.filled_quantity)}",
        order_id=order_id,
        symbol=route.contract,
        side=tracked.order.side if tracked is not None else side_of(update.buy_sell),
        contracts=contracts,
        price_ticks=ticks_of(price, route.instrument),
        time_ns=time_ns_of(update.last_fill_date_time, now_ns),
        commission_cents=route.instrument.commission_cents * contracts,
        role=tracked.order.role if tracked is not None else Role.UNKNOWN,
        parent_id=tracked.order.parent_id if tracked is not None else "",
    )


class Fills:
    """net: contracts held by contract symbol, from the fills counted and the last quiet survey.

    last_ticks: the last price known by contract symbol.
    """

    def __init__(self) -> None:
        self.net: dict[str, int] = {}
        self.last_ticks: dict[str, int] = {}
        self._counted: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._listed = False
        """Whether a list of fills was counted: of those of the first, net may have any."""

    def take(self, fill: Fill, tracked: Tracked | None, now_ns: int) -> bool:
        """Count a fill that was not counted; False where it was reported before."""
        if fill.fill_id in self._told:
            return False
        self._told[fill.fill_id] = now_ns
        if fill.fill_id not in self._counted:
            self._counted[fill.fill_id] = now_ns
            self.net[fill.symbol] = self.net.get(fill.symbol, 0) + fill.side * fill.contracts
            if tracked is not None:
                tracked.filled += fill.contracts
        if not is_far_off(fill.price_ticks, self.last_ticks.get(fill.symbol, 0)):
            self.last_ticks[fill.symbol] = fill.price_ticks
        return True

    def was_told(self, fill_id: str) -> bool:
        """Whether that fill was reported before."""
        return bool(fill_id) and fill_id in self._told

    def count(self, survey: Survey) -> None:
        """Take the fills of a survey as counted; net has them then, also where no word of them came.

        They are not reported from here: the survey itself has them.
        """
        for row in survey.fills:
            if row.fill.fill_id not in self._counted:
                self._counted[row.fill.fill_id] = survey.time_ns
                if self._listed:
                    self.net[row.fill.symbol] = self.net.get(row.fill.symbol, 0) + row.fill.side * row.fill.contracts
        self._listed = True

    def settle(self, survey: Survey) -> dict[str, int]:
        """Take a survey's fills as counted, and its positions where it was quiet; contracts filled by order id."""
        self.count(survey)
        filled: dict[str, int] = {}
        for row in survey.fills:
            filled[row.fill.order_id] = filled.get(row.fill.order_id, 0) + row.fill.contracts
        if survey.quiet:
            self.net = dict(survey.positions)
        return filled

    def forget(self, before_ns: int) -> None:
        """Drop what was seen before then."""
        for memory in (self._counted, self._told):
            for fill_id in [fill_id for fill_id, seen_ns in memory.items() if seen_ns < before_ns]:
                del memory[fill_id]
