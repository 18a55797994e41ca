"""While the journal cannot be written nothing new is opened, what protects goes on, and nothing of it is lost."""

from __future__ import annotations

import itertools

import pytest
from broker_desk import SURE, BrokerDesk
from failing_disk import FULL, FailingJournal
from hypothesis import given, settings
from hypothesis import strategies as st
from trading_desk import Desk, folded, is_whole, remembered

from minhos.accounting.types import Role
from minhos.journal.store import Journal
from minhos.trading import events as ev
from minhos.trading.kept import Kept
from minhos.trading.types import Outcome


def away(desk: Desk) -> None:
    desk.journal.failing = FULL


def back(desk: Desk) -> bool:
    """The disk works again, and the trader's next turn finds out."""
    desk.journal.failing = ""
    done = desk.engine.journal.retry(desk.clock.monotonic_ns(), at_once=True)
    desk.engine.heed_store(desk.clock.now_ns())
    return done


def kept(desk: Desk) -> Desk:
    desk.engine.journal = Kept(desk.journal)
    return desk


@pytest.fixture
def desk() -> Desk:
    return kept(Desk(journal=FailingJournal()))


@pytest.fixture
def broker() -> BrokerDesk:
    return kept(BrokerDesk(journal=FailingJournal()))


def test_nothing_is_opened_and_the_decision_says_why(desk: Desk) -> None:
    desk.flat_bar(p=0.5)
    away(desk)
    decision = desk.flat_bar(p=SURE)
    assert (decision.outcome, decision.orders) == (Outcome.BLOCKED, ())
    assert "the journal cannot be written (database or disk is full)" in decision.reason


def test_an_entry_whose_intent_could_not_be_stored_is_not_sent(broker: BrokerDesk) -> None:
    """Decided while the journal was there, which went away at the very next write."""
    broker.survey()
    broker.told.says = SURE
    append, names = broker.journal.append, []

    def failing_at_the_intent(kind, *rest, **more):
        names.append(kind)
        if kind == "OrderIntended":
            away(broker)
        return append(kind, *rest, **more)

    broker.journal.append = failing_at_the_intent
    broker.flat_bar(p=SURE)
    assert "OrderIntended" in names
    assert broker.venue.sent == []
    broker.journal.append = append
    assert back(broker)
    assert [order.role for order in broker.intents] == [Role.ENTRY]
    assert remembered(folded(broker)) == remembered(broker.state)


def test_what_is_held_can_be_closed_and_its_stop_taken_back(broker: BrokerDesk) -> None:
    broker.enter()
    away(broker)
    broker.command("flatten")
    closing = broker.sent(Role.FLATTEN)
    broker.hear(broker.fill(closing, "F2"))
    assert broker.position == 0
    assert len(broker.venue.cancelled) == 1, "the stop of what is no longer held"
    before = broker.journal.last
    assert back(broker)
    assert broker.journal.last > before
    assert [fill.fill_id for fill in broker.fills] == ["F1", "F2"]
    assert remembered(folded(broker)) == remembered(broker.state)


def test_a_stop_that_the_price_touches_on_paper_fills_once(desk: Desk) -> None:
    desk.flat_bar(p=SURE)
    desk.flat_bar(p=SURE)
    assert desk.position > 0
    away(desk)
    desk.price(79_000)
    assert desk.position == 0
    desk.flat_bar(79_000, p=0.5)
    assert back(desk)
    is_whole(desk)


def test_it_is_over_once_all_that_waited_is_written(desk: Desk) -> None:
    away(desk)
    desk.flat_bar(p=0.5)
    n_kept = len(desk.engine.journal.waiting)
    before = desk.journal.last
    assert back(desk)
    seen = [event.reason for event in desk.events(ev.StoreSeen)]
    assert seen == ["the journal cannot be written (database or disk is full)", ""]
    assert desk.journal.last == before + n_kept + 1
    assert desk.flat_bar(p=SURE).orders


def test_a_process_that_dies_meanwhile_does_not_start_without_its_store(desk: Desk) -> None:
    away(desk)
    desk.flat_bar(p=0.5)
    desk.journal.failing = ""
    desk.engine.journal.retry(0, at_once=True)  # and there it is killed
    again = Desk(journal=desk.journal)
    assert again.state.store_away == ""


