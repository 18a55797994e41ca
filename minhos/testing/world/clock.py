"""The world's clocks: the true time, and that of the machine on which MinhOS runs.

The machine's may be wrong, and stands still while it sleeps; the broker and the market go by the true one.  Both are
read from the world, which alone moves time.
"""

from __future__ import annotations

from typing import Protocol

from minhos.market.types import NANOS_PER_SECOND


class Time(Protocol):
    """What the clocks ask of the world."""

    true_ns: int
    """UTC nanoseconds, as they are."""

    def pass_until(self, true_ns: int) -> None:
        """Let everything else that is due until then happen."""


class TrueClock:
    """The broker's and the market's."""

    def __init__(self, time: Time) -> None:
        self._time = time

    def now_ns(self) -> int:
        return self._time.true_ns

    def monotonic_ns(self) -> int:
        return self._time.true_ns

    def sleep(self, seconds: float) -> None:
        self._time.pass_until(self._time.true_ns + round(seconds * NANOS_PER_SECOND))


class MachineClock(TrueClock):
    """That of the machine: set wrong by `offset_ns`, and without what it slept through."""

    def __init__(self, time: Time) -> None:
        super().__init__(time)
        self.offset_ns = 0
        """How far it goes ahead of the truth."""
        self._slept_ns = 0
        """What its monotonic clock did not count of the sleeps that are over."""
        self._sleep = (0, 0)
        """From when to when, true time, it sleeps or last slept."""

    def now_ns(self) -> int:
        return self._time.true_ns + self.offset_ns

    def sleeps(self, until_ns: int) -> None:
        """It sleeps from now until that true time."""
        now_ns, (since_ns, before_ns) = self._time.true_ns, self._sleep
        if now_ns < before_ns:
            self._sleep = (since_ns, max(before_ns, until_ns))
        else:
            self._slept_ns += before_ns - since_ns
            self._sleep = (now_ns, until_ns)

    def monotonic_ns(self) -> int:
        now_ns, (since_ns, until_ns) = self._time.true_ns, self._sleep
        return now_ns - self._slept_ns - (min(now_ns, until_ns) - since_ns)

    def true_of(self, monotonic_ns: int) -> int:
        """When the monotonic clock shows that, unless the machine sleeps again."""
        return monotonic_ns + self._slept_ns + self._sleep[1] - self._sleep[0]
