"""The drill: what it proves on a broker that behaves, what it finds on one that does not, and what it refuses."""

from __future__ import annotations

import json
import os
import signal

import pytest
from broker_house import (
    SYMBOL,
    Broker,
    ClosedClock,
    OpenClock,
    beat,
    broker,
    broker_home,
    child,
    gate_holder,
    settings_at,
)
from trading_home import wait_for

import minhos.dtc.messages as m
from minhos.assembly.contracts import traded_contract
from minhos.assembly.files import read_json
from minhos.assembly.running import trader_pid
from minhos.commands.operate import drill as command
from minhos.dtc.faults import Faults
from minhos.dtc.messages.enums import OrderStatus, OrderType
from minhos.errors import CheckFailed, CommandRefused, DataError, SettingsError
from minhos.safety.drill import STEPS, DrillReport, drill, last_price
from minhos.testing.builders import MONDAY_OPEN
from minhos.venues.sierra import account

PRICE = 20_000.0


def run(layout, **given) -> DrillReport:
    return drill(
        settings_at(layout),
        layout,
        **{
            "clock": OpenClock(),
            "distance_points": 20.0,
            "price_points": PRICE,
            **given,
        },
    )


def failed(report: DrillReport) -> list[str]:
    return [step.name for step in report.steps if not step.passed]


@pytest.mark.parametrize("legs", ["stop_and_target", "stop"])
def test_a_drill_that_passes(tmp_path, legs):
    with broker() as there:
        layout = broker_home(tmp_path, there.port, toml=f'legs = "{legs}"\n')
        told = []
        report = run(layout, progress=lambda share, text: told.append(share))
        assert (report.verdict, failed(report)) == ("passed", [])
        assert tuple(step.name for step in report.steps) == STEPS
        assert told == [(i + 1) / len(STEPS) for i in range(len(STEPS))]
        assert (there.positions(), there.working()) == ({}, 0)
        orders = there.do(lambda: list(there.backend.orders.values()))
        stop = next(order for order in orders if order.order_type == OrderType.STOP)
        assert stop.price1 == PRICE - 3 * 20.0
        assert sum(order.order_type == OrderType.LIMIT for order in orders) == (legs == "stop_and_target")
        assert read_json(layout.reports / "drill.json")["steps"][0]["name"] == "connect"
        assert not layout.halt_file.exists()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_drill_that_kills_the_trader(tmp_path):
    with broker() as there:
        layout = broker_home(tmp_path, there.port)
        trader = child(layout, "-c", "import time; time.sleep(120)", "minhos.processes.trader")
        try:
            beat(layout, trader.pid)
            assert wait_for(lambda: trader_pid(layout) == trader.pid)
            report = run(layout, with_trader=True)
            assert trader.wait(20) == -signal.SIGKILL
        finally:
            trader.kill()
            trader.communicate()
        assert report.passed
        assert layout.halt_file.read_text(encoding="utf-8").startswith("drill: ")


class CountsLogons(Broker):
    """Knows how many clients have logged on."""

    n_logons = 0

    def open(self):
        self.logon = self.backend.logon
        self.backend.logon = self.count
        super().open()

    def count(self, request):
        self.n_logons += 1
        return self.logon(request)


class LosesStops(CountsLogons):
    """Takes resting orders away when the client that sent them is gone, as a broker without GTC would."""

    def open(self):
        query = self.backend.query

        def losing(request):
            for order in self.backend.orders.values():
                if self.n_logons > 1 and order.status == OrderStatus.OPEN:
                    order.status = OrderStatus.CANCELED
            return query(request)

        self.backend.query = losing
        super().open()


class Leaves(CountsLogons):
    """Lets nobody in after the first client."""

    def count(self, request):
        answer = super().count(request)
        return answer if self.n_logons == 1 else m.LogonResponse(result=2, result_text="Gone.")


def test_a_stop_that_does_not_rest_is_found_and_the_position_closed(tmp_path):
    with broker(kind=LosesStops) as there:
        report = run(broker_home(tmp_path, there.port))
        assert failed(report) == ["stop rests"]
        assert "0 of it rest under a stop" in next(step.text for step in report.steps if not step.passed)
        assert [step.name for step in report.steps][-2:] == ["flatten", "nothing left"]
        assert there.positions() == {}


