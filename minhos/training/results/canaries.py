"""What the leak canaries found: values, whether each lives, and what a dead one means in words.

How they are asked is `canaries`.
"""

from __future__ import annotations

import datetime as dt
import math

import msgspec

from minhos.features.pipeline import feature_set
from minhos.market.types import NANOS_PER_SECOND

KNOWN_SHARE = 0.4
"""Of what the next bar's features reveal, at most this much may be known without them.

They give the direction nearly always, so 0.4 stands for an accuracy of about 69 %; the most predictable simulated
market has 62 %."""


class PermutedLabels(msgspec.Struct, frozen=True):
    """Accuracy on the unseen bars after fits on labels without meaning.

    n: bars forecast, over all rounds.  interval: 99 % of chance, given how often labels and forecasts are "up".
    """

    accuracy: float
    interval: tuple[float, float]
    n: int

    @property
    def passed(self) -> bool:
        return self.interval[0] <= self.accuracy <= self.interval[1]

    @property
    def sentence(self) -> str:
        """What it means that this canary died."""
        low, high = self.interval
        return (
            f"After learning permuted labels the forecasts were right on {self.accuracy:.2%} of {self.n:,} unseen "
            f"bars, where chance gives {low:.2%} to {high:.2%}: the unseen bars are among those learnt from."
        )


class NextBar(msgspec.Struct, frozen=True):
    """Accuracy on the unseen bars without and with the features of the bar that the bet lives in.

    interval: 99 %, of the paired difference (McNemar).  n: bars.  majority: share of the more frequent direction of
    these bars, which needs no features at all.
    """

    without: float
    given: float
    interval: tuple[float, float]
    n: int
    majority: float = 0.5

    @property
    def known_share(self) -> float:
        """What the model knows without the next bar beyond the majority, as a share of what it knows with it."""
        free = self.majority
        return (self.without - free) / (self.given - free) if self.given > free else math.inf

    @property
    def passed(self) -> bool:
        return self.interval[0] > 0.0 and self.known_share <= KNOWN_SHARE

    @property
    def sentence(self) -> str:
        """What it means that this canary died."""
        return (
            f"Given the next bar's features the model is right on {self.given:.2%} of {self.n:,} bars, and on "
            f"{self.without:.2%} without them: it sees the next bar already."
        )


class LaterBars(msgspec.Struct, frozen=True):
    """Features before a cut, computed with the real bars after it and with others.

    cuts: places looked at.  changed: features that differ, by number of the column; empty where all is well.
    at_ns: close of the first bar at which one differs.
    """

    cuts: int
    changed: tuple[int, ...] = ()
    at_ns: int | None = None

    @property
    def passed(self) -> bool:
        return not self.changed

    @property
    def sentence(self) -> str:
        """What it means that this canary died."""
        columns = feature_set().names
        names = [columns[i] if i < len(columns) else "the market's state" for i in self.changed]
        shown = ", ".join(dict.fromkeys(names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        when = dt.datetime.fromtimestamp((self.at_ns or 0) // NANOS_PER_SECOND, dt.UTC).isoformat()
        return f"Features change when later bars do ({shown}; first at {when}): they look into the future."


class Canaries(msgspec.Struct, frozen=True):
    """All three.  A canary that could not be asked is None, and `unchecked` says why."""

    permuted_labels: PermutedLabels | None
    next_bar: NextBar | None
    later_bars: LaterBars | None
    unchecked: str = ""

    @property
    def dead(self) -> tuple[PermutedLabels | NextBar | LaterBars, ...]:
        """Those that died; none where all is well."""
        asked = (self.permuted_labels, self.next_bar, self.later_bars)
        return tuple(one for one in asked if one is not None and not one.passed)

    @property
    def passed(self) -> bool:
        return not self.dead

    @property
    def sentence(self) -> str:
        """One line for the report."""
        if self.dead:
            return "LEAK SUSPECTED: " + " ".join(one.sentence for one in self.dead)
        return f"Leak canaries: {self.unchecked}." if self.unchecked else "Leak canaries: all three live."
