"""The walk-forward: forecasts of every week by models that were trained before it, as live trading retrains.

Each week the members are fitted on the bars before it.  How they vote, how far their score is to be believed and what
a bet pays is learnt from their own forecasts of earlier weeks, which no fit had seen.  Two things differ from live
training: nothing is held back for a report (the coming week is that), and there is no cross-validation, because the
earlier weeks are better out-of-sample forecasts than folds are.  The fits are `walk_forward_fits`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.errors import NotEnoughData, TrainingError
from minhos.features.pipeline import compute
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars
from minhos.models.calibration import Calibrator
from minhos.models.combine import agreement, combine
from minhos.models.forecast import Forecast
from minhos.models.payoff import Payoff
from minhos.progress import Progress, part_of
from minhos.research.out_of_sample import OutOfSample, WalkForwardNotes, signals_of
from minhos.research.walk_forward.fits import MemberForecasts, Plan, every_bar, forecasts_of
from minhos.research.walk_forward.splits import Block, weekly
from minhos.trading.events import ModelActivated
from minhos.training.calibration_fit import fit_calibrator
from minhos.training.dataset import Dataset
from minhos.training.forecasts import cross_weighted, vote_weights
from minhos.training.payoff_fit import fit_payoff
from minhos.training.recipe import Recipe
from minhos.training.train import data_hash

MINIMUM_CALIBRATION_BARS = 1_000
"""With fewer earlier forecasts than this nothing is bet."""
CALIBRATION_BARS = 20_000
"""Newest earlier forecasts that votes, calibration and payoff are learnt from, where there are that many."""
UNKNOWN = Calibrator(0.0, 0.0, 0.0, 0)
"""The score is not believed at all: p is one half."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Schedule(msgspec.Struct, frozen=True):
    """When is trained, and on what.

    every_days: calendar days from one training to the next.  first_train_sessions: full sessions before the first.
    window_sessions: trade dates that a training looks back on; None: all.
    """

    every_days: int = 7
    first_train_sessions: int = 20
    window_sessions: int | None = None

    @property
    def words(self) -> str:
        """In words."""
        every = {1: "every day", 7: "every week"}.get(self.every_days, f"every {self.every_days} days")
        on = "" if self.window_sessions is None else f" on the last {self.window_sessions} sessions"
        return f"walk-forward, retrained {every}{on}"


class Judgement(msgspec.Struct, frozen=True):
    """How a week's members vote and are believed.  weights: of the members that forecast this week, by name."""

    weights: dict[str, float]
    calibrator: Calibrator
    payoff: Payoff


