"""How processes of a home speak of themselves: `write` and `read`, one struct each (see `minhos.views.heartbeats`).

Also the two files of a training, which are read and written in the same way.  Not for asking the trader for
something: that is the inbox.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TypeVar

import msgspec

import minhos
from minhos.assembly.layout import Layout
from minhos.market.clock import Clock
from minhos.settings import switches
from minhos.views.heartbeats import (
    AlertsBeat,
    FeedBeat,
    Heartbeat,
    SupervisorBeat,
    TraderBeat,
    TrainerBeat,
    TrainingProgress,
    TrainingRequest,
    WatchdogBeat,
    WebBeat,
)

__all__ = [
    "BEATS",
    "STOPPING",
    "AlertsBeat",
    "Begun",
    "FeedBeat",
    "Heartbeat",
    "SupervisorBeat",
    "TraderBeat",
    "TrainerBeat",
    "TrainingProgress",
    "TrainingRequest",
    "WatchdogBeat",
    "WebBeat",
    "age_s",
    "ask_for_training_now",
    "path_of",
    "read",
    "read_begun",
    "read_training",
    "report_training",
    "say_stopping",
    "take_training_request",
    "write",
    "write_begun",
]

STOPPING = "stopping"
"""What a supervisor says of itself while it ends its children."""
BEATS: tuple[type[Heartbeat], ...] = (SupervisorBeat, TraderBeat, TrainerBeat, WebBeat, WatchdogBeat, AlertsBeat)
Beat = TypeVar("Beat", bound=Heartbeat)
Struct = TypeVar("Struct", bound=msgspec.Struct)


def write(layout: Layout, beat: Heartbeat, clock: Clock) -> None:
    """Replace the process's heartbeat; who it is, what it was told and the time are filled in here.  Raises OSError."""
    own = layout.machine.own()
    known = msgspec.structs.replace(
        beat,
        pid=own.pid,
        home=resolved(layout.home),
        created_s=own.created_s,
        time_ns=clock.now_ns(),
        steady_ns=clock.monotonic_ns(),
        version=minhos.__version__,
        switches=switches(),
    )
    layout.disk.replace(path_of(layout, type(beat)), msgspec.json.encode(known))


def read(layout: Layout, kind: type[Beat]) -> Beat | None:
    """The newest heartbeat of that process; None where there is none or it makes no sense."""
    return _read(layout, path_of(layout, kind), kind)


def age_s(beat: Heartbeat, clock: Clock) -> float:
    """Seconds since that heartbeat was written, whatever became of the time of day since."""
    return beat.age_s(clock.now_ns(), clock.monotonic_ns())


def _read(layout: Layout, path: Path, kind: type[Struct]) -> Struct | None:
    content = layout.disk.read(path)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError):
        return None


@functools.cache
def resolved(home: Path) -> str:
    """The home without links and dots, by which its processes are known."""
    return str(home.resolve())


def path_of(layout: Layout, kind: type[Heartbeat]) -> Path:
    return _path_in(layout.run, kind.PROCESS)


@functools.cache
def _path_in(run: Path, process: str) -> Path:
    return run / f"{process}.json"


class Begun(msgspec.Struct, frozen=True):
    """What is known of a process that was started and has not yet said anything of itself."""

    pid: int
    created_s: float
    home: str


def write_begun(layout: Layout, name: str, pid: int, created_s: float) -> None:
    """Of that child, by who started it, in case he ends before anybody has heard of it.  Raises OSError."""
    begun = Begun(pid, created_s, resolved(layout.home))
    layout.disk.replace(_path_in(layout.run, f"begun-{name}"), msgspec.json.encode(begun))


def read_begun(layout: Layout, name: str) -> Begun | None:
    """The child of that name that was started last, by whomever."""
    return _read(layout, _path_in(layout.run, f"begun-{name}"), Begun)


def say_stopping(layout: Layout, clock: Clock) -> None:
    """In the place of a supervisor that was ended at once: what ends now is to end.  Raises OSError."""
    beat = read(layout, SupervisorBeat)
    if beat is not None and beat.state != STOPPING:
        said = msgspec.structs.replace(beat, state=STOPPING, time_ns=clock.now_ns(), steady_ns=clock.monotonic_ns())
        layout.disk.replace(path_of(layout, SupervisorBeat), msgspec.json.encode(said))


def report_training(layout: Layout, progress: TrainingProgress) -> None:
    """Say how far the training is.  Raises OSError."""
    layout.disk.replace(layout.training / "progress.json", msgspec.json.encode(progress))


def read_training(layout: Layout) -> TrainingProgress | None:
    """How far the last training is or was."""
    return _read(layout, layout.training / "progress.json", TrainingProgress)


def ask_for_training_now(layout: Layout, who: str, clock: Clock) -> None:
    """Leave a request, which the trainer takes within a second of its being there.  Raises OSError."""
    request = TrainingRequest(clock.now_ns(), who)
    layout.disk.replace(layout.training / "request.json", msgspec.json.encode(request), durable=True)


def take_training_request(layout: Layout) -> bool:
    """Whether a person asked for a training; a request is taken once.  Raises OSError."""
    path = layout.training / "request.json"
    asked = layout.disk.exists(path)
    if asked:
        layout.disk.remove(path)
    return asked