def test_without_a_way_to_hear_commands_nothing_is_opened_either(desk: Desk) -> None:
    desk.engine.deaf = "commands cannot be read"
    desk.engine.heed_store(desk.clock.now_ns())
    assert desk.flat_bar(p=SURE).orders == ()
    desk.engine.deaf = ""
    desk.engine.heed_store(desk.clock.now_ns())
    assert desk.flat_bar(p=SURE).orders


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("bpcwx"), st.integers(0, 4)), min_size=5, max_size=30))
def test_whatever_fails_when_the_journal_holds_everything_in_order(steps: list[tuple[str, int]]) -> None:
    """Bars, prices and commands, between which the disk fails (before or after its commit) and works again."""
    desk = kept(Desk(journal=FailingJournal()))
    for what, n in steps:
        match what:
            case "b":
                desk.flat_bar(80_000 + 40 * (n - 2), p=[0.5, 0.75, 0.25, 0.9, 0.66][n])
            case "p":
                desk.price(80_000 - 60 * n, seconds=n + 1)
            case "c":
                desk.command(["flatten", "resume", "pause", "halt", "resume"][n], seconds=10 + n)
            case "w":
                desk.journal.after_write = n % 2 == 0
                away(desk)
            case "x":
                back(desk)
        sent = {order.order_id for order in desk.venue._book.markets.values() for order in [order.order]}
        stored = {order.order_id for order in desk.intents}
        opening = {
            w.order.order_id for w in desk.venue._book.markets.values() if w.order.role in (Role.ENTRY, Role.ADD)
        }
        assert opening <= stored, "nothing opens whose intent is not stored"
        assert sent <= set(desk.state.book.records)
    back(desk)
    is_whole(desk)


# What keeps it -------------------------------------------------------------------------------------------------------


class Flaky:
    """A real journal whose commits fail, before or after the record is in the file."""

    def __init__(self, journal: Journal) -> None:
        self.journal, self.mode = journal, ""

    def append(self, kind, payload, time_ns, *, durable=False):
        if self.mode == "before":
            raise OSError("disk I/O error")
        sequence, head = self.journal._sequence, self.journal._hash
        done = self.journal.append(kind, payload, time_ns, durable=durable)
        if self.mode == "after":
            self.journal._sequence, self.journal._hash = sequence, head
            raise OSError("disk I/O error")
        return done

    def append_many(self, entries, *, durable=False):
        if self.mode:
            raise OSError("disk I/O error")
        return self.journal.append_many(entries, durable=durable)

    def catch_up(self):
        return self.journal.catch_up()

    @property
    def last(self):
        return self.journal.last


@pytest.mark.parametrize("modes", list(itertools.product(["", "before", "after"], repeat=3)))
def test_each_event_is_written_once_and_in_order(tmp_path, modes) -> None:
    flaky = Flaky(Journal.open(tmp_path / "j.sqlite", {"mode": "paper"}))
    store = Kept(flaky)
    for number, mode in enumerate(modes):
        flaky.mode = mode
        assert store.append("Alarm", b"%d" % number, number) == number + 1
        store.retry(number * 10**9)
    flaky.mode = ""
    store.retry(10**12)
    assert not store.away
    assert [record.payload for record in flaky.journal.records()] == [b"0", b"1", b"2"]
    assert flaky.journal.verify().sound
    flaky.journal.close()


def test_it_is_tried_less_often_the_longer_it_lasts(tmp_path) -> None:
    flaky = Flaky(Journal.open(tmp_path / "j.sqlite", {"mode": "paper"}))
    flaky.mode = "before"
    store, tries = Kept(flaky), 0
    catch_up = flaky.catch_up

    def counted():
        nonlocal tries
        tries += 1
        return catch_up()

    flaky.catch_up = counted
    store.append("Alarm", b"", 0)
    for ms in range(0, 60_000, 50):
        store.retry(ms * 1_000_000)
    assert 25 <= tries <= 40
    flaky.journal.close()


def test_what_somebody_else_wrote_is_not_written_over(tmp_path) -> None:
    flaky = Flaky(Journal.open(tmp_path / "j.sqlite", {"mode": "paper"}))
    store = Kept(flaky)
    flaky.mode = "after"
    store.append("Alarm", b"theirs", 0)
    store.waiting[0] = store.waiting[0]._replace(payload=b"ours")
    flaky.mode = ""
    assert not store.retry(10**9)
    assert store.away
    flaky.journal.close()


def test_memory_is_bounded() -> None:
    store = Kept(FailingJournal())
    store._journal.failing = FULL
    for _ in range(70):
        store.append("Alarm", bytes(1 << 20), 0)
    assert store.full
