"""One order at the broker, as its updates show it.  Pure values and rules; all orders together are in `sierra_book`."""

from __future__ import annotations

import enum

import msgspec

from minhos.accounting.types import Order, OrderType
from minhos.dtc.messages import OrderUpdate
from minhos.dtc.messages.enums import OrderStatus as DtcStatus
from minhos.dtc.messages.enums import OrderUpdateReason
from minhos.market.types import Instrument
from minhos.trading.doubt import APART_NS
from minhos.trading.venue import News, OrderReport, OrderStatus
from minhos.venues.sierra.wire import contracts_of, ticks_of

FILL_REASONS = (OrderUpdateReason.ORDER_FILLED, OrderUpdateReason.ORDER_FILLED_PARTIALLY)
REFUSALS = (OrderUpdateReason.ORDER_CANCEL_REJECTED, OrderUpdateReason.ORDER_CANCEL_REPLACE_REJECTED)
ANSWERS = (OrderUpdateReason.ORDER_CANCELED, OrderUpdateReason.ORDER_CANCEL_REPLACE_COMPLETE, *REFUSALS)


class Leg(enum.StrEnum):
    """Which part of a bracket an order is."""

    SINGLE = "single"
    PARENT = "parent"
    STOP = "stop"
    TARGET = "target"


class Phase(enum.StrEnum):
    """How far an order is."""

    LOST = "lost"
    """The broker's lists have not shown it for a while: it may work all the same, and is told to end before anything
    counts on its end.  Should it come up again, it is what it says then."""
    SENT = "sent"
    """Nothing was heard of it yet."""
    WAITING = "waiting"
    """A leg whose parent has not filled."""
    WORKING = "working"
    DONE = "done"


_PHASES: dict[int, Phase] = {
    DtcStatus.PENDING_CHILD: Phase.WAITING,
    DtcStatus.OPEN: Phase.WORKING,
    DtcStatus.PENDING_CANCEL_REPLACE: Phase.WORKING,
    DtcStatus.PENDING_CANCEL: Phase.WORKING,
    DtcStatus.PARTIALLY_FILLED: Phase.WORKING,
    DtcStatus.FILLED: Phase.DONE,
    DtcStatus.CANCELED: Phase.DONE,
    DtcStatus.REJECTED: Phase.DONE,
}
_RANK = {phase: rank for rank, phase in enumerate(Phase)}


