"""The watchdog: what it thinks of each kind of trader, and that a real one acts where a real trader died."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from broker_house import (
    ROOT,
    SYMBOL,
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
from typer.testing import CliRunner

from minhos.assembly.files import read_json
from minhos.assembly.layout import Layout
from minhos.cli import app
from minhos.journal.inbox import Inbox
from minhos.market.clock import SystemClock
from minhos.market.types import NANOS_PER_SECOND
from minhos.processes.watchdog import TraderSeen, Watchdog, judge
from minhos.settings import Settings, WatchdogSettings, parse
from minhos.testing.builders import MONDAY_OPEN

S = NANOS_PER_SECOND
NOW = 1_000 * S
HELD = {"MNQZ25": 2}


def within(layout: Layout, alarm_after_s: float, act_after_s: float) -> Settings:
    """The home's settings with other times than a person may set, so that a test need not wait for seconds."""
    times = WatchdogSettings.model_construct(action="flatten", alarm_after_s=alarm_after_s, act_after_s=act_after_s)
    return settings_at(layout).model_copy(update={"watchdog": times})


def quick(layout: Layout) -> Settings:
    return within(layout, 0.2, 0.4)


def patient(layout: Layout) -> Settings:
    return within(layout, 3600.0, 60.0)


def chosen(**watchdog: object) -> Settings:
    return parse(
        {
            "data": {"source": "bars"},
            "sierra": {"host": "there"},
            "watchdog": {"alarm_after_s": 10, "act_after_s": 60, **watchdog},
        }
    )


def seen(
    silent_s: float,
    *,
    alive: bool = True,
    venue: str = "sierra",
    held: dict[str, int] | None = HELD,
    **more: str | bool,
):
    return TraderSeen(alive, NOW - int(silent_s * S), venue, held, **more)


@pytest.mark.parametrize(
    ("beat", "state", "words"),
    [
        (seen(0), "fine", "heard"),
        (seen(9.9), "fine", "heard"),
        (seen(10), "alarm", "silent for 10 s, and holds +2 MNQZ25. It is flattened in 50 s"),
        (seen(59), "alarm", "in 1 s"),
        (seen(60), "act", "holds +2 MNQZ25"),
        (seen(0, alive=False), "alarm", "dead or gone for 0 s"),
        (seen(60, alive=False), "act", "dead or gone for 60 s"),
        (seen(3600, held={}), "flat", "nothing is held"),
        (seen(3600, held={"MNQZ25": 0}), "flat", "nothing is held"),
        (seen(3600, held={"MNQZ25": -1}), "act", "-1 MNQZ25"),
        (seen(3600, held=None), "alarm", "cannot be asked"),
        (seen(3600, venue="paper"), "alarm", "holds +2 MNQZ25 on paper: its stops are looked after once it is back"),
        (seen(9.9, venue="paper", alive=False), "idle", "paper"),
        (seen(10, venue="paper", alive=False), "alarm", "dead or gone for 10 s"),
        (seen(3600, venue="paper", held={}), "flat", "nothing is held on paper"),
        (seen(3600, venue="paper", known=False), "idle", "paper"),
        (seen(3600, alive=False, ending=True), "idle", "is being stopped"),
        (seen(3600, unwritable=True), "alarm", "cannot be heard; what it holds keeps its stops. Make room"),
        (seen(3600, unwritable=True, alive=False), "act", "holds +2"),
        (seen(5, alive=False, venue="", held=None), "fine", "about to start"),
        (seen(5, alive=False, known=False), "fine", "about to start"),
        (seen(10, alive=False, known=False), "alarm", "dead or gone for 10 s"),
        (seen(60, alive=False, known=False), "act", "dead or gone for 60 s"),
        (seen(60, alive=False, venue="", held=HELD), "act", "told nothing for 60 s"),
        (seen(60, alive=False, venue="", held={}), "flat", "nothing is held"),
        (seen(3600, closed="2025-10-05 22:00 UTC"), "alarm", "closed until 2025-10-05 22:00 UTC"),
        (seen(-30), "fine", "heard"),
    ],
)
def test_judge(beat, state, words):
    judgement = judge(beat, NOW, chosen())
    assert judgement.state == state
    assert words in judgement.sentence


def test_action_alarm_never_acts():
    judgement = judge(seen(10**6), NOW, chosen(action="alarm"))
    assert (judgement.state, "minh.py flatten" in judgement.sentence) == ("alarm", True)


