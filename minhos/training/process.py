"""Training in a process of its own: `python -m minhos.training.process job.json`.

It yields to the trader (nice), writes one JSON object a line to stdout ({"progress", "message"}, at the end
{"verdict", "bundle_id"} or {"error"}) and the report into a file in one step.  It may be killed at any time: the
bundle and the report are whole or not there, and its workers end with it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import msgspec
import numpy as np

from minhos.errors import DataError, MinhosError, TrainingError
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars, Instrument
from minhos.models.registry import Registry
from minhos.models.storage import replace_file
from minhos.parts import Source, load_source
from minhos.training.recipe import Recipe, recipe_for
from minhos.training.results.result import TrainResult
from minhos.training.train import train

NICENESS = 10
COLUMNS = (
    "contract",
    "close_time_ns",
    "open_ticks",
    "high_ticks",
    "low_ticks",
    "close_ticks",
    "volume",
    "bid_volume",
    "ask_volume",
    "trades",
)

About = tuple[Instrument, tuple[str, ...], int, bool, str]
"""What a file of bars holds besides their columns."""


class TrainingJob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to train."""

    bars: str
    """A file of `save_bars`."""
    registry: str
    """Its folder."""
    result: str
    """Where the report goes."""
    recipe: Recipe | None = None
    """By the number of bars when None."""
    seed: int = 1
    processes: int = 2
    scheduler: str | None = None
    parent: str = ""
    reference: str | None = None
    """Bars of a simulated 58 % market for the report's first line."""
    cache: str | None = None
    """The folder in which that line is kept."""
    session_overrides: str | None = None
    """The user's own calendar file."""
    parts: Source = Source()
    """The user's file, with which features and members are trained."""


def run(job: TrainingJob) -> TrainResult:
    """Train, write the report to `job.result` and return it.  Raises PartsError where the user's file does not load."""
    load_source(job.parts)
    bars = load_bars(Path(job.bars))
    calendar = SessionCalendar.load(Path(job.session_overrides) if job.session_overrides else None)
    result = train(
        bars,
        calendar,
        job.recipe or recipe_for(len(bars)),
        Registry(Path(job.registry)),
        seed=job.seed,
        progress=lambda share, message: _say({"progress": round(share, 4), "message": message}),
        processes=job.processes,
        scheduler=job.scheduler,
        parent=job.parent,
        reference=load_bars(Path(job.reference)) if job.reference else None,
        cache=Path(job.cache) if job.cache else None,
    )
    replace_file(Path(job.result), msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return result


def main(arguments: list[str]) -> int:
    """Exit code 0 when trained, else that of the error."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    try:
        found = run(_read_job(arguments))
    except MinhosError as error:
        _say({"error": str(error)})
        return error.exit_code
    _say({"verdict": found.verdict, "bundle_id": found.bundle_id})
    return 0


def save_bars(bars: Bars, path: Path) -> None:
    """Write a history for a training process; plain arrays, nothing that could run."""
    about = msgspec.json.encode((bars.instrument, bars.contracts, bars.interval_ns, bars.simulated, bars.adjusted))
    np.savez(path, about=np.frombuffer(about, dtype=np.uint8), **{name: getattr(bars, name) for name in COLUMNS})


def load_bars(path: Path) -> Bars:
    """Read what `save_bars` wrote; raises DataError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            about = msgspec.json.decode(file["about"].tobytes(), type=About)
            columns = {name: file[name] for name in COLUMNS}
    except (OSError, ValueError, KeyError, msgspec.DecodeError) as error:
        raise DataError(f"The bars for training in {path} cannot be read: {error}.") from error
    instrument, contracts, interval_ns, simulated, adjusted = about
    return Bars(instrument, contracts, **columns, interval_ns=interval_ns, simulated=simulated, adjusted=adjusted)


def _read_job(arguments: list[str]) -> TrainingJob:
    if len(arguments) != 1:
        raise TrainingError("Give one file that describes the training: python -m minhos.training.process job.json")
    try:
        return msgspec.json.decode(Path(arguments[0]).read_bytes(), type=TrainingJob)
    except (OSError, msgspec.DecodeError) as error:
        raise TrainingError(f"The training job {arguments[0]} cannot be read: {error}.") from error


def _say(message: dict[str, str | float]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
