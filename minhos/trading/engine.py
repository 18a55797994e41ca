"""The engine: journals what comes in, applies it, decides, and sends what was decided.

    input ──▶ journal ──▶ state ──▶ decide ──▶ journal ──▶ venue ──▶ reports ──▶ journal ──▶ state

The same engine runs backtest, paper and live; only clock, feed, venue and journal differ.  It owns no thread and
no queue: whoever calls it hands in one input at a time.  Whatever goes wrong in here leads to no new risk.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import ParamSpec, Protocol, TypeVar

import msgspec

from minhos import parts
from minhos.accounting.types import CLOSING, Fill, Order, OrderType, Position, Role
from minhos.errors import PartsError
from minhos.features.types import Observation
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Bar, Price, Slice
from minhos.models.forecast import Forecast
from minhos.risk.force import sentence_of, stopped
from minhos.risk.limits.own import failures, own_parts
from minhos.risk.limits.standard import names_of, standard_limits
from minhos.risk.types import Action, Forced
from minhos.trading import events as ev
from minhos.trading.book import OrderRecord, StopAction, moot_orders, opens, stop_maintenance, stops_within
from minhos.trading.closing import Closing
from minhos.trading.cover import Cover
from minhos.trading.decide import RULES_VERSION, decide, make_flatten, still_to_close
from minhos.trading.guard import Guard
from minhos.trading.order_ids import MANUAL
from minhos.trading.order_states import FINAL, OrderState, Trigger
from minhos.trading.outage import Outage
from minhos.trading.settlement import Settlement
from minhos.trading.state import FOLD_VERSION, TradingState
from minhos.trading.types import Decision, Outcome
from minhos.trading.venue import News, OrderReport, OrderStatus, Report, Survey, Venue, VenueStatus

P = ParamSpec("P")
Item = TypeVar("Item", bound=News)

_TO_BE_ASKED = (OrderStatus.REJECTED, OrderStatus.UNKNOWN, OrderStatus.CANCEL_REJECTED)
"""After these our record may differ from the broker's."""
_NOT_DONE = (OrderStatus.UNKNOWN, OrderStatus.CANCEL_REJECTED)
"""What a broker says of an order that could not be cancelled or changed."""
REMIND_NS = 300 * NANOS_PER_SECOND
"""An alarm that was raised is raised again after that, not with every attempt."""
_NUMBER = re.compile(r"\d+")
FUTURE_NS = 60 * NANOS_PER_MINUTE
"""A price stamped further ahead than this is no price of this market now."""


class EventStore(Protocol):
    """What the engine asks of a journal."""

    @property
    def away(self) -> str:
        """Why what is appended is only kept in memory now; empty where it is stored."""

    def append(self, kind: str, payload: bytes, time_ns: int, *, durable: bool = False) -> int: ...


class Forecasts(Protocol):
    """What the engine asks of a bundle that serves."""

    def forecast(self, observation: Observation) -> Forecast: ...