class Tracked(msgspec.Struct):
    """What we know of one order at the broker."""

    order: Order
    """With the contracts and the trigger that the broker shows."""
    leg: Leg = Leg.SINGLE
    server_id: str = ""
    former_ids: tuple[str, ...] = ()
    phase: Phase = Phase.SENT
    ended: DtcStatus = DtcStatus.UNSPECIFIED
    filled: int = 0
    """Contracts in fills that were counted."""
    reported: int = 0
    """Contracts filled as the broker's updates say: more than `filled` where a fill's message was lost."""
    answers: int = 0
    """Requests to cancel or change it that were answered."""
    refusal: str = ""
    """Why the last one was refused, else empty."""
    last_reported: OrderStatus | None = None
    """The last status that the trader got."""
    rest_reason: str = ""
    """Of a closing order that was sent for fewer contracts than were asked for: why."""
    sent_ns: int = 0
    done_ns: int = 0
    doubted_ns: int = 0
    """Since when the lists show otherwise: they lack it, or have it although it had ended; 0 while they do not."""

    @property
    def is_stop(self) -> bool:
        return self.order.order_type is OrderType.STOP

    @property
    def is_open(self) -> bool:
        return self.phase not in (Phase.DONE, Phase.LOST)

    @property
    def may_rest(self) -> bool:
        """Whether it may work at the broker: it is open, or only the lists lack it."""
        return self.is_open or (self.phase is Phase.LOST and bool(self.server_id))

    @property
    def remaining(self) -> int:
        """What it may still trade."""
        return max(0, self.order.contracts - max(self.filled, self.reported)) if self.may_rest else 0

    def is_doubted(self, now_ns: int) -> bool:
        """Whether the broker's lists have shown otherwise for long enough; to be asked with each list that does."""
        self.doubted_ns = min(self.doubted_ns or now_ns, now_ns)
        return now_ns >= self.doubted_ns + APART_NS

    def end(self, now_ns: int) -> None:
        """It is no more."""
        self.phase, self.done_ns = Phase.DONE, now_ns

    def works_for(self, contracts: int, filled: int) -> None:
        """It works for so many contracts, although it had ended or more of it was said to be filled.

        filled: by the broker's list of fills; what only a word said is counted no more, because the broker would take
        what is left of a changed order for so many fewer or more.
        """
        if self.phase is Phase.DONE:
            self.phase, self.ended = Phase.WORKING, DtcStatus.UNSPECIFIED
        self.doubted_ns = 0
        self.filled = self.reported = max(filled, self.order.contracts - contracts)
        self.order = msgspec.structs.replace(self.order, contracts=self.filled + contracts)

    @property
    def lacks_fills(self) -> bool:
        """Whether the broker filled more than we have fills of."""
        return self.reported > self.filled

    def identify(self, update: OrderUpdate) -> bool:
        """Take the broker's number; True where it is a new one.  A number that was replaced does not come back."""
        number = update.server_order_id
        if not number or number == self.server_id or number in self.former_ids:
            return False
        if self.server_id:
            self.former_ids += (self.server_id,)
        self.server_id = number
        return True

    def advance(self, update: OrderUpdate, instrument: Instrument, now_ns: int) -> bool:
        """Take phase and terms from an update; True where contracts or trigger are others.  What is done stays done."""
        reported = contracts_of(update.filled_quantity)
        self.reported = max(self.reported, reported)
        phase = self._phase_of(update)
        if phase is None or self.phase is Phase.DONE or _RANK[phase] < _RANK[self.phase]:
            return False
        self.phase = phase
        if phase is Phase.DONE:
            self.ended, self.done_ns = DtcStatus(update.order_status), now_ns
        return self._take_terms(update, instrument)

    def answer(self, update: OrderUpdate) -> None:
        """Note the answer to a request to cancel or change it."""
        if update.order_update_reason in ANSWERS:
            self.answers += 1
            refused = update.order_update_reason in REFUSALS
            self.refusal = (update.info_text or "no reason given") if refused else ""

    def _phase_of(self, update: OrderUpdate) -> Phase | None:
        """The phase that an update shows; None where it shows none.  A refused request says REJECTED, not the order."""
        refused = update.order_update_reason in REFUSALS
        if refused and update.order_status == DtcStatus.REJECTED:
            return None
        if update.order_status == DtcStatus.PENDING_OPEN:
            return Phase.WAITING if self.leg in (Leg.STOP, Leg.TARGET) else Phase.WORKING
        return _PHASES.get(update.order_status)

    def shows_works(self, update: OrderUpdate) -> bool:
        """Whether the broker's word about this order says that it works."""
        return bool(update.server_order_id) and self._phase_of(update) is Phase.WORKING

    def _take_terms(self, update: OrderUpdate, instrument: Instrument) -> bool:
        if not self.is_stop and self.leg is not Leg.TARGET:
            return False
        contracts = contracts_of(update.order_quantity) or self.order.contracts
        trigger = self.order.trigger_ticks
        if self.is_stop and update.price1:
            trigger = ticks_of(update.price1, instrument)
        if (contracts, trigger) == (self.order.contracts, self.order.trigger_ticks):
            return False
        self.order = msgspec.structs.replace(self.order, contracts=contracts, trigger_ticks=trigger)
        return True


def announce(
    tracked: Tracked, filled: bool, changed: bool, renumbered: bool, update: OrderUpdate, now_ns: int
) -> list[News]:
    """That an order works, with its terms where it is a stop; and again where they or the broker's number change."""
    if not (tracked.phase is Phase.WORKING or filled):
        return []
    last, replaced = (
        tracked.last_reported,
        update.order_update_reason == OrderUpdateReason.ORDER_CANCEL_REPLACE_COMPLETE,
    )
    statuses = []
    if last not in (OrderStatus.ACCEPTED, OrderStatus.RESIZED):
        statuses.append(OrderStatus.ACCEPTED)
    if tracked.is_stop and tracked.is_open and last is not None and (changed or replaced):
        statuses.append(OrderStatus.RESIZED)  # also after UNKNOWN: the trader may hold it to other terms
    if renumbered and not statuses:
        statuses.append(OrderStatus.ACCEPTED)
    if statuses:
        tracked.last_reported = statuses[-1]
    shown, name = tracked.order if tracked.is_stop else None, tracked.order.order_id
    return [OrderReport(name, status, now_ns, update.info_text, shown, tracked.server_id) for status in statuses]


def plan_release(stops: list[Tracked], keep: int) -> list[tuple[Tracked, int]]:
    """Which stops, oldest first, must go or shrink so that they cover at most keep contracts: each with what is left.

    The oldest keep theirs, as reductions close the newest lots first.
    """
    plan = []
    for stop in stops:
        left = min(stop.remaining, keep)
        keep -= left
        if left < stop.remaining:
            plan.append((stop, left))
    return plan
