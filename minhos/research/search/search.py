"""Hyper-parameters of one tree member by Optuna, and whether the best of them is more than the luckiest.

Each trial is judged by its log loss on purged folds of the first 80 % of a history; the newest 20 % stay unseen.
Trials come in batches of fixed size, so the result is the same whatever the number of processes or workers.  Nothing
is changed here: the result shows the recipe's line to copy, and a recipe that changes earns its evidence anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.errors import LeakSuspected, MinhosError, NotEnoughData, TrainingError
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars
from minhos.progress import Progress, part_of
from minhos.research.luck.snooping import SIZE, superior_ability
from minhos.research.search.space import distributions, rounded
from minhos.stats import day_block_interval, judge, side_of, slope_through_origin
from minhos.training.canaries import check
from minhos.training.dataset import Dataset
from minhos.training.ensemble import fold_jobs, out_of_fold_forecasts
from minhos.training.forecasts import logit
from minhos.training.jobs import Job, Outcome, run_jobs
from minhos.training.member import Values
from minhos.training.members import searchable, why_missing
from minhos.training.recipe import Recipe
from minhos.training.splits import purged_folds
from minhos.training.train import prepare
from minhos.words import p_value

if TYPE_CHECKING:
    from optuna import Study

BATCH = 4
"""Trials proposed before the first of them is judged; part of what decides the result, so not a setting."""
HOUR_BARS = 12
DATE_HOURS = 23
MINIMUM_DATES = 10
SHOWN = 5

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Pair = tuple[float, float]


class Candidate(msgspec.Struct, frozen=True):
    """One configuration, judged out of fold.

    trial: its number, 0 for the shipped one.  parameters: all of the member's.  recipe_id: of the recipe with them.
    log_loss: nats a bar, at its own best slope (a coin has ln 2 = 0.6931).  gain: the shipped one's log loss less
    its own, with a 95 % interval of paired bars by trade dates; None where there is none.  rounds: trees,
    mean of the folds.
    """

    trial: int
    parameters: Values
    recipe_id: str
    log_loss: float
    accuracy: float | None
    rounds: float
    gain: float = 0.0
    gain_interval: Pair | None = None


class SearchResult(msgspec.Struct, frozen=True):
    """What a search found.

    n_tried: distinct configurations judged beside the shipped one.  failed: why trials could not be judged.  n_bars,
    n_dates: that they were judged on.  best: lowest log loss first, at most five.  p_value: that none is better than
    the shipped one, after all n_tried (Hansen 2005).  verdict: "better" or "no_better".  recipe_line: of the best.
    """

    member: str
    seed: int
    simulated: bool
    n_tried: int
    failed: tuple[str, ...]
    n_bars: int
    n_dates: int
    shipped: Candidate
    best: tuple[Candidate, ...]
    p_value: float
    verdict: str
    sentence: str
    recipe_line: str


class Judged(msgspec.Struct, frozen=True, eq=False):
    """A candidate and its loss of each bar, shape (n,)."""

    candidate: Candidate
    losses: Floats


def search(
    bars: Bars,
    calendar: SessionCalendar,
    recipe: Recipe,
    member: str,
    *,
    trials: int = 30,
    seed: int = 1,
    record: Callable[[str], object] | None = None,
    processes: int = 2,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Look for better parameters of one tree of the recipe.

    trials: to propose; one that was proposed before is not judged again.  seed: of Optuna and of the fits.  record:
    called with the recipe id of each distinct configuration when it has been judged, for the trial ledger.
    processes, scheduler: as in `parallel.run_calls`.  Raises NotEnoughData under ten trade dates to learn from or
    where all moves went one way,
    LeakSuspected where a leak canary dies, TrainingError where the member or the cluster is missing or nothing could
    be judged.
    """
    if member not in searchable():
        raise TrainingError(f"{member} cannot be searched; choose one of {', '.join(searchable())}.")
    if why := why_missing(member):
        raise TrainingError(f"{member} cannot be searched: {why}.")
    study = _study(seed)
    data, fit_rows, _ = prepare(bars, calendar, recipe, part_of(progress, 0.0, 0.05))
    n_dates = len(np.unique(data.trade_date[fit_rows]))
    if n_dates < MINIMUM_DATES:
        raise NotEnoughData(
            f"{n_dates} trade dates to learn from cannot tell better parameters from luckier ones; a search needs "
            f"{MINIMUM_DATES}, so add {MINIMUM_DATES - n_dates} more."
        )
    _refuse_leaks(bars, calendar, data, fit_rows, recipe, seed)
    only = msgspec.structs.replace(recipe, members=(member,))
    judge = Judge(data, fit_rows, recipe, only, member, seed, record, processes, scheduler)
    tell = part_of(progress, 0.05, 1.0)
    (shipped,) = judge.judge({0: dict(recipe.parameters[member])}, part_of(tell, 0.0, 1 / (trials + 1)))
    if isinstance(shipped, str):
        raise TrainingError(f"the shipped parameters of {member} could not be fitted: {shipped}.")
    found, failed = _trials(study, judge, shipped, trials, tell)
    return _result(judge, shipped, found, failed, bars.simulated)


