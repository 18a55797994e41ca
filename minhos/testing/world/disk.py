"""The world's disk: its databases and its small files, and everything that a disk does to a program.

`WorldDisk` is the port `Disk` of small files, which it keeps in memory, and `database` is the port of the stores.
Both obey one list of faults.  Who acts is said by the world (`acting`), so that a fault can be one process's own and a
kill lets go of what that process held.  Not for deciding when a fault comes: that is a plan's.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Literal, cast

import msgspec

from minhos.journal.database import BUSY_TIMEOUT_S, DATABASE_FILES, Use, prepared
from minhos.testing.world.machine import Killed

if TYPE_CHECKING:
    import apsw

    from minhos.testing.world.sqlite import WorldConnection

Kind = Literal["full", "read_only", "io"]
WRITE_BACK_S = 30.0
"""After so long the system has written a small file to the disk by itself."""
SOMEBODY = "somebody"
"""Who holds a lock for no process of the home: a backup program, a browser of databases."""


class Trouble(msgspec.Struct, frozen=True):
    """What is wrong with a part of the disk.

    kind: full refuses what makes a file longer; read_only every write, and every opening for writing; io every write
    and every sync.  where: a file or a folder.  owner: for one process alone, as "trader", or for all.
    """

    kind: Kind
    where: Path
    owner: str = ""


PIECE_BYTES, ATTEMPTS = 24, 20
"""So many bytes in a row are found again in a file, once, by one of so many attempts."""


class OneWrite(msgspec.Struct):
    """An error at the nth write from here on that fits, and at the `count` - 1 after it."""

    kind: Literal["full", "io", "locked", "kill", "done"]
    """done: the commit is made, and an error is what its writer hears of it."""
    nth: int
    count: int = 1
    where: Path | None = None
    owner: str = ""
    seen: int = 0


class _Small(msgspec.Struct):
    """A small file: as it is, and as the disk has it for certain (None: not there)."""

    content: bytes | None
    sure: bytes | None
    changed_ns: int


class WorldDatabases:
    """The port `OpenDatabase`, on the world's disk."""

    def __init__(self, disk: WorldDisk) -> None:
        self._disk = disk

    def __call__(self, path: Path, use: Use, *, shared: bool = False) -> sqlite3.Connection:
        """shared: the world has one thread."""
        if use != "read":
            path.parent.mkdir(parents=True, exist_ok=True)
        return prepared(cast(sqlite3.Connection, self._disk.connect(path, use, self._disk.acting())), use)

    def exists(self, path: Path) -> bool:
        return path.is_file()

    def move(self, source: Path, target: Path) -> None:
        self.remove(target)
        for suffix in DATABASE_FILES:
            named = target.with_name(target.name + suffix)
            self._disk.change_database(source.with_name(source.name + suffix), named)

    def remove(self, path: Path) -> None:
        for suffix in DATABASE_FILES:
            self._disk.change_database(path.with_name(path.name + suffix), None)


