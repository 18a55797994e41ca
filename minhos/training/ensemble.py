"""Members become one: out-of-fold forecasts, votes by what each knew, calibration, payoff, fits for the bundle.

The trees forecast out of fold from purged cross-validation, the LSTM from two blocks of time, each forecast by a
network trained on the other; which of the two a member of the user's does is in its `n_blocks`.  Nothing here sees
the holdout except to forecast it.
"""

from __future__ import annotations

import msgspec
import numpy as np

from minhos.errors import TrainingError
from minhos.models.calibration import Calibrator
from minhos.models.payoff import Payoff
from minhos.progress import Progress, part_of
from minhos.stats import judge, log_loss, side_of
from minhos.training.calibration_fit import fit_calibrator
from minhos.training.dataset import Dataset
from minhos.training.forecasts import cross_weighted, vote_weights
from minhos.training.jobs import Job, Outcome, run_jobs
from minhos.training.member import Floats, Ints
from minhos.training.members import member, why_missing
from minhos.training.payoff_fit import fit_payoff
from minhos.training.recipe import Recipe
from minhos.training.splits import purged_folds, tail

FINAL = "final"
NOTHING = np.zeros(0, dtype=np.int64)


class Ensemble(msgspec.Struct, frozen=True, eq=False):
    """The fitted members that are present, by name, and what was learnt of them out of fold.

    files: ONNX of each.  out_of_fold: probability of "up" of each sample of the first 80 %, by fits that had not
    learnt from it; out_of_fold_scores: accuracy (None without a side) and log loss of these.  holdout: probability of
    "up" of each holdout sample by the model in `files`.  missing: members without a model, and why.  block_seeds: of
    members with blocks.
    """

    files: dict[str, bytes]
    weights: dict[str, float]
    calibrator: Calibrator
    payoff: Payoff
    holdout: dict[str, Floats]
    out_of_fold: dict[str, Floats]
    out_of_fold_scores: dict[str, tuple[float | None, float]]
    rounds: dict[str, int]
    cpu_by_member: dict[str, float]
    missing: dict[str, str]
    block_seeds: tuple[int, ...]

    @property
    def cpu_s(self) -> float:
        return sum(self.cpu_by_member.values())