def _refuse_leaks(
    bars: Bars, calendar: SessionCalendar, data: Dataset, fit_rows: Ints, recipe: Recipe, seed: int
) -> None:
    """The leak canaries on the newest of the folds that judge.  Raises LeakSuspected where one dies."""
    *_, (fit, unseen) = purged_folds(
        data.start_ns[fit_rows], data.end_ns[fit_rows], recipe.n_folds, recipe.embargo_bars
    )
    canaries = check(bars, calendar, data, fit_rows[fit], fit_rows[unseen], seed=seed)
    if canaries.dead:
        raise LeakSuspected(canaries.sentence)


class Judge(msgspec.Struct, frozen=True, eq=False):
    """Fits configurations on the purged folds of `fit_rows` and scores what they forecast there.

    whole: the recipe whose id changes with the member's parameters.  only: the same with that member alone.
    """

    data: Dataset
    fit_rows: Ints
    whole: Recipe
    only: Recipe
    member: str
    seed: int
    record: Callable[[str], object] | None
    processes: int
    scheduler: str | None

    @property
    def counted(self) -> Ints:
        """The samples that are judged: those learnt from, without ties."""
        return self.fit_rows[self.data.decided[self.fit_rows]]

    def judge(self, batch: Mapping[int, Values], progress: Progress | None) -> list[Judged | str]:
        """Each configuration of the batch, by number of its trial, or why it could not be judged."""
        jobs = {trial: self._jobs(trial, parameters) for trial, parameters in batch.items()}
        every = [job for of_trial in jobs.values() for job in of_trial]
        outcomes = iter(
            run_jobs(self.data, every, processes=self.processes, scheduler=self.scheduler, progress=progress)
        )
        return [
            self._judged(trial, batch[trial], [next(outcomes) for _ in of_trial]) for trial, of_trial in jobs.items()
        ]

    def recipe_with(self, parameters: Values) -> Recipe:
        """The whole recipe with these parameters of the member."""
        return msgspec.structs.replace(self.whole, parameters={**self.whole.parameters, self.member: parameters})

    def _jobs(self, trial: int, parameters: Values) -> list[Job]:
        recipe = msgspec.structs.replace(self.only, parameters={self.member: parameters})
        jobs = fold_jobs(self.data, self.fit_rows, recipe, self.seed, [self.member])
        return [msgspec.structs.replace(job, part=f"trial {trial}, {job.part}") for job in jobs]

    def _judged(self, trial: int, parameters: Values, outcomes: list[Outcome]) -> Judged | str:
        recipe_id = self.recipe_with(parameters).recipe_id
        if self.record is not None:
            self.record(recipe_id)
        if errors := [outcome.error for outcome in outcomes if outcome.error]:
            return errors[0]
        p = out_of_fold_forecasts(self.member, outcomes, len(self.data))[self.counted]
        up = self.data.up[self.counted]
        losses = losses_at_best_slope(p, up)
        rounds = float(np.mean([outcome.rounds for outcome in outcomes]))
        accuracy = judge(side_of(p), up - 0.5).accuracy
        return Judged(Candidate(trial, parameters, recipe_id, float(losses.mean()), accuracy, rounds), losses)


def losses_at_best_slope(p: Floats, up: Floats) -> Floats:
    """Log loss of each forecast in nats, shape (n,), with the slope that suits them best; a negative one counts as 0.

    What confidence a member shows is set right by calibration later, so only what it knows is judged.
    """
    slope, _ = slope_through_origin(up, p)
    margin = (slope if slope > 0.0 else 0.0) * logit(p) * np.where(up > 0.5, 1.0, -1.0)
    return np.logaddexp(0.0, -margin)


def _study(seed: int) -> Study:
    try:
        import optuna
    except ImportError as error:
        raise MinhosError("A search needs the library optuna: install MinhOS with its extra `research`.") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, constant_liar=True))


