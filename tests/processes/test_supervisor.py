"""The supervisor: what dies is started again, what refuses is not, and stopping ends all."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
from trading_home import ROOT, wait_for

from minhos.assembly.children import Child
from minhos.assembly.files import read_json
from minhos.assembly.layout import Layout
from minhos.assembly.running import running_pids
from minhos.errors import MinhosError
from minhos.processes import supervisor as module
from minhos.processes import tended
from minhos.processes.supervisor import Supervisor, claim_start, refuse_second_start, stop_running

SLEEPER = "import time\ntime.sleep(60)\n"
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nopen(__file__ + '.up', 'w').close()\n"
    "time.sleep(60)\n"
)
REFUSER = "import sys\nprint('MinhOS trader: the port is taken.', file=sys.stderr)\nsys.exit(2)\n"


@pytest.fixture
def supervise(tmp_path, monkeypatch):
    """Supervise modules of the given texts; whatever is left is killed afterwards."""
    made: list[Supervisor] = []
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(tended, "FIRST_PAUSE_S", 0.05)

    def make(**texts: str) -> Supervisor:
        for name, text in texts.items():
            (tmp_path / f"minh_{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.setattr(module, "SERVICES", {name: f"minh_{name}" for name in texts})
        made.append(Supervisor(Layout(tmp_path / "home"), tuple(texts)))
        made[-1].open()
        return made[-1]

    yield make
    for one in made:
        for each in one.tended:
            if each.child is not None:
                each.child.kill()


def seen(supervisor: Supervisor, condition) -> bool:
    """Whether it comes true while the supervisor does its work."""
    return wait_for(lambda: supervisor.step() is None or condition(), 15)


def pid_of(supervisor: Supervisor, name: str) -> int:
    child = next(one.child for one in supervisor.tended if one.name == name)
    return child.pid if child is not None else 0


def test_a_killed_child_is_started_again(supervise):
    supervisor = supervise(trader=SLEEPER, web=SLEEPER)
    assert seen(supervisor, lambda: pid_of(supervisor, "trader"))
    first, web = pid_of(supervisor, "trader"), pid_of(supervisor, "web")
    os.kill(first, signal.SIGKILL)
    assert seen(supervisor, lambda: pid_of(supervisor, "trader") not in (0, first))
    assert pid_of(supervisor, "web") == web
    state = read_json(supervisor.layout.run / "supervisor.json")
    assert state["restarts"] == {"trader": 1, "web": 0}


def test_the_pause_before_a_restart_grows(supervise):
    supervisor = supervise(trader="raise SystemExit(1)\n")
    child = supervisor.tended[0]
    assert seen(supervisor, lambda: child.restarts == 3)
    assert child.pause_s == pytest.approx(0.05 * 2**3)
    assert supervisor.refusals == {}


def test_a_mistake_at_the_traders_first_start_ends_the_start_with_its_sentence(supervise):
    supervisor = supervise(trader=REFUSER, web=SLEEPER)
    assert seen(supervisor, lambda: supervisor.refusals)
    assert supervisor.refusals == {"trader": "MinhOS trader: the port is taken."}
    for _ in range(20):
        supervisor.step()
    assert pid_of(supervisor, "trader") == 0
    assert supervisor.tended[0].restarts == 0


def test_stop_ends_all_also_one_that_will_not(supervise, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.5)
    supervisor = supervise(trader=SLEEPER, web=STUBBORN)
    assert seen(supervisor, (tmp_path / "minh_web.py.up").exists)
    pids = [pid_of(supervisor, "trader"), pid_of(supervisor, "web")]
    supervisor.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not (supervisor.layout.run / "supervisor.json").exists()


def test_a_second_start_is_refused_while_one_runs(supervise):
    supervisor = supervise(trader=SLEEPER)
    assert seen(supervisor, lambda: pid_of(supervisor, "trader"))
    assert running_pids(supervisor.layout)["trader"] == pid_of(supervisor, "trader")
    with pytest.raises(MinhosError, match=r"already runs here: .*trader \(process \d+\).* minh.py stop"):
        refuse_second_start(supervisor.layout)
    supervisor.close()
    refuse_second_start(supervisor.layout)


def test_of_two_starts_at_one_moment_one_wins_and_the_other_says_so(tmp_path):
    """Neither has written anything yet: the one is still at what it shows of the data."""
    layout = Layout(tmp_path / "home").make()
    with claim_start(layout):
        for other in (claim_start, lambda place: Supervisor(place, ("web",)).open()):
            with pytest.raises(MinhosError, match=r"being started here by another `start`.* Ctrl-C"):
                other(layout)
    with claim_start(layout):
        pass  # it is free again, though the file is still there


def test_a_start_that_is_killed_leaves_its_claim(tmp_path):
    layout = Layout(tmp_path / "home").make()
    code = (
        "import pathlib, sys, time\nfrom minhos.assembly.layout import Layout\n"
        "from minhos.processes.supervisor import claim_start\n"
        "held = claim_start(Layout(pathlib.Path(sys.argv[1])))\nprint('held', flush=True)\ntime.sleep(60)\n"
    )
    words = [sys.executable, "-c", code, str(layout.home)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(MinhosError, match="another `start`"):
            claim_start(layout)
        other.kill()
        other.wait()
        claim_start(layout).close()


def test_where_nothing_can_be_locked_a_start_is_still_a_start(tmp_path):
    layout = Layout(tmp_path / "home").make()
    layout.start_lock.mkdir()  # as a disk that refuses to make the file
    with claim_start(layout), claim_start(layout):
        assert layout.start_lock.is_dir(), "nothing was locked, and nobody refused"


def test_stop_from_another_process_ends_supervisor_and_children(tmp_path):
    """The whole `start` as a user runs it, and `stop` from elsewhere."""
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    (home / "config" / "minhos.toml").write_text("[simulation]\nhistory_days = 25\n", encoding="utf-8")
    code = (
        "import pathlib\n"
        "from minhos.assembly.layout import Layout\n"
        "from minhos.market.clock import SystemClock\n"
        "from minhos.processes.process import run\n"
        "from minhos.processes.supervisor import Supervisor\n"
        f"s = Supervisor(Layout(pathlib.Path({str(home)!r})), ('trader',))\n"
        "run(s, SystemClock())\n"
    )
    (tmp_path / "minh.py").write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    process = subprocess.Popen([sys.executable, str(tmp_path / "minh.py")], env=environment, cwd=tmp_path)
    layout = Layout(home)
    try:
        assert wait_for(lambda: (layout.run / "trader.json").exists())
        pids = running_pids(layout)
        assert set(pids) == {"supervisor", "trader"}
        names = stop_running(layout)
        assert set(names) == {"supervisor", "trader"}
        process.wait(timeout=20)
        assert wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids.values()), 5)
        assert stop_running(layout) == []
    finally:
        process.kill()
        process.wait()


def test_a_full_disk_ends_neither_supervisor_nor_children(supervise, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    supervisor = supervise(trader=SLEEPER)
    monkeypatch.setattr(module.heartbeats, "write", full)
    assert seen(supervisor, lambda: pid_of(supervisor, "trader"))
    first = pid_of(supervisor, "trader")
    os.kill(first, signal.SIGKILL)
    assert seen(supervisor, lambda: pid_of(supervisor, "trader") not in (0, first))


def test_a_child_that_cannot_be_started_is_named_and_tried_again(supervise, monkeypatch):
    supervisor = supervise(trader=SLEEPER, web=SLEEPER)
    trader = next(one for one in supervisor.tended if one.name == "trader")
    trader.pause_s = 0.5
    start, tried = supervisor.layout.machine.start, []

    def without_room(module: str, environment: Mapping[str, str], errors: Path) -> Child:
        if module == "minh_trader" and len(tried) < 3:
            tried.append(module)
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return start(module, environment, errors)

    monkeypatch.setattr(type(supervisor.layout.machine), "start", staticmethod(without_room))
    supervisor.step()
    named = read_json(supervisor.layout.run / "supervisor.json")["refused"]
    assert named["trader"].startswith("trader cannot be started (Resource temporarily unavailable) and is tried again;")
    assert (pid_of(supervisor, "web") > 0, supervisor.refusals) == (True, {})
    supervisor.step()
    assert len(tried) == 1, "not with every turn"
    assert seen(supervisor, lambda: pid_of(supervisor, "trader"))
    assert (len(tried), trader.restarts) == (3, 0)
    assert read_json(supervisor.layout.run / "supervisor.json")["refused"] == {}, "as soon as it is started"
