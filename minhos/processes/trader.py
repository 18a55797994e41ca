"""The process that trades: `python -m minhos.processes.trader`.

It is the journal's only writer.  One loop hands the engine one input at a time: controls (HALT file, inbox), a new
bundle, then prices and bars.  Nothing heavier than ONNX Runtime is loaded here.  It may be killed at any time.
"""

from __future__ import annotations

import gc
import sqlite3
from contextlib import ExitStack, closing

import msgspec
import structlog

import minhos
from minhos import parts
from minhos.assembly import heartbeats
from minhos.assembly.feeds import feed_name, make_feed
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.layout import Layout
from minhos.assembly.naming import account_of, mode_of, registry_of, scope_of
from minhos.assembly.parts import problem_of_parts
from minhos.assembly.refusals import refuse
from minhos.assembly.trading import (
    LoadModel,
    MakeState,
    active_bundle,
    bars_since,
    load_model,
    make_clock,
    make_state,
    trading_settings,
)
from minhos.assembly.venues import make_venue, starting_cash_cents
from minhos.errors import CommandRefused, InboxDamaged, JournalError, MinhosError, ModelError
from minhos.feeds.guarded import GuardedFeed
from minhos.feeds.port import Feed
from minhos.journal.database import set_aside
from minhos.journal.inbox import Answer, Inbox, Request, Scalar
from minhos.journal.store import Journal
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock, SystemClock
from minhos.market.sound import LiveChecks, fault_of_price, fault_of_stamp
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bars, Instrument, Price, Slice
from minhos.processes.contract_roll import ContractRoll, contract_held
from minhos.processes.feed_watch import FeedWatch
from minhos.processes.journal_watch import JournalWatch
from minhos.processes.left_contracts import LeftContracts
from minhos.processes.orphans import Orphans
from minhos.processes.parts_watch import PartsWatch
from minhos.processes.process import begin, main_of
from minhos.processes.store_watch import StoreWatch
from minhos.risk.force import stopped
from minhos.settings import Settings, load
from minhos.trading import events as ev
from minhos.trading.engine import Engine
from minhos.trading.kept import Kept
from minhos.trading.recovery import SNAPSHOT, reconcile, restored, take_snapshot
from minhos.trading.resumption import acts_next
from minhos.trading.state import TradingState

CONTROL_INTERVAL_S = 0.05
HEARTBEAT_INTERVAL_S = 1.0
MODEL_INTERVAL_S = 1.0
UNSOUND_INTERVAL_S = 300.0
"""Between two alarms that a feed gives what can be no price of a contract."""
SUPERVISOR_INTERVAL_S = 2.0
VENUE_INTERVAL_S = 0.002
PROOF_INTERVAL_S = 1.0
"""The journal's proof goes on so often also where something comes in all the time."""
SNAPSHOT_RECORDS = 20_000
"""A snapshot at least so often, besides that of each trade date: a start folds what lies behind it."""
INBOX_PATIENCE_S = 0.05
"""So long the trader waits for a lock on its inbox; it looks again soon."""
ALWAYS_DONE = ("halt", "flatten")
"""Carried out whether or not they can be stored: the HALT file that both write outlives a restart."""
COMMANDS = ("pause", "resume", "halt", "flatten", "arm", "disarm", "force", "unforce", "accept-position")

log = structlog.get_logger("trader")


