"""Flattening from outside: what is closed, what is left alone, who may be killed for it, and that nothing reverses."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from broker_house import (
    OTHER,
    SYMBOL,
    Broker,
    ClosedClock,
    OpenClock,
    beat,
    broker,
    broker_home,
    gate_holder,
    settings_at,
)

import minhos.dtc.messages as m
from minhos.assembly.running import trader_pid
from minhos.dtc.faults import Faults
from minhos.dtc.messages.enums import OrderType
from minhos.safety import flatten_outside as outside
from minhos.safety.flatten_outside import OutsideReport, flatten_outside
from minhos.settings import parse
from minhos.venues.order_gate import OrderGate
from minhos.venues.sierra import account


def flatten(layout, clock=None) -> OutsideReport:
    return flatten_outside(settings_at(layout), layout, "test", clock=clock or OpenClock())


@pytest.mark.parametrize("held", [2, -3])
def test_cancels_what_works_and_closes_what_is_held(tmp_path, held):
    with broker() as there:
        there.hold(held)
        report = flatten(broker_home(tmp_path, there.port))
        assert (report.acted, report.flat) == (True, True)
        assert (report.positions_before, report.positions_after) == ({SYMBOL: held}, {})
        assert (there.positions(), there.working()) == ({}, 0)
        assert report.orders_cancelled == 2  # the stop and the target
        assert f"{held:+d} {SYMBOL} closed" in report.sentence
        times = [step.ms for step in report.steps]
        assert times == sorted(times)


def test_other_contracts_and_accounts_are_left_alone(tmp_path):
    with broker() as there:
        there.hold(1)
        there.hold(4, OTHER)
        there.order(1, account="Sim2")
        assert flatten(broker_home(tmp_path, there.port)).flat
        assert there.positions() == {OTHER: 4}
        assert there.working(OTHER) == 2
        other_account = there.do(lambda: there.backend.query(m.CurrentPositionsRequest(trade_account="Sim2")))
        assert [row.quantity for row in other_account] == [1.0]


def test_a_contract_that_only_the_heartbeat_names_is_ours_too(tmp_path):
    with broker() as there:
        there.hold(4, OTHER)
        layout = broker_home(tmp_path, there.port)
        beat(layout, 0, positions={"MESZ25": 4})
        assert flatten(layout).flat
        assert there.positions() == {}


def test_flat_sends_nothing(tmp_path):
    with broker() as there:
        report = flatten(broker_home(tmp_path, there.port))
        assert (report.flat, there.closing_orders()) == (True, [])
        assert "neither a position nor an order" in report.sentence


def test_a_working_exit_is_cancelled_before_the_position_is_closed(tmp_path):
    """An exit in flight and 209 together would sell twice."""
    with broker() as there:
        there.order(2)
        there.order(-2, kind=OrderType.LIMIT, price=20_001.0)
        report = flatten(broker_home(tmp_path, there.port))
        there.do(lambda: there.backend.set_price(SYMBOL, 20_010.0))
        assert report.flat
        assert there.positions() == {}


def test_an_exit_that_fills_while_it_is_being_cancelled_leaves_nothing_to_close(tmp_path):
    class Crossing(Broker):
        """The stop fills in the very moment of its cancel."""

        def open(self):
            trade = self.backend.trade

            def crossing(requests):
                if isinstance(requests[0], m.CancelOrder):
                    self.backend.set_price(SYMBOL, 19_000.0)
                return trade(requests)

            self.backend.trade = crossing
            super().open()

    with broker(kind=Crossing) as there:
        there.order(2)
        there.order(-2, kind=OrderType.STOP, price=19_900.0)
        report = flatten(broker_home(tmp_path, there.port))
        assert (report.flat, there.positions(), there.closing_orders()) == (True, {}, [])


def test_two_flattens_at_once_never_reverse(tmp_path):
    with broker() as there:
        there.hold(3)
        layout = broker_home(tmp_path, there.port)
        reports: list[OutsideReport] = []
        threads = [threading.Thread(target=lambda: reports.append(flatten(layout))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [report.flat for report in reports] == [True, True]
        assert there.positions() == {}
        assert len(there.closing_orders()) == 1


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_stopped_trader_that_holds_the_gate_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(outside, "GATE_S", 0.2)
    with broker() as there:
        there.hold(1)
        layout = broker_home(tmp_path, there.port)
        with gate_holder(layout) as trader:
            beat(layout, trader.pid)
            trader.send_signal(signal.SIGSTOP)
            report = flatten(layout)
            assert trader.wait(20) == -signal.SIGKILL
        assert (report.flat, there.positions()) == (True, {})
        assert any("was killed" in step.text for step in report.steps)


def test_a_stranger_that_holds_the_gate_is_not_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(outside, "GATE_S", 0.2)
    with broker() as there:
        there.hold(1)
        layout = broker_home(tmp_path, there.port)
        with gate_holder(layout, "some.other.program") as stranger:
            beat(layout, stranger.pid)
            report = flatten(layout)
            assert stranger.poll() is None
        assert (report.flat, there.positions()) == (False, {SYMBOL: 1})
        assert "names no trader of ours" in report.sentence


@pytest.mark.parametrize("content", ["{", "[]", '{"pid": "x"}', '{"pid": -1}', '{"pid": 4000000000}', "{}"])
def test_a_heartbeat_that_makes_no_sense_names_no_trader(tmp_path, content):
    layout = broker_home(tmp_path, 1)
    (layout.run / "trader.json").write_text(content, encoding="utf-8")
    assert trader_pid(layout) is None


def test_another_flatten_that_takes_long_is_waited_for_and_no_trader_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(outside, "GATE_S", 0.1)
    monkeypatch.setattr(outside, "OTHERS_S", 0.5)
    with broker() as there:
        layout = broker_home(tmp_path, there.port)
        with gate_holder(layout) as trader, OrderGate(layout.run / "outside.lock").hold(1.0):
            beat(layout, trader.pid)
            report = flatten(layout)
            assert trader.poll() is None
        assert not report.flat


def test_an_order_that_cannot_be_cancelled_blocks_the_closing_one(tmp_path, monkeypatch):
    class Stubborn(Broker):
        def open(self):
            trade = self.backend.trade
            self.backend.trade = lambda rs: [] if isinstance(rs[0], m.CancelOrder) else trade(rs)
            super().open()

    monkeypatch.setattr(account, "FINAL_S", 0.3)
    with broker(kind=Stubborn) as there:
        there.hold(1)
        report = flatten(broker_home(tmp_path, there.port))
        assert (report.flat, there.positions(), there.closing_orders()) == (False, {SYMBOL: 1}, [])
        assert "NOT FLAT: +1" in report.sentence
        assert "2 orders still work" in report.sentence


def test_a_closing_order_that_does_not_fill_is_taken_back(tmp_path, monkeypatch):
    """Left behind, it would meet the trader's own closing order later."""
    monkeypatch.setattr(account, "FINAL_S", 0.3)
    with broker() as there:
        there.order(1)
        there.backend._try_fill = lambda order: []
        report = flatten(broker_home(tmp_path, there.port))
        assert (report.flat, report.positions_after, there.working()) == (False, {SYMBOL: 1}, 0)
        assert "is the market closed?" in report.sentence
        assert "No stop protects it" in report.sentence


