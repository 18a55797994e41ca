"""A venue that raises or answers nonsense: an alarm with file and line, nothing new, and every lot keeps its stop."""

from __future__ import annotations

import pytest
from trading_desk import Desk, folded, remembered

from minhos.accounting.types import Role
from minhos.trading import events as ev
from minhos.trading.order_states import OrderState
from minhos.venues.paper import PaperVenue


class Failing(PaperVenue):
    """Raises at the calls that `at` names, or answers `answer` there."""

    name = "failing"

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.at: set[str] = set()
        self.answer: object = None

    def _said(self, what, reports):
        if what not in self.at:
            return reports
        if self.answer is None:
            raise ZeroDivisionError("no answer")
        return self.answer

    def submit(self, order, time_ns):
        return self._said("submit", super().submit(order, time_ns) if "submit" not in self.at else [])

    def cancel(self, order_id, time_ns):
        return self._said("cancel", [] if "cancel" in self.at else super().cancel(order_id, time_ns))

    def resize(self, order_id, contracts, time_ns):
        return self._said("resize", [] if "resize" in self.at else super().resize(order_id, contracts, time_ns))

    def on_price(self, price):
        return self._said("on_price", super().on_price(price))

    def match_open(self, closed):
        return self._said("match_open", super().match_open(closed))

    def match_range(self, closed):
        return self._said("match_range", super().match_range(closed))

    def poll(self, time_ns):
        return self._said("poll", [])

    def ask(self):
        self._said("ask", None)


def failing_desk(journal=None, **kwargs) -> Desk:
    venue = Failing(Desk().settings.instruments)
    return Desk(journal=journal, venue=venue, **kwargs)


def alarms(desk: Desk) -> list[str]:
    return [event.text for event in desk.events(ev.Alarm)]


def entries(desk: Desk) -> list:
    return [order for order in desk.intents if order.role in (Role.ENTRY, Role.ADD)]


@pytest.mark.parametrize("answer", [None, 5, ["done"]])
def test_an_order_at_which_it_fails_is_not_answered_and_never_sent_again_also_after_a_restart(answer):
    desk = failing_desk()
    desk.venue.at, desk.venue.answer = {"submit"}, answer
    desk.flat_bar(p=0.75)
    (entry,) = entries(desk)
    assert desk.state.book.records[entry.order_id].state is OrderState.UNKNOWN
    (alarm,) = alarms(desk)
    assert "the venue failing failed at submit (" in alarm
    for _ in range(3):
        desk.flat_bar(p=0.75)
    assert (entries(desk), len(alarms(desk))) == ([entry], 1)
    assert remembered(folded(desk)) == remembered(desk.state)
    again = Desk(journal=desk.journal)
    again.next_bar = desk.next_bar
    again.flat_bar(p=0.75)
    assert entries(again) == [entry], "a pause outlives a restart"
    again.command("resume")
    again.flat_bar(p=0.75)
    assert len(entries(again)) == 2


def test_what_raised_is_named_with_its_file_and_line():
    desk = failing_desk()
    desk.venue.at = {"submit"}
    desk.flat_bar(p=0.75)
    assert alarms(desk)[0].startswith(f"{__file__}:")
    assert "(ZeroDivisionError: no answer)" in alarms(desk)[0]


@pytest.mark.parametrize("what", ["on_price", "match_open", "match_range", "poll", "ask"])
def test_one_that_fails_between_orders_adds_nothing_and_the_stop_still_closes(what):
    desk = failing_desk()
    desk.flat_bar(p=0.75)
    desk.flat_bar()
    held = desk.position
    assert held > 0
    desk.venue.at = {what}
    for _ in range(2):
        desk.price(80_000)
        desk.engine.poll_venue()
        desk.engine.ask()
        desk.flat_bar(p=0.9)
    assert len(alarms(desk)) == 1
    assert f"failed at {what}" in alarms(desk)[0]
    assert desk.position == held
    assert len(entries(desk)) == 1
    desk.venue.at = set()
    desk.bar(80_000, 80_000, 79_000, 79_000)
    assert desk.position == 0


def test_a_cancel_at_which_it_fails_is_not_confirmed():
    desk = failing_desk()
    desk.flat_bar(p=0.75)
    desk.flat_bar()
    (stop,) = [record for record in desk.state.book.open_records() if record.order.role == "stop"]
    desk.venue.at = {"cancel", "resize"}
    desk.engine.cancel(stop.order.order_id, desk.clock.now_ns())
    assert desk.state.book.records[stop.order.order_id].state is OrderState.WORKING
    desk.engine.resize(stop.order.order_id, 1, desk.clock.now_ns())
    assert desk.stops == [(stop.contracts, stop.order.trigger_ticks)]
    assert desk.state.risk.halted is None
    assert ["failed at cancel" in alarms(desk)[0], "failed at resize" in alarms(desk)[1]] == [True, True]


def test_an_entry_behind_a_close_at_which_it_failed_is_not_sent():
    desk = failing_desk()
    desk.flat_bar(p=0.75)
    desk.flat_bar()
    desk.venue.at = {"submit"}
    desk.flat_bar(p=0.1)
    close, entry = desk.intents[-2:]
    assert (close.role, entry.role) == (Role.EXIT, Role.ENTRY)
    states = desk.state.book.records
    assert (states[close.order_id].state, states[entry.order_id].state) == (OrderState.UNKNOWN, OrderState.REJECTED)
    assert sum(contracts for contracts, _ in desk.stops) == desk.position > 0
