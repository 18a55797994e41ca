"""Training as a list of independent jobs: one fit of one member on one split, in another process or on a cluster.

Each job names what it is, never raises, and can be run again.  Not for where they run, which is `parallel`, nor for
deciding what is fitted, which is `ensemble`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.parallel.calls import run_calls
from minhos.progress import Progress
from minhos.training.dataset import Dataset
from minhos.training.export_check import checked_file
from minhos.training.member import Ints, Parameters
from minhos.training.members import libraries, member, where_of


class Job(msgspec.Struct, frozen=True, eq=False):
    """Fit `member` on the samples `fit`, stop early on `validation` (may be empty), forecast `predict`."""

    member: str
    part: str
    """What the job is for ("fold 3", "block 1", "final")."""
    parameters: Parameters
    seed: int
    fit: Ints
    validation: Ints
    predict: Ints
    for_bundle: bool = False
    """The fitted model comes back as ONNX."""


class Outcome(msgspec.Struct, frozen=True, eq=False):
    """What became of a job: forecasts of its samples, or the error in words."""

    job: Job
    p_up: npt.NDArray[np.float64] | None = None
    file: bytes = b""
    """The model as ONNX, where the job asked for it and it says what the library says."""
    not_exported: str = ""
    """Why there is no file."""
    rounds: int = 0
    """Trees used; 0 for what has none."""
    validation_loss: float = float("nan")
    """Log loss on the validation samples, of members with blocks."""
    cpu_s: float = 0.0
    error: str = ""


def run_jobs(
    data: Dataset,
    jobs: Sequence[Job],
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
        libraries=libraries({job.member for job in jobs}),
        progress=progress,
        describe=lambda argument, outcome: f"{outcome.job.member}, {outcome.job.part}: {outcome.error or 'done'}",
    )


def run_job(data: Dataset, job: Job) -> Outcome:
    """Run one job here; an exception becomes `Outcome.error`."""
    started = time.process_time()
    try:
        model = member(job.member)
        validation = data.sample(job.validation) if len(job.validation) else None
        model.fit(data.sample(job.fit), validation, job.parameters, job.seed)
        p_up = np.asarray(model.p_up(data.sample(job.predict)), dtype=float)
    except Exception as error:
        return Outcome(
            job,
            error=f"{type(error).__name__}: {error}{where_of(job.member, error)}",
            cpu_s=time.process_time() - started,
        )
    cpu_s = time.process_time() - started
    if p_up.shape != job.predict.shape:
        wrong = f"it gave an array of shape {p_up.shape} for {len(job.predict)} bars{where_of(job.member)}"
        return Outcome(job, error=wrong, cpu_s=cpu_s)
    if not np.isfinite(p_up).all():
        return Outcome(job, error="it forecast a value that is not finite", cpu_s=cpu_s)
    file, not_exported = b"", ""
    if job.for_bundle:
        try:
            file = checked_file(model, data, job.predict, p_up)
        except Exception as error:
            not_exported = f"{error}{where_of(job.member, error)}"
    return Outcome(job, p_up, file, not_exported, model.rounds, model.validation_loss, cpu_s)
