"""What training found out: values only, each accuracy beside its interval, the majority and the break-even."""

from __future__ import annotations

from typing import Literal

import msgspec

from minhos.models.calibration import Calibrator
from minhos.models.payoff import Payoff
from minhos.training.results.canaries import Canaries

Verdict = Literal["edge", "no_edge", "too_little_data"]


class Line(msgspec.Struct, frozen=True):
    """How often a set of bars was forecast right: of the raw score's side.  coverage: their share of all bars.

    n: bars that moved and had a side; silent: bars that moved and on which the score was exactly one half.

    interval: 95 %, by resampling trade dates (Wilson's below five dates).  majority: accuracy of always naming the
    more frequent direction of the same bars.  break_even: mean p at which their bets would have paid their cost.
    None: no such bar has a side.
    """

    name: str
    accuracy: float | None
    interval: tuple[float, float] | None
    n: int
    majority: float | None
    break_even: float | None
    coverage: float = 1.0
    simulated: bool = False
    silent: int = 0


class Lines(msgspec.Struct, frozen=True):
    """The report's three lines.  simulated: the same members on a simulated 58 % market, None where not measured.

    all, traded: of the holdout; traded are the bars whose calibrated p beats break-even.
    """

    simulated: Line | None
    all: Line
    traded: Line


class Week(msgspec.Struct, frozen=True):
    """Accuracy of all bars of one ISO week of trade dates ("2025-W41"), as in `Line`."""

    week: str
    accuracy: float | None
    interval: tuple[float, float] | None
    n: int
    majority: float | None
    silent: int = 0


class HourBreakEven(msgspec.Struct, frozen=True):
    """Mean break-even probability of the bars that close in one hour of the New York day."""

    hour: int
    break_even: float
    n: int


class ReliabilityBin(msgspec.Struct, frozen=True):
    """One bin of the reliability diagram on the holdout; band: 95 % if the forecasts are calibrated."""

    forecast: float
    observed: float
    n: int
    band: tuple[float, float]


class CalibrationReport(msgspec.Struct, frozen=True):
    """slope, slope_se, slope_low, n: of the shipped calibrator.  The rest is measured on the holdout.

    holdout_slope: of the calibrated probabilities, one when they mean what they say.  error: debiased calibration
    error, in units of probability.
    """

    slope: float
    slope_se: float
    slope_low: float
    n: int
    holdout_slope: float | None
    holdout_slope_se: float | None
    error: float | None
    table: tuple[ReliabilityBin, ...] = ()


class MemberReport(msgspec.Struct, frozen=True):
    """One member: its weight in the vote, out-of-fold and holdout accuracy, log loss, trees, seconds of one core.

    An accuracy is None where the member named no side on any bar.
    """

    name: str
    weight: float
    out_of_fold_accuracy: float | None
    out_of_fold_log_loss: float
    holdout_accuracy: float | None
    rounds: int
    cpu_s: float


class Bets(msgspec.Struct, frozen=True):
    """The holdout's bets of one contract where calibrated p beats break-even, net of cost, in R."""

    n: int
    mean_net_r: float | None
    interval: tuple[float, float] | None
    total_net_r: float = 0.0


class TrainResult(msgspec.Struct, frozen=True):
    """The outcome of one training. Times are UTC nanoseconds."""

    verdict: Verdict
    reason: str
    bundle_id: str
    recipe_id: str
    symbol: str
    simulated: bool
    first_ns: int
    last_ns: int
    n_bars: int
    n_sessions: int
    n_train: int
    n_holdout: int
    lines: Lines
    weeks: tuple[Week, ...]
    bets: Bets
    calibration: CalibrationReport
    break_even_by_hour: tuple[HourBreakEven, ...]
    thresholds: tuple[Line, ...]
    members: tuple[MemberReport, ...]
    missing: dict[str, str]
    pesaran_timmermann_p: float | None
    payoff: Payoff
    calibrator: Calibrator
    seeds: tuple[int, ...]
    holdout_start_ns: int = 0
    """Close of the first bar that nothing was learnt from: a backtest begins there."""
    trials: int | None = None
    cpu_s: float = 0.0
    canaries: Canaries | None = None
    """None where they were not asked.  Where one died the verdict is no_edge and there are no figures."""
    cost_ticks: float | None = None
    """Of a round trip: what break-even, bets and verdict rest on."""

    @property
    def leak_suspected(self) -> bool:
        return self.canaries is not None and not self.canaries.passed

    def withheld(self) -> TrainResult:
        """The same run without its figures, for one whose canaries died: nothing that looks like a result."""
        assert self.canaries is not None
        unknown = Line("", None, None, 0, None, None, 0.0, self.simulated)
        all_, traded = (msgspec.structs.replace(unknown, name=name) for name in ("all", "traded"))
        return msgspec.structs.replace(
            self,
            verdict="no_edge",
            reason=self.canaries.sentence,
            lines=Lines(None, all_, traded),
            weeks=(),
            bets=Bets(0, None, None),
            calibration=CalibrationReport(0.0, 0.0, 0.0, 0, None, None, None),
            thresholds=(),
            members=(),
            pesaran_timmermann_p=None,
            calibrator=Calibrator(0.0, 0.0, 0.0, 0),
        )
