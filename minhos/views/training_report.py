"""What views show of a training's report, as it lies in a bundle; the rest of the report stays there.

Every field has a default: a report of another version shows what it has.  `minhos.training.results.result` is
what training itself writes; it is not imported here, because it brings the libraries of features with it.
"""

from __future__ import annotations

import msgspec

Interval = tuple[float, float]


class Line(msgspec.Struct, frozen=True):
    """How often a set of bars was forecast right, beside what it has to be compared with.  None: no such bars."""

    name: str = ""
    accuracy: float | None = None
    interval: Interval | None = None
    n: int = 0
    majority: float | None = None
    break_even: float | None = None
    coverage: float = 1.0
    simulated: bool = False


class Lines(msgspec.Struct, frozen=True):
    """The members on a simulated market, on all bars of the holdout, and on those that were worth a bet."""

    simulated: Line | None = None
    all: Line | None = None
    traded: Line | None = None


class Bin(msgspec.Struct, frozen=True):
    """One bin of the reliability diagram on the holdout."""

    forecast: float
    observed: float
    n: int
    band: Interval


class Calibration(msgspec.Struct, frozen=True):
    slope: float | None = None
    slope_se: float | None = None
    slope_low: float | None = None
    n: int = 0
    error: float | None = None
    """Debiased, in units of probability."""
    table: tuple[Bin, ...] = ()


class Member(msgspec.Struct, frozen=True):
    name: str
    holdout_accuracy: float | None = None


class Payoff(msgspec.Struct, frozen=True):
    """In R, of bars forecast right and wrong."""

    right: tuple[float, ...] = ()
    wrong: tuple[float, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Mean win over mean loss."""
        if not self.right or not self.wrong or not sum(self.wrong):
            return None
        return (sum(self.right) / len(self.right)) / (-sum(self.wrong) / len(self.wrong))


class HourBreakEven(msgspec.Struct, frozen=True):
    """Mean break-even of the bars that close in one hour of the New York day."""

    hour: int
    break_even: float
    n: int


class TrainingReport(msgspec.Struct, frozen=True):
    verdict: str = ""
    reason: str = ""
    simulated: bool = False
    n_sessions: int | None = None
    lines: Lines = Lines()
    break_even_by_hour: tuple[HourBreakEven, ...] = ()
    calibration: Calibration | None = None
    members: tuple[Member, ...] = ()
    missing: dict[str, str] = {}
    """Members without a model, and why."""
    payoff: Payoff = Payoff()
