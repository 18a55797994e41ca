"""What the disk can do to the home, each a few plain values; `begin` and `end` carry them out on a `WorldDisk`.

A power cut is also the end of every process, which the world sees to before it asks for this one.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from minhos.assembly.layout import Layout
from minhos.testing.world.disk import OneWrite, Trouble, WorldDisk
from minhos.testing.world.fault import Fault

Where = Literal["data", "journal", "inbox", "run", "logs", "home"]
Base = Literal["journal", "inbox", "ledger"]
PROCESSES = ("trader", "trader", "watchdog", "supervisor", "trainer", "web")


class DiskFull(Fault, frozen=True, kw_only=True):
    """Nothing there can become longer."""

    where: Where


class DiskReadOnly(Fault, frozen=True, kw_only=True):
    """Nothing there can be written, nor opened to be written."""

    where: Where


class DiskFails(Fault, frozen=True, kw_only=True):
    """Every write there is an I/O error.  name: for one process alone; empty for all."""

    where: Where
    name: str = ""


class WriteFails(Fault, frozen=True, kw_only=True):
    """The nth write of a process from then on is an error, and the ones after it as well while they count."""

    name: str
    kind: Literal["io", "full", "locked"]
    nth: int
    count: int = 1


class KilledAtWrite(Fault, frozen=True, kw_only=True):
    """A process is killed at its nth write from then on."""

    name: str
    nth: int


class DatabaseLocked(Fault, frozen=True, kw_only=True):
    """Somebody else, as a backup program, holds the write lock."""

    base: Base


class FileHeld(Fault, frozen=True, kw_only=True):
    """On Windows: somebody, as a virus scanner, has a small file open, which nobody can replace or delete then."""

    what: Literal["halt", "trader", "supervisor", "watchdog"]


class ByteFlipped(Fault, frozen=True, kw_only=True):
    """One bit of a database's file turns over.  of: in the newest snapshot, or anywhere."""

    base: Base
    seed: int
    of: Literal["any", "snapshot"] = "any"


class ReportedCommit(Fault, frozen=True, kw_only=True):
    """The trader's nth commit to its journal from then on is made, and told as an error."""

    nth: int


class PowerCut(Fault, frozen=True, kw_only=True):
    """The machine loses what was not yet safe on the disk, and is off for so long."""

    seed: int


DiskFault = (
    DiskFull
    | DiskReadOnly
    | DiskFails
    | WriteFails
    | KilledAtWrite
    | DatabaseLocked
    | FileHeld
    | ByteFlipped
    | ReportedCommit
    | PowerCut
)


def draw(rng: random.Random, length_ms: int) -> DiskFault:
    """A fault at some moment of a plan."""
    at_ms = rng.randrange(2_000, length_ms)
    for_ms = rng.choice((500, 3_000, 6_000, 8_000, 60_000, 600_000))
    where: Where = rng.choice(("data", "data", "journal", "inbox", "run", "logs", "home"))
    name, nth = rng.choice(PROCESSES), rng.randint(1, 40)
    base: Base = rng.choice(("journal", "journal", "inbox", "ledger"))
    seed = rng.randrange(2**31)
    kind: Literal["io", "full", "locked"] = rng.choice(("io", "full", "locked"))
    makers: list[tuple[float, Callable[[], DiskFault]]] = [
        (3, lambda: DiskFull(at_ms=at_ms, for_ms=for_ms, where=where)),
        (1, lambda: DiskReadOnly(at_ms=at_ms, for_ms=for_ms, where=where)),
        (1, lambda: DiskFails(at_ms=at_ms, for_ms=for_ms, where=where, name=rng.choice((name, "")))),
        (4, lambda: WriteFails(at_ms=at_ms, name=name, kind=kind, nth=nth, count=rng.choice((1, 1, 2, 30)))),
        (4, lambda: KilledAtWrite(at_ms=at_ms, name=name, nth=nth)),
        (3, lambda: DatabaseLocked(at_ms=at_ms, for_ms=for_ms, base=base)),
        (
            1,
            lambda: FileHeld(at_ms=at_ms, for_ms=for_ms, what=rng.choice(("halt", "trader", "supervisor", "watchdog"))),
        ),
        (1, lambda: ByteFlipped(at_ms=at_ms, base=base, seed=seed)),
        (2, lambda: PowerCut(at_ms=at_ms, for_ms=rng.choice((20_000, 60_000, 600_000)), seed=seed)),
    ]
    return rng.choices([maker for _, maker in makers], [weight for weight, _ in makers])[0]()


