"""Which processes of a home are alive: their names, the modules that start them, their ids.

A process is known by its home and by its start, which stand in its heartbeat; those of earlier versions, which say
neither, by their command line.  One that could write nothing, as on a full disk, is found by the operating system's
list: there command line and home say whose it is.  Not for starting or ending them: `minhos.processes.supervisor` does
that.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from pathlib import Path

from minhos.assembly import heartbeats
from minhos.assembly.children import Seen
from minhos.assembly.heartbeats import BEATS, Heartbeat, SupervisorBeat, TraderBeat
from minhos.assembly.layout import Layout

SERVICES = {
    "trader": "minhos.processes.trader",
    "trainer": "minhos.processes.trainer",
    "web": "minhos.web",
    "watchdog": "minhos.processes.watchdog",
    "alerts": "minhos.processes.alerts",
}
"""What the supervisor may keep running, and the module of each."""
ALWAYS = ("trader", "trainer", "web", "watchdog")
ALIASES = {
    "trader": ("minhos.services.trader",),
    "trainer": ("minhos.services.trainer",),
    "watchdog": ("minhos.services.watchdog",),
}
"""Names under which earlier versions started them, and under which a trader may still be started."""
LAUNCHERS = ("minh.py", "minhos")
SAME_START_S = 1.0
"""Two readings of one process's start differ by no more than that."""


def running_pids(layout: Layout) -> dict[str, int]:
    """Processes of this home that are alive, by name, also those that no file names; the supervisor first."""
    found = told_pids(layout)
    for name, seen in _untold(layout, SERVICES.keys() - found.keys()).items():
        found[name] = seen.pid
    return found


def told_pids(layout: Layout) -> dict[str, int]:
    """Those of them that a file in data/run names."""
    found = {kind.PROCESS: pid for kind in BEATS if (pid := pid_of(layout, kind)) is not None}
    supervisor = heartbeats.read(layout, SupervisorBeat)
    if supervisor is not None:
        for name, pid in supervisor.children.items():  # one that has not yet said anything of itself
            created_s = supervisor.children_created_s.get(name, 0.0)
            if name not in found and _is(layout, name, pid, created_s, supervisor.home):
                found[name] = pid
    for name in SERVICES.keys() - found.keys():
        begun = heartbeats.read_begun(layout, name)
        if begun is not None and _is(layout, name, begun.pid, begun.created_s, begun.home):
            found[name] = begun.pid
    return found


def pid_of(layout: Layout, kind: type[Heartbeat]) -> int | None:
    """The id of that process of this home, whether or not it answers; None where it does not exist."""
    beat = heartbeats.read(layout, kind)
    if beat is None or not _is(layout, kind.PROCESS, beat.pid, beat.created_s, beat.home):
        return None
    return beat.pid


def living(layout: Layout, name: str) -> Seen | None:
    """The process of that name that lives in this home, whoever started it; None for none."""
    pid = told_pids(layout).get(name)
    return _untold(layout, {name}).get(name) if pid is None else layout.machine.see(pid)


def _untold(layout: Layout, names: Collection[str]) -> dict[str, Seen]:
    """Of these services the processes that the operating system knows, the oldest of each."""
    words = {word: name for name in names for word in (SERVICES[name], *ALIASES.get(name, ()))}
    found: dict[str, Seen] = {}
    for seen in layout.machine.started_as(words):
        name = next((words[word] for word in words if _runs(seen, word)), "")
        if name and _works_in(seen, layout, known=True):
            found.setdefault(name, seen)
    return found


def _runs(seen: Seen, module: str) -> bool:
    """Whether it is a Python that was told to run that module; others may name it, as one that looks for it does."""
    program = Path(seen.words[0]).name.lower()
    return program.startswith("python") and ("-m", module) in pairwise(seen.words)


def gone(layout: Layout, beat: Heartbeat) -> bool:
    """Whether the process that wrote this heartbeat no longer exists; an unknown one is only silent."""
    return beat.pid > 0 and not _is(layout, beat.PROCESS, beat.pid, beat.created_s, beat.home)


def trader_pid(layout: Layout) -> int | None:
    """The process id of this home's trader, whether or not it answers."""
    return pid_of(layout, TraderBeat)


def _is(layout: Layout, name: str, pid: int, created_s: float, home: str) -> bool:
    """Whether the process of that id is the one of this home that wrote so of itself.

    A machine's clock may be set while a process runs, which moves the start that is read; then, and for earlier
    versions, command line and home decide.
    """
    if home and home != heartbeats.resolved(layout.home):
        return False  # a copied home holds the heartbeats of another one's processes
    seen = layout.machine.see(pid) if pid > 0 else None
    if seen is None:
        return False
    if created_s and abs(seen.created_s - created_s) <= SAME_START_S:
        return True
    return _started_as(seen, name) and _works_in(seen, layout, known=bool(created_s))


def _started_as(seen: Seen, name: str) -> bool:
    """Whether its command line is that process's."""
    words = seen.words[1:]
    if name == SupervisorBeat.PROCESS:
        return any(word == "minhos.cli" or Path(word).name in LAUNCHERS for word in words)
    return not {SERVICES.get(name, ""), *ALIASES.get(name, ())}.isdisjoint(words)


def _works_in(seen: Seen, layout: Layout, *, known: bool) -> bool:
    """known: a process of this version, which must name its home; earlier ones may have worked in the checkout."""
    if not seen.home:
        return not known
    return heartbeats.resolved(Path(seen.home)) == heartbeats.resolved(layout.home)
