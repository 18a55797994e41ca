"""How far this machine's clock is from the server's, from heartbeats that tell their time in whole seconds.

The one estimate of it, for `check-sierra` and for `arm`.  It sets no clock and judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from minhos.market.types import NANOS_PER_SECOND

MOST_SKEW_S = 1.0
"""Beyond it the two machines' clocks are to be set before real money is traded."""
LATE_SHARE = 0.9
"""Heartbeats that came later than nine of ten are left out: a hiccup of the network is no skew."""


def is_small(skew_s: float, error_s: float) -> bool:
    """Whether it is under `MOST_SKEW_S` for certain; the lower bound itself is never reached (see `clock_skew`)."""
    return skew_s - error_s >= -MOST_SKEW_S and skew_s + error_s < MOST_SKEW_S


class ClockSkew(msgspec.Struct, frozen=True):
    """Our clock less the server's lies between low_s and high_s, as so many heartbeats show."""

    low_s: float
    high_s: float
    heartbeats: int

    @property
    def middle_s(self) -> float:
        return (self.low_s + self.high_s) / 2

    @property
    def error_s(self) -> float:
        """How far it may be from the middle, either way."""
        return (self.high_s - self.low_s) / 2


def clock_skew(heartbeats: Iterable[tuple[int, int]]) -> ClockSkew | None:
    """From (our UTC nanoseconds at the arrival, the server's UNIX seconds) of each; None where none tells a time.

    local - told = skew + delay + fraction, where the delay is at least 0 and the fraction of the second lies in
    [0, 1).  So the smallest difference bounds the skew from above, and the largest less 1 from below; the largest of
    nine of ten is taken, because a delayed heartbeat says nothing.  A time of 0 is none.
    """
    told = [(local_ns, told_s) for local_ns, told_s in heartbeats if told_s > 0]
    differences = sorted(local_ns / NANOS_PER_SECOND - told_s for local_ns, told_s in told)
    if not differences:
        return None
    high = differences[0]
    low = min(high, differences[int(LATE_SHARE * (len(differences) - 1))] - 1.0)
    return ClockSkew(low, high, len(differences))
