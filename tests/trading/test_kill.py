"""A real process that trades, really killed, again and again; its journal stays sound and the next one goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from trading_desk import is_whole
from trading_process import BARS_A_SESSION, open_desk, trade_one_bar

from minhos.journal.reader import reader
from minhos.trading import events as ev

SCRIPT = Path(__file__).parents[1] / "support" / "trading_process.py"
KILLS = 5


def killed_after(path: Path, seconds: float) -> None:
    """Start the trader over that journal and kill it so long after its first bar could close."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(SCRIPT), str(path)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.stderr.read() if process.stderr else ""
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_a_trader_killed_again_and_again_loses_nothing(tmp_path):
    path = tmp_path / "journal.sqlite"
    known = 0
    for i in range(KILLS):
        killed_after(path, 0.004 + 0.007 * i)
        report = reader(path).verify()
        assert report.sound, report.reason
        assert report.records >= known
        known = report.records
    desk = open_desk(str(path))
    is_whole(desk)
    first = desk.next_bar
    while desk.next_bar < max(BARS_A_SESSION, first + 5):
        trade_one_bar(desk)
        is_whole(desk)
    closes = [decision.close_time_ns for decision in desk.decisions]
    assert closes == [desk.close_ns(i) for i in range(desk.next_bar)]
    assert len(desk.events(ev.EngineStarted)) == KILLS + 1
    assert desk.journal.verify().sound
    desk.journal.close()