@pytest.mark.parametrize("values", [{}, {"sierra": {"host": "there"}}, {"data": {"source": "bars"}}])
def test_where_no_real_data_meets_a_broker_it_only_tells(values):
    assert judge(seen(1, alive=False), NOW, parse(values)).state == "idle"
    assert judge(seen(10**6, alive=False), NOW, parse(values)).state == "alarm"


def looked(watchdog: Watchdog, state: str) -> bool:
    return wait_for(lambda: watchdog.look().state == state, 20)


def test_a_dead_trader_with_a_position_is_flattened_once_and_the_file_says_so(tmp_path):
    with broker() as there:
        there.hold(2)
        layout = broker_home(tmp_path, there.port)
        beat(layout, 0, positions=HELD)
        watchdog = Watchdog(quick(layout), layout, OpenClock())
        assert looked(watchdog, "act")
        assert there.positions() == {}
        assert layout.halt_file.read_text(encoding="utf-8").startswith("watchdog: The trader has been dead")
        assert looked(watchdog, "flat")
        assert len(there.closing_orders()) == 1
        assert "closed, 2 orders ended" in read_json(layout.run / "watchdog.json")["last_action"]
        told = [c.fields["text"] for c in Inbox(layout.inbox).pending(MONDAY_OPEN) if c.name == "alarm"]
        assert "The watchdog acted: flat" in str(told[-1])


def test_the_brokers_word_counts_where_the_heartbeat_is_of_yesterday(tmp_path):
    with broker() as there:
        layout = broker_home(tmp_path, there.port)
        beat(layout, 0, positions=HELD)  # its stop has filled since
        watchdog = Watchdog(quick(layout), layout, OpenClock())
        assert looked(watchdog, "flat")
        assert [watchdog.look().state for _ in range(3)] == ["flat"] * 3
        assert not layout.halt_file.exists()
        assert there.closing_orders() == []


def test_after_a_restart_of_the_machine_the_trader_has_its_time_to_start(tmp_path):
    with broker() as there:
        there.hold(1)
        layout = broker_home(tmp_path, there.port)
        beat(layout, 0, positions=HELD, time_ns=MONDAY_OPEN - 3600 * S)  # of the trader before the restart
        watchdog = Watchdog(patient(layout), layout, OpenClock())
        assert [watchdog.look().state for _ in range(3)] == ["fine"] * 3
        assert not Inbox(layout.inbox).pending(MONDAY_OPEN)


def test_what_a_trader_said_of_an_earlier_stop_is_no_ending_now(tmp_path):
    layout = Layout(tmp_path).make()
    beat(layout, 7, venue="paper", state="stopped", time_ns=MONDAY_OPEN - 3600 * S)
    watchdog = Watchdog(parse({}), layout, OpenClock())
    assert [watchdog.look().sentence for _ in range(2)] == [
        "Orders go to the paper venue; nothing stands at a broker."
    ] * 2


@pytest.mark.parametrize("content", [None, "{", "[]", '{"pid": 1, "positions": null}'])
def test_without_a_heartbeat_the_broker_is_asked(tmp_path, content):
    with broker() as there:
        there.hold(1)
        layout = broker_home(tmp_path, there.port)
        if content is not None:
            (layout.run / "trader.json").write_text(content, encoding="utf-8")
        assert looked(Watchdog(quick(layout), layout, OpenClock()), "act")
        assert there.positions() == {}


def test_a_live_trader_that_is_heard_is_left_alone_and_one_that_falls_silent_is_not(tmp_path):
    with broker() as there:
        there.hold(1)
        layout = broker_home(tmp_path, there.port)
        watchdog = Watchdog(patient(layout), layout, OpenClock())
        with gate_holder(layout) as trader:
            beat(layout, trader.pid, positions=HELD, time_ns=MONDAY_OPEN)
            assert watchdog.look().state == "fine"
            beat(layout, trader.pid, positions=HELD, time_ns=0)  # a clock that was set back is not silence
            assert watchdog.look().state == "fine"
        assert watchdog.look().state == "alarm"
        assert there.positions() == {SYMBOL: 1}


