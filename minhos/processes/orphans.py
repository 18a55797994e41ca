"""What watchdog and trader do for a home whose supervisor is dead: each keeps the other running, and it is said.

By the same table and with the same pauses as the supervisor (`tended`), and only until one lives again.  A supervisor
that lives and says nothing is only told of: it may go on any moment.
"""

from __future__ import annotations

import os

import structlog

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import STOPPING, SupervisorBeat
from minhos.assembly.layout import Layout
from minhos.assembly.running import SERVICES, living, pid_of
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND
from minhos.processes.tended import Tended
from minhos.safety.alarms import Alarms

FRESH_S = 1.5
"""One that was heard of so lately lives: its process need not be looked for."""
SILENT_S = 5.0
"""A supervisor says something four times a second."""
STOPPING_S = 60.0
"""So long may a supervisor take to end its children before it counts as dead."""
WAY_OUT = "`python3 minh.py start` takes over what runs."


class Orphans:
    """Of one home.  who: looks, and in whose name alarms are left.  other: whom it keeps running.

    tells: leaves an alarm that the supervisor is dead; one of both does.
    """

    def __init__(self, layout: Layout, clock: Clock, *, who: str, other: str, tells: bool) -> None:
        self._layout, self._clock, self._other, self._tells = layout, clock, other, tells
        self._log, self._alarms = structlog.get_logger(who), Alarms(layout, who, clock)
        self.sentence = ""
        """What is wrong with the supervisor; empty while it is well, ends in order, or there is none."""
        self.ending = False
        """It is ending everything in order: a trader that is gone is no trouble."""
        self._stamp: object = None
        self._changed_ns = clock.monotonic_ns()
        self._told = False
        self._tended: Tended | None = None

    def look(self) -> None:
        """Once a second or so."""
        self._alarms.retry()
        beat = heartbeats.read(self._layout, SupervisorBeat)
        now_ns = self._clock.monotonic_ns()
        stamp = None if beat is None else (beat.pid, beat.time_ns)
        if stamp != self._stamp:
            self._stamp, self._changed_ns = stamp, now_ns
        silent_s = (now_ns - self._changed_ns) / NANOS_PER_SECOND
        self.ending = beat is not None and beat.state == STOPPING and silent_s < STOPPING_S
        alive = beat is not None and (silent_s < FRESH_S or pid_of(self._layout, SupervisorBeat) is not None)
        if beat is None or self.ending or (alive and silent_s < SILENT_S):
            self._is_well()
            return
        tends = not alive and self._other in (*beat.children, *beat.restarts)
        if alive:
            what = f"has said nothing for {silent_s:.0f} s, though it lives: it hangs, or the disk is full"
        else:
            what = "is gone: no process is started again"
            what += " but trader and watchdog, by each other" if tends else ""
        self.sentence = f"The supervisor (process {beat.pid}) {what}; {WAY_OUT}"
        self._tell()
        if tends:
            self._tend()

    def _is_well(self) -> None:
        if self._told:
            self._log.warning("supervisor", reason="lives again, or ended in order")
        self.sentence, self._told = "", False
        if self._tended is not None and self._tended.ended:  # its end is heard, so that nothing is left of it
            self._tended = None

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            self._log.error("supervisor", reason=self.sentence)
            if self._tells:
                self._alarms.leave(self.sentence)

    def _tend(self) -> None:
        if self._tended is None:
            environment = dict(os.environ, MINHOS_HOME=str(self._layout.home))
            self._tended = Tended(
                self._other, SERVICES[self._other], self._layout, environment, lambda name: living(self._layout, name)
            )
        tended = self._tended
        tended.tend(self._clock.monotonic_ns() / NANOS_PER_SECOND)
        if tended.problem:
            self.sentence += f" {tended.problem}"
        if tended.news:
            self._log.error(self._other, reason=tended.news)
            self._alarms.leave(tended.news)
            tended.news = ""