class Trader:
    """One trading process: its stores, its engine and its loop.

    clock: of its market.  wall: of the machine, for durations and for when others are spoken to.  load: makes a bundle
    serve.  make: its empty state.
    """

    inbox: Inbox
    journal: Journal
    kept: Kept
    """The journal as the engine has it: what cannot be written now waits in it."""
    stores: StoreWatch
    feeds: FeedWatch
    engine: Engine
    roll: ContractRoll
    left: LeftContracts
    watch: JournalWatch

    def __init__(
        self,
        settings: Settings,
        layout: Layout,
        clock: Clock | None = None,
        wall: Clock | None = None,
        load: LoadModel = load_model,
        make: MakeState = make_state,
    ) -> None:
        self.settings, self.layout, self._load, self._make = settings, layout, load, make
        self.clock, self.wall = clock or make_clock(settings), wall or SystemClock()
        self.calendar = SessionCalendar.load()
        self.mode, self.scope = mode_of(settings), scope_of(settings)
        self.account = account_of(settings)
        self.registry = registry_of(settings, layout)
        self.stopping = False
        self.done = False
        """Whether it stops as there is nothing more to do: a generated market is over."""
        self.seen_ns = 0
        """Close of the newest bar that was taken in before this start."""
        self.refused_bundle = ""
        self.parts = PartsWatch()
        """Why a part of the user's own cannot be relied on: nothing new is risked, what is held is protected."""
        self._orphans = Orphans(layout, self.wall, who="trader", other="watchdog", tells=False)
        self._heeded = self._snapshot_due = False
        self._unsaid: dict[int, Answer] = {}
        """Answers to requests that were carried out, and that the inbox does not have yet."""
        self._unwritten = ""
        """Why the heartbeat could not be written last; empty where it was."""
        self.trade_date = 0
        self._damaged = ""
        """What SQLite said of the inbox's file; until there is a new one."""
        self._without_history = False
        """Whether the features wait for a history, as there was no feed at the start."""
        self._checks = LiveChecks()
        self.snapshot_records = SNAPSHOT_RECORDS
        self._snapshot_at = 0
        """The record of the last snapshot of this start; 0 before the first."""
        self._due_ns: dict[str, int] = {}
        self._rests_until_ns = 0
        self._opened = ExitStack()
        self._ready = False

    def open(self) -> None:
        """Become the journal's writer, take up its state, compare and connect.

        Raises MinhosError where a person has to change something first.
        """
        self.layout.make()
        if self.layout.disk.exists(self.layout.restoring):
            from minhos.assembly import archive  # only here: nobody trades on half a restore, and few ever need it

            archive.finish(self.layout)
        self.parts.problem = problem_of_parts(self.settings, self.layout)
        identity = {"mode": self.mode, "account": self.account}
        path = self.layout.journal(self.mode, self.account)
        self.watch = JournalWatch(self.layout, path, self.wall)
        self.inbox = self._sound_inbox()
        self._opened.callback(lambda: self.inbox.close())
        state = self.watch.open(identity, self._state)
        self.journal = self.watch.journal
        self._opened.callback(self.journal.close)
        self._opened.callback(self.watch.close)
        self.kept = Kept(self.journal)
        self.feeds = FeedWatch(self.calendar, self.clock, self.wall)
        self._opened.callback(lambda: self.feeds.close())
        self.engine = self._engine(state)
        self.stores = StoreWatch(self.kept, self.engine, self.wall)
        self.roll = ContractRoll(self._settings_for, self.engine, self.calendar, self.clock)
        self.left = LeftContracts(self.settings, self.engine, self.clock, self._feed_of)
        self._opened.callback(self.left.close)
        self.trade_date = self.engine.state.ledger.account().trade_date
        self._ready = True
        self._heed_parts()

    def _state(self, journal: Journal) -> TradingState:
        """As the journal left it."""
        state, problem = restored(journal, lambda: self._make(self.calendar, self.wall, self.parts.on_features))
        if problem:
            log.warning("snapshot not used", reason=problem)
        return state

    def _engine(self, state: TradingState) -> Engine:
        """The engine of that state, compared with its venue."""
        self.seen_ns = state.last_close_ns
        self._begin_feed(state)
        settings = self._settings_for(self.feed)
        venue = make_venue(self.settings, self.layout, settings.instruments, self.clock)
        self._opened.callback(venue.close)
        engine = Engine(state, venue, self.clock, self.kept)
        engine.tell = lambda text: log.error("alarm", text=text)
        engine.start(
            settings,
            mode=self.mode,
            account=self.account,
            version=minhos.__version__,
            cash_cents=0 if state.mode else starting_cash_cents(self.settings, venue),
        )
        history = tuple(bars_since(self._history(state), state.anchor_time_ns))
        after_ns = self.seen_ns or (history[-1].close_time_ns if history else self.clock.now_ns())
        self.feeds.taken_ns = history[-1].close_time_ns if history else self.seen_ns
        missed = tuple(bar for bar in history if bar.close_time_ns > after_ns and bar.symbol == self.feed.symbol)
        self._heed_journal(engine)
        engine.load_history(history[: len(history) - len(missed)], reset=True)
        reconcile(engine, self.clock.now_ns())
        for bar in missed:  # a stop that rested while this process was down was hit where they touched it
            engine.on_slice(Slice(bar.close_time_ns, (bar,), late=True), self.clock.now_ns())
        venue.open()
        return engine

    # The feed -----------------------------------------------------------------------------------------------------

    @property
    def feed(self) -> Feed:
        """What brings prices and bars now."""
        return self.feeds.feed

    @property
    def _real(self) -> Instrument | None:
        """What its prices must be those of; None for a generated market."""
        return None if self.feed.simulated else self.feed.instrument

    def _begin_feed(self, state: TradingState) -> None:
        """The feed of that state's contract; while something is held, one that cannot be had is waited for.

        Raises MinhosError where nothing is held: a person has to change something first.
        """
        try:
            self.feeds.begin(self._feed_for(contract_held(state), state))
        except MinhosError as error:
            self._wait_for_feed(state, error)

    def _history(self, state: TradingState) -> Bars:
        """Raises MinhosError as `_begin_feed`."""
        try:
            return self.feed.history()
        except MinhosError as error:
            self._wait_for_feed(state, error)
            return self.feed.history()

    def _wait_for_feed(self, state: TradingState, error: MinhosError) -> None:
        held = contract_held(state)
        if not held or held not in state.ledger.instruments:
            raise error
        self.feeds.lose(str(error), (held, state.ledger.instruments[held]))
        self._without_history = True

    def _feed_for(self, contract: str, state: TradingState, since_ns: int = 0) -> Feed:
        """A new feed that goes on behind the last bar, of that contract where one is named.  Raises MinhosError."""
        feed = self._feed_of(self.settings, since_ns)
        if contract:
            feed = feed.follow(contract)
        if state.last_close_ns:
            feed.resume_after(state.last_close_ns)
        return feed

    def _feed_of(self, settings: Settings, since_ns: int = 0) -> Feed:
        return GuardedFeed(
            make_feed(settings, self.calendar, self.clock, since_ns), self._place_in_feed, self.feeds.alarms.append
        )

    def _place_in_feed(self, error: BaseException) -> str:
        name = feed_name(self.settings)
        return f"{parts.place_of(error, parts.feeds, name)}: the feed {name}"

    def _look_for_feed(self) -> None:
        """Take up a feed that failed, if it can be had again: what closed meanwhile is taken in as late.

        Its history is asked for from the last bar on, as this may come again and again.
        """
        state, taken_ns = self.engine.state, self.feeds.taken_ns
        try:
            feed = self._feed_for(self.feed.symbol, state, 0 if self._without_history else taken_ns)
            history = bars_since(feed.history(), state.anchor_time_ns)
            status = feed.status()
            if not status.live:
                feed.close()
        except MinhosError as error:
            self.feeds.still_away(str(error))
            return
        if not status.live:
            self.feeds.still_away(status.detail)
            return
        self.feeds.is_back(feed, history)
        if state.settings is None or feed.symbol != state.settings.signal_symbol:
            self.roll.activate(feed)
        known = history.close_time_ns <= taken_ns
        if self._without_history:
            self._without_history = False
            self.engine.load_history(tuple(history.rows(known)), reset=True)
        for bar in history.rows(~known):
            if bar.symbol == feed.symbol:
                self._on_slice(Slice(bar.close_time_ns, (bar,), late=True))

    def _settings_for(self, feed: Feed, leaving: str = "") -> ev.TradingSettings:
        return trading_settings(self.settings, feed.instrument, feed.symbol, leaving, self.parts.problem)

    def close(self) -> None:
        """Let go of everything.  Only one that was asked to stop says so: who ends otherwise is missed."""
        with self._opened:
            if self._ready:
                self.stores.finish()
            if self._ready and self.stopping:
                self._heartbeat(state="stopped")
                self._tidy()
                self.watch.note()

    # The loop ---------------------------------------------------------------------------------------------------

    def step(self) -> int | None:
        """One turn; where nothing came in it rests until the next look at the controls, and hears a broker meanwhile.

        None at a request to stop, and at the end of a generated market.
        """
        now_ns = self.wall.monotonic_ns()
        if not self.stopping and (now_ns >= self._rests_until_ns or self._hear_the_venue()):
            self._rests_until_ns = 0 if self._turn() else now_ns + round(CONTROL_INTERVAL_S * NANOS_PER_SECOND)
            if not self.kept.away and (self._is_due("proof", PROOF_INTERVAL_S) or self._rests_until_ns):
                self._prove_journal()
        if self.stopping:
            return None
        if self.engine.venue.answers_at_once or not self._rests_until_ns:
            return self._rests_until_ns
        return min(self._rests_until_ns, now_ns + round(VENUE_INTERVAL_S * NANOS_PER_SECOND))

    def _prove_journal(self) -> None:
        try:
            self.watch.turn()
        except JournalError as error:  # a lock or a disk that fails: it is read again
            log.warning("journal not read", reason=str(error))
        self._heed_journal(self.engine)

    def _turn(self) -> bool:
        """Controls, the venue, a new bundle, one input.  False where there was no input."""
        changed = self.stores.look()
        if self.kept.away and self.journal.damaged:
            raise JournalError(f"{self.kept.away}: the file is damaged, and the next start writes it anew.")
        self._controls()
        self._hear_the_venue()
        self.left.step()
        if self._is_due("model", MODEL_INTERVAL_S) and not self.stores.away:
            self._take_new_bundle()
        if self._is_due("heartbeat", HEARTBEAT_INTERVAL_S) or changed:
            self._heartbeat()
        if self._is_due("supervisor", SUPERVISOR_INTERVAL_S):
            self._orphans.look()
        if self.kept.full:
            return False  # what a feed has it has later, too; the broker and a person's word are still heard
        if self.settings.simulated and self.engine.forecasts is None:
            return False  # the simulated clock stands until a bundle is live
        if self.feeds.asks_again():
            self._look_for_feed()
        item = self.feeds.item()
        if self.feeds.over:
            self.stopping = self.done = True
        elif item is None:
            if not self.stores.away:
                self._follow_the_leader()
        elif isinstance(item, Price):
            self._on_price(item)
        else:
            self._on_slice(item)
        self._heed_feed()
        self._heed_parts()
        return item is not None

    def _heed_feed(self) -> None:
        while self.feeds.alarms:
            self._alarm(self.feeds.alarms.pop(0))

    def _hear_the_venue(self) -> bool:
        """What the broker said; a changed position is in the heartbeat at once, for those who watch."""
        before = self.engine.state.ledger.account().positions
        heard = self.engine.poll_venue()
        if heard and self.engine.state.ledger.account().positions != before:
            self._heartbeat()
        return heard

    def _follow_the_leader(self) -> None:
        """Between inputs: whether another contract is traded from here on."""
        feed = self.roll.feed_after(self.feed)
        if feed is not self.feed:
            self.feeds.begin(feed)

    def _on_price(self, price: Price) -> None:
        """Hand it to the engine; what can be no price is passed over."""
        last_ticks = self.engine.state.ledger.account().last_ticks.get(price.symbol, 0)
        fault = fault_of_price(price, last_ticks, self._real) or fault_of_stamp(price.time_ns, self.clock.now_ns())
        if fault:
            self._pass_over(f"A price of {price.symbol}", price.symbol, fault)
        else:
            self.engine.on_price(price)

    def _pass_over(self, what: str, symbol: str, fault: str) -> None:
        """In the log, and an alarm where none of this contract was raised lately."""
        log.warning("passed over", what=what, fault=fault)
        if self._is_due(f"unsound {symbol}", UNSOUND_INTERVAL_S):
            self._alarm(f"{what} was passed over, as {fault}: look at the feed; nothing was decided on it.")

    def _on_slice(self, closed: Slice) -> None:
        received_ns = self.clock.now_ns()
        last_ticks = dict(self.engine.state.ledger.account().last_ticks)
        sifted, faults = self._checks.sift(closed, last_ticks, received_ns, self._real)
        for symbol, fault in faults.items():
            self._pass_over(f"A bar of {symbol or self.feed.symbol}", symbol, fault)
        if sifted is None:
            return
        closed = sifted
        if closed.bars and closed.close_time_ns <= self.seen_ns:
            self.engine.load_history(closed.bars, reset=False)
            return
        late = closed.late or (bool(closed.bars) and received_ns - closed.close_time_ns >= BAR_INTERVAL_NS)
        if late and not closed.late:
            closed = msgspec.structs.replace(closed, late=True)
        began_ns = self.wall.monotonic_ns()
        decision = self.engine.on_slice(closed, received_ns)
        self.parts.on_bar((self.wall.monotonic_ns() - began_ns) / NANOS_PER_SECOND)
        log.info("decision", bar=closed.close_time_ns, outcome=str(decision.outcome), reason=decision.reason)
        trade_date = self.engine.state.ledger.account().trade_date
        if trade_date != self.trade_date:
            self.trade_date, self._snapshot_due = trade_date, True
        self._tidy()

    def _tidy(self) -> None:
        """A snapshot once a trade date and for so many records, and the WAL into the file.

        What fails is done after a later bar.
        """
        if self.kept.away:
            return
        try:
            if self._snapshot_due or self.journal.last - self._snapshot_at >= self.snapshot_records:
                self.journal.snapshot(SNAPSHOT, self.journal.last, take_snapshot(self.engine.state))
                self._snapshot_due, self._snapshot_at = False, self.journal.last
            self.journal.checkpoint()
        except (JournalError, sqlite3.Error, OSError) as error:
            log.warning("journal not tidied", reason=str(error))

    def _heed_parts(self) -> None:
        """Once, when a part of the user's own turns out not to be reliable: nothing new is risked from here on.

        It reaches the decisions as journaled settings, so that a replay decides alike and measures nothing.
        """
        if not self.parts.problem or self._heeded:
            return
        self._heeded = True
        state = self.engine.state.settings
        self.engine.activate_settings(self._settings_for(self.feed, state.leaving if state is not None else ""))
        self._alarm(f"No new risk: {self.parts.problem}")

    def _heed_journal(self, engine: Engine) -> None:
        """What the journal's proof found: an alarm, and a pause, which outlives a restart."""
        watch = self.watch
        while watch.alarms:
            self._alarm(watch.alarms.pop(0), engine)
        why, watch.pause = watch.problem or watch.pause, ""
        if why and engine.state.risk.paused is None:
            now_ns = self.clock.now_ns()
            engine.on_command(ev.CommandReceived(now_ns, f"journal-{now_ns}", "pause", "engine", why))

    # Controls ---------------------------------------------------------------------------------------------------

    def _controls(self) -> None:
        """HALT file and inbox, between any two inputs and at least every 50 ms."""
        halted = self.engine.state.risk.halted is not None
        if self.layout.disk.exists(self.layout.halt_file) and not halted:
            self._command("halt-file", "halt", "HALT file", "the HALT file exists", {})
        if self.stores.may_read_inbox():
            try:
                if self._damaged:
                    self.inbox = self._sound_inbox()
                    self._damaged = ""
                self._take_requests()
            except InboxDamaged as error:
                self.inbox.close()
                self._damaged = str(error.__cause__ or error)
            except JournalError as error:
                self.stores.inbox_failed(error)
            else:
                self.stores.inbox_read()

    def _sound_inbox(self) -> Inbox:
        """The inbox; a new one in place of one that is damaged, with an alarm."""
        path, database, damaged = self.layout.inbox, self.layout.database, self._damaged
        try:
            if not damaged:
                with closing(Inbox(path, database, patience_s=INBOX_PATIENCE_S)) as found:
                    found.prove()
        except InboxDamaged as error:
            damaged = str(error.__cause__ or error)
        if damaged:
            try:
                kept = set_aside(path, database)
            except OSError as error:
                raise JournalError(f"The damaged inbox {path} cannot be set aside ({error}).") from error
            self.watch.alarms.append(
                f"The inbox was damaged ({damaged}): it is set aside as {kept.name if kept else 'nothing'} and a new "
                "one begun; what was asked and not answered is to be asked again."
            )
        return Inbox(path, database, patience_s=INBOX_PATIENCE_S)

    def _take_requests(self) -> None:
        """Carry each out once, also where the answer cannot be written; raises JournalError of the inbox."""
        for request in self.inbox.pending(self.wall.now_ns()):
            if request.name == "alarm" and self.kept.away:
                continue  # it waits where it is safe
            if request.id not in self._unsaid:
                self._unsaid[request.id] = self._answer(request)
            self.inbox.acknowledge(request.id, self._unsaid[request.id])
            del self._unsaid[request.id]

    def _answer(self, request: Request) -> Answer:
        try:
            self._carry_out(request)
        except CommandRefused as error:
            return Answer(False, str(error))
        if self.kept.away:
            return Answer(True, f"done, although {self.kept.away}: it is stored once that works again")
        if request.name != "resume":
            return Answer(True, "done")
        no_model = "" if self.engine.forecasts is not None else self.engine.no_model
        return Answer(True, f"done: {acts_next(self.engine.state, self.clock.now_ns(), no_model)}")

    def _carry_out(self, request: Request) -> None:
        """Raises CommandRefused, and then nothing was journaled."""
        if request.name == "alarm":
            self._alarm(str(request.fields.get("text", "")))
            return
        if request.name not in COMMANDS:
            raise CommandRefused(f"unknown command {request.name!r}; known are {', '.join(COMMANDS)}.")
        if self.kept.away and request.name not in ALWAYS_DONE:
            raise CommandRefused(
                f"{self.kept.away}, and a restart would not know of {request.name}: only "
                f"{' and '.join(ALWAYS_DONE)} are carried out now. Nothing new is opened meanwhile."
            )
        refuse(request, self.mode)
        if self.watch.problem and request.name in ("resume", "force", "arm"):
            raise CommandRefused(f"nothing new is risked: {self.watch.problem}")
        if request.name == "accept-position" and self.engine.state.risk.distrust is None:
            raise CommandRefused("the broker and the journal agree: there is nothing to accept.")
        if request.name == "force" and (why := stopped(self.engine.state.risk)):
            raise CommandRefused(f"nothing can be forced while everything is to be closed ({why}); `resume` first.")
        if request.name == "resume":
            self._remove_halt_file()
        self._command(str(request.id), request.name, request.who, request.why, request.fields)

    def _remove_halt_file(self) -> None:
        file = self.layout.halt_file
        try:
            self.layout.disk.remove(file)
        except OSError as error:
            raise CommandRefused(
                f"{file} cannot be deleted ({error.strerror}); remove it by hand and resume again."
            ) from error

    def _command(self, key: str, name: str, who: str, why: str, fields: dict[str, Scalar]) -> None:
        log.warning("command", name=name, who=who, why=why)
        self.engine.on_command(ev.CommandReceived(self.clock.now_ns(), key, name, who, why, fields))
        self._heartbeat()

    def _take_new_bundle(self) -> None:
        """Load and warm the promoted bundle between slices; one that does not fit is refused once, in words."""
        info = active_bundle(self.registry, self.scope)
        if info is None or info.id == self.refused_bundle:
            return
        serving = self.engine.forecasts is not None and self.engine.state.model is not None
        if serving and self.engine.state.model and self.engine.state.model.bundle_id == info.id:
            return
        try:
            activation, forecaster = self._load(info, self.clock.now_ns(), self.settings.members_off)
        except OSError as error:
            log.warning("bundle not read", bundle=info.id, reason=str(error))
            return
        except ModelError as error:
            self.refused_bundle = info.id
            self.engine.no_model = f"No model serves, as bundle {info.id} was refused: {error}"
            self._alarm(f"Bundle {info.id} was refused: {error}")
            return
        self.engine.activate_model(activation, forecaster)
        log.info("model activated", bundle=info.id)

    def _alarm(self, text: str, engine: Engine | None = None) -> None:
        now_ns = self.clock.now_ns()
        (engine or self.engine).record(ev.Alarm(now_ns, text), now_ns)

    def _heartbeat(self, state: str = "running") -> None:
        """What other processes may know without reading the journal."""
        now_ns, venue = self.clock.now_ns(), self.engine.state.venue_status
        beat = TraderBeat(
            state=state,
            market_time_ns=now_ns,
            mode=self.mode,
            scope=self.scope,
            account=self.account,
            journal=str(self.layout.journal(self.mode, self.account)),
            trade_date=self.engine.state.ledger.account().trade_date,
            venue=self.engine.venue.name,
            venue_ready=venue is None or venue.ready,
            venue_reason=venue.reason if venue else "",
            positions=self.engine.state.held(),
            serving=self.engine.forecasts is not None,
            no_model=self.engine.no_model if self.refused_bundle and self.engine.forecasts is None else "",
            feed=self.feeds.status(),
            market_open=self.calendar.is_open(now_ns),
            next_open_ns=self.calendar.next_open_ns(now_ns),
            store=self.stores.away,
            store_away_s=round(self.stores.away_s, 1),
        )
        unwritten = ""
        try:
            heartbeats.write(self.layout, beat, self.wall)
        except OSError as error:  # a full disk does not end who trades
            unwritten = str(error)
        if unwritten != self._unwritten:
            self._unwritten = unwritten
            log.error("heartbeat", problem=unwritten or "is written again")

    def _is_due(self, what: str, interval_s: float) -> bool:
        now_ns = self.wall.monotonic_ns()
        if now_ns < self._due_ns.get(what, now_ns):
            return False
        self._due_ns[what] = now_ns + round(interval_s * NANOS_PER_SECOND)
        return True


def main() -> int:
    """Entry point; returns the exit code."""
    return main_of("trader", lambda layout, clock: Trader(load(layout.home), layout, wall=clock), _freeze).value


def _freeze() -> None:
    """What start-up made stays for good and need not be walked through between two bars."""
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    begin("minhos.processes.trader", main)