def test_in_a_closed_market_it_tells_and_waits(tmp_path):
    with broker() as there:
        there.hold(1)
        layout = broker_home(tmp_path, there.port)
        beat(layout, 0, positions=HELD)
        watchdog = Watchdog(quick(layout), layout, ClosedClock())
        assert looked(watchdog, "alarm")
        assert wait_for(lambda: "closed until" in watchdog.look().sentence, 20)
        assert watchdog.look().state == "alarm"
        assert (there.working(), layout.halt_file.exists()) == (2, False)


def test_a_broker_that_stays_away_is_told_of_once(tmp_path, monkeypatch):
    monkeypatch.setattr("minhos.processes.watchdog.ACT_EVERY_S", 0.0)
    layout = broker_home(tmp_path, 1)
    beat(layout, 0, positions=HELD)
    watchdog = Watchdog(quick(layout), layout, OpenClock())
    assert looked(watchdog, "act")
    assert [watchdog.look().state for _ in range(2)] == ["act"] * 2
    assert layout.halt_file.exists()
    told = [str(c.fields["text"]) for c in Inbox(layout.inbox).pending(MONDAY_OPEN) if c.name == "alarm"]
    assert sum("The watchdog acted: NOT FLATTENED" in text for text in told) == 1


REAL = (
    "import os\n"
    "from broker_house import OpenClock\n"
    "from minhos.processes import watchdog\n"
    "from minhos.processes.process import run\n"
    "from minhos.assembly.layout import Layout\n"
    "from minhos.settings import WatchdogSettings, home, load\n"
    "watchdog.INTERVAL_S = 0.05\n"
    "times = WatchdogSettings.model_construct(action='flatten', alarm_after_s=3600.0, act_after_s=1e-9)\n"
    "settings = load(home()).model_copy(update={'watchdog': times})\n"
    "run(watchdog.Watchdog(settings, Layout(home()), OpenClock()), OpenClock())\n"
)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_real_watchdog_over_a_real_trader_that_is_killed(tmp_path):
    with broker() as there:
        there.hold(2)
        layout = broker_home(tmp_path, there.port)
        (tmp_path / "watch.py").write_text(f"import sys\nsys.path.insert(0, {str(ROOT / 'tests/support')!r})\n{REAL}")
        with gate_holder(layout) as trader:
            beat(layout, trader.pid, positions=HELD, time_ns=MONDAY_OPEN)
            process = child(layout, str(tmp_path / "watch.py"))
            try:
                assert wait_for(lambda: (read_json(layout.run / "watchdog.json") or {}).get("state") == "fine")
                assert there.positions() == {SYMBOL: 2}
                trader.send_signal(signal.SIGKILL)
                assert wait_for(lambda: there.positions() == {})
                assert wait_for(lambda: "flat" in read_json(layout.run / "watchdog.json")["last_action"])
            finally:
                process.kill()
                process.communicate()


def test_the_process_idles_on_the_paper_venue_and_ends_when_told(tmp_path):
    layout = broker_home(tmp_path, 1)
    (tmp_path / "config" / "minhos.toml").write_text("", encoding="utf-8")
    process = child(layout, module="minhos.processes.watchdog")
    try:
        assert wait_for(lambda: (read_json(layout.run / "watchdog.json") or {}).get("state") == "idle")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_mistake_in_the_settings_is_a_sentence(tmp_path):
    process = child(broker_home(tmp_path, 1, toml="prot = 3\n"), module="minhos.processes.watchdog")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.startswith("MinhOS watchdog: [sierra] has no key 'prot'")


def test_it_loads_no_model():
    code = "import json, sys, minhos.processes.watchdog; print(json.dumps([m.split('.')[0] for m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"onnxruntime", "talib", "pandas", "polars", "scipy", "sklearn", "torch", "numba", "fastapi", "joblib"}
    assert heavy.isdisjoint(json.loads(done.stdout))


def test_status_tells_what_the_watchdog_saw(tmp_path, monkeypatch):
    layout = broker_home(tmp_path, 1)
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))
    assert "watchdog" not in CliRunner().invoke(app, ["status"]).output
    Watchdog(settings_at(layout), layout, SystemClock()).look()
    assert "watchdog: fine; The trader may be about to start." in CliRunner().invoke(app, ["status"]).output
    told = json.loads(CliRunner().invoke(app, ["status", "--json"]).output)["watchdog"]
    assert (told["state"], told["silent"], told["last_action"]) == ("fine", False, "")