def test_a_bracket_that_is_refused(tmp_path):
    with broker(Faults(reject_orders="No trading today.")) as there:
        report = run(broker_home(tmp_path, there.port))
        assert failed(report) == ["open"]
        assert "No trading today." in report.steps[1].text
        assert report.verdict == "failed"


def test_a_bracket_that_never_fills(tmp_path, monkeypatch):
    monkeypatch.setattr(account, "FINAL_S", 0.3)
    with broker() as there:
        there.backend._try_fill = lambda order: []
        report = run(broker_home(tmp_path, there.port))
        assert failed(report) == ["open"]
        assert there.working() == 0


def test_a_server_that_is_gone_after_the_kill(tmp_path):
    with broker(kind=Leaves) as there:
        report = run(broker_home(tmp_path, there.port))
        assert failed(report) == ["reconnect", "flatten", "nothing left"]
        assert all("Gone." in step.text for step in report.steps if not step.passed)


def test_a_flatten_that_the_broker_refuses(tmp_path):
    with broker() as there:
        there.backend._flatten = lambda request: [
            m.OrderUpdate(
                client_order_id=request.client_order_id, order_status=9, order_update_reason=8, info_text="No."
            )
        ]
        report = run(broker_home(tmp_path, there.port))
        assert failed(report) == ["flatten", "nothing left"]
        assert there.positions() == {SYMBOL: 1}


def test_an_unreachable_server_fails_the_first_step_and_flattens_nothing(tmp_path):
    report = run(broker_home(tmp_path, 1))
    assert ([step.name for step in report.steps], report.passed) == (["connect"], False)


def test_what_is_open_is_not_flattened_by_a_drill(tmp_path):
    with broker() as there:
        there.hold(2)
        layout = broker_home(tmp_path, there.port)
        with pytest.raises(CommandRefused, match=rf"\+2 {SYMBOL}, 2 working orders"):
            run(layout)
        assert (there.positions(), there.working()) == ({SYMBOL: 2}, 2)


def test_refused_with_real_money_on_paper_and_in_a_closed_market(tmp_path):
    layout = broker_home(tmp_path, 1, toml='account = "U123"\nmode = "live"\n')
    with pytest.raises(SettingsError, match="'U123' is real money"):
        run(layout)
    with pytest.raises(CommandRefused, match="closed until 2025-"):
        run(broker_home(tmp_path, 1), clock=ClosedClock())
    (tmp_path / "config" / "minhos.toml").write_text("", encoding="utf-8")
    with pytest.raises(SettingsError, match="needs a broker"):
        run(layout)


def test_a_running_trader_is_killed_only_when_asked(tmp_path):
    layout = broker_home(tmp_path, 1)
    with pytest.raises(CommandRefused, match="No trader runs"):
        run(layout, with_trader=True)
    with gate_holder(layout) as trader:
        beat(layout, trader.pid)
        with pytest.raises(CommandRefused, match=rf"process {trader.pid}\).*--kill-trader"):
            run(layout)
        assert trader.poll() is None


def test_contract_and_price(tmp_path):
    settings = settings_at(broker_home(tmp_path, 1))
    contract = traded_contract(settings, MONDAY_OPEN)
    assert contract.contract == "MNQZ25"
    with pytest.raises(DataError, match="--price"):
        last_price(settings, contract, settings.instrument("MNQ"))


def test_the_command_prints_and_fails_as_the_report_says(tmp_path, monkeypatch, capsys):
    with broker(Faults(reject_orders="No.")) as there:
        layout = broker_home(tmp_path, there.port)
        monkeypatch.setenv("MINHOS_HOME", str(layout.home))
        monkeypatch.setattr(command, "SystemClock", OpenClock)
        with pytest.raises(CheckFailed, match="failed at: open"):
            command.drill(price=PRICE, as_json=True)
        assert json.loads(capsys.readouterr().out)["verdict"] == "failed"
    with broker() as there:
        broker_home(tmp_path, there.port)
        command.drill(price=PRICE, distance=20.0, kill_trader=False, as_json=False)
        out = capsys.readouterr().out
        assert "passed in" in out
        assert "nothing left" in out
