"""Halt and flatten by hand: the HALT file first, the trader if it answers, the broker itself if it does not."""

from __future__ import annotations

import json
import threading
import time

import pytest
from broker_house import SYMBOL, OpenClock, beat, broker, broker_home, child, settings_at

from minhos.assembly.layout import Layout
from minhos.dtc.messages.enums import OrderType
from minhos.journal.inbox import Answer, Inbox
from minhos.market.clock import SystemClock
from minhos.safety import stop as orders_by_hand
from minhos.safety.stop import Stopped, stop_trading
from minhos.testing.builders import MONDAY_OPEN


class AnsweringTrader(threading.Thread):
    """Acknowledges what it is asked and then writes heartbeats with these positions."""

    def __init__(self, layout, *positions: dict[str, int]) -> None:
        super().__init__(daemon=True)
        self.layout, self.positions, self.asked = layout, positions, []

    def run(self) -> None:
        inbox = Inbox(self.layout.inbox)
        end = time.monotonic() + 20
        while not self.asked and time.monotonic() < end:
            for command in inbox.pending(time.time_ns()):
                self.asked.append((command.name, command.who, self.layout.halt_file.exists()))
                inbox.acknowledge(command.id, Answer(True, "done"))
            time.sleep(0.005)
        for held in self.positions:
            beat(self.layout, 0, time_ns=time.time_ns(), positions=held)
            time.sleep(0.05)


def stop(layout, name="flatten", clock=None) -> Stopped:
    return stop_trading(settings_at(layout), layout, name, "ann", "news", clock=clock or OpenClock())


@pytest.mark.parametrize("name", ["halt", "flatten"])
def test_a_trader_that_answers_closes_by_itself(tmp_path, monkeypatch, name):
    monkeypatch.setattr(orders_by_hand, "ACKNOWLEDGED_S", 20.0)
    with broker() as there:
        layout = broker_home(tmp_path, there.port)
        trader = AnsweringTrader(layout, {"MNQZ25": 2}, {"MNQZ25": 0})
        trader.start()
        done = stop(layout, name, SystemClock())
        trader.join(20)
    assert trader.asked == [(name, "ann", True)]  # the HALT file was there before the command
    assert (done.holds, done.answer, done.outside, done.positions) == (True, Answer(True, "done"), None, {})
    assert "the position is flat, and the broker shows neither a position nor an order" in done.sentence
    assert layout.halt_file.read_text(encoding="utf-8") == f"ann: {name} news\n"


def acknowledged(tmp_path, monkeypatch, port, *positions, clock=None) -> Stopped:
    """What comes of a flatten that a trader acknowledges before it shows these positions."""
    for name, seconds in (("ACKNOWLEDGED_S", 20.0), ("FLAT_S", 0.4), ("SHOWN_S", 0.4)):
        monkeypatch.setattr(orders_by_hand, name, seconds)
    layout = broker_home(tmp_path, port)
    beat(layout, 0, time_ns=1)  # an old heartbeat, flat, says nothing of now
    trader = AnsweringTrader(layout, *positions)
    trader.start()
    done = stop(layout, clock=clock or SystemClock())
    trader.join(20)
    return done


@pytest.mark.parametrize(
    ("positions", "words"), [(({"MNQZ25": 2},), "still holds +2 MNQZ25"), ((), "heartbeat stands still")]
)
def test_a_trader_that_answers_and_does_not_close_is_told_on(tmp_path, monkeypatch, positions, words):
    monkeypatch.setattr(orders_by_hand, "closed_until", lambda clock: "")
    with broker() as there:
        there.hold(2)
        done = acknowledged(tmp_path, monkeypatch, there.port, *positions)
    assert (done.holds, done.positions) == (False, {SYMBOL: 2})
    assert words in done.sentence
    assert f"STILL OPEN AT THE BROKER: +2 {SYMBOL}, with 2 working orders." in done.sentence
    assert "Close it by hand in Sierra Chart now." in done.sentence


def test_a_trader_that_says_flat_is_not_believed_over_the_broker(tmp_path, monkeypatch):
    monkeypatch.setattr(orders_by_hand, "closed_until", lambda clock: "2025-10-05 22:00 UTC")
    with broker() as there:
        there.hold(-1)
        done = acknowledged(tmp_path, monkeypatch, there.port, {})
    assert (done.holds, done.positions) == (False, {SYMBOL: -1})
    assert "closed until 2025-10-05 22:00 UTC; the trader closes it then" in done.sentence


