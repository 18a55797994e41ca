"""Somebody outside the trader who flattens, in a process of his own, as `minh.py flatten` does."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from pathlib import Path

from minhos.assembly.layout import Layout
from minhos.bench.faults.rig import Child
from minhos.bench.faults.trader import ACCOUNT, ShiftedClock
from minhos.safety.flatten_outside import flatten_outside
from minhos.settings import Settings

DIED = "nothing: it ended by an error"


class Outside(Child):
    """Waits for `go`, flattens once, and ends."""

    def __init__(self, home: Path, port: int, shift_ns: int) -> None:
        super().__init__()
        self._home, self._port, self._shift_ns = home, port, shift_ns

    def start(self) -> None:
        """Have the process ready."""
        self._start(flatten_when_told, self._home, self._port, self._shift_ns)

    def go(self) -> None:
        """Let it flatten; returns at once."""
        self.tell("go")

    def said(self) -> str:
        """What came of it; empty while it is at work."""
        if not self.has_answered():
            return ""
        answer = self.ask()
        return DIED if answer is None else str(answer)


def flatten_when_told(home: Path, port: int, shift_ns: int, pipe: Connection, theirs: Connection) -> None:
    """The process."""
    theirs.close()
    settings = Settings(market={"symbol": "MNQ"}, sierra={"host": "127.0.0.1", "port": port, "account": ACCOUNT})
    pipe.send("ready")
    pipe.recv()
    report = flatten_outside(settings, Layout(home), "bench", clock=ShiftedClock(shift_ns))
    pipe.send(report.sentence)
    os._exit(0)
