"""Training as a list of independent jobs: one fit of one member on one split, in another process or on a cluster.

Each job names what it is, never raises, and can be run again; joblib does the rest (or Dask, given a scheduler).
Not for deciding what is fitted: that is `train`.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Iterable
from concurrent.futures import BrokenExecutor
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.errors import TrainingError
from minhos.training.dataset import Dataset
from minhos.training.members import LSTM, Parameters, fit_tree, predict_tree
from minhos.training.progress import Progress, part_of

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


def run_jobs(data: Dataset, jobs: list[Job], *, processes: int = 2, scheduler: str | None = None,
             progress: Progress | None = None) -> list[Outcome]:  # fmt: skip
    """Run all jobs, in the order given (longest first), and return their outcomes in that order.

    processes: of one thread each; 1 runs them here.  scheduler: address of a Dask scheduler ("tcp://...").  Raises
    TrainingError when a worker process is killed or the scheduler cannot be reached.
    """
    tell = part_of(progress, 0.0, 1.0)
    outcomes: list[Outcome | None] = [None] * len(jobs)
    try:
        for done, (which, outcome) in enumerate(_outcomes(data, jobs, processes, scheduler), start=1):
            outcomes[which] = outcome
            tell(done / len(jobs), f"{outcome.job.member}, {outcome.job.part}: {outcome.error or 'done'}")
    except BrokenExecutor as error:
        raise TrainingError(
            "A training worker was killed, most likely for want of memory; close other programs or train on fewer days."
        ) from error
    except OSError as error:
        if scheduler is None:
            raise
        raise TrainingError(f"The Dask scheduler at {scheduler} cannot be reached: {error}.") from error
    return [outcome for outcome in outcomes if outcome is not None]


def _outcomes(data: Dataset, jobs: list[Job], processes: int, scheduler: str | None) -> Iterable[tuple[int, Outcome]]:
    if processes == 1 and scheduler is None:
        yield from ((i, run_job(data, job)) for i, job in enumerate(jobs))
        return
    from joblib import Parallel, delayed, parallel_config

    # A worker that has grown is replaced between two jobs; nothing is lost and nobody need be told.
    warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
    calls = (delayed(_numbered)(i, data, job, os.getpid() if scheduler is None else None) for i, job in enumerate(jobs))
    with contextlib.ExitStack() as stack:
        if scheduler is not None:
            from distributed import Client

            stack.enter_context(Client(scheduler, set_as_default=True))
            stack.enter_context(parallel_config(backend="dask"))
        else:
            stack.enter_context(parallel_config(backend="loky", n_jobs=processes, inner_max_num_threads=1))
        yield from Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="all")(calls)


def _numbered(i: int, data: Dataset, job: Job, parent: int | None) -> tuple[int, Outcome]:
    if parent is not None:
        _end_with(parent)
    return i, run_job(data, job)


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
        data.rows, data.bar[job.fit], data.up[job.fit], data.weight[job.fit], data.bar[job.validation],
        data.up[job.validation], job.seed, msgspec.convert(dict(job.parameters), LstmParameters),
    )  # fmt: skip
    p_up = predict_lstm(fit, data.rows, data.bar[job.predict])
    return Outcome(job, p_up, fit if job.keep_model else None, validation_loss=fit.validation_log_loss)


_watching = threading.Event()


def _end_with(parent: int) -> None:
    """End this worker when the process that started it is gone, however it went; called once per worker."""
    if _watching.is_set():
        return
    _watching.set()

    def watch() -> None:
        while os.getppid() == parent:
            threading.Event().wait(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
