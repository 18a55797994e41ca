"""How much the history's order matters: combinatorial purged cross-validation of one small model.

Six groups, two of them tested at a time: 15 fits give 5 paths, each of which forecasts the whole history out of sample
once (Lopez de Prado 2018, chapter 12).  A figure that holds on one path and not on the others was luck.  Later bars
teach about earlier ones here, so this is no record of what could have been traded: that is `walk_forward`.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.errors import NotEnoughData, TrainingError
from minhos.features.pipeline import FeatureTable, compute
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars
from minhos.models.payoff import Payoff
from minhos.progress import Progress, part_of
from minhos.research.walk_forward.splits import CombinatorialSplit, combinatorial_purged, paths
from minhos.stats import judge, side_of
from minhos.training.calibration_fit import fit_calibrator
from minhos.training.dataset import Dataset, build_dataset
from minhos.training.forecasts import calibrated
from minhos.training.jobs import Job, run_jobs
from minhos.training.member import WINDOW_BARS, Values
from minhos.training.ours import LIGHTGBM
from minhos.training.payoff_fit import fit_payoff
from minhos.training.results.evaluate import break_even, net_r
from minhos.training.splits import tail

Floats = npt.NDArray[np.float64]

MEMBER = LIGHTGBM
PARAMETERS: Values = {
    "n_estimators": 200,
    "learning_rate": 0.03,
    "num_leaves": 8,
    "min_child_samples": 150,
    "subsample": 0.7,
    "colsample_bytree": 0.5,
    "reg_lambda": 30.0,
}
N_GROUPS, N_TEST = 6, 2
EARLY_STOPPING = 0.1
MINIMUM_BETS = 30
"""With fewer bets on a path their mean says nothing."""


class PathResult(msgspec.Struct, frozen=True):
    """One path.  accuracy: of all n bars that moved and had a side, None where there is none.  bets: bars whose
    calibrated p beats break-even; mean_net_r: what they made on average after costs, in R = stop + cost; None below 30
    bets."""

    accuracy: float | None
    n: int
    bets: int
    mean_net_r: float | None


class Spread(msgspec.Struct, frozen=True):
    """Of the paths: the worst, the middle and the best."""

    low: float
    median: float
    high: float


class PathDistribution(msgspec.Struct, frozen=True):
    """What combinatorial purged cross-validation found.

    accuracy: shares; None where a path names no side.  mean_net_r: in R; None, with the reason in words, where a path
    has fewer than 30 bets.
    fits: models trained.  cpu_s: seconds of CPU that they took.
    """

    paths: tuple[PathResult, ...]
    accuracy: Spread | None
    mean_net_r: Spread | None
    reason: str
    n_groups: int
    n_test: int
    fits: int
    cpu_s: float
    simulated: bool


def path_distribution(
    bars: Bars,
    calendar: SessionCalendar,
    *,
    table: FeatureTable | None = None,
    cost_ticks: float | None = None,
    seed: int = 1,
    processes: int = 2,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> PathDistribution:
    """Accuracy and net result of one small LightGBM on each of five paths through the same bars.

    table: features of these bars, computed where None.  cost_ticks: of a round trip; the instrument's own where None.

    Raises:
        NotEnoughData: fewer than 600 samples, or all in one direction.
        TrainingError: LightGBM is not installed, or a fit failed.
    """
    table = table if table is not None else compute(bars, calendar, part_of(progress, 0.0, 0.2))
    data = build_dataset(bars, table, calendar)
    if len(np.unique(data.up[data.decided])) < 2:
        raise NotEnoughData(
            f"{int(data.decided.sum()):,} of {len(bars):,} bars moved, none of them against the others; a direction "
            "can only be learnt from moves both ways."
        )
    splits = list(combinatorial_purged(data.start_ns, data.end_ns, N_GROUPS, N_TEST, WINDOW_BARS))
    outcomes = run_jobs(
        data,
        [_job(data, split, i, seed) for i, split in enumerate(splits)],
        processes=processes,
        scheduler=scheduler,
        progress=part_of(progress, 0.2, 1.0),
    )
    scores = []
    for outcome in outcomes:
        if outcome.p_up is None:
            raise TrainingError(f"{MEMBER} could not be trained for {outcome.job.part}: {outcome.error}.")
        score = np.full(len(data), np.nan)
        score[outcome.job.predict] = outcome.p_up
        scores.append(score)
    cost = bars.instrument.round_trip_cost_ticks() if cost_ticks is None else cost_ticks
    found = tuple(path_result(data, score, cost) for score in _along_paths(splits, scores, len(data)))
    return _distribution(found, len(splits), sum(outcome.cpu_s for outcome in outcomes), bars.simulated)


def _job(data: Dataset, split: CombinatorialSplit, number: int, seed: int) -> Job:
    fit, validation = tail(split.train, data.start_ns, data.end_ns, EARLY_STOPPING)
    return Job(
        MEMBER,
        f"split {number + 1}",
        PARAMETERS,
        seed,
        fit[data.decided[fit]],
        validation[data.decided[validation]],
        np.concatenate(list(split.tests.values())),
    )


def _along_paths(splits: list[CombinatorialSplit], scores: list[Floats], n: int) -> list[Floats]:
    """Scores of the whole history, one array a path: each group from the split that the path takes it from."""
    found = []
    for path in paths(N_GROUPS, N_TEST).tolist():
        score = np.full(n, np.nan)
        for group, split in enumerate(path):
            rows = splits[split].tests[group]
            score[rows] = scores[split][rows]
        found.append(score)
    return found


def path_result(data: Dataset, score: Floats, cost_ticks: float) -> PathResult:
    """Accuracy and bets along one path.

    score: probability of "up" of each sample, (n,), none of them learnt from that sample.  A half of the history is
    calibrated and priced by the other half.
    """
    decided = data.decided
    found = judge(side_of(score), data.direction)
    results = []
    halves = np.array_split(np.arange(len(data)), 2)
    for judged, other in (halves, halves[::-1]):
        results.append(_bets(data, score, judged, other[decided[other]], cost_ticks))
    made = np.concatenate(results)
    mean = float(made.mean()) if len(made) >= MINIMUM_BETS else None
    return PathResult(found.accuracy, found.n, len(made), mean)


def _bets(
    data: Dataset, score: Floats, judged: npt.NDArray[np.int64], known: npt.NDArray[np.int64], cost_ticks: float
) -> Floats:
    """Net R of the bets among `judged`, by the calibration and payoff of `known`."""
    calibrator = fit_calibrator(score[known], data.up[known], data.trade_date[known])
    moves, known_atr = data.move_ticks[known], data.atr_ticks[known]
    payoff: Payoff = fit_payoff(np.ones(len(known)), moves, known_atr, **data.paths(known))
    p_up, atr = calibrated(calibrator, score[judged]), data.atr_ticks[judged]
    side = side_of(p_up)
    bet = (np.maximum(p_up, 1.0 - p_up) > break_even(payoff, atr, cost_ticks)) & (side != 0)
    placed = data.take(judged[bet])
    return net_r(side[bet], placed.move_ticks, atr[bet], payoff.stop_atr, cost_ticks, placed.against(side[bet]))


def _distribution(found: tuple[PathResult, ...], fits: int, cpu_s: float, simulated: bool) -> PathDistribution:
    made = [path.mean_net_r for path in found if path.mean_net_r is not None]
    right = [path.accuracy for path in found if path.accuracy is not None]
    few = min(path.bets for path in found)
    whole = len(made) == len(found)
    reason = "" if whole else f"A path has only {few} bets; their mean says something from {MINIMUM_BETS} on."
    return PathDistribution(
        paths=found,
        accuracy=_spread(right) if len(right) == len(found) else None,
        mean_net_r=_spread(made) if whole else None,
        reason=reason,
        n_groups=N_GROUPS,
        n_test=N_TEST,
        fits=fits,
        cpu_s=cpu_s,
        simulated=simulated,
    )


def _spread(values: list[float]) -> Spread:
    return Spread(min(values), float(np.median(values)), max(values))