def test_an_order_that_still_works_after_the_position_is_flat(tmp_path, monkeypatch):
    with broker() as there:
        there.order(1, kind=OrderType.LIMIT, price=19_000.0)
        done = acknowledged(tmp_path, monkeypatch, there.port, {})
    assert not done.holds
    assert "shows no position and 1 working order: cancel in Sierra Chart" in done.sentence


def test_a_broker_that_is_gone_leaves_it_unknown(tmp_path, monkeypatch):
    done = acknowledged(tmp_path, monkeypatch, 1, {})
    assert (done.holds, done.positions) == (False, None)
    assert "The broker cannot be asked: No DTC server at 127.0.0.1" in done.sentence


def test_without_a_trader_the_broker_is_asked_and_the_trader_hears_of_it_later(tmp_path):
    with broker() as there:
        there.hold(2)
        layout = broker_home(tmp_path, there.port)
        done = stop(layout)
        assert (done.holds, done.answer, there.positions()) == (True, None, {})
        assert "no trader answered" in done.sentence
        waiting = {command.name: command for command in Inbox(layout.inbox).pending(MONDAY_OPEN)}
        assert set(waiting) == {"flatten", "alarm"}
        assert f"+2 {SYMBOL} closed" in str(waiting["alarm"].fields["text"])


def test_an_inbox_that_cannot_be_used_stops_neither_the_file_nor_the_broker(tmp_path):
    with broker() as there:
        there.hold(2)
        layout = broker_home(tmp_path, there.port)
        layout.inbox.mkdir()
        done = stop(layout)
        assert (done.holds, layout.halt_file.exists(), there.positions()) == (True, True, {})


def test_a_halt_file_that_cannot_be_written_is_said_and_does_not_stop_the_flatten(tmp_path):
    with broker() as there:
        there.hold(2)
        layout = broker_home(tmp_path, there.port)
        layout.halt_file.symlink_to(tmp_path / "nowhere" / "HALT")
        done = stop(layout)
        assert (done.holds, done.halt_file, there.positions()) == (True, False, {})
        assert "COULD NOT BE WRITTEN" in done.sentence


def test_a_halt_that_neither_file_nor_trader_holds_is_none(tmp_path):
    layout = Layout(tmp_path).make()
    layout.halt_file.symlink_to(tmp_path / "nowhere" / "HALT")
    layout.inbox.mkdir()
    process = child(layout, "halt", "--json", module="minhos.cli")
    out, errors = process.communicate(timeout=60)
    answer = json.loads(out)
    assert (process.returncode, errors, answer["holds"], answer["halt_file"]) == (1, "", False, False)
    assert "COULD NOT BE WRITTEN" in answer["answer"]
    assert "NOTHING IS HALTED: a trader that starts now trades." in answer["answer"]


@pytest.mark.parametrize("name", ["halt", "flatten"])
def test_with_the_paper_venue_the_halt_file_holds_a_halt_and_no_flatten(tmp_path, name):
    layout = Layout(tmp_path).make()
    done = stop(layout, name)
    assert (done.holds, done.halt_file, done.answer) == (name == "halt", True, None)


@pytest.mark.parametrize(("reachable", "code"), [(True, 0), (False, 1)])
def test_the_command_in_a_process_of_its_own(tmp_path, reachable, code):
    with broker() as there:
        there.order(1, kind=OrderType.LIMIT, price=19_000.0)
        layout = broker_home(tmp_path, there.port if reachable else 1)
        process = child(layout, "flatten", "--why", "test", "--json", module="minhos.cli")
        out, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (code, "")
        answer = json.loads(out)
        assert (answer["holds"], answer["outside"]["flat"]) == (reachable, reachable)
        assert layout.halt_file.exists()
        assert there.working() == (0 if reachable else 1)


def test_settings_that_cannot_be_read_do_not_stop_the_halt_file(tmp_path):
    layout = broker_home(tmp_path, 1, toml="prot = 3\n")
    process = child(layout, "halt", module="minhos.cli")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "the HALT file is written" in errors
    assert layout.halt_file.exists()