def test_in_a_closed_market_what_is_held_keeps_its_stops(tmp_path):
    with broker() as there:
        there.hold(2)
        report = flatten(broker_home(tmp_path, there.port), ClosedClock())
        assert (report.flat, there.positions(), there.working()) == (False, {SYMBOL: 2}, 2)
        assert "closed until 2025-" in report.sentence
        assert "No stop" not in report.sentence


def test_in_a_closed_market_orders_without_a_position_are_cancelled(tmp_path):
    with broker() as there:
        there.order(1, kind=OrderType.LIMIT, price=19_000.0)
        report = flatten(broker_home(tmp_path, there.port), ClosedClock())
        assert (report.flat, there.working()) == (True, 0)


def test_an_account_that_the_server_does_not_know(tmp_path):
    with broker() as there:
        layout = broker_home(tmp_path, there.port, toml='account = "Sim9"\n')
        report = flatten(layout)
        assert not report.flat
        assert "Sim9 does not exist" in report.sentence


def test_trading_that_the_server_does_not_allow(tmp_path):
    with broker(Faults(trading_disabled=True)) as there:
        report = flatten(broker_home(tmp_path, there.port))
        assert not report.flat
        assert "Allow Trading" in report.sentence


def test_late_and_doubled_answers_close_once(tmp_path):
    with broker(Faults(duplicate=frozenset({306}), delay=frozenset({301}), delay_s=0.3)) as there:
        there.hold(2)
        report = flatten(broker_home(tmp_path, there.port, request_s=1.0))
        assert (report.flat, there.positions(), len(there.closing_orders())) == (True, {}, 1)


def test_a_connection_that_breaks_while_it_closes_is_made_again(tmp_path):
    class Breaking(Broker):
        def open(self):
            trade, self.broken = self.backend.trade, False

            def once(requests):
                updates = trade(requests)
                if isinstance(requests[0], m.SubmitFlattenPositionOrder) and not self.broken:
                    self.broken = True
                    self.server.disconnect_all()
                return updates

            self.backend.trade = once
            super().open()

    with broker(kind=Breaking) as there:
        there.hold(2)
        report = flatten(broker_home(tmp_path, there.port))
        assert (report.flat, there.positions(), len(there.closing_orders())) == (True, {}, 1)


def test_an_unreachable_server_is_one_sentence(tmp_path):
    with broker() as there:
        port = there.port
    report = flatten(broker_home(tmp_path, port))
    assert (report.acted, report.flat, report.positions_after) == (True, False, None)
    assert "No DTC server at 127.0.0.1" in report.sentence
    assert "unknown" in report.sentence


def test_the_paper_venue_has_nothing_outside(tmp_path):
    report = flatten_outside(parse({}), broker_home(tmp_path, 1), "test", clock=OpenClock())
    assert (report.acted, report.flat, report.steps) == (False, False, ())
    assert "lives in the journal" in report.sentence