class Engine:
    """One journal, one venue, one account.

    journal: None only where nothing is to be kept (a backtest in memory).  forecasts: None until a bundle serves.
    no_model: why none does, in words; it stands in each decision until one serves.
    """

    tolerant = True
    """Whether a venue that raises is an alarm and a pause; else what it raises goes on to the caller, as in a backtest,
    whose figures would be none."""

    def __init__(
        self,
        state: TradingState,
        venue: Venue,
        clock: Clock,
        journal: EventStore | None,
        forecasts: Forecasts | None = None,
    ) -> None:
        self.state = state
        self.venue = venue
        self.clock = clock
        self.journal = journal
        self.no_model = "No model serves yet: no_predictions."
        self.forecasts = forecasts
        self.settlement = Settlement(self)
        self.guard = Guard(self)
        self.outage = Outage(self)
        self.closing = Closing(self)
        self.cover = Cover(self)
        self.refused_ids: set[str] = set()
        """Orders that a broker did not cancel or resize; not asked for again before the next survey, and after the
        second refusal not before a growing pause.  Lost with the process: at worst one is asked for once more."""
        self._refusals: dict[str, tuple[int, int]] = {}
        """By order: how often that was refused, and when it may be asked for again (`monotonic_ns`)."""
        self._alarmed_ns: dict[tuple[str, str], int] = {}
        """By what it is about, and words: when that alarm was raised last."""
        self._refused_fills: set[tuple[str, str, int, int]] = set()
        """Fills that did not fit their orders; each is an alarm once."""
        self._venue_failures: set[str] = set()
        """Calls of the venue that failed, with their place: each is an alarm once."""
        self._failed_limits: frozenset[str] = frozenset()
        """Limits of the user's own that failed at the last bar; after a restart each is reported once more."""
        self._forced: Forced | None = state.risk.forced
        """What a person forces, as it was after the last input."""
        self.tell: Callable[[str], None] = lambda text: None
        """Hears each alarm once it is journaled, for the log."""
        self.deaf = ""
        """Why no command can be read now; empty where they can.  Set by whoever reads them, who calls `heed_store`."""
        self.last_sent_ns = 0
        """When an order, a cancel or a resize was last handed to the venue by this process; a survey of the connection
        that the next process makes began later than whatever this one sent."""

    def record(self, event: ev.Event, time_ns: int, *, more: bool = False) -> None:
        """Journal an event, then apply it; durable ones are on disk before anything acts on them.

        more: another durable one follows at once, and its commit takes this one to the disk as well.
        """
        if self.journal is not None:
            durable = isinstance(event, ev.DURABLE) and not more
            self.journal.append(ev.kind_of(event), ev.encode(event), time_ns, durable=durable)
        self.state.apply(event)
        if isinstance(event, ev.Alarm):
            self.tell(event.text)
        if self.journal is not None and (self.journal.away or self.deaf) != self.state.store_away:
            self.heed_store(time_ns)

    def heed_store(self, time_ns: int) -> None:
        """Where the journal went away or came back: from here on no new risk, or again."""
        away = (self.journal.away if self.journal is not None else "") or self.deaf
        if away != self.state.store_away:
            self.record(ev.StoreSeen(time_ns, away), time_ns)

    # Inputs -----------------------------------------------------------------------------------------------------

    def start(self, settings: ev.TradingSettings, *, mode: str, account: str, version: str, cash_cents: int) -> None:
        """Take the journal over with these settings."""
        now_ns = self.clock.now_ns()
        started = ev.EngineStarted(now_ns, mode, account, version, cash_cents, RULES_VERSION, FOLD_VERSION)
        self.record(started, now_ns)
        if not self.venue.owns_account:
            self.record(ev.VenueStatusSeen(VenueStatus(now_ns, False, "not connected yet")), now_ns)
        self.activate_settings(settings)

    def activate_settings(self, settings: ev.TradingSettings) -> None:
        """Settings take effect between slices; they are journaled only where they differ.

        Where a limit of the user's own is not what the settings name, no new risk is taken; they say so, and an alarm.
        Where another contract is traded from here on, what is held in the old one is closed; at a broker that is not
        compared yet, after that (`guard`).
        """
        wanted, before = settings, self.state.settings
        settings = with_limits_that_are_here(wanted)
        known = {**self.state.ledger.instruments, **settings.instruments}
        for symbol in sorted(self.state.open_symbols() & known.keys() | settings.instruments.keys()):
            self.venue.add_instrument(symbol, known[symbol])  # also of an old contract: it is still to be closed there
        if before is not None and before.order_symbol != settings.order_symbol and not self.state.blind():
            self.flatten(f"{settings.order_symbol} is traded from now on", "engine", self.clock.now_ns())
        if before != settings or self.state.manager is None:
            now_ns = self.clock.now_ns()
            self.record(ev.SettingsActivated(now_ns, settings), now_ns)
            if settings.parts_refusal != wanted.parts_refusal:  # one that came with the settings is theirs to report
                self.record(ev.Alarm(now_ns, f"No new risk: {settings.parts_refusal}"), now_ns)

    def activate_model(self, model: ev.ModelActivated, forecasts: Forecasts) -> None:
        """Serve another bundle from the next slice on."""
        if self.state.model is None or self.state.model.bundle_id != model.bundle_id:
            self.record(model, model.time_ns)
        self.forecasts = forecasts

    def load_history(self, bars: Sequence[Bar], *, reset: bool) -> None:
        """Warm the features; reset starts them again at the first bar."""
        now_ns = self.clock.now_ns()
        self.record(ev.HistoryLoaded(now_ns, tuple(bars), reset), now_ns)

    def on_price(self, price: Price) -> None:
        """A price between bars: what it fills, and whether a limit must act at once.

        A price from the future is passed over with an alarm: it would start the next trade date and end the day's stop.
        """
        now_ns = self.clock.now_ns()
        if price.time_ns > now_ns + FUTURE_NS:
            self.record(
                ev.Alarm(now_ns, f"A price of {price.symbol} is stamped in the future and was passed over."), now_ns
            )
            return
        self.record(ev.PriceSeen(price), price.time_ns)
        self.take(self._asked(self.venue.on_price, price) or (), price.time_ns)
        for symbol in self.state.priced_by(price.symbol):
            shadowed = msgspec.structs.replace(price, symbol=symbol)
            self.take(self._asked(self.venue.on_price, shadowed) or (), price.time_ns)
            self.cover.on_price(shadowed)
        self.cover.on_price(price)
        self.guard.act(price.time_ns)
        self._say_what_ended(price.time_ns)

    def on_slice(self, closed: Slice, received_ns: int | None = None) -> Decision:
        """A bar closed: fills first, then the decision, then its orders."""
        started_ns = self.clock.monotonic_ns()
        now_ns = closed.close_time_ns if received_ns is None else received_ns
        self.record(ev.SliceClosed(now_ns, closed), now_ns)
        tradable = self._for_venue(closed)
        self.take(self._asked(self.venue.match_open, tradable) or (), closed.close_time_ns)
        self.take(self._asked(self.venue.match_range, tradable) or (), closed.close_time_ns)
        decision = self._decide()
        self.closing.decided()
        latency_us = (self.clock.monotonic_ns() - started_ns) / 1000.0
        self.record(ev.DecisionMade(decision, latency_us), now_ns)
        if decision.verdict is not None and decision.verdict.action is Action.FLATTEN:
            self._cancel_openings(now_ns)
        self.send(decision.orders, now_ns)
        if self.state.settings is not None and self.state.settings.parts:
            self._report_failed_limits(decision, now_ns)
        self._say_what_ended(now_ns)
        return decision

    def _say_what_ended(self, time_ns: int, *, cleared: bool = False) -> None:
        """An alarm where a person's side or size is over that neither he nor its time has ended."""
        word, self._forced = self._forced, self.state.risk.forced
        if word is None or self._forced is not None or cleared or 0 < word.until_ns <= time_ns:
            return
        why = stopped(self.state.risk) or "the position was closed against it"
        self.record(ev.Alarm(time_ns, f"{sentence_of(word)}: that has ended, because {why.rstrip('.')}."), time_ns)

    def _report_failed_limits(self, decision: Decision, time_ns: int) -> None:
        """An alarm for each limit of the user's own that failed now and not at the bar before."""
        failed = failures(decision.verdict) if decision.verdict is not None else {}
        for name in sorted(failed.keys() - self._failed_limits):
            self.record(ev.Alarm(time_ns, f"{failed[name][0].upper()}{failed[name][1:]}."), time_ns)
        self._failed_limits = frozenset(failed)

    def poll_venue(self) -> bool:
        """Take in what a broker said since the last call; True where there was anything."""
        news = self._asked(self.venue.poll, self.clock.now_ns()) or ()
        for item in news:
            if isinstance(item, Survey):
                if self.settlement.on_survey(item, self.clock.now_ns()):
                    self.cover.on_survey(item, self.clock.now_ns())
            elif isinstance(item, VenueStatus):
                self.on_venue_status(item)
            else:
                self.take([not_ahead(item, self.clock.now_ns())], self.clock.now_ns())
        if news or self.guard.is_due():
            self.guard.act(self.clock.now_ns())
            self._say_what_ended(self.clock.now_ns())
        if self.closing.is_open():
            self.closing.act(self.clock.now_ns())
        self.outage.watch()
        self.settlement.watch()
        self.cover.watch()
        return bool(news)

    def on_venue_status(self, status: VenueStatus) -> None:
        """Whether orders can be sent; journaled where it changes, with an alarm where it ends."""
        before = self.state.venue_status
        if before is not None and (before.ready, before.reason) == (status.ready, status.reason):
            return
        self.record(ev.VenueStatusSeen(status), status.time_ns)
        if not status.ready:
            self.settlement.on_unheard()
        if before is not None and before.ready and not status.ready:
            self.record(ev.Alarm(status.time_ns, f"Orders cannot be sent: {status.reason}"), status.time_ns)

    def on_command(self, command: ev.CommandReceived) -> None:
        """A person's word; `flatten` and `halt` act at once, `accept-position` with the next surveys."""
        self.record(command, command.time_ns)
        if command.name == "accept-position":
            self.ask()
        if command.name in ("flatten", "halt"):
            self.closing.hurry()
            self.ask()  # what is held there is closed, also what nobody told us of
            self.flatten(command.why or f"{command.name} by {command.who}", command.who, command.time_ns)
        self._say_what_ended(command.time_ns, cleared=command.name in ("force", "unforce"))

    def flatten(self, reason: str, who: str, time_ns: int, symbols: frozenset[str] | None = None) -> None:
        """Cancel what would open, close what is open; a second call while closing changes nothing.

        symbols: only these contracts; None for everything.
        At a broker whose account is not compared yet nothing is closed: somebody else may have done it.  A latched
        stop closes after the comparison (`guard`).
        """
        state = self.state
        self._cancel_openings(time_ns, symbols)
        if state.blind():
            return
        shown = state.certain if state.risk.distrust is not None and state.certain else {}
        held = {position.symbol for position in state.ledger.account().positions} | shown.keys()
        orders = tuple(
            self._flatten_order(symbol, rest, time_ns)
            for symbol in sorted(held)
            if (symbols is None or symbol in symbols) and symbol in state.ledger.instruments
            if (rest := self.closing.at_most(symbol, self._still_to_close(symbol)))
        )
        if orders:
            self.record(ev.Intervention(time_ns, Action.FLATTEN, reason, who, orders), time_ns)
            self.send(orders, time_ns)

    def close(self, symbol: str, contracts: int, time_ns: int) -> None:
        """Close so many of the signed contracts that are held, at most what is held and not being closed yet."""
        rest = 0 if self.state.blind() else self._still_to_close(symbol)
        part = self.closing.at_most(symbol, min(rest, contracts) if contracts > 0 else max(rest, contracts))
        if part * contracts > 0:
            self.send((self._flatten_order(symbol, part, time_ns),), time_ns)

    def _still_to_close(self, symbol: str) -> int:
        state = self.state
        position, working = state.ledger.account().position(symbol), state.book.working(symbol)
        shown = state.shown(symbol)
        if shown is not None and state.risk.is_stopped_by_hand():  # what the account holds, whoever opened it
            closing = sum(o.side * o.contracts for o in working if o.role in CLOSING and o.side * shown < 0)
            return max(0, shown + closing) if shown > 0 else min(0, shown + closing)
        return still_to_close(position, working, shown)

    def _flatten_order(self, symbol: str, contracts: int, time_ns: int) -> Order:
        """With an id of its own, also where an earlier one of the same moment was not carried out."""
        account = f"{self.state.mode}-{self.state.account_name}"
        orders = (make_flatten(account, symbol, contracts, time_ns, number) for number in itertools.count())
        return next(order for order in orders if self.state.book.order(order.order_id) is None)

    # The decision -----------------------------------------------------------------------------------------------

    def _decide(self) -> Decision:
        state = self.state
        assert state.manager is not None
        unready, why = self._unready()
        forecast = None
        if unready is None and self.forecasts is not None and state.observation is not None:
            try:
                forecast = self.forecasts.forecast(state.observation)
            except Exception as error:  # whatever a model raises: no forecast, no new risk, and the bar is decided
                unready, why = Outcome.NO_FORECAST, f"No forecast: {error}"
        return decide(state.moment(forecast, unready=unready, why=why), state.manager)

    def _unready(self) -> tuple[Outcome | None, str]:
        """Why there is nothing to forecast from, in words; None where there is."""
        state = self.state
        closed = state.slice
        assert closed is not None
        assert state.settings is not None
        if closed.late:
            return Outcome.LATE, "The bar came an interval late: it warms the features and is not traded."
        if state.calendar.session_of_bar(closed.close_time_ns) is None:
            return Outcome.MARKET_CLOSED, "The market is closed: the bar lies outside every session."
        if closed.bar(state.settings.signal_symbol) is None:
            said = f" ({'; '.join(closed.faults)})" if closed.faults else ""
            return Outcome.MISSING_BAR, f"No bar of {state.settings.signal_symbol} came{said}: nothing to decide on."
        if state.observation is None:
            return Outcome.WARMING_UP, state.settings.parts_refusal or "The features are warming up."
        if self.forecasts is None or state.model is None:
            return Outcome.NO_FORECAST, self.no_model
        return None, ""

    # Orders -----------------------------------------------------------------------------------------------------

    def send(self, orders: Sequence[Order], time_ns: int) -> None:
        """Intents first, all durable, then the wire.

        Where the venue fails at one of them, nothing that opens follows it.  Where an intent could not be stored, what
        opens is not sent; what closes or protects is, because a full disk is no reason to keep a position.
        """
        failed = False
        for i, order in enumerate(orders, start=1):
            self.record(ev.OrderIntended(order, time_ns), time_ns, more=i < len(orders))
        self.last_sent_ns = self.clock.now_ns()
        for order in orders:
            unstored = self.journal is not None and self.journal.away
            if (failed or unstored) and order.role in (Role.ENTRY, Role.ADD):
                why = f"not sent: {unstored or 'the venue failed at the order before it'}"
                self._note([OrderReport(order.order_id, OrderStatus.REJECTED, time_ns, why)])
                continue
            reports = self._asked(self.venue.submit, order, time_ns)
            if reports is None:
                failed = True
                reports = [OrderReport(order.order_id, OrderStatus.UNKNOWN, time_ns, "the venue failed")]
            self._note(reports)

    def alarm(self, about: str, text: str, time_ns: int) -> None:
        """Raise an alarm about an entry, an order or a contract, unless the same (but for its numbers) was raised
        lately."""
        key, elapsed_ns = (about, _NUMBER.sub("", text)), self.clock.monotonic_ns()
        self._alarmed_ns = {old: at_ns for old, at_ns in self._alarmed_ns.items() if elapsed_ns < at_ns + REMIND_NS}
        if key not in self._alarmed_ns:
            self._alarmed_ns[key] = elapsed_ns
            self.record(ev.Alarm(time_ns, text), time_ns)

    def is_over(self, about: str) -> None:
        """What an alarm was about is so no more: should it come again, it is told again."""
        self._alarmed_ns = {key: at_ns for key, at_ns in self._alarmed_ns.items() if key[0] != about}

    def waits_to_ask_again(self) -> bool:
        """Whether something that was refused may be asked for again, once a survey has shown what works."""
        elapsed_ns = self.clock.monotonic_ns()
        return any(elapsed_ns >= self._refusals.get(key, (0, 0))[1] for key in self.refused_ids)

    def ask_refused_again(self) -> None:
        """What was refused may be asked for again, unless it was refused again and again."""
        elapsed_ns = self.clock.monotonic_ns()
        self._refusals = {key: known for key, known in self._refusals.items() if key in self.state.book.open_ids}
        self.refused_ids = {key for key in self.refused_ids if elapsed_ns < self._refusals.get(key, (0, 0))[1]}

    def _refused(self, order_id: str) -> None:
        """A cancel or a resize was not done: from the second time on it waits, twice as long each time."""
        if order_id in self.refused_ids:
            return
        times = self._refusals.get(order_id, (0, 0))[0] + 1
        pause_ns = 0 if times == 1 else min(NANOS_PER_SECOND << min(times - 2, 10), 60 * NANOS_PER_SECOND)
        self._refusals[order_id] = times, self.clock.monotonic_ns() + pause_ns
        self.refused_ids.add(order_id)

    def keep_orders(self, time_ns: int) -> None:
        """The stops together equal the position, and nothing that was to close it outlives it.

        Where a broker holds something else, stops are for no more than it showed lately, and none is taken back for
        what our record says.  At a broker whose account was not compared yet our position may be an old one: nothing is
        taken back there.
        """
        book = self.state.book
        if not self.venue.owns_account and not self.state.reconciled:
            return
        account = self.state.ledger.account()
        for symbol in sorted({record.order.symbol for record in book.open_records()}):
            position = account.position(symbol)
            wanted = self._maintenance(position, book.stops(symbol))
            for action in [each for each in wanted if not self._is_to_wait(book.records[each.stop_id])]:
                if action.what == "cancel":
                    self.cancel(action.stop_id, time_ns)
                else:
                    self.resize(action.stop_id, action.contracts, time_ns)
            held = self.state.shown(symbol) if self.state.differences else None
            for order_id in moot_orders(position, [r for r in book.open_records() if r.order.symbol == symbol], held):
                if order_id not in self.refused_ids:
                    self.cancel(order_id, time_ns)

    def _maintenance(self, position: Position, stops: list[OrderRecord]) -> list[StopAction]:
        most = None if self.venue.owns_account else self.settlement.most(position.symbol)
        if most is None:
            return stop_maintenance(position, stops)
        return stops_within(position, stops, most) if self.settlement.knows() else []

    def _is_to_wait(self, stop: OrderRecord) -> bool:
        """Whether a stop is left alone for now: its cancel was refused, or word of its entry's fill may still come."""
        if self.venue.owns_account:
            return False
        entry = self.state.book.records.get(stop.order.parent_id)
        return stop.order.order_id in self.refused_ids or (entry is not None and entry.state not in FINAL)

    def _cancel_openings(self, time_ns: int, symbols: frozenset[str] | None = None) -> None:
        """Take back every entry and add that has not filled."""
        for record in self.state.book.open_records():
            order = record.order
            asked = record.state is OrderState.CANCEL_SENT or order.order_id in self.refused_ids
            if opens(order) and (symbols is None or order.symbol in symbols) and not asked:
                self.cancel(order.order_id, time_ns)

    def cancel(self, order_id: str, time_ns: int) -> None:
        """Ask the venue to take an order back."""
        if self._request(ev.CancelRequested(order_id, time_ns), Trigger.REQUEST_CANCEL):
            reports = self._asked(self.venue.cancel, order_id, time_ns)
            self._note(self._not_confirmed(order_id, time_ns) if reports is None else reports)

    def resize(self, stop_id: str, contracts: int, time_ns: int) -> None:
        """Ask the venue to let a stop go on for that many contracts."""
        if self._request(ev.ResizeRequested(stop_id, contracts, time_ns), Trigger.REQUEST_RESIZE):
            reports = self._asked(self.venue.resize, stop_id, contracts, time_ns)
            self._note(self._not_confirmed(stop_id, time_ns) if reports is None else reports)

    def ask(self) -> None:
        """Have the venue survey the account."""
        try:
            self.venue.ask()
        except (Exception, SystemExit) as error:  # whatever a venue raises
            self._venue_failed("ask", error)

    def _asked(self, call: Callable[P, list[Item]], *args: P.args, **kwargs: P.kwargs) -> list[Item] | None:
        """What the venue answers to that call; None, with an alarm and a pause, where it raises or answers nonsense."""
        try:
            answer = call(*args, **kwargs)
            if type(answer) is list and not answer:
                return answer  # as at nearly every price
            if not isinstance(answer, list | tuple) or not all(isinstance(item, News) for item in answer):
                raise TypeError(f"answered {answer!r:.80}, which is no list of reports")
        except (Exception, SystemExit) as error:  # whatever a venue raises
            self._venue_failed(getattr(call, "__name__", "a call"), error)
            return None
        return answer

    def _not_confirmed(self, order_id: str, time_ns: int) -> list[Report]:
        """Of a cancel or a resize at which the venue failed: at a broker it may be done all the same."""
        status = OrderStatus.CANCEL_REJECTED if self.venue.owns_account else OrderStatus.UNKNOWN
        return [OrderReport(order_id, status, time_ns, "the venue failed")]

    def _venue_failed(self, what: str, error: BaseException) -> None:
        """An alarm, once for each place, and a pause, which outlives a restart: what is held stays protected."""
        if not self.tolerant:
            raise error
        now_ns = self.clock.now_ns()
        place = parts.place_of(error, parts.venues, self.venue.name)
        unpaused = self.state.risk.paused is None
        if unpaused or f"{what} {place}" not in self._venue_failures:
            self._venue_failures.add(f"{what} {place}")
            text = (
                f"{place}: the venue {self.venue.name} failed at {what} ({type(error).__name__}: {error}). Nothing is "
                "added: look what it holds, mend it, start MinhOS again and say `resume`."
            )
            self.record(ev.Alarm(now_ns, text), now_ns)
        if unpaused:
            why = f"the venue {self.venue.name} failed at {what} ({place})"
            self.record(ev.CommandReceived(now_ns, f"venue-{now_ns}", "pause", "engine", why), now_ns)

    def _request(self, request: ev.CancelRequested | ev.ResizeRequested, trigger: Trigger) -> bool:
        """Journal what the venue is about to be asked; False, and everything halted, where the order's state excludes
        it."""
        if refusal := self.state.book.refusal(request.order_id, trigger):
            self._contradicted(refusal, request.time_ns)
            return False
        self.record(request, request.time_ns)
        self.last_sent_ns = self.clock.now_ns()
        return True

    def take(self, reports: Sequence[Report], time_ns: int) -> None:
        """What the venue said by itself, and what that asks of the resting orders."""
        if reports:
            self._note(reports)
            self.keep_orders(time_ns)

    def _note(self, reports: Sequence[Report]) -> None:
        """What the venue said: journaled, applied, and where it closes a trade, recorded as one."""
        fills = sum(isinstance(report, Fill) for report in reports)
        for report in reports:
            if isinstance(report, OrderReport):
                self._note_report(report)
            else:
                fills -= 1
                self._note_fill(report, more=fills > 0)
            self.settle_contradiction(report.time_ns)

    def _note_report(self, report: OrderReport) -> None:
        """What is said of an order; whatever leaves a doubt of what works and what is held has the account surveyed."""
        self.record(ev.VenueReported(report), report.time_ns)
        if report.status is OrderStatus.REJECTED:
            self.closing.on_report(report, report.time_ns)
        if self.venue.owns_account:
            return
        if report.status in _TO_BE_ASKED or self._is_odd(report):
            self.ask()
        if report.status in _NOT_DONE:
            self._refused(report.order_id)
            self.settlement.on_refused(report)

    def _is_odd(self, report: OrderReport) -> bool:
        """Whether a stop ended whose lots are still held."""
        order = self.state.book.order(report.order_id)
        if report.status is not OrderStatus.CANCELLED or order is None or order.order_type is not OrderType.STOP:
            return False
        return self.state.ledger.lacks_stop(order.parent_id)

    def _note_fill(self, fill: Fill, *, more: bool) -> None:
        """A fill, once; one that is not ours with an alarm, and not at all in a contract that is only forecast.

        One that does not fit its order is refused; one under a name that we never gave is somebody else's.
        """
        state, settings = self.state, self.state.settings
        if state.ledger.knows(fill.fill_id):
            return
        why = "" if fill.role is Role.UNKNOWN else state.book.misfit(fill)
        if fill.symbol not in state.ledger.instruments or fill.side not in (1, -1) or fill.contracts <= 0:
            why = why or f"this account trades {', '.join(sorted(state.ledger.instruments))}"
        elif why and not state.book.is_ours(fill.order_id):
            name = f"{MANUAL}{fill.order_id}"
            fill, why = msgspec.structs.replace(fill, order_id=name, role=Role.UNKNOWN, parent_id=""), ""
        if why:
            self._refuse_fill(fill, why)
            return
        manual = fill.role is Role.UNKNOWN
        if manual and settings is not None and fill.symbol in set(settings.instruments) - state.traded_symbols():
            return
        self.settlement.on_fill(fill)
        self.record(ev.OrderFilled(fill), fill.time_ns, more=more)
        self.record_trades()
        if fill.role in CLOSING:
            self.closing.on_fill(fill)
            self.guard.hurry()
        if not self.venue.owns_account:
            self.ask()  # a fill is one word of the broker's: what it holds now is another
        if manual and state.risk.distrust is not None:
            self.record(ev.Alarm(fill.time_ns, f"Flat-only: {state.risk.distrust.why}."), fill.time_ns)

    def _refuse_fill(self, fill: Fill, why: str) -> None:
        """It is not booked: an alarm, nothing that adds, and the broker is asked what it holds."""
        key = fill.fill_id, fill.symbol, fill.side, fill.contracts
        if key in self._refused_fills:
            return
        self._refused_fills.add(key)
        word = "bought" if fill.side > 0 else "sold"
        text = (
            f"the broker says that order {fill.order_id} {word} {fill.contracts} {fill.symbol}, which cannot be ({why})"
        )
        self.record(ev.FillRefused(fill.time_ns, fill, text), fill.time_ns)
        self.record(ev.Alarm(fill.time_ns, f"Flat-only: {text}; it is not booked."), fill.time_ns)
        self.ask()

    def record_trades(self) -> None:
        """Trades that the last fill closed."""
        for trade in self.state.closed_trades:
            self.record(self.state.trade_record(trade), trade.closed_ns)

    def settle_contradiction(self, time_ns: int) -> None:
        """Where what the venue said and our record exclude each other: halt, with an alarm."""
        if self.state.contradiction:
            self._contradicted(self.state.contradiction, time_ns)

    def _contradicted(self, text: str, time_ns: int) -> None:
        self.record(ev.Alarm(time_ns, text), time_ns)
        self.record(ev.ContradictionFound(time_ns, text), time_ns)

    def _for_venue(self, closed: Slice) -> Slice:
        """The slice with a bar of each contract that shares the signal's prices and grid: the micro, what was left."""
        settings = self.state.settings
        assert settings is not None
        bar = closed.bar(settings.signal_symbol)
        if bar is None:
            return closed
        missing = [symbol for symbol in self.state.priced_by(bar.symbol) if closed.bar(symbol) is None]
        shadowed = [msgspec.structs.replace(bar, symbol=symbol) for symbol in missing]
        return msgspec.structs.replace(closed, bars=(*closed.bars, *shadowed)) if shadowed else closed


def not_ahead(report: Report, now_ns: int) -> Report:
    """A fill that a broker stamps far in the future happened now; else it would begin the next trade date."""
    if isinstance(report, Fill) and report.time_ns > now_ns + FUTURE_NS:
        return msgspec.structs.replace(report, time_ns=now_ns)
    return report


def with_limits_that_are_here(settings: ev.TradingSettings) -> ev.TradingSettings:
    """The same settings where this process has every limit that they name; else without the user's, and refused."""
    try:
        own_parts(settings.parts, names_of(standard_limits(settings.risk)))
    except PartsError as error:
        others = {key: known for key, known in settings.parts.items() if not key.startswith(f"{parts.limits.kind} ")}
        refusal = settings.parts_refusal or str(error)
        return msgspec.structs.replace(settings, parts=others, parts_refusal=refusal)
    return settings