class WorldDisk:
    """One home's disk.

    now_ns: a clock that never goes back, which says how long a lock was waited for and what was written back.
    acting: whose turn it is, as "trader 102"; empty for who is no process of the machine.
    on_kill: told of a process that is killed at a write, before Killed is raised in it.
    """

    def __init__(
        self,
        now_ns: Callable[[], int] = lambda: 0,
        acting: Callable[[], str] = lambda: "",
        on_kill: Callable[[str], None] = lambda _: None,
    ) -> None:
        from minhos.testing.world.sqlite import WorldVfs  # only here: apsw is installed with the tests

        self.windows = False
        """Whether an open file can neither be replaced nor deleted."""
        self.troubles: list[Trouble] = []
        self.at_writes: list[OneWrite] = []
        self.writes: dict[str, int] = {}
        """How many writes of a database's bytes each process made."""
        self.begun: dict[str, int] = {}
        """How often each began a change of a database: as often it may find it locked."""
        self.waited_ns: dict[str, int] = {}
        """How long each process waited for locks since somebody asked."""
        self.acting, self.on_kill = acting, on_kill
        self.on_told: Callable[[], None] = lambda: None
        """Called where a commit that was made is told as an error."""
        self._now_ns = now_ns
        self.database = WorldDatabases(self)
        self._vfs = WorldVfs(self)
        self._connections: list[WorldConnection] = []
        self._locks: dict[Path, tuple[WorldConnection, int | None]] = {}
        self._lockers = 0
        self._small: dict[Path, _Small] = {}
        self._held: set[Path] = set()
        self._claims: dict[Path, str] = {}
        """Small files that a process holds, and which."""
        self._dead: set[str] = set()

    # What the port of databases needs ---------------------------------------------------------------------------

    def connect(self, path: Path, use: Use, owner: str) -> WorldConnection:
        """A connection of that process, whose locks and files go with it.  Raises sqlite3.Error."""
        from minhos.testing.world.sqlite import WorldConnection

        made = WorldConnection(
            self._vfs, path, owner, read_only=use == "read", timeout_s=0.0 if use == "lock" else BUSY_TIMEOUT_S
        )
        self._connections = [one for one in self._connections if not one.closed]
        self._connections.append(made)
        return made

    # The port of small files ------------------------------------------------------------------------------------

    def read(self, path: Path) -> bytes | None:
        small = self._small.get(path)
        if small is not None:
            return small.content
        try:
            return path.read_bytes()
        except OSError:
            return None

    def replace(self, path: Path, content: bytes, *, durable: bool = False) -> None:
        self._may_change(path, grows=len(content) > 0)
        self._set(path, content, durable)

    def exists(self, path: Path) -> bool:
        small = self._small.get(path)
        return small.content is not None if small is not None else os.path.exists(path)

    def found(self, folder: Path, pattern: str) -> list[Path]:
        here = [path for path in self._small if path.parent == folder and path.match(pattern) and self.exists(path)]
        real = [path for path in folder.glob(pattern) if path not in self._small]
        return sorted(real) + sorted(here, key=lambda path: (self._small[path].changed_ns, path))

    def touch(self, path: Path) -> None:
        if not self.exists(path):
            self._may_change(path, grows=True)
            self._set(path, b"", durable=True)

    def remove(self, path: Path) -> None:
        if self.exists(path):
            self._may_change(path, grows=False)
            self._set(path, None, durable=True)

    def claim(self, path: Path) -> ExitStack | None:
        self.touch(path)
        owner = self.acting()
        if self._claims.setdefault(path, owner) != owner:
            return None
        stack = ExitStack()
        stack.callback(self._give_back, path, owner)
        return stack

    def _give_back(self, path: Path, owner: str) -> None:
        if self._claims.get(path) == owner:
            del self._claims[path]

    def _set(self, path: Path, content: bytes | None, durable: bool) -> None:
        now_ns, before = self._now_ns(), self._small.get(path)
        if durable:
            sure = content
        elif before is None:
            sure = path.read_bytes() if path.is_file() else None
        elif now_ns - before.changed_ns >= WRITE_BACK_S * 1e9:
            sure = before.content
        else:
            sure = before.sure
        self._small[path] = _Small(content, sure, now_ns)

    def change_database(self, path: Path, target: Path | None) -> None:
        """Give a file of a database another name, or none.  Raises OSError, or Killed.

        Who reads from outside the machine, as the rules do, is in nobody's way.
        """
        if not path.exists():
            return
        for changed in (path, target):
            if changed is not None:
                self._may_change(changed, grows=False)
                if self.windows and any(file.path == changed and file.owner for file in self._vfs.open_files):
                    raise PermissionError(errno.EACCES, "The process cannot access the file", str(changed))
        image = self._vfs.images.pop(str(path), None)
        if target is None:
            path.unlink()
            return
        os.replace(path, target)
        self._vfs.images.pop(str(target), None)
        if image is not None:
            image.path = target
            self._vfs.images[str(target)] = image

    def _may_change(self, path: Path, *, grows: bool) -> None:
        """Raises OSError, or Killed."""
        self._refuse_the_dead(self.acting())
        if self.windows and path in self._held:
            raise PermissionError(errno.EACCES, "The process cannot access the file: another process uses it", path)
        for trouble in self.troubles:
            if not _fits(trouble.where, trouble.owner, path, self.acting()):
                continue
            if trouble.kind == "full" and grows:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            if trouble.kind == "read_only":
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
            if trouble.kind == "io":
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    # Faults -----------------------------------------------------------------------------------------------------

    def begin(self, trouble: Trouble) -> None:
        """It lasts until `end`."""
        self.troubles.append(trouble)

    def end(self, trouble: Trouble) -> None:
        if trouble in self.troubles:
            self.troubles.remove(trouble)

    def lock(self, path: Path, seconds: float | None = None) -> bool:
        """Somebody else holds the write lock of a database, for so long or until `unlock`.  False: it is held."""
        self.unlock(path)
        self._lockers += 1
        holder = self.connect(path, "lock", f"{SOMEBODY} {self._lockers}")
        try:
            holder.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            holder.close()
            return False
        until_ns = None if seconds is None else self._now_ns() + round(seconds * 1e9)
        self._locks[path] = (holder, until_ns)
        return True

    def unlock(self, path: Path) -> None:
        holder, _ = self._locks.pop(path, (None, None))
        if holder is not None:
            holder.let_go()

    def hold(self, path: Path) -> None:
        """Somebody has a small file open, as a virus scanner does; it matters where `windows` is set."""
        self._held.add(path)

    def release(self, path: Path) -> None:
        self._held.discard(path)

    def let_all_go(self) -> None:
        """Nobody else holds a lock or a file."""
        self._held.clear()
        for path in list(self._locks):
            self.unlock(path)

    def flip(self, path: Path, rng: Random, within: bytes = b"") -> int:
        """One bit of one byte is another from here on; returns where, -1 in an empty file.

        within: one of these bytes, where the file holds them.
        """
        image = self._vfs.image(str(path))
        if not image.size:
            return -1
        offset = rng.randrange(image.size)
        if len(within) > PIECE_BYTES:
            content = path.read_bytes()
            starts = [rng.randrange(len(within) - PIECE_BYTES) for _ in range(ATTEMPTS)]
            pieces = (within[start : start + PIECE_BYTES] for start in starts)
            offset = next((content.find(piece) for piece in pieces if content.count(piece) == 1), -1)
            if offset < 0:
                return -1
        bit = 1 << rng.randrange(8)
        with path.open("r+b") as file:
            file.seek(offset)
            (byte,) = file.read(1)
            file.seek(offset)
            file.write(bytes([byte ^ bit]))
        if offset < len(image.sure):
            image.sure[offset] ^= bit
        return offset

    def let_go(self, owner: str) -> None:
        """The process is no more: its locks and handles are gone, nothing is written, and what it still does is Killed.

        So each start of a process is an owner of its own, as "trader 102".
        """
        if owner:
            self._dead.add(owner)
        for connection in self._connections:
            if connection.owner == owner:
                connection.let_go()
        self._claims = {path: holder for path, holder in self._claims.items() if holder != owner}
        self._connections = [one for one in self._connections if not one.closed]
        self.waited_ns.pop(owner, None)

    def power_cut(self, rng: Random) -> None:
        """Every process is gone, and so is what was not synced, or a part of it; whoever read must open again."""
        self._locks.clear()
        for owner in {connection.owner for connection in self._connections}:
            self.let_go(owner)
        self._vfs.cut(rng)
        now_ns = self._now_ns()
        for path, small in sorted(self._small.items()):
            if now_ns - small.changed_ns >= WRITE_BACK_S * 1e9 or small.content == small.sure:
                continue
            kept = rng.choice((small.content, small.sure, small.content and b""))
            self._small[path] = _Small(kept, kept, now_ns)

    def take_wait(self, owner: str) -> int:
        """Nanoseconds for which that process waited for locks since this was last asked."""
        return self.waited_ns.pop(owner, 0)

    # What the VFS asks ------------------------------------------------------------------------------------------

    def on_write(self, owner: str, path: Path, grows: bool) -> None:
        self.writes[owner] = self.writes.get(owner, 0) + 1
        self._refuse_the_dead(owner)
        if self.at_writes:
            self._at_write(owner, path)
        for trouble in self.troubles:
            if _fits(trouble.where, trouble.owner, path, owner) and (trouble.kind != "full" or grows):
                raise _error("full" if trouble.kind == "full" else "io")

    def on_sync(self, owner: str, path: Path) -> None:
        self._refuse_the_dead(owner)
        if any(t.kind == "io" and _fits(t.where, t.owner, path, owner) for t in self.troubles):
            raise _error("io")

    def on_open(self, owner: str, path: Path) -> bool:
        """Whether it may be written."""
        return not any(t.kind == "read_only" and _fits(t.where, t.owner, path, owner) for t in self.troubles)

    def on_delete(self, owner: str, path: Path) -> None:
        self._refuse_the_dead(owner)
        if any(t.kind != "full" and _fits(t.where, t.owner, path, owner) for t in self.troubles):
            raise _error("io")
        if self.windows and any(file.path == path and file.owner != owner for file in self._vfs.open_files):
            raise _error("io")

    def on_statement(self, owner: str, path: Path, writes: bool) -> None:
        self._refuse_the_dead(owner)
        if writes:
            self.begun[owner] = self.begun.get(owner, 0) + 1
        for one in self.at_writes:
            if writes and one.kind == "locked" and self._is_due(one, owner, path):
                raise sqlite3.OperationalError("database is locked")
        if self._locks:
            self._open_locks(self._now_ns())

    def on_commit(self, owner: str, path: Path) -> None:
        for one in self.at_writes:
            if one.kind == "done" and self._is_due(one, owner, path):
                self.on_told()
                raise _error("io")

    def on_busy(self, owner: str, path: Path, timeout_s: float) -> bool:
        now_ns, until_ns = self._now_ns(), self._locks.get(path, (None, None))[1]
        if until_ns is not None and until_ns - now_ns <= timeout_s * 1e9:
            self.waited_ns[owner] = self.waited_ns.get(owner, 0) + until_ns - now_ns
            self.unlock(path)
            return True
        self.waited_ns[owner] = self.waited_ns.get(owner, 0) + round(timeout_s * 1e9)
        return False

    def _open_locks(self, now_ns: int) -> None:
        for path, (_, until_ns) in list(self._locks.items()):
            if until_ns is not None and until_ns <= now_ns:
                self.unlock(path)

    def _at_write(self, owner: str, path: Path) -> None:
        for one in self.at_writes:
            if one.kind in ("locked", "done") or not self._is_due(one, owner, path):
                continue
            if one.kind == "kill":
                self.let_go(owner)
                self.on_kill(owner)
                raise Killed(owner)
            raise _error("full" if one.kind == "full" else "io")

    def _is_due(self, one: OneWrite, owner: str, path: Path) -> bool:
        if not _fits(one.where, one.owner, path, owner):
            return False
        one.seen += 1
        return one.nth <= one.seen < one.nth + one.count

    def _refuse_the_dead(self, owner: str) -> None:
        if owner in self._dead:
            raise Killed(owner)


def _fits(where: Path | None, whose: str, path: Path, owner: str) -> bool:
    """A database's log and journal are meant with it."""
    if whose and whose != owner.partition(" ")[0]:
        return False
    return where is None or path.is_relative_to(where) or str(path).startswith(f"{where}-")


def _error(kind: Literal["full", "io"]) -> apsw.Error:
    import apsw

    return apsw.FullError("database or disk is full") if kind == "full" else apsw.IOError("disk I/O error")
