"""What becomes of a survey of the broker's account: answers taken in, differences reported, open lots protected.

`reconciliation` compares; this acts through the engine.  One survey may cross an order or a fill that is on its way,
so that anything held against the broker must be seen in two surveys; until then it is asked again.

What is remembered for that, and until when.  All of it may be lost with the process: whatever is held against the
broker is then seen in two surveys of the next one.  A person's word and the known differences are of the state.

    memory              what it is for                                   forgotten
    refused_ids         orders that were not cancelled or resized when   with the next survey that crossed nothing,
      (the engine's)    the broker was asked: not asked for at once      before orders are looked after again
    _suspected          differences of the last survey: the same ones    replaced with each survey that crossed
                        in the next survey make flat-only                nothing
    _missing            orders of ours that the last survey lacked:      likewise
                        lacked again they are gone
    _bare               entries whose lots had no stop there: bare in    likewise; one that gets its stop placed, at
                        the next survey they get one                     once
    _unplanned          contracts with lots that no stop was meant for:  likewise
                        still there in the next survey they are closed
    _again_ns           when a stop may be placed, or a contract closed  never, but a time that has passed forbids
                        again, after an attempt                          nothing; at once where a smaller stop makes
                                                                         room first
    _content            the last survey that was journaled: the same     never; one that is the same is then
                        one is not journaled again                       journaled once more
    _alarmed_ns         which alarm was raised when: not again at once   after `REMIND_NS`
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from minhos.accounting.types import CLOSING, Fill, Lot, Order, Role
from minhos.market.types import NANOS_PER_SECOND
from minhos.trading import events as ev
from minhos.trading.hands import Hands
from minhos.trading.order_ids import MANUAL
from minhos.trading.order_states import OrderState
from minhos.trading.protection import missing_stops
from minhos.trading.reconciliation import answers, differences, missing
from minhos.trading.state import TradingState
from minhos.trading.venue import Survey

PROTECT_PAUSE_NS = 5 * NANOS_PER_SECOND
"""A stop that was refused is placed again after that."""
REMIND_NS = 300 * NANOS_PER_SECOND
"""An alarm that was raised is raised again after that, not with every attempt."""
_NUMBER = re.compile(r"\d+")


class Settlement:
    """What earlier surveys showed; nothing of it needs to outlive the process."""

    def __init__(self, engine: Hands) -> None:
        self._engine = engine
        self._content: Survey | None = None
        self._missing: frozenset[str] = frozenset()
        self._suspected: tuple[str, ...] = ()
        self._bare: frozenset[str] = frozenset()
        self._unplanned: frozenset[str] = frozenset()
        self._again_ns: dict[str, int] = {}
        """By entry: when its stop may be placed again, should the last one have been refused; by contract: when what no
        stop was planned for is closed again."""
        self._alarmed_ns: dict[tuple[str, str], int] = {}
        """By entry or contract, and words: when that alarm was raised last."""

    @property
    def _elapsed_ns(self) -> int:
        """For pauses: a clock that never goes back."""
        return self._engine.clock.monotonic_ns()

    def on_survey(self, survey: Survey, now_ns: int) -> None:
        """Compare, unless the survey crossed something of ours or of the broker's: then ask again."""
        engine, state = self._engine, self._engine.state
        engine.last_sent_ns = min(engine.last_sent_ns, now_ns)  # later than now only where the clock was set back
        if not survey.quiet or survey.started_ns <= engine.last_sent_ns:
            engine.ask()
            return
        self._journal(survey, now_ns)
        engine.take(answers(state, survey, self._missing, targets=engine.venue.targets), now_ns)
        self._missing = missing(state, survey)
        found = differences(state, survey)
        if found and found == self._suspected and state.vouched is not None:
            self._book_as_shown(survey, state.vouched, now_ns)
            found = differences(state, survey)
        if (found and found != self._suspected) or self._unsettled():
            engine.ask()
        certain = found == self._suspected
        if not found or certain:
            self._conclude(found, now_ns)
        self._suspected = found
        self._protect(survey, now_ns)
        self._close_unplanned(now_ns)
        engine.refused_ids.clear()
        engine.keep_orders(now_ns, survey.positions if found and certain else None)

    def _journal(self, survey: Survey, now_ns: int) -> None:
        content = msgspec.structs.replace(survey, started_ns=0, time_ns=0)
        if content != self._content:
            self._content = content
            self._engine.record(ev.VenueSurveyed(survey), now_ns)

    def _unsettled(self) -> bool:
        """Whether an order of ours is missing there or unanswered: the next survey will show it."""
        return bool(self._missing or self._engine.state.book.unknown())

    def _conclude(self, found: tuple[str, ...], now_ns: int) -> None:
        """Report the outcome where it is news; after a `resume` a difference that remains is news again."""
        engine, state = self._engine, self._engine.state
        compared = state.reconciled and state.compared_date == state.calendar.happened_on(now_ns)
        news = not compared or found != state.differences or (state.vouched is not None and not found)
        if not news and not (found and state.risk.distrust is None):
            return
        engine.record(ev.Reconciled(now_ns, found), now_ns)
        if found:
            engine.record(ev.Alarm(now_ns, f"Flat-only: {'; '.join(found)}."), now_ns)

    def _book_as_shown(self, survey: Survey, word: ev.CommandReceived, now_ns: int) -> None:
        """Book what the broker holds beyond the journal, on a person's word: no fill that could be asked for shows it.

        Somebody else's fill at the last price known here; it ends nothing, and flat-only goes on until `resume`.
        """
        state = self._engine.state
        account = state.ledger.account()
        for symbol in sorted(state.traded_symbols()):
            change = survey.positions.get(symbol, 0) - account.position(symbol).contracts
            ticks = account.last_ticks.get(symbol, 0)
            if not change or not ticks:
                continue
            name, side = f"{MANUAL}{word.command_id}", 1 if change > 0 else -1
            fill = Fill(f"{name}-{symbol}", name, symbol, side, abs(change), ticks, now_ns, 0, Role.UNKNOWN)
            self._engine.take([fill], now_ns)
            points = state.ledger.instruments[symbol].to_points(ticks)
            text = f"{word.who} had {change:+d} {symbol} booked at {points:g}, the last price, as the broker holds it."
            self._engine.record(ev.Alarm(now_ns, text), now_ns)

    def _protect(self, survey: Survey, now_ns: int) -> None:
        """A stop for each lot that the broker shows without one, twice; not while it is being closed."""
        engine, state = self._engine, self._engine.state
        resting: dict[str, int] = {}
        for listed in survey.orders:
            resting[listed.order_id] = resting.get(listed.order_id, 0) + listed.contracts
        bare: dict[str, Order] = {}
        for order in _within(survey, state, missing_stops(state, now_ns)):
            closing = any(o.role in CLOSING for o in state.book.working(order.symbol))
            under_way = any(
                r.order.parent_id == order.parent_id and r.state is not OrderState.WORKING
                for r in state.book.stops(order.symbol)
            )
            waits = self._elapsed_ns < self._again_ns.get(order.parent_id, 0)
            if not (closing or under_way or waits) and order.contracts > resting.get(_stop_id(engine, order), 0):
                bare[order.parent_id] = order
        if bare.keys() - self._bare:
            engine.ask()
        for parent in sorted(bare.keys() & self._bare):
            self._again_ns[parent] = self._elapsed_ns + PROTECT_PAUSE_NS
            self._place(bare.pop(parent), now_ns)
        self._bare = frozenset(bare)

    def _close_unplanned(self, now_ns: int) -> None:
        """Close what no stop was ever meant for, seen twice: orders to close filled more than was held.

        What somebody else opened has no stop either and is left alone.
        """
        engine, state = self._engine, self._engine.state
        positions = state.ledger.account().positions if state.risk.distrust is None else ()
        unplanned = frozenset(position.symbol for position in positions if any(map(_is_unplanned, position.lots)))
        for symbol in sorted(unplanned & self._unplanned):
            if self._elapsed_ns >= self._again_ns.get(symbol, 0):
                self._again_ns[symbol] = self._elapsed_ns + PROTECT_PAUSE_NS
                text = f"More {symbol} was closed than was held, and what that opened has no stop"
                self._alarm(symbol, f"{text}: closing.", now_ns)
                engine.flatten(text, "engine", now_ns, frozenset({symbol}))
        if unplanned - self._unplanned:
            engine.ask()
        self._unplanned = unplanned

    def _place(self, order: Order, now_ns: int) -> None:
        """The missing stop; where the market has passed it, the position is closed; a smaller one makes room first."""
        engine, state = self._engine, self._engine.state
        text = f"{order.contracts} {order.symbol} stood without a stop at the broker"
        last = state.ledger.account().last_ticks.get(order.symbol, 0)
        if last and order.side * (last - order.trigger_ticks) >= 0:
            self._alarm(order.parent_id, f"{text}, and the market has passed it: closing.", now_ns)
            engine.flatten(f"{text}, and the market has passed it", "engine", now_ns)
            return
        refusal = state.book.refusal_of_stop(order.parent_id)
        why = f" (refused: {refusal.rstrip('.')})" if refusal else ""
        self._alarm(order.parent_id, f"{text}{why}; one is placed.", now_ns)
        smaller = [r for r in state.book.stops(order.symbol) if r.order.parent_id == order.parent_id]
        if not smaller:
            engine.send((order,), now_ns)
            return
        self._again_ns.pop(order.parent_id, None)
        for record in smaller:
            engine.cancel(record.order.order_id, now_ns)

    def _alarm(self, about: str, text: str, now_ns: int) -> None:
        """Raise an alarm about the stops of an entry or a contract, unless the same (but for its numbers) was raised
        lately."""
        key = about, _NUMBER.sub("", text)
        elapsed_ns = self._elapsed_ns
        self._alarmed_ns = {old: at_ns for old, at_ns in self._alarmed_ns.items() if elapsed_ns < at_ns + REMIND_NS}
        if key not in self._alarmed_ns:
            self._alarmed_ns[key] = elapsed_ns
            self._engine.record(ev.Alarm(now_ns, text), now_ns)