def begin(fault: DiskFault, disk: WorldDisk, layout: Layout, journal: Path) -> None:
    """Let it hold.  journal: the one that is written."""
    match fault:
        case DiskFull() | DiskReadOnly() | DiskFails():
            disk.begin(_trouble(fault, layout, journal))
        case WriteFails():
            disk.at_writes.append(OneWrite(fault.kind, fault.nth, fault.count, owner=fault.name))
        case KilledAtWrite():
            disk.at_writes.append(OneWrite("kill", fault.nth, owner=fault.name))
        case DatabaseLocked():
            path = _database(fault.base, layout, journal)
            if path.exists():
                disk.lock(path, fault.for_ms / 1e3 if fault.for_ms else None)
        case FileHeld():
            disk.windows = True
            disk.hold(_file(fault, layout))
        case ByteFlipped():
            path = _database(fault.base, layout, journal)
            if path.exists():
                within = _newest_snapshot(path, disk) if fault.of == "snapshot" else b""
                disk.flip(path, random.Random(fault.seed), within)
        case ReportedCommit():
            disk.at_writes.append(OneWrite("done", fault.nth, where=journal, owner="trader"))
        case PowerCut():
            disk.power_cut(random.Random(fault.seed))


def end(fault: DiskFault, disk: WorldDisk, layout: Layout, journal: Path) -> None:
    """It is over; of those that come at a write, whether or not they came."""
    match fault:
        case DiskFull() | DiskReadOnly() | DiskFails():
            disk.end(_trouble(fault, layout, journal))
        case DatabaseLocked():
            disk.unlock(_database(fault.base, layout, journal))
        case FileHeld():
            disk.release(_file(fault, layout))


def end_all(disk: WorldDisk) -> None:
    """The disk is as it should be from here on; what it lost stays lost."""
    disk.troubles.clear()
    disk.at_writes.clear()
    disk.windows = False
    disk.let_all_go()


def _trouble(fault: DiskFull | DiskReadOnly | DiskFails, layout: Layout, journal: Path) -> Trouble:
    places = {
        "data": layout.data,
        "journal": journal,
        "inbox": layout.inbox,
        "run": layout.run,
        "logs": layout.logs,
        "home": layout.home,
    }
    match fault:
        case DiskFull():
            return Trouble("full", places[fault.where])
        case DiskReadOnly():
            return Trouble("read_only", places[fault.where])
        case _:
            return Trouble("io", places[fault.where], fault.name)


def _database(base: Base, layout: Layout, journal: Path) -> Path:
    return {"journal": journal, "inbox": layout.inbox, "ledger": layout.ledger}[base]


def _newest_snapshot(path: Path, disk: WorldDisk) -> bytes:
    """Its bytes; none where there is no snapshot yet."""
    try:
        opened = disk.database(path, "read")
        try:
            found = opened.execute("SELECT payload FROM snapshots ORDER BY sequence DESC LIMIT 1").fetchone()
        finally:
            opened.close()
    except (sqlite3.Error, OSError):
        return b""
    return bytes(found[0]) if found else b""


def _file(fault: FileHeld, layout: Layout) -> Path:
    return layout.halt_file if fault.what == "halt" else layout.run / f"{fault.what}.json"