def fit_ensemble(
    data: Dataset,
    fit_rows: Ints,
    holdout_rows: Ints,
    recipe: Recipe,
    seed: int,
    *,
    processes: int = 2,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Ensemble:
    """Fit every member that is there on `fit_rows`; raises TrainingError when none is left.

    seed: of the members that are fitted by folds; the fits of those with blocks take the seeds that follow it.
    """
    missing = {name: why for name in recipe.members if (why := why_missing(name))}
    present = [name for name in recipe.members if name not in missing]

    def run(jobs: list[Job], start: float, end: float) -> list[Outcome]:
        return run_jobs(data, jobs, processes=processes, scheduler=scheduler, progress=part_of(progress, start, end))

    outcomes = run(
        _block_jobs(data, fit_rows, holdout_rows, recipe, seed, present)
        + fold_jobs(data, fit_rows, recipe, seed, present),
        0.0,
        0.85,
    )
    missing |= _failed(outcomes)
    folded = [name for name in recipe.of_folds if name in present and name not in missing]
    outcomes += run(
        [_final_job(data, name, fit_rows, holdout_rows, recipe, seed, outcomes) for name in folded], 0.85, 1.0
    )
    missing |= _failed(outcomes)
    final = {name: _best_final(name, outcomes) for name in recipe.members if name not in missing}
    missing |= {name: outcome.not_exported for name, outcome in final.items() if outcome.not_exported}
    final = {name: outcome for name, outcome in final.items() if outcome.file}
    if not final:
        raise TrainingError("No member could be trained: " + "; ".join(f"{n}: {why}" for n, why in missing.items()))
    return _assemble(data, fit_rows, final, missing, outcomes, recipe, seed)


def _failed(outcomes: list[Outcome]) -> dict[str, str]:
    """Members without a whole set of out-of-fold forecasts, or whose final fits all failed, and why."""
    failed = {}
    for outcome in outcomes:
        member, final = outcome.job.member, outcome.job.part == FINAL
        same = [o for o in outcomes if o.job.member == member and o.job.part == FINAL]
        if outcome.error and (not final or all(o.error for o in same)):
            failed[member] = f"{outcome.job.part} failed: {outcome.error}"
    return failed


def _assemble(
    data: Dataset,
    fit_rows: Ints,
    final: dict[str, Outcome],
    missing: dict[str, str],
    outcomes: list[Outcome],
    recipe: Recipe,
    seed: int,
) -> Ensemble:
    """Votes, calibration and payoff from the out-of-fold forecasts of the first 80 %.

    Calibration sees scores whose votes were learnt from other bars (`cross_weighted`); the bundle's votes are of all.
    """
    seen = data.take(fit_rows)
    out_of_fold = {name: out_of_fold_forecasts(name, outcomes, len(data))[fit_rows] for name in final}
    counted = seen.decided & np.all([np.isfinite(p) for p in out_of_fold.values()], axis=0)
    known = {name: p[counted] for name, p in out_of_fold.items()}
    up = seen.up[counted]
    score = cross_weighted(known, up)
    side = side_of(score)
    return Ensemble(
        files={name: o.file for name, o in final.items()},
        weights=vote_weights(known, up),
        calibrator=fit_calibrator(score, up, seen.trade_date[counted], z=recipe.z),
        payoff=fit_payoff(
            side,
            seen.move_ticks[counted],
            seen.atr_ticks[counted],
            stop_atr=recipe.stop_atr,
            **seen.paths(counted),
        ),
        holdout={name: o.p_up for name, o in final.items() if o.p_up is not None},
        out_of_fold=out_of_fold,
        out_of_fold_scores={name: _scores(p, up) for name, p in known.items()},
        rounds={name: o.rounds for name, o in final.items()},
        cpu_by_member={name: sum(o.cpu_s for o in outcomes if o.job.member == name) for name in final},
        missing=missing,
        block_seeds=_block_seeds(seed, recipe, max((member(name).n_blocks for name in final), default=0)),
    )


def _block_seeds(seed: int, recipe: Recipe, n_blocks: int) -> tuple[int, ...]:
    """Seeds of a member's fits: those for the bundle, then one a block; none without blocks."""
    return tuple(range(seed, seed + recipe.lstm_fits + n_blocks)) if n_blocks else ()


def _block_jobs(
    data: Dataset, fit_rows: Ints, holdout_rows: Ints, recipe: Recipe, seed: int, present: list[str]
) -> list[Job]:
    """All fits of the members with blocks."""
    jobs = []
    for name in present:
        parameters, n_blocks = recipe.parameters[name], member(name).n_blocks
        seeds = iter(_block_seeds(seed, recipe, n_blocks))
        if not n_blocks:
            continue
        train, validation = _fit_and_validation(data, fit_rows, recipe)
        jobs += [
            Job(name, FINAL, parameters, next(seeds), train, validation, holdout_rows, for_bundle=True)
            for _ in range(recipe.lstm_fits)
        ]
        for block, (learnt, forecast) in enumerate(_splits(data, fit_rows, n_blocks, recipe.embargo_bars), start=1):
            train, validation = _fit_and_validation(data, learnt, recipe)
            jobs.append(Job(name, f"block {block}", parameters, next(seeds), train, validation, forecast))
    return jobs


def fold_jobs(data: Dataset, fit_rows: Ints, recipe: Recipe, seed: int, present: list[str]) -> list[Job]:
    """The purged cross-validation of those of the recipe's members that are fitted by folds and present."""
    jobs = []
    folds = list(_splits(data, fit_rows, recipe.n_folds, recipe.embargo_bars))
    for name in recipe.of_folds:
        if name not in present:
            continue
        for fold, (learnt, forecast) in enumerate(folds, start=1):
            train, validation = learnt[data.decided[learnt]], NOTHING
            if member(name).stops_early:
                train, validation = _fit_and_validation(data, learnt, recipe)
            jobs.append(Job(name, f"fold {fold}", recipe.parameters[name], seed, train, validation, forecast))
    return jobs


def _final_job(
    data: Dataset, name: str, fit_rows: Ints, holdout_rows: Ints, recipe: Recipe, seed: int, outcomes: list[Outcome]
) -> Job:
    """One member of folds on the whole 80 %, with the mean number of rounds that its folds stopped at."""
    parameters = dict(recipe.parameters[name])
    if rounds_parameter := member(name).rounds_parameter:
        used = [o.rounds for o in outcomes if o.job.member == name]
        parameters[rounds_parameter] = max(1, round(float(np.mean(used))))
    train = fit_rows[data.decided[fit_rows]]
    return Job(name, FINAL, parameters, seed, train, NOTHING, holdout_rows, for_bundle=True)


def _splits(data: Dataset, rows: Ints, n_folds: int, embargo: int) -> list[tuple[Ints, Ints]]:
    folds = purged_folds(data.start_ns[rows], data.end_ns[rows], n_folds, embargo)
    return [(rows[train], rows[test]) for train, test in folds]


def _fit_and_validation(data: Dataset, rows: Ints, recipe: Recipe) -> tuple[Ints, Ints]:
    """Rows to learn from and rows to stop early on, both without ties."""
    train, validation = tail(rows, data.start_ns, data.end_ns, recipe.early_stopping)
    return train[data.decided[train]], validation[data.decided[validation]]


def out_of_fold_forecasts(name: str, outcomes: list[Outcome], n: int) -> Floats:
    """The member's forecasts of samples that it had not learnt from, shape (n,), NaN elsewhere."""
    p_up = np.full(n, np.nan)
    for outcome in outcomes:
        if outcome.job.member == name and outcome.job.part != FINAL and outcome.p_up is not None:
            p_up[outcome.job.predict] = outcome.p_up
    return p_up


def _best_final(name: str, outcomes: list[Outcome]) -> Outcome:
    """The member's fit for the bundle with the best validation log loss; one of folds has only one."""
    fits = [o for o in outcomes if o.job.member == name and o.job.part == FINAL and not o.error]
    return min(fits, key=lambda o: o.validation_loss if np.isfinite(o.validation_loss) else np.inf)


def _scores(p: Floats, up: Floats) -> tuple[float | None, float]:
    return judge(side_of(p), up - 0.5).accuracy, log_loss(up, p)
