"""Alarms that a process leaves for the trader to journal, kept for as long as the inbox cannot be used."""

from __future__ import annotations

from collections import deque

from minhos.assembly.layout import Layout
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND
from minhos.safety.stop import leave_alarm

MOST = 20
"""So many are kept, the newest."""
AGAIN_S = 5.0


class Alarms:
    """Of one process.  who: in whose name."""

    def __init__(self, layout: Layout, who: str, clock: Clock) -> None:
        self._layout, self._who, self._clock = layout, who, clock
        self._waiting: deque[str] = deque(maxlen=MOST)
        self._due_ns = 0

    def leave(self, text: str) -> None:
        """Now, or as soon as the inbox can be used."""
        self._waiting.append(text)
        self.retry()

    def retry(self) -> None:
        """With every turn of the process: what could not be left yet, oldest first."""
        if not self._waiting or self._clock.monotonic_ns() < self._due_ns:
            return
        while self._waiting and leave_alarm(self._layout, self._who, self._waiting[0], self._clock):
            self._waiting.popleft()
        self._due_ns = self._clock.monotonic_ns() + round(AGAIN_S * NANOS_PER_SECOND) if self._waiting else 0
