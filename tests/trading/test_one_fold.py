"""Only events change trading state: after every single one of them the live state, the fold of the journal and a
restored snapshot are the same, whatever the broker says, how late, and whenever the process ends."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest
from broker_desk import BrokerDesk
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_broker import SlowBroker
from trading_desk import CALENDAR, MICRO, SYMBOL, Desk, FixedFeatures, MirroredEngine, folded, remembered, settings_with

from minhos.accounting.types import Role
from minhos.errors import JournalError
from minhos.journal.memory import MemoryJournal
from minhos.market.types import BAR_INTERVAL_NS
from minhos.testing.builders import MNQ, MONDAY_OPEN, NQ
from minhos.trading import events as ev
from minhos.trading.order_states import OrderState
from minhos.trading.recovery import SNAPSHOT, fold, restore_snapshot, restored, take_snapshot
from minhos.trading.state import TradingState
from minhos.trading.venue import OrderStatus
from minhos.venues.paper import PaperVenue

AT = 80_000
WORDS = ["halt", "flatten", "pause", "resume", "resume", "accept-position", "resume"]
P = [0.5, 0.75, 0.25, 0.9, 0.66]


class KilledError(Exception):
    """The process is gone; its journal and the broker are not."""


class FoldedEngine(MirroredEngine):
    """After every event: the journal's fold, and the snapshot, are the live state.  dies_after: so many events."""

    dies_after = -1
    compared = 0

    def record(self, event, time_ns, *, more=False):
        super().record(event, time_ns, more=more)
        live = remembered(self.state)
        assert remembered(self.mirror) == live, event
        copy = TradingState(CALENDAR, FixedFeatures())
        restore_snapshot(copy, take_snapshot(self.state))
        assert remembered(copy) == live, event
        FoldedEngine.compared += 1
        self.dies_after -= 1
        if self.dies_after == 0:
            raise KilledError


