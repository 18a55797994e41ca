"""Run a training in a process of its own and say how far it is; used by the trainer and by `train`.

The process may be killed at any time; what was promoted before stays promoted.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import msgspec

from minhos import parts
from minhos.assembly.heartbeats import TrainingProgress, report_training
from minhos.assembly.layout import Layout
from minhos.errors import TrainingError
from minhos.feeds.simulated.market import simulate
from minhos.feeds.simulated.model import MarketModel
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SystemClock
from minhos.market.instruments import instrument
from minhos.market.types import NANOS_PER_SECOND, Bars
from minhos.progress import Progress
from minhos.settings import Settings
from minhos.studies.trials import enter
from minhos.training.process import TrainingJob, save_bars
from minhos.training.recipe import Recipe, recipe_for
from minhos.training.results.result import TrainResult

REFERENCE_CEILING = 0.58
REFERENCE_DAYS = 90
REFERENCE_SEED = 58
REFERENCE_START_NS = 1_751_328_000 * NANOS_PER_SECOND
"""1 July 2025: any stretch of the calendar does."""


def recipe_of(settings: Settings, n_bars: int) -> Recipe:
    """The recipe that the settings name, or the one for that many bars; its payoff is for the stop that rests."""
    recipe = recipe_for(n_bars, size=settings.training.size)
    return msgspec.structs.replace(recipe, stop_atr=settings.sizing_parameters().stop_atr)


def run_training(
    bars: Bars,
    settings: Settings,
    layout: Layout,
    registry: Path,
    *,
    progress: Progress,
    seed: int | None = None,
    parent: str = "",
    scheduler: str | None = None,
) -> TrainResult:
    """Train on those bars in a child process and return its report.

    scheduler: address of a Dask scheduler, whose workers then do the fits.

    Raises:
        TrainingError: the training failed or was killed; the message is the child's own.
    """
    layout.make()
    with tempfile.TemporaryDirectory(dir=layout.training, prefix="run-") as folder:
        work = Path(folder)
        save_bars(bars, work / "bars.npz")
        reference = None
        if not bars.simulated:
            reference = work / "reference.npz"
            save_bars(reference_bars(bars.instrument.root), reference)
        recipe = recipe_of(settings, len(bars))
        job = TrainingJob(
            bars=str(work / "bars.npz"),
            registry=str(registry),
            result=str(work / "result.json"),
            recipe=recipe,
            seed=settings.training.seed if seed is None else seed,
            processes=settings.training.processes,
            scheduler=scheduler,
            parent=parent,
            reference=str(reference) if reference else None,
            cache=str(layout.cache),
            parts=parts.loaded(),
        )
        (work / "job.json").write_bytes(msgspec.json.encode(job))
        _watch(work / "job.json", progress)
        try:
            result = msgspec.json.decode((work / "result.json").read_bytes(), type=TrainResult, strict=False)
        except (OSError, msgspec.DecodeError) as error:
            raise TrainingError("the training ended without a report; run it again.") from error
    trials = enter(layout, bars, recipe.recipe_id, {"seed": job.seed}, "train").n_trials
    return msgspec.structs.replace(result, trials=trials)


def reference_bars(root: str) -> Bars:
    """The simulated 58 % market of the report's first line."""
    model = MarketModel(kind="ou", ceiling=REFERENCE_CEILING, seed=REFERENCE_SEED)
    market = simulate(model, instrument(root), SessionCalendar.load(), REFERENCE_START_NS, REFERENCE_DAYS * 197)
    return market.bars


def _watch(job: Path, progress: Progress) -> None:
    """Read the child's lines until it ends."""
    command = [sys.executable, "-m", "minhos.training.process", str(job)]
    with _started(command) as child:
        error = ""
        try:
            assert child.stdout is not None
            for line in child.stdout:
                heard = _decoded(line)
                error = heard.error or error
                if heard.progress is not None:
                    progress(heard.progress, heard.message)
            tail = child.stderr.read().strip().splitlines()[-1:] if child.stderr else []
        except BaseException:
            child.terminate()
            raise
        finally:
            with _lock:
                _under_way.remove(child)
    if child.returncode != 0:
        raise TrainingError(error or f"the training process ended with code {child.returncode}: {' '.join(tail)}")


_under_way: list[subprocess.Popen[str]] = []
_lock = threading.Lock()
"""Trainings begin and end in one thread and are ended from another."""


def _started(command: list[str]) -> subprocess.Popen[str]:
    """A child that `end_trainings` knows from its first moment."""
    with _lock:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        _under_way.append(child)
        return child


def end_trainings() -> None:
    """End what trains for this process, from another of its threads; `run_training` then raises."""
    with _lock:
        for child in _under_way:
            child.terminate()


class _Line(msgspec.Struct, frozen=True):
    """One line of the child: how far it is, or what went wrong."""

    progress: float | None = None
    message: str = ""
    error: str = ""


def _decoded(line: str) -> _Line:
    """Nothing where a library printed something of its own."""
    try:
        return msgspec.json.decode(line, type=_Line, strict=False)
    except msgspec.DecodeError:
        return _Line()


def report_progress(layout: Layout, scope: str) -> Progress:
    """Writes `data/training/progress.json`, which the page shows."""

    def tell(share: float, message: str) -> None:
        report_training(layout, TrainingProgress(scope, share, message, SystemClock().now_ns()))

    return tell
