"""From bars to a bundle: features, labels, purged splits, members, vote, calibration, payoff, report.

The newest 20 % of the history, purged, are reported and nothing else: neither weights nor calibration nor payoff nor
early stopping sees them, and the bundle ships the fit on the first 80 %.  A member that is missing or fails is named
and the rest goes on.  Pure in its arguments: the same bars, recipe and seed give the same forecasts.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np

import minhos
from minhos.errors import NotEnoughData
from minhos.features.pipeline import compute, feature_set
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock, SystemClock
from minhos.market.coverage import regular_span_ns
from minhos.market.types import Bars
from minhos.models.bundle import BundleContents
from minhos.models.registry import Registry
from minhos.progress import Progress, part_of
from minhos.stats import judge, side_of
from minhos.training.canaries import check
from minhos.training.dataset import Dataset, build_dataset
from minhos.training.ensemble import Ensemble, fit_ensemble
from minhos.training.forecasts import calibrated, combine_columns
from minhos.training.labels import training_weights
from minhos.training.member import WINDOW_BARS, Floats, Ints
from minhos.training.recipe import Recipe
from minhos.training.reference import reference_line
from minhos.training.results import evaluate
from minhos.training.results.report import report
from minhos.training.results.result import Lines, MemberReport, TrainResult
from minhos.training.splits import holdout as split_holdout

FULL_SESSION_SHARE = 0.9


def train(
    bars: Bars,
    calendar: SessionCalendar,
    recipe: Recipe,
    registry: Registry,
    *,
    seed: int = 1,
    progress: Progress | None = None,
    processes: int = 2,
    scheduler: str | None = None,
    parent: str = "",
    reference: Bars | None = None,
    cache: Path | None = None,
    clock: Clock | None = None,
) -> TrainResult:
    """Train a recipe on a history and save the bundle as a candidate.

    processes: of one thread each; scheduler: address of a Dask scheduler instead.  parent: id of the bundle that
    this one is to replace.  reference: bars of a simulated 58 % market for the line "simulated", which is None
    without them; cache: folder in which that line is kept.  Where a leak canary died nothing is saved and the result
    has neither bundle_id nor figures.  Raises NotEnoughData, or TrainingError when no member could be trained.
    """
    simulated, main = None, progress
    if reference is not None:
        early, main = part_of(progress, 0.0, 0.3), part_of(progress, 0.3, 1.0)

        def measure_reference(small: Recipe) -> TrainResult:
            return measure(
                reference, calendar, small, seed=seed, progress=early, processes=processes, scheduler=scheduler
            )[0]

        simulated = reference_line(recipe, data_hash(reference), cache, measure_reference)
    result, ensemble = measure(
        bars, calendar, recipe, seed=seed, progress=main, processes=processes, scheduler=scheduler, canaries=True
    )
    if result.leak_suspected:
        part_of(progress, 0.0, 1.0)(1.0, "a leak is suspected: no bundle saved")
        return result
    result = msgspec.structs.replace(result, lines=msgspec.structs.replace(result.lines, simulated=simulated))
    now = (clock or SystemClock()).now_ns()
    contents = _contents(bars, recipe, ensemble, result, parent, now)
    if regular_span_ns(bars, calendar):
        contents = msgspec.structs.replace(contents, regular_hours=True)
    bundle = registry.save(contents)
    part_of(progress, 0.0, 1.0)(1.0, f"bundle {bundle.id} saved: {result.verdict}")
    return msgspec.structs.replace(result, bundle_id=bundle.id)


def measure(
    bars: Bars,
    calendar: SessionCalendar,
    recipe: Recipe,
    *,
    seed: int = 1,
    progress: Progress | None = None,
    processes: int = 2,
    scheduler: str | None = None,
    canaries: bool = False,
) -> tuple[TrainResult, Ensemble]:
    """Train without saving: the result, whose bundle_id is empty, and the fitted ensemble.

    canaries: look for leaks too; where one is suspected the result has no figures.
    """
    data, fit_rows, holdout_rows = prepare(bars, calendar, recipe, part_of(progress, 0.0, 0.04))
    found = None
    if canaries:
        found = check(bars, calendar, data, fit_rows, holdout_rows, seed=seed, progress=part_of(progress, 0.04, 0.08))
    ensemble = fit_ensemble(
        data,
        fit_rows,
        holdout_rows,
        recipe,
        seed,
        processes=processes,
        scheduler=scheduler,
        progress=part_of(progress, 0.08, 0.97),
    )
    part_of(progress, 0.0, 1.0)(0.97, "measuring on the newest bars")
    n_sessions = count_full_sessions(calendar.trade_dates_of_bars(bars.close_time_ns))
    result = _report(bars, recipe, data, fit_rows, data.take(holdout_rows), ensemble, seed, n_sessions)
    result = msgspec.structs.replace(result, canaries=found)
    return (result.withheld() if result.leak_suspected else result), ensemble


def prepare(
    bars: Bars, calendar: SessionCalendar, recipe: Recipe, progress: Progress | None = None
) -> tuple[Dataset, Ints, Ints]:
    """All samples of a history, and which of them are learnt from and which are only reported (the newest, purged).

    Weights are scaled on those that are learnt from; the others have none.  Raises NotEnoughData where there are too
    few bars, or those to learn from did not move both ways.
    """
    table = compute(bars, calendar, progress)
    data = build_dataset(bars, table, calendar)
    fit, unseen = split_holdout(data.start_ns, data.end_ns, recipe.holdout)
    _refuse_one_way(data.up[fit[data.decided[fit]]])
    weight = np.zeros(len(data))
    weight[fit] = training_weights(data.move_ticks[fit], data.atr_ticks[fit], dead_zone=recipe.dead_zone)
    return msgspec.structs.replace(data, weight=weight), fit, unseen


def _refuse_one_way(up: Floats) -> None:
    """up: of the bars to learn from that moved.  Raises NotEnoughData where they do not move both ways."""
    if len(np.unique(up)) < 2:
        how = f"all {len(up):,} bars to learn from moved {'up' if up[0] else 'down'}" if len(up) else "no bar moved"
        raise NotEnoughData(f"{how}; a direction can only be learnt from moves both ways, so use other or more bars.")


def _report(
    bars: Bars,
    recipe: Recipe,
    data: Dataset,
    fit_rows: Ints,
    unseen: Dataset,
    ensemble: Ensemble,
    seed: int,
    n_sessions: int,
) -> TrainResult:
    cost = bars.instrument.round_trip_cost_ticks()
    score = combine_columns(ensemble.holdout, ensemble.weights)
    p_up = calibrated(ensemble.calibrator, score)
    slip = bars.instrument.stop_slippage_ticks
    break_even = evaluate.break_even(ensemble.payoff, unseen.atr_ticks, cost, slip)
    holdout = evaluate.Holdout(unseen, score, p_up, break_even, bars.simulated)
    lines = Lines(
        None,
        evaluate.line("all", holdout, np.ones(len(unseen), dtype=bool)),
        evaluate.line("traded", holdout, holdout.traded),
    )
    bets = evaluate.bets(holdout, ensemble.payoff, cost, slip)
    verdict, reason = evaluate.verdict(n_sessions, int(unseen.decided.sum()), ensemble.calibrator, bets)
    return TrainResult(
        verdict=verdict,
        reason=reason,
        bundle_id="",
        recipe_id=recipe.recipe_id,
        symbol=bars.symbol,
        simulated=bars.simulated,
        first_ns=int(bars.close_time_ns[0]),
        last_ns=int(bars.close_time_ns[-1]),
        n_bars=len(bars),
        n_sessions=n_sessions,
        n_train=int(data.decided[fit_rows].sum()),
        n_holdout=int(unseen.decided.sum()),
        lines=lines,
        weeks=evaluate.weeks(holdout),
        bets=bets,
        calibration=evaluate.calibration_report(holdout, ensemble.calibrator),
        break_even_by_hour=evaluate.break_even_by_hour(holdout),
        thresholds=tuple(
            evaluate.line(f"p >= {threshold:.2f}", holdout, holdout.p_side >= threshold)
            for threshold in evaluate.THRESHOLDS
        ),
        members=_members(ensemble, unseen),
        missing=ensemble.missing,
        pesaran_timmermann_p=evaluate.skill_p_value(holdout),
        payoff=ensemble.payoff,
        calibrator=ensemble.calibrator,
        seeds=(seed, *ensemble.block_seeds),
        cpu_s=ensemble.cpu_s,
        holdout_start_ns=int(bars.close_time_ns[unseen.bar[0]]),
        cost_ticks=cost,
    )


def _members(ensemble: Ensemble, unseen: Dataset) -> tuple[MemberReport, ...]:
    return tuple(
        MemberReport(
            name,
            ensemble.weights[name],
            *ensemble.out_of_fold_scores[name],
            judge(side_of(p), unseen.direction).accuracy,
            ensemble.rounds[name],
            ensemble.cpu_by_member[name],
        )
        for name, p in ensemble.holdout.items()
    )


def _contents(
    bars: Bars, recipe: Recipe, ensemble: Ensemble, result: TrainResult, parent: str, now_ns: int
) -> BundleContents:
    features = feature_set()
    weights = {name: ensemble.weights.get(name, 0.0) for name in recipe.members}
    return BundleContents(
        recipe_id=recipe.recipe_id,
        instrument_root=bars.instrument.root,
        symbol=bars.symbol,
        simulated=bars.simulated,
        feature_names=features.names,
        feature_version=features.version,
        window=WINDOW_BARS,
        members=ensemble.files,
        weights=weights,
        calibrator=ensemble.calibrator,
        payoff=ensemble.payoff,
        seeds=result.seeds,
        data_hash=data_hash(bars),
        data_range=(int(bars.close_time_ns[0]), int(bars.close_time_ns[-1]), len(bars)),
        created_ns=now_ns,
        parent=parent,
        report=report(result),
        minhos_version=minhos.__version__,
        parts=recipe.parts,
        adjusted=bars.adjusted or msgspec.UNSET,
    )


def data_hash(bars: Bars) -> str:
    """SHA-256 of a history's columns: two trainings with one hash saw the same bars."""
    digest = hashlib.sha256("|".join((bars.instrument.root, *bars.contracts, str(bars.interval_ns))).encode())
    for column in (
        bars.contract,
        bars.close_time_ns,
        bars.open_ticks,
        bars.high_ticks,
        bars.low_ticks,
        bars.close_ticks,
        bars.volume,
        bars.bid_volume,
        bars.ask_volume,
        bars.trades,
    ):
        digest.update(np.ascontiguousarray(column, dtype="<i8").tobytes())
    return digest.hexdigest()


def count_full_sessions(trade_date: Ints) -> int:
    """Trade dates with at least 90 % of the bars of the median one; 0, for no session, is none."""
    counts = np.unique(trade_date[trade_date > 0], return_counts=True)[1]
    return int((counts >= FULL_SESSION_SHARE * np.median(counts)).sum()) if len(counts) else 0
