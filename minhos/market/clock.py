"""The port `Clock`: the only place where MinhOS learns what time it is.

Backtests, replays and simulated markets run on `SimulatedClock`, which the feed moves; everything else on
`SystemClock`.  No other module reads the time of day (the linter holds that).
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What a part may ask of time."""

    def now_ns(self) -> int:
        """UTC nanoseconds since 1970."""

    def monotonic_ns(self) -> int:
        """Nanoseconds for measuring durations; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Pause the caller; nothing for zero or less."""


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        if seconds > 0.0:
            time.sleep(seconds)


class SimulatedClock:
    """A clock that stands until it is moved; it refuses to go back.

    wall: measures durations where a simulated market runs before a person; without one they are simulated too, so
    that a backtest writes the same journal every time.
    """

    def __init__(self, start_ns: int = 0, wall: Clock | None = None) -> None:
        self._now_ns = start_ns
        self._wall = wall

    def now_ns(self) -> int:
        return self._now_ns

    def monotonic_ns(self) -> int:
        return self._now_ns if self._wall is None else self._wall.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """Wait as a person would; without a wall clock the pause is over at once, and this clock has moved on."""
        if self._wall is not None:
            self._wall.sleep(seconds)
        elif seconds > 0.0:
            self._now_ns += round(seconds * 1e9)

    def advance_to(self, time_ns: int) -> None:
        """Move to time_ns; an earlier time leaves the clock where it is."""
        self._now_ns = max(self._now_ns, time_ns)
