"""The world's home as its person has hands on it: `stop`, `start`, a backup and its way back, by the real functions."""

from __future__ import annotations

import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

from minhos.assembly import archive, journal_notes
from minhos.assembly.endings import Ending
from minhos.assembly.layout import Layout
from minhos.assembly.running import running_pids
from minhos.errors import MinhosError
from minhos.market.clock import Clock
from minhos.processes.supervisor import stop_running
from minhos.settings import Settings, load
from minhos.testing.world.world import World


class WorldHouse:
    """Keeps `person.House`.  on_restored: called when another journal lies in the place of the one before."""

    def __init__(self, world: World, journal: Callable[[], Path], on_restored: Callable[[], None]) -> None:
        self._world, self.journal, self._on_restored = world, journal, on_restored
        self.layout: Layout = world.layout
        self.clock: Clock = world.machine_clock
        self.true_clock: Clock = world.true_clock
        self.is_stopped = False
        """A person stopped everything and has not started it again."""
        self.stops: list[int] = []
        """When, true time, it was stopped."""
        self.left: list[str] = []
        """What ran on after the last `stop`; not what a supervisor that had no turn before it has begun."""
        self._n_backups = 0
        self.restored = 0
        """How often a backup was put back."""
        self.older_until = 0
        """The last record of the older copy of the journal that stands in its place; 0 while none does."""
        self.is_noted_older = False
        """Beside the journal it stood then that it had gone further."""

    def settings(self) -> Settings:
        return load(self.layout.home)

    def stop(self) -> None:
        self._world.note("a person types stop")
        self.stops.append(self._world.true_ns)
        self.is_stopped, self._world.stopping = True, True
        old = {child.pid for child in self._world.alive() if child.ran}
        try:
            stop_running(self.layout, clock=self.clock)
        finally:
            self._world.stopping = False
        alive = list(self._world.alive())
        started = {child.pid for child in alive if child.name == "supervisor"} - old
        left = [child for child in alive if not started & {child.pid, child.parent}]
        self.left = [f"{child.name} {child.pid}" for child in left]

    def start(self) -> None:
        """Refused where a supervisor runs; what runs without one is taken over."""
        self.is_stopped = False
        if self._world.living("supervisor") is not None:
            self._world.note("a person types start: refused, it starts already")
            return
        self._world.note("a person types start")
        self._world.begin("supervisor")

    @property
    def was_refused(self) -> bool:
        """Whether the last `start` ended in a sentence to the person, who has to change something first."""
        begun = self._world.newest("supervisor")
        return begun is not None and begun.code == Ending.MISTAKE

    def backup(self) -> None:
        self._n_backups += 1
        try:
            archive.pack(self.layout, self._backup, lambda share, text: None)
            self._world.note("a backup is made")
        except MinhosError as error:
            self._backup.unlink(missing_ok=True)
            self._world.note(f"no backup: {error}")

    def restore(self) -> None:
        if not self._backup.exists() or running_pids(self.layout):
            return
        try:
            with zipfile.ZipFile(self._backup) as packed:
                archive.unpack(self.layout, packed, self._backup, lambda share, text: None)
        except (MinhosError, OSError) as error:  # nothing was changed
            self._world.note(f"the backup is not put back: {error}")
            return
        self._world.note("the backup is put back")
        self.restored += 1
        self.older_until = 0
        self._on_restored()

    def copy_journal(self) -> None:
        """As a copy of the file with nothing running would be."""
        target = sqlite3.connect(self._copy)
        try:
            source = self.layout.database(self.journal(), "read")
            try:
                source.backup(target)
            finally:
                source.close()
        except (sqlite3.Error, OSError) as error:
            self._world.note(f"no copy of the journal: {error}")
        finally:
            target.close()

    def put_copy_back(self) -> None:
        """One without a record of the account is not put anywhere."""
        if not self._copy.exists() or running_pids(self.layout):
            return
        opened = sqlite3.connect(self._copy)
        try:
            (last,) = opened.execute("SELECT max(sequence) FROM events").fetchone()
        except sqlite3.Error:
            last = 0
        finally:
            opened.close()
        if last:
            self._put_in_place(last)
        self._copy.unlink()

    def _put_in_place(self, last: int) -> None:
        """last: records of the copy.  A disk that refuses it keeps what lies there."""
        is_noted_older = journal_notes.read(self.layout, self.journal()).last > last
        lies = self.journal().with_name("copied.sqlite")
        shutil.copy(self._copy, lies)
        try:
            self.layout.database.move(lies, self.journal())
        except OSError as error:
            lies.unlink(missing_ok=True)
            self._world.note(f"the copy of the journal is not put back: {error}")
            return
        self._world.note(f"a copy of the journal with {last} records is put in its place")
        self._on_restored()
        self.is_noted_older, self.older_until = is_noted_older, last

    @property
    def _copy(self) -> Path:
        return self.layout.home.parent / "journal-copy.sqlite"

    @property
    def _backup(self) -> Path:
        return self.layout.home.parent / f"backup-{self._n_backups}.zip"