def _trials(
    study: Study, judge: Judge, shipped: Judged, trials: int, tell: Progress
) -> tuple[list[Judged], tuple[str, ...]]:
    """All distinct configurations that could be judged, in order of their trials, and why others could not."""
    from optuna.trial import TrialState, create_trial

    ranges = distributions(judge.member)
    base = shipped.candidate.parameters
    start = {name: base[name] for name in ranges}
    study.add_trial(create_trial(params=start, distributions=ranges, value=shipped.candidate.log_loss))
    known: dict[str, Judged | str] = {shipped.candidate.recipe_id: shipped}
    for first in range(1, trials + 1, BATCH):
        numbers = range(first, min(first + BATCH, trials + 1))
        asked = {number: study.ask(ranges) for number in numbers}
        wanted = {number: {**base, **rounded(trial.params)} for number, trial in asked.items()}
        ids = {number: judge.recipe_with(parameters).recipe_id for number, parameters in wanted.items()}
        batch: dict[int, Values] = {}
        for number, parameters in wanted.items():
            if ids[number] not in known and ids[number] not in {ids[other] for other in batch}:
                batch[number] = parameters
        share = part_of(tell, first / (trials + 1), (numbers[-1] + 1) / (trials + 1))
        known |= zip((ids[number] for number in batch), judge.judge(batch, share), strict=True)
        for number, trial in asked.items():
            judged = known[ids[number]]
            if isinstance(judged, str):
                study.tell(trial, state=TrialState.FAIL)
            else:
                study.tell(trial, judged.candidate.log_loss)
    others = [judged for recipe_id, judged in known.items() if recipe_id != shipped.candidate.recipe_id]
    return [j for j in others if not isinstance(j, str)], tuple(j for j in others if isinstance(j, str))


def _result(
    judge: Judge, shipped: Judged, found: list[Judged], failed: tuple[str, ...], simulated: bool
) -> SearchResult:
    if not found:
        raise TrainingError(f"no trial of {judge.member} could be judged: {failed[0] if failed else 'none was new'}.")
    dates = judge.data.trade_date[judge.counted]
    ability = superior_ability(
        hourly(shipped.losses),
        np.column_stack([hourly(judged.losses) for judged in found]),
        [str(judged.candidate.trial) for judged in found],
        block=DATE_HOURS,
        seed=judge.seed,
    )
    ranked = sorted(found, key=lambda judged: (judged.candidate.log_loss, judged.candidate.trial))
    best = tuple(_compared(judged, shipped, dates) for judged in ranked[:SHOWN])
    better = ability.p_value <= SIZE and best[0].gain > 0.0
    p, n = f"p {p_value(ability.p_value)}", len(found)
    tested = f"{p} after all {n} trials, by Hansen's test for superior predictive ability"
    if best[0].gain <= 0.0:
        sentence = f"No better than the shipped settings: none of {n} trials has a lower log loss."
    elif better:
        sentence = f"Trial {best[0].trial} is better than the shipped settings beyond chance ({tested})."
    else:
        sentence = f"No better than the shipped settings: what the best of the trials gains can be chance ({tested})."
    return SearchResult(
        member=judge.member,
        seed=judge.seed,
        simulated=simulated,
        n_tried=n,
        failed=failed,
        n_bars=len(dates),
        n_dates=len(np.unique(dates)),
        shipped=shipped.candidate,
        best=best,
        p_value=ability.p_value,
        verdict="better" if better else "no_better",
        sentence=sentence,
        recipe_line=_line(judge.member, best[0].parameters),
    )


def _line(member: str, parameters: Values) -> str:
    """The parameters as they stand in `training.recipe`."""
    inside = ", ".join(f'"{name}": {value!r}' for name, value in parameters.items())
    return f'"{member}": {{{inside}}},'


def _compared(judged: Judged, shipped: Judged, dates: Ints) -> Candidate:
    gains = shipped.losses - judged.losses
    low, high = day_block_interval(gains, dates)
    interval = (low, high) if np.isfinite([low, high]).all() else None
    return msgspec.structs.replace(judged.candidate, gain=float(gains.mean()), gain_interval=interval)


def hourly(losses: Floats) -> Floats:
    """Mean of each stretch of 12 bars, shape (ceil(n / 12),): enough for the test, and a twelfth of the work."""
    starts = np.arange(0, len(losses), HOUR_BARS)
    counts = np.diff(np.append(starts, len(losses)))
    return np.asarray(np.add.reduceat(losses, starts) / counts)
