"""What becomes of a survey of the broker's account: answers taken in, differences reported, open lots protected.

`reconciliation` compares; this acts through the engine.  One survey may cross an order or a fill that is on its way,
and a broker may lie for a moment, so that anything held against the broker must be seen in surveys over a whole second
(`doubt`); until then it is asked again, and what rests stays.

An order of ours that the lists lack is not believed to be gone: the broker is told to cancel it, and where it answers
that there is none, or nothing, it is.  So a list that lies for longer never makes two exits of one.

What is remembered for that, and until when; doubts end also where the broker is not heard.  All of it may be lost with
the process: whatever is held against the broker is then seen in surveys of the next one.  A person's word and the known
differences are of the state.

    memory              what it is for                                   forgotten
    refused_ids         orders that were not cancelled or resized when   with the next survey that crossed nothing,
      (the engine's)    the broker was asked: not asked for at once      before orders are looked after again
    _views              differences with positions: shown alike for a    with a survey that shows others
                        second they make flat-only
    _positions          what the broker holds: shown alike for a         with a survey that shows others
                        second, it may be closed or booked
    _lacking            orders of ours that the lists lack               with a survey that lists them
    _taken_back         of these, those that the broker was told to      likewise, and when they have ended
                        cancel because of that
    _relisted           orders that had ended, or that the journal does  with a survey that lacks them
                        not know, and are listed: for a second, they
                        are open again
    _bare               entries whose lots had no stop there: for a      with a survey in which they have; one that gets
                        second, they get one                             its stop placed, at once
    _unplanned          contracts with lots that no stop was meant for:  with a survey that shows none
                        for a second, they are closed
    _turned_ns          since when the broker shows the other side: for  with a survey that does not
                        three seconds, that gets a stop
    _shown              positions of the last ten seconds: exits never   after `LARGEST_NS`
                        exceed the largest of them
    _again_ns           when a stop may be placed, or a contract closed  never, but a time that has passed forbids
                        again, after an attempt                          nothing; at once where a smaller stop makes
                                                                         room first
    _content            the last survey that was journaled: the same     never; one that is the same is then
                        one is not journaled again                       journaled once more
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

import msgspec

from minhos.accounting.types import CLOSING, Fill, Lot, Order, OrderType, Role
from minhos.market.types import NANOS_PER_SECOND
from minhos.trading import events as ev
from minhos.trading.book import is_stop
from minhos.trading.doubt import APART_NS, SETTLED_NS, Doubts
from minhos.trading.hands import Hands
from minhos.trading.order_ids import MANUAL, order_id
from minhos.trading.order_states import OrderState
from minhos.trading.protection import missing_stops
from minhos.trading.reconciliation import answers, differences, ended, forgotten, listed_again, missing, taken_up
from minhos.trading.state import TradingState
from minhos.trading.venue import OrderReport, Survey

ASK_NS = NANOS_PER_SECOND
"""While broker and journal disagree it is asked that often: a lie that is over is to be known as one."""
OTHER_SIDE_NS = 3 * NANOS_PER_SECOND
"""A position whose sign turned round without a fill is more likely a lie: so long nothing is placed for it."""
PROTECT_PAUSE_NS = 5 * NANOS_PER_SECOND
"""A stop that was refused is placed again after that."""
VOUCHED_NS = 30 * NANOS_PER_SECOND
"""An order that the broker said works, and does not list, is asked about again after that."""
LARGEST_NS = 10 * NANOS_PER_SECOND
"""Exits are for no more than the largest position that the broker showed in so long."""

Positions = tuple[tuple[str, int], ...]
View = tuple[tuple[str, ...], Positions]
"""Differences and the positions of one survey."""
_MAY_WORK = (OrderState.WORKING, OrderState.RESIZE_SENT)


class Settlement:
    """What earlier surveys showed; nothing of it needs to outlive the process."""

    def __init__(self, engine: Hands) -> None:
        self._engine = engine
        self._content: Survey | None = None
        self._views: Doubts[View] = Doubts()
        self._positions: Doubts[Positions] = Doubts()
        self._differs_ns: int | None = None
        """Since when surveys differ, in whatever."""
        self._lacking: Doubts[tuple[str, OrderState]] = Doubts()
        self._taken_back: set[str] = set()
        self._vouched_ns: dict[str, int] = {}
        """By order: when the broker refused to cancel it and said that it works."""
        self._relisted: Doubts[str] = Doubts()
        self._bare: Doubts[str] = Doubts()
        self._unplanned: Doubts[str] = Doubts()
        self._shown: deque[tuple[int, dict[str, int]]] = deque()
        self._turned_ns: dict[str, int] = {}
        """By contract: since when the broker shows the other side than the journal."""
        self._asked_ns = 0
        self._shown_now: dict[str, int] = {}
        """Positions of the newest survey."""
        self._again_ns: dict[str, int] = {}
        """By entry: when its stop may be placed again, should the last one have been refused; by contract: when what no
        stop was planned for is closed again."""

    @property
    def _elapsed_ns(self) -> int:
        """For pauses: a clock that never goes back."""
        return self._engine.clock.monotonic_ns()

    def on_survey(self, survey: Survey, now_ns: int) -> bool:
        """Compare, unless the survey crossed something of ours or of the broker's: then ask again.  True where it was
        compared."""
        engine, state = self._engine, self._engine.state
        engine.last_sent_ns = min(engine.last_sent_ns, now_ns)  # later than now only where the clock was set back
        if not survey.quiet or survey.started_ns <= engine.last_sent_ns:
            engine.ask()
            return False
        elapsed_ns = self._elapsed_ns
        self._shown_now = survey.positions
        self._remember(survey, elapsed_ns)
        engine.take(answers(state, survey, self._gone(survey, now_ns), targets=engine.venue.targets), now_ns)
        self._journal(survey, now_ns)
        found, settled, alike = self._compared(survey)
        if found and alike and state.vouched is not None:
            self._book_as_shown(survey, state.vouched, now_ns)
            found, settled, alike = self._compared(survey)
        if not (settled and alike) or self._unsettled():
            engine.ask()
        if not found or settled:
            self._conclude(found, survey, alike, now_ns)
        self._reopen(survey, now_ns)
        self._protect(survey, now_ns)
        self._protect_shown(survey.positions if found and settled and alike else {}, now_ns)
        self._close_unplanned(now_ns)
        engine.ask_refused_again()
        engine.keep_orders(now_ns)
        if found and settled and self._exceeds(survey):
            engine.ask()
        return True

    def on_unheard(self) -> None:
        """The broker is not heard for a while: what it showed before must be shown anew, for as long."""
        for doubts in (self._views, self._positions, self._lacking, self._relisted, self._bare, self._unplanned):
            doubts.forget()
        self._differs_ns, self._turned_ns = None, {}

    def watch(self) -> None:
        """To be called with every look at the broker."""
        if self._engine.waits_to_ask_again():
            self._engine.ask()
        if self._engine.state.differences and self._elapsed_ns >= self._asked_ns + ASK_NS:
            self._asked_ns = self._elapsed_ns
            self._engine.ask()

    def _compared(self, survey: Survey) -> tuple[tuple[str, ...], bool, bool]:
        """The differences; whether it is settled that there are any; whether positions were shown alike for a while.

        What keeps changing is different all the same, but nobody knows then what is held: nothing is closed for it.
        """
        found = differences(self._engine.state, survey)
        positions = tuple(sorted(survey.positions.items()))
        elapsed_ns = self._elapsed_ns
        settled = bool(self._views.certain([(found, positions)], elapsed_ns))
        alike = bool(self._positions.certain([positions], elapsed_ns))
        if not found:
            self._differs_ns = None
        elif self._differs_ns is None:
            self._differs_ns = elapsed_ns
        settled = settled or (self._differs_ns is not None and elapsed_ns >= self._differs_ns + SETTLED_NS)
        return found, settled, alike

    # What the broker may hold ----------------------------------------------------------------------------------

    def _remember(self, survey: Survey, elapsed_ns: int) -> None:
        if not self._shown:  # what rests now was placed for what the journal holds
            self._shown.append((elapsed_ns, self._of_the_journal()))
        self._shown.append((elapsed_ns, dict(survey.positions)))
        while self._shown[1][0] < elapsed_ns - LARGEST_NS:  # the oldest held until the second was shown
            self._shown.popleft()

    def _of_the_journal(self) -> dict[str, int]:
        return {held.symbol: held.contracts for held in self._engine.state.ledger.account().positions}

    def on_fill(self, fill: Fill) -> None:
        """What was shown before a fill is that much more or less now."""
        for _, positions in self._shown:
            positions[fill.symbol] = positions.get(fill.symbol, 0) + fill.side * fill.contracts

    def most(self, symbol: str) -> dict[int, int] | None:
        """By side, how many contracts exits may be for, while broker and journal disagree; None while they agree."""
        state = self._engine.state
        if not state.differences or state.risk.distrust is None:
            return None
        shown = [positions.get(symbol, 0) for _, positions in self._shown]
        return {-1: max([0, *shown]), 1: max([0, *[-held for held in shown]])}

    def knows(self) -> bool:
        """Whether this process has seen a survey."""
        return bool(self._shown)

    def _exceeds(self, survey: Survey) -> bool:
        """Whether stops rest for more than the broker shows now; they are cut once it has shown no more for a while."""
        state = self._engine.state
        symbols = {record.order.symbol for record in state.book.open_records() if is_stop(record.order)}
        return any(
            sum(r.contracts - r.filled for r in state.book.stops(symbol) if r.order.side == side)
            > max(0, -side * survey.positions.get(symbol, 0))
            for symbol in symbols
            for side in (1, -1)
        )

    # Orders that are not as our record has them ------------------------------------------------------------------

    def _gone(self, survey: Survey, now_ns: int) -> set[str]:
        """Orders that the lists lack and that are no more; those that were believed to work are taken back first."""
        engine = self._engine
        lacking = {record.order.order_id: record for record in missing(engine.state, survey)}
        self._taken_back &= lacking.keys()
        self._forget_vouched(lacking)
        keys = [(key, record.state) for key, record in lacking.items()]
        gone = set()
        for key, _ in sorted(self._lacking.certain(keys, self._elapsed_ns)):
            record = lacking[key]
            numbered = record.state in _MAY_WORK or (record.state is OrderState.UNKNOWN and bool(record.venue_ids))
            if numbered and key not in self._taken_back:
                self._taken_back.add(key)
                engine.cancel(key, now_ns)
            elif record.state not in (OrderState.INTENDED, OrderState.SENT):
                gone.add(key)
        for key in self._taken_back:
            if lacking[key].state in (*_MAY_WORK, OrderState.UNKNOWN) and key in engine.refused_ids:
                gone.add(key)
        return gone - self._vouched_ns.keys()

    def on_refused(self, report: OrderReport) -> None:
        """A cancel was refused; an order that the broker then says works, does, whatever a list lacks."""
        if report.order is not None:
            self._vouched_ns[report.order_id] = self._elapsed_ns

    def _forget_vouched(self, lacking: Mapping[str, object]) -> None:
        """After a while such an order is asked about again."""
        for key, since_ns in list(self._vouched_ns.items()):
            if key not in lacking or self._elapsed_ns >= since_ns + VOUCHED_NS:
                del self._vouched_ns[key]
                self._taken_back.discard(key)

    def _reopen(self, survey: Survey, now_ns: int) -> None:
        """Orders of ours that had ended, or that the journal does not know, and that the broker goes on listing: they
        work; what is not a stop is taken back."""
        engine, state = self._engine, self._engine.state
        unknown = forgotten(state, survey)
        rows = ended(state, survey) | unknown
        certain = self._relisted.certain(rows, self._elapsed_ns)
        if rows.keys() - certain:
            engine.ask()
        for key in sorted(certain):
            row = rows[key]
            word = "buy" if row.side > 0 else "sell"
            why = "is not in the journal" if key in unknown else "had ended"
            text = f"An order of ours to {word} {row.contracts} {row.symbol} {why} and works at the broker"
            engine.alarm(key, f"{text}; what no position needs is taken back.", now_ns)
            report = taken_up(row, now_ns) if key in unknown else listed_again(state, row, now_ns)
            engine.take([report], now_ns)
            if not is_stop(state.book.records[key].order):
                engine.cancel(key, now_ns)

    def _journal(self, survey: Survey, now_ns: int) -> None:
        content = msgspec.structs.replace(survey, started_ns=0, time_ns=0)
        if content != self._content:
            self._content = content
            self._engine.record(ev.VenueSurveyed(survey), now_ns)

    def _unsettled(self) -> bool:
        """Whether an order of ours is missing there or unanswered: the next survey will show it."""
        return bool(len(self._lacking) or self._engine.state.book.unknown())

    def _conclude(self, found: tuple[str, ...], survey: Survey, alike: bool, now_ns: int) -> None:
        """Report the outcome where it is news; after a `resume` a difference that remains is news again.

        While the broker is not trusted, what it holds is news whenever it was seen anew.
        """
        engine, state = self._engine, self._engine.state
        compared = state.reconciled and state.compared_date == state.calendar.happened_on(now_ns)
        news = not compared or found != state.differences or (state.vouched is not None and not found)
        told_again = bool(found) and state.risk.distrust is None
        seen_anew = alike and (bool(found) or state.risk.distrust is not None) and state.certain != survey.positions
        if not (news or told_again or seen_anew):
            return
        positions = dict(survey.positions) if alike else None
        engine.record(ev.Reconciled(now_ns, found, positions), now_ns)
        if found and (news or told_again):
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
        certain = self._bare.certain(bare, self._elapsed_ns)
        if bare.keys() - certain:
            engine.ask()
        for parent in sorted(certain):
            self._again_ns[parent] = self._elapsed_ns + PROTECT_PAUSE_NS
            self._place(bare.pop(parent), now_ns)
        self._bare.certain(bare, self._elapsed_ns)

    def _protect_shown(self, shown: Mapping[str, int], now_ns: int) -> None:
        """A stop for what the broker holds on the other side than the journal: no lot of ours is to have one there.

        As far from the last price as ours was from its entry.  What somebody else may have opened beside ours, or while
        we hold nothing, is left alone; that it has no stop is an alarm (`cover`).
        """
        engine, account = self._engine, self._engine.state.ledger.account()
        turned = {symbol for symbol, held in shown.items() if held * account.position(symbol).contracts < 0}
        self._turned_ns = {symbol: self._turned_ns.get(symbol, self._elapsed_ns) for symbol in turned}
        for symbol in sorted(turned):
            ours = account.position(symbol).contracts
            text = f"{shown[symbol]:+d} {symbol} stands unprotected at the broker (the journal holds {ours:+d})"
            engine.alarm(f"shown {symbol}", f"{text}; should that stay so, a stop is placed for it.", now_ns)
            if self._elapsed_ns >= self._turned_ns[symbol] + OTHER_SIDE_NS - APART_NS:
                self._place_shown(symbol, shown[symbol], now_ns)

    def _place_shown(self, symbol: str, shown: int, now_ns: int) -> None:
        engine, state = self._engine, self._engine.state
        position, last = state.ledger.account().position(symbol), state.ledger.account().last_ticks.get(symbol, 0)
        side = -1 if shown > 0 else 1
        stops = [record for record in state.book.stops(symbol) if record.order.side == side]
        bare = abs(shown) - sum(record.contracts - record.filled for record in stops)
        closing = any(order.role in CLOSING and order.side == side for order in state.book.working(symbol))
        key = f"shown {symbol}"
        if bare <= 0 or not last or closing or self._elapsed_ns < self._again_ns.get(key, 0):
            return
        self._again_ns[key] = self._elapsed_ns + PROTECT_PAUSE_NS
        distance = max([abs(lot.entry_ticks - lot.stop_ticks) for lot in position.lots if lot.stop_ticks] or [0])
        trigger_ticks = max(1, last + side * (distance or max(1, last // 100)))
        name = order_id(f"shown-{state.mode}-{state.account_name}-{symbol}-{now_ns}".encode())
        stop = Order(name, symbol, side, bare, Role.STOP, OrderType.STOP, trigger_ticks, decided_ns=now_ns)
        engine.send((stop,), now_ns)

    def _close_unplanned(self, now_ns: int) -> None:
        """Close what no stop was ever meant for, seen twice: orders to close filled more than was held.

        What somebody else opened has no stop either and is left alone.
        """
        engine, state = self._engine, self._engine.state
        positions = state.ledger.account().positions if state.risk.distrust is None else ()
        unplanned = [position.symbol for position in positions if any(map(_is_unplanned, position.lots))]
        certain = self._unplanned.certain(unplanned, self._elapsed_ns)
        for symbol in sorted(certain):
            if self._elapsed_ns >= self._again_ns.get(symbol, 0):
                self._again_ns[symbol] = self._elapsed_ns + PROTECT_PAUSE_NS
                text = f"More {symbol} was closed than was held, and what that opened has no stop"
                engine.alarm(symbol, f"{text}: closing.", now_ns)
                engine.flatten(text, "engine", now_ns, frozenset({symbol}))
        if set(unplanned) - certain:
            engine.ask()

    def _place(self, order: Order, now_ns: int) -> None:
        """The missing stop; where the market has passed it, the position is closed; a smaller one makes room first."""
        engine, state = self._engine, self._engine.state
        if order.side * self._shown_now.get(order.symbol, 0) >= 0:
            return  # the broker shows nothing now that a stop or a close could be for: it would open
        text = f"{order.contracts} {order.symbol} stood without a stop at the broker"
        last = state.ledger.account().last_ticks.get(order.symbol, 0)
        if last and order.side * (last - order.trigger_ticks) >= 0:
            engine.alarm(order.parent_id, f"{text}, and the market has passed it: closing.", now_ns)
            engine.flatten(f"{text}, and the market has passed it", "engine", now_ns, frozenset({order.symbol}))
            return
        refusal = state.book.refusal_of_stop(order.parent_id)
        why = f" (refused: {refusal.rstrip('.')})" if refusal else ""
        engine.alarm(order.parent_id, f"{text}{why}; one is placed.", now_ns)
        smaller = [r for r in state.book.stops(order.symbol) if r.order.parent_id == order.parent_id]
        if not smaller:
            engine.send((order,), now_ns)
            return
        self._again_ns.pop(order.parent_id, None)
        for record in smaller:
            engine.cancel(record.order.order_id, now_ns)


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