def _stop_id(engine: Hands, order: Order) -> str:
    """The stop that the lots of this order's entry should have."""
    lots = engine.state.ledger.account().position(order.symbol).lots
    return next((lot.stop_id for lot in lots if lot.order_id == order.parent_id), "")


def _within(survey: Survey, state: TradingState, stops: list[Order]) -> Iterator[Order]:
    """The missing stops, for no more contracts than the broker holds beyond those that other stops of ours cover.

    Where it holds less than the journal, a stop for the journal's lots would open something when it is hit.
    """
    instead = {lot.order_id: lot.stop_id for pos in state.ledger.account().positions for lot in pos.lots}
    replaced = {instead.get(order.parent_id, "") for order in stops}
    room = {
        (symbol, side): -side * held
        - sum(
            each.contracts
            for each in survey.orders
            if each.is_stop
            and (each.symbol, each.side) == (symbol, side)
            and each.order_id in state.book.records
            and each.order_id not in replaced
        )
        for symbol, held in survey.positions.items()
        for side in (1, -1)
    }
    for order in stops:
        left = min(order.contracts, room.get((order.symbol, order.side), 0))
        if left > 0:
            room[order.symbol, order.side] -= left
            yield msgspec.structs.replace(order, contracts=left)


def _is_unplanned(lot: Lot) -> bool:
    return not lot.stop_ticks and not lot.order_id.startswith(MANUAL)
