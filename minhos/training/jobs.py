"""Training as a list of independent jobs: one fit of one member on one split, in another process or on a cluster.

Each job names what it is, never raises, and can be run again.  Not for where they run, which is `parallel`, nor for
deciding what is fitted, which is `ensemble`.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.parallel.calls import run_calls
from minhos.progress import Progress
from minhos.training.dataset import Dataset
from minhos.training.members import LSTM, REQUIRED, Parameters, fit_tree, predict_tree

Ints = npt.NDArray[np.int64]


class Job(msgspec.Struct, frozen=True, eq=False):
    """Fit `member` on the samples `fit`, stop early on `validation` (may be empty), forecast `predict`.

    part: what the job is for ("fold 3", "block 1", "final"); keep_model: the fitted model comes back too.
    """

    member: str
    part: str
    parameters: Parameters
    seed: int
    fit: Ints
    validation: Ints
    predict: Ints
    keep_model: bool = False


class Outcome(msgspec.Struct, frozen=True, eq=False):
    """What became of a job: forecasts of its samples, or the error in words.

    rounds: trees used (0 for the LSTM).  validation_loss: log loss on the validation samples (NaN for trees).
    """

    job: Job
    p_up: npt.NDArray[np.float64] | None = None
    model: Any = None
    rounds: int = 0
    validation_loss: float = float("nan")
    cpu_s: float = 0.0
    error: str = ""


def run_jobs(
    data: Dataset,
    jobs: list[Job],
    *,
    processes: int = 2,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Run all jobs, in the order given (longest first), and return their outcomes in that order.

    processes: of one thread each; 1 runs them here.  scheduler: address of a Dask scheduler ("tcp://...").  Raises
    TrainingError as `parallel.run_calls` does.
    """
    return run_calls(
        run_job,
        [(job,) for job in jobs],
        processes=processes,
        scheduler=scheduler,
        shared=data,
        libraries={REQUIRED[job.member] for job in jobs if job.member in REQUIRED},
        progress=progress,
        describe=_said,
    )


def _said(argument: tuple[Job], outcome: Outcome) -> str:
    (job,) = argument
    return f"{job.member}, {job.part}: {outcome.error or 'done'}"


def run_job(data: Dataset, job: Job) -> Outcome:
    """Run one job here; an exception becomes `Outcome.error`."""
    started = time.process_time()
    try:
        outcome = _fit_lstm(data, job) if job.member == LSTM else _fit_tree(data, job)
    except Exception as error:
        return Outcome(job, error=f"{type(error).__name__}: {error}", cpu_s=time.process_time() - started)
    if outcome.p_up is not None and not np.isfinite(outcome.p_up).all():
        return Outcome(job, error="it forecast a value that is not finite", cpu_s=time.process_time() - started)
    return msgspec.structs.replace(outcome, cpu_s=time.process_time() - started)


def _fit_tree(data: Dataset, job: Job) -> Outcome:
    validation = data.sample(job.validation) if len(job.validation) else None
    fitted = fit_tree(job.member, job.parameters, job.seed, data.sample(job.fit), validation)
    p_up = predict_tree(fitted, data.rows[data.bar[job.predict]])
    return Outcome(job, p_up, fitted if job.keep_model else None, fitted.rounds)


def _fit_lstm(data: Dataset, job: Job) -> Outcome:
    from minhos.training.lstm import LstmParameters, fit_lstm, predict_lstm

    fit = fit_lstm(
        data.rows,
        data.bar[job.fit],
        data.up[job.fit],
        data.weight[job.fit],
        data.bar[job.validation],
        data.up[job.validation],
        job.seed,
        msgspec.convert(dict(job.parameters), LstmParameters),
    )
    p_up = predict_lstm(fit, data.rows, data.bar[job.predict])
    return Outcome(job, p_up, fit if job.keep_model else None, validation_loss=fit.validation_log_loss)