def walk_forward(
    bars: Bars,
    calendar: SessionCalendar,
    recipe: Recipe,
    schedule: Schedule = Schedule(),
    *,
    seed: int = 1,
    processes: int = 2,
    scheduler: str | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> OutOfSample:
    """Forecast every bar after the first training with models, votes, calibration and payoff from before its week.

    The same bars, recipe, schedule and seed give the same forecasts, whatever the number of processes.

    Args:
        recipe: the same for all weeks.  With the trees alone two years take minutes, with the LSTM hours.
        processes: of one thread each; scheduler: address of a Dask scheduler instead.
        cache: folder in which the fits' forecasts are kept, by all that they depend on.

    Raises:
        NotEnoughData: too few full sessions or forecasts to calibrate on, constant prices, or moves in one direction.
        TrainingError: no member could be fitted for a week.
    """
    table = compute(bars, calendar, part_of(progress, 0.0, 0.05))
    data = every_bar(bars, table, calendar)
    if len(data) and not data.decided.any():
        raise NotEnoughData(
            f"The price of {bars.symbol} is the same at the open of all {len(bars):,} bars; there is no direction to "
            "forecast."
        )
    blocks = blocks_of(data, schedule)
    found = forecasts_of(
        Plan(data, recipe, seed),
        blocks,
        data_hash(bars),
        cache,
        processes=processes,
        scheduler=scheduler,
        progress=part_of(progress, 0.05, 0.95),
    )
    part_of(progress, 0.95, 1.0)(0.0, "votes, calibration and payoff of each week from the weeks before it")
    judgements = [judge(data, found, blocks, week, recipe) for week in range(len(blocks))]
    forecasts = forecasts_by_close(bars, data, found, blocks, judgements)
    unseen = bars.rows(np.arange(len(bars)) >= int(data.bar[blocks[0].test[0]]))
    activations = tuple(activated(bars, data, *week, recipe) for week in zip(blocks, judgements, strict=True))
    signals = signals_of(unseen, table, forecasts, activations, calendar)
    notes = notes_of(found, blocks, judgements)
    return OutOfSample(unseen, table, forecasts, activations, signals, recipe.recipe_id, schedule.words, notes)


def blocks_of(data: Dataset, schedule: Schedule) -> list[Block]:
    """The weeks; NotEnoughData where none of them could be bet on, or one has only moves in one direction behind it."""
    blocks = weekly(
        data.trade_date,
        data.start_ns,
        data.end_ns,
        every_days=schedule.every_days,
        first_train_sessions=schedule.first_train_sessions,
        window_sessions=schedule.window_sessions,
    )
    before_last = int(data.decided[blocks[0].test[0] : blocks[-1].test[0]].sum())
    if before_last < MINIMUM_CALIBRATION_BARS:
        raise NotEnoughData(
            f"A walk-forward bets nothing before {MINIMUM_CALIBRATION_BARS:,} of its own earlier forecasts can be "
            f"calibrated on, and these bars give {before_last:,}; add about "
            f"{-(-(MINIMUM_CALIBRATION_BARS - before_last) // 250) + schedule.every_days} more days."
        )
    for block in blocks:
        up = data.up[block.train][data.decided[block.train]]
        if len(np.unique(up)) < 2:
            where = f", and all of them {'up' if up[0] else 'down'}" if len(up) else ""
            raise NotEnoughData(
                f"Before {block.first_date} {len(up):,} bars moved{where}; a direction can only be learnt from moves "
                "both ways."
            )
    return blocks


def judge(data: Dataset, found: MemberForecasts, blocks: list[Block], week: int, recipe: Recipe) -> Judgement:
    """Votes, calibrator and payoff of a week from the forecasts of the weeks before it.

    Calibration sees scores whose votes were learnt from other bars (`cross_weighted`), as in training.  Raises
    TrainingError when no member forecasts this week.
    """
    block = blocks[week]
    present = np.flatnonzero(np.isfinite(found.p[block.test]).all(axis=0)).tolist()
    names = [found.names[place] for place in present]
    if not names:
        reasons = "; ".join(f"{name}: {why}" for name, why in found.missing.items())
        raise TrainingError(f"No member could be fitted for the week of {block.first_date} ({reasons}).")
    rows = earlier_forecasts(data, found, blocks, week, present)
    if len(rows) < MINIMUM_CALIBRATION_BARS:
        learnt = block.train[data.decided[block.train]]
        payoff = payoff_of(data, learnt, np.ones(len(learnt)), recipe)
        return Judgement(dict.fromkeys(names, 1.0 / len(names)), UNKNOWN, payoff)
    known = {name: found.p[rows, place] for name, place in zip(names, present, strict=True)}
    up, score = data.up[rows], cross_weighted(known, data.up[rows])
    calibrator = fit_calibrator(score, up, data.trade_date[rows], z=recipe.z)
    return Judgement(vote_weights(known, up), calibrator, payoff_of(data, rows, score, recipe))


def earlier_forecasts(
    data: Dataset, found: MemberForecasts, blocks: list[Block], week: int, present: list[int]
) -> Ints:
    """Newest rows whose bet was over before the week and which all present members had forecast; no ties."""
    first = blocks[week].test[0]
    rows = np.arange(blocks[0].test[0], first)
    rows = rows[data.decided[rows] & (data.end_ns[rows] < data.start_ns[first])]
    whole: Ints = rows[np.isfinite(found.p[rows][:, present]).all(axis=1)]
    return whole[-CALIBRATION_BARS:]


def payoff_of(data: Dataset, rows: Ints, score: Floats, recipe: Recipe) -> Payoff:
    """The payoff of those bars; its sizes are the same for right and wrong ones, so any score gives the same."""
    side = np.where(score >= 0.5, 1.0, -1.0)
    moves, atr = data.move_ticks[rows], data.atr_ticks[rows]
    return fit_payoff(side, moves, atr, stop_atr=recipe.stop_atr, **data.paths(rows))


def forecasts_by_close(
    bars: Bars, data: Dataset, found: MemberForecasts, blocks: list[Block], judgements: list[Judgement]
) -> dict[int, Forecast]:
    """Every forecast by the close of its bar, combined and calibrated by the arithmetic of live serving."""
    forecasts = {}
    for block, judgement in zip(blocks, judgements, strict=True):
        weights, calibrator, bundle_id = judgement.weights, judgement.calibrator, _bundle_id(block)
        missing = tuple(name for name in found.names if name not in weights)
        places = {name: found.names.index(name) for name in weights}
        bar = data.bar[block.test]
        columns = (bars.contract[bar].tolist(), bars.close_time_ns[bar].tolist(), found.p[block.test].tolist())
        for contract, close_time_ns, p in zip(*columns, strict=True):
            members = {name: p[place] for name, place in places.items()}
            score = combine(members, weights)
            p_up = calibrator.p_up(score)
            side = (p_up > 0.5) - (p_up < 0.5)
            forecasts[close_time_ns] = Forecast(
                bars.contracts[contract],
                close_time_ns,
                members,
                score,
                p_up,
                calibrator.p_low(score),
                side,
                agreement(members, side),
                bundle_id,
                missing,
            )
    return forecasts


def activated(bars: Bars, data: Dataset, block: Block, judgement: Judgement, recipe: Recipe) -> ModelActivated:
    """The week's models as the engine hears of them, at the open of the week's first bar."""
    start_ns = int(data.start_ns[block.test[0]]) - bars.interval_ns
    return ModelActivated(
        start_ns,
        _bundle_id(block),
        recipe.recipe_id,
        judgement.payoff,
        "",
        judgement.calibrator.slope_low,
        bars.simulated,
        start_ns,
        bars.adjusted,
    )


def notes_of(found: MemberForecasts, blocks: list[Block], judgements: list[Judgement]) -> WalkForwardNotes:
    """What a reader of the figures must know of how they came about."""
    weeks = zip(blocks, judgements, strict=True)
    uncalibrated = sum(len(block.test) for block, judgement in weeks if judgement.calibrator is UNKNOWN)
    return WalkForwardNotes(
        weeks=len(blocks),
        fits=found.fits,
        bars=sum(len(block.test) for block in blocks),
        uncalibrated_bars=uncalibrated,
        calibration_bars=judgements[-1].calibrator.n,
        cpu_s=found.cpu_s,
        missing=found.missing,
        cached=found.cached,
    )


def _bundle_id(block: Block) -> str:
    return f"walk-forward-{block.first_date}"
