"""What views show of a training's report, as it lies in a bundle; the rest of the report stays there.

Every field has a default: a report of another version shows what it has.  `minhos.training.results.result` is
what training itself writes; it is not imported here, because it brings the libraries of features with it.
"""

from __future__ import annotations

import msgspec

Interval = tuple[float, float]


class Line(msgspec.Struct, frozen=True):
    """How often a set of bars was forecast right, beside what it has to be compared with.  None: no bar has a side."""

    name: str = ""
    accuracy: float | None = None
    interval: Interval | None = None
    n: int = 0
    majority: float | None = None
    break_even: float | None = None
    coverage: float = 1.0
    simulated: bool = False
    silent: int | None = None
    """Bars that moved and on which no side was named; None in reports of versions that took them for "down"."""


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
    out_of_fold_accuracy: float | None = None
    weight: float | None = None
    """In the vote."""


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
    n_train: int | None = None
    n_holdout: int | None = None
    lines: Lines = Lines()
    break_even_by_hour: tuple[HourBreakEven, ...] = ()
    calibration: Calibration | None = None
    members: tuple[Member, ...] = ()
    missing: dict[str, str] = {}
    """Members without a model, and why."""
    payoff: Payoff = Payoff()

    def honest(self) -> TrainingReport:
        """The report without accuracies that only count falling bars.

        Earlier versions judged the calibrated p, which is one half on every bar where the slope is zero or below, and
        took one half for "down".
        """
        lines = (self.lines.all, self.lines.traded)
        if not any(line is not None and line.silent is None for line in lines):
            return self
        if self.calibration is None or (self.calibration.slope or 0.0) > 0.0:
            return self
        all_, traded = (None if line is None else _unjudged(line) for line in lines)
        return msgspec.structs.replace(self, lines=Lines(self.lines.simulated, all_, traded))


def _unjudged(line: Line) -> Line:
    return msgspec.structs.replace(line, accuracy=None, interval=None, n=0, majority=None, break_even=None)