class Run:
    """Inputs through an engine and its venue; a process that ended starts again over the same journal."""

    def __init__(self, venue) -> None:
        self.venue, self.journal, self.at = venue, MemoryJournal(), AT
        self.settings = settings_with(risk={"max_consecutive_losses": 20, "max_orders_a_day": 10**6})
        self.desk = self.start()

    @property
    def broker(self) -> SlowBroker | None:
        return self.venue if isinstance(self.venue, SlowBroker) else None

    def start(self) -> Desk:
        if self.broker is None:
            self.venue = PaperVenue(self.settings.instruments)
        desk = Desk(self.settings, journal=self.journal, engine_class=FoldedEngine, venue=self.venue)
        last = desk.state.last_close_ns
        desk.next_bar = 0 if not last else (last - MONDAY_OPEN) // BAR_INTERVAL_NS
        desk.clock.advance_to(max(desk.clock.now_ns(), desk.close_ns(desk.next_bar - 1)))
        return desk

    def take(self, what: str, *values) -> None:
        try:
            getattr(self, what)(*values)
        except KilledError:
            self.restart()

    def bar(self, move: int, span: int, p: float) -> None:
        open_, self.at = self.at, self.at + move
        high, low = max(open_, self.at) + span, min(open_, self.at) - span
        self.desk.bar(open_, high, low, self.at, p=p)

    def price(self, move: int) -> None:
        self.at += move
        self.desk.price(self.at, self.wait())

    def command(self, name: str) -> None:
        self.desk.command(name, self.wait())

    def poll(self, times: int) -> None:
        for _ in range(times):
            self.wait()
            self.desk.engine.poll_venue()

    def connection(self, ready: bool) -> None:
        if self.broker:
            self.broker.connect(self.desk.clock.now_ns(), ready=ready)
            self.poll(1)

    def by_hand(self, side: int, listed: bool) -> None:
        if self.broker:
            self.broker.by_hand(SYMBOL, side, self.at, self.desk.clock.now_ns(), listed=listed)

    def nonsense(self, status: OrderStatus) -> None:
        if self.broker:
            self.broker.nonsense(status, self.desk.clock.now_ns())
            self.poll(1)

    def kill(self, after: int) -> None:
        self.desk.engine.dies_after = after

    def restart(self) -> None:
        self.desk = self.start()
        self.connection(True)

    def wait(self) -> int:
        """A second goes by; seconds since the last bar closed."""
        clock = self.desk.clock
        clock.advance_to(clock.now_ns() + 10**9)
        return max(1, (clock.now_ns() - self.desk.close_ns(self.desk.next_bar - 1)) // 10**9)

    def settle(self) -> None:
        """The broker answers everything and shows its account as often as is asked for."""
        self.desk.engine.dies_after = -1
        if self.broker:
            self.broker.settle(self.desk.clock.now_ns())
        self.poll(60)


def inputs_of(seed: int, n: int) -> list[tuple]:
    """A generated list of inputs, mostly bars and polls."""
    r = random.Random(seed)
    makers = [
        (8, lambda: ("bar", r.randint(-60, 60), r.randint(0, 80), r.choice(P))),
        (5, lambda: ("poll", r.randint(1, 4))),
        (3, lambda: ("price", r.randint(-140, 140))),
        (2, lambda: ("command", r.choice(WORDS))),
        (1, lambda: ("connection", r.random() < 0.7)),
        (1, lambda: ("kill", r.randint(1, 12))),
        (0.3, lambda: ("by_hand", r.choice([1, -1]), r.random() < 0.5)),
        (0.3, lambda: ("nonsense", r.choice(list(OrderStatus)))),
    ]
    weights = [weight for weight, _ in makers]
    return [("connection", True), ("poll", 3)] + [r.choices(makers, weights)[0][1]() for _ in range(n)]


def agrees(run: Run) -> None:
    """Once everything was said: journal and broker hold the same, or trading is flat-only or halted for it."""
    run.settle()
    assert remembered(folded(run.desk)) == remembered(run.desk.state)
    risk = run.desk.state.risk
    ours = {p.symbol: p.contracts for p in run.desk.account.positions}
    if run.broker and risk.distrust is None and risk.halted is None:
        assert ours == {symbol: held for symbol, held in run.broker.held.items() if held}
        assert not run.desk.state.book.unknown()


def over_a_broker(seed: int, **faults) -> Run:
    run = Run(SlowBroker({SYMBOL: NQ, MICRO: MNQ}, seed, **faults))
    for what in inputs_of(seed, 120):
        run.take(*what)
    return run


def test_live_fold_and_snapshot_are_the_same_after_every_event_over_a_broker_that_answers_late():
    kinds: Counter[str] = Counter()
    statuses: Counter[OrderStatus] = Counter()
    before = FoldedEngine.compared
    for seed in range(20):
        run = over_a_broker(seed)
        agrees(run)
        kinds.update(record.kind for record in run.journal.records())
        statuses.update(event.report.status for event in run.desk.events(ev.VenueReported))
        kinds["difference"] += sum(bool(event.differences) for event in run.desk.events(ev.Reconciled))
    assert FoldedEngine.compared - before > 3_000
    rare = ["CancelRequested", "ResizeRequested", "ContradictionFound", "difference", "Intervention", "TradeClosed"]
    assert all(kinds[kind] >= 5 for kind in rare), kinds
    assert statuses.keys() == set(OrderStatus)


def test_lists_that_are_older_than_the_fills_of_the_same_survey_contradict_nothing():
    """Nor an order that two surveys lacked: whatever comes late, without nonsense nothing contradicts our record."""
    for seed in (*range(1, 40, 3), 63):
        run = Run(SlowBroker({SYMBOL: NQ, MICRO: MNQ}, seed, lost=0.3))
        for what in inputs_of(seed, 120):
            if what[0] != "nonsense":
                run.take(*what)
        agrees(run)
        assert run.desk.events(ev.ContradictionFound) == [], seed


@pytest.mark.parametrize("seed", range(4))
def test_and_over_the_paper_venue_which_answers_at_once(seed):
    run = Run(PaperVenue({SYMBOL: NQ, MICRO: MNQ}))
    for what in inputs_of(1_000 + seed, 120):
        run.take(*what)
    agrees(run)


inputs = st.one_of(
    st.tuples(st.just("bar"), st.integers(-60, 60), st.integers(0, 80), st.sampled_from(P)),
    st.tuples(st.just("bar"), st.integers(-60, 60), st.integers(0, 80), st.sampled_from(P)),
    st.tuples(st.just("poll"), st.integers(1, 4)),
    st.tuples(st.just("price"), st.integers(-140, 140)),
    st.tuples(st.just("command"), st.sampled_from(WORDS)),
    st.tuples(st.just("connection"), st.booleans()),
    st.tuples(st.just("kill"), st.integers(1, 12)),
    st.tuples(st.just("by_hand"), st.sampled_from([1, -1]), st.booleans()),
    st.tuples(st.just("nonsense"), st.sampled_from(OrderStatus)),
)


@given(seed=st.integers(0, 10**6), path=st.lists(inputs, min_size=5, max_size=25))
@settings(max_examples=12, deadline=None)
def test_and_on_any_path(seed, path):
    run = Run(SlowBroker({SYMBOL: NQ, MICRO: MNQ}, seed))
    for what in [("connection", True), ("poll", 3), *path]:
        run.take(*what)
    agrees(run)


# What was asked for stands in the journal -----------------------------------------------------------------------------


def test_a_cancel_that_is_under_way_is_under_way_in_the_journal_too():
    desk = BrokerDesk()
    entry = desk.order_entry()
    desk.command("flatten")
    assert desk.venue.cancelled == [entry.order_id]
    assert desk.state.book.records[entry.order_id].state is OrderState.CANCEL_SENT
    assert folded(desk).book.records[entry.order_id].state is OrderState.CANCEL_SENT
    assert desk.events(ev.CancelRequested) == [
        ev.CancelRequested(entry.order_id, desk.events(ev.CommandReceived)[0].time_ns)
    ]


def test_it_is_journaled_before_the_venue_hears_of_it():
    desk = BrokerDesk()
    entry = desk.enter()
    seen = []
    desk.venue.cancel = lambda order_id, time_ns: seen.append(desk.events(ev.CancelRequested)[-1].order_id) or []
    desk.hit_target(entry)
    assert seen == [entry.stop_id]


def test_after_a_restart_the_broker_is_not_asked_again_before_its_account_shows_that_it_must_be():
    desk = BrokerDesk()
    entry = desk.order_entry()
    desk.command("flatten")
    reborn = BrokerDesk(journal=desk.journal)
    assert reborn.state.book.records[entry.order_id].state is OrderState.UNKNOWN
    assert reborn.state.venue_trouble() != ""
    assert reborn.venue.cancelled == []
    reborn.survey(times=3)
    assert set(reborn.venue.cancelled) == {entry.order_id}
    assert reborn.state.book.records[entry.order_id].state is OrderState.REJECTED
    assert reborn.state.venue_trouble() == ""


def test_a_stop_whose_cancel_was_lost_with_the_process_is_taken_back_again_once_the_broker_shows_it():
    desk = BrokerDesk()
    entry = desk.enter()
    desk.hit_target(entry)
    assert desk.venue.cancelled == [entry.stop_id]
    reborn = BrokerDesk(journal=desk.journal)
    reborn.survey(orders=[desk.stop_of(entry)])
    assert reborn.venue.cancelled == [entry.stop_id]


class Cut(MemoryJournal):
    """Ends the process right after a cancel was journaled."""

    armed = False

    def append(self, kind, payload, time_ns, *, version=1, durable=False):
        sequence = super().append(kind, payload, time_ns, version=version, durable=durable)
        if self.armed and kind == "CancelRequested":
            raise KilledError
        return sequence


def test_the_paper_venue_is_asked_again_for_a_cancel_that_it_never_heard_of():
    journal = Cut()
    desk = Desk(journal=journal)
    desk.flat_bar(p=0.75)
    (entry,) = desk.intents
    journal.armed = True
    with pytest.raises(KilledError):
        desk.command("flatten")
    journal.armed = False
    back = Desk(journal=journal)
    assert back.state.book.records[entry.order_id].state is OrderState.CANCELLED
    assert back.venue._book.markets == {}
    back.next_bar = desk.next_bar
    assert (back.flat_bar(p=0.75).orders, back.position) == ((), 0)


def test_a_resize_that_is_under_way_is_under_way_in_the_journal_too():
    desk = BrokerDesk()
    entry = desk.enter()
    desk.hit_target(entry, 1)
    assert desk.venue.resized == [(entry.stop_id, entry.contracts - 1)]
    assert folded(desk).book.records[entry.stop_id].state is OrderState.RESIZE_SENT
    assert [event.contracts for event in desk.events(ev.ResizeRequested)] == [entry.contracts - 1]


# A person's word ------------------------------------------------------------------------------------------------------


def accept(desk: BrokerDesk) -> None:
    at_ns = desk.clock.now_ns()
    desk.engine.on_command(ev.CommandReceived(at_ns, f"w{at_ns}", "accept-position", "anna", "closed by phone"))


def test_a_position_that_was_accepted_before_a_restart_is_booked_after_it():
    desk = BrokerDesk()
    desk.enter()
    desk.survey(0, times=3)
    accept(desk)
    reborn = BrokerDesk(journal=desk.journal)
    reborn.survey(0, times=3)
    assert reborn.position == 0
    assert reborn.state.vouched is None


def test_the_word_for_a_difference_that_is_gone_books_none_that_comes_later():
    desk = BrokerDesk()
    entry = desk.enter()
    stop = [desk.stop_of(entry)]
    desk.survey(0, orders=stop, times=3)
    accept(desk)
    desk.survey(entry.contracts, orders=stop, times=2)
    assert desk.state.vouched is None
    desk.survey(0, orders=stop, times=4)
    assert desk.position == entry.contracts


# Journals and snapshots of earlier versions ---------------------------------------------------------------------------


def as_0_1_0(journal: MemoryJournal) -> MemoryJournal:
    """The same journal as version 0.1.0 would have written it."""
    old = MemoryJournal()
    for record in journal.records():
        event = ev.decode(record.kind, record.payload, record.version)
        if isinstance(event, ev.CancelRequested | ev.ResizeRequested):
            continue
        if isinstance(event, ev.EngineStarted):
            event = msgspec.structs.replace(event, fold_version=1)
        elif isinstance(event, ev.ContradictionFound):
            event = ev.CommandReceived(event.time_ns, f"distrust-{event.time_ns}", "halt", "engine", event.text)
        old.append(ev.kind_of(event), ev.encode(event), record.time_ns)
    return old


@pytest.mark.parametrize("seed", range(4))
def test_a_journal_without_requests_folds_to_the_same_account_and_the_same_risk(seed):
    run = over_a_broker(seed, lost=0.0)
    run.settle()
    old = TradingState(CALENDAR, FixedFeatures())
    fold(old, as_0_1_0(run.journal).records())
    assert old.ledger.account() == run.desk.account
    assert old.risk == run.desk.state.risk
    assert old.fold_version == 1


def test_a_refused_cancel_of_an_order_that_was_never_acknowledged_is_no_contradiction_in_an_old_journal():
    desk = BrokerDesk()
    desk.survey()
    desk.flat_bar(p=0.75)
    entry = desk.sent(Role.ENTRY)
    desk.command("flatten")
    desk.say(entry.order_id, OrderStatus.CANCEL_REJECTED)
    old = TradingState(CALENDAR, FixedFeatures())
    fold(old, as_0_1_0(desk.journal).records())
    assert (old.contradiction, old.book.records[entry.order_id].state) == ("", OrderState.WORKING)


@pytest.mark.parametrize("payload", [{"version": 1, "mode": "paper"}, {"version": 99}, "no snapshot"])
def test_a_snapshot_of_another_version_is_folded_anew(payload):
    desk = Desk()
    desk.flat_bar(p=0.75)
    desk.flat_bar(p=0.75)
    desk.journal.snapshot(SNAPSHOT, 3, msgspec.msgpack.encode(payload))
    state, refusal = restored(desk.journal, lambda: TradingState(CALENDAR, FixedFeatures()))
    assert remembered(state) == remembered(desk.state)
    assert "the events are read instead" in refusal
    with pytest.raises(JournalError):
        restore_snapshot(TradingState(CALENDAR, FixedFeatures()), msgspec.msgpack.encode(payload))


def test_a_snapshot_of_this_version_is_gone_on_from():
    desk = Desk()
    desk.flat_bar(p=0.75)
    desk.journal.snapshot(SNAPSHOT, desk.journal.last, take_snapshot(desk.state))
    desk.flat_bar(p=0.75)
    state, refusal = restored(desk.journal, lambda: TradingState(CALENDAR, FixedFeatures()))
    assert (remembered(state), refusal) == (remembered(desk.state), "")


def test_kinds_that_are_no_longer_written_are_still_read():
    state = TradingState(CALENDAR, FixedFeatures())
    before = remembered(state)
    for kind in ev.RETIRED:
        state.apply(ev.decode(kind, msgspec.msgpack.encode({"time_ns": 1, "trade_date": 20251006, "name": "poll"})))
    assert remembered(state) == before
