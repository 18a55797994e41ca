"""The demo as a user runs it: one `start` and its five real processes, in a home of its own, with a bundle at once.

For benches that kill the processes or watch them for long.  Not for figures of the code alone.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import BEATS, SupervisorBeat, TraderBeat, WebBeat
from minhos.assembly.layout import Layout
from minhos.assembly.naming import account_of, mode_of, registry_of
from minhos.assembly.running import running_pids
from minhos.errors import CheckFailed
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION
from minhos.journal.inbox import Inbox, Request, Scalar
from minhos.processes.supervisor import stop_running
from minhos.settings import load
from minhos.testing.builders import bundle_contents
from minhos.views.heartbeats import Heartbeat

SETTINGS = """
[simulation]
history_days = 25
days_ahead = {days}
seconds_per_bar = {pace}

[web]
port = {port}
"""
NAMES = ("supervisor", "trader", "trainer", "web", "watchdog")
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
POLL_S = 0.05
_BEAT_OF: dict[str, type[Heartbeat]] = {kind.PROCESS: kind for kind in BEATS}


class House:
    """One home.  Nothing is left of it after `close` but its files."""

    def __init__(self, folder: Path, seconds_per_bar: float, days_ahead: int = 180) -> None:
        self.layout = Layout(folder).make()
        self.port = free_port()
        folder.joinpath("config").mkdir(exist_ok=True)
        settings = SETTINGS.format(pace=seconds_per_bar, port=self.port, days=days_ahead)
        folder.joinpath("config", "minhos.toml").write_text(settings, encoding="utf-8")
        self.settings = load(folder)
        self.journal = self.layout.journal(mode_of(self.settings), account_of(self.settings))
        self._promote()
        self._started: list[subprocess.Popen[bytes]] = []
        self._inbox: Inbox | None = None

    def _promote(self) -> None:
        """A bundle of tiny models, made now, so that no training is due."""
        now_ns = time.time_ns()
        registry = registry_of(self.settings, self.layout)
        info = registry.save(
            bundle_contents(
                simulated=True, feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION, created_ns=now_ns
            )
        )
        registry.promote(info.id, "bench", now_ns)

    def start(self) -> None:
        """Type `start`."""
        environment = {**os.environ, "MINHOS_HOME": str(self.layout.home), "PYTHONPATH": str(ROOT)}
        with self.layout.logs.joinpath("start.txt").open("ab") as output:
            self._started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "minhos.cli", "start"],
                    env=environment,
                    cwd=self.layout.home,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
            )

    @property
    def start_has_ended(self) -> bool:
        """Whether what was typed last has come back, as where it was refused or killed."""
        return not self._started or self._started[-1].poll() is not None

    def pids(self) -> dict[str, int]:
        """Of what lives, by name."""
        for process in self._started:
            process.poll()
        return running_pids(self.layout)

    def is_up(self, name: str) -> bool:
        """Whether that process lives and does its work: it beats, a trader with a model, a page that answers."""
        beat = heartbeats.read(self.layout, _BEAT_OF[name])
        if beat is None or self.layout.machine.see(beat.pid) is None or beat.state in ("stopped", "stopping"):
            return False
        if isinstance(beat, TraderBeat):
            return beat.serving
        if isinstance(beat, SupervisorBeat):
            return bool(beat.children)
        return not isinstance(beat, WebBeat) or self._page_answers()

    def pid_in_beat(self, name: str) -> int:
        """The process id that its heartbeat names; 0 for none."""
        beat = heartbeats.read(self.layout, _BEAT_OF[name])
        return beat.pid if beat is not None else 0

    def wait_until_up(self, names: tuple[str, ...] = NAMES) -> None:
        """Raises CheckFailed where they do not come up."""
        end_s = time.monotonic() + PATIENCE_S
        while not all(self.is_up(name) for name in names):
            if time.monotonic() > end_s:
                missing = [name for name in names if not self.is_up(name)]
                words = self.layout.logs.joinpath("start.txt").read_text(encoding="utf-8", errors="replace")[-300:]
                raise CheckFailed(f"{', '.join(missing)} did not come up within {PATIENCE_S:g} s: {words}")
            time.sleep(POLL_S)

    def ask(self, name: str, **fields: Scalar) -> int:
        """Leave a command for the trader; returns its number."""
        if self._inbox is None:
            self._inbox = Inbox(self.layout.inbox)
        now_ns = time.time_ns()
        request = Request(name=name, who="bench", fields=fields, created_ns=now_ns, expires_ns=now_ns + 60 * 10**9)
        return self._inbox.put(request)

    def close(self) -> None:
        """End everything."""
        if self._inbox is not None:
            self._inbox.close()
        try:
            stop_running(self.layout)
        finally:
            for process in self._started:
                if process.poll() is None:
                    process.kill()
                process.wait()

    def _page_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/kelly/service-health", timeout=2.0) as page:
                return bool(page.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
