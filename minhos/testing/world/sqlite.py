"""SQLite on a disk that misbehaves: a VFS under the real library, and its connections in the clothes of `sqlite3`.

Every file lies where its path says, so that whoever looks with the system's own calls finds it; what the VFS adds is
what a machine's disk can do to it: refuse a write, lose what was not synced, let go of what a killed process held.
When that happens is said by `minhos.testing.world.disk`.  For the world alone: it needs `apsw`, which tests install.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import apsw

from minhos.testing.world.machine import Killed

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

SECTOR_BYTES = 512
"""What a disk writes whole or not at all."""
_TIMEOUT = "PRAGMA busy_timeout="
_WRITES = {"BEGIN ", "INSERT", "UPDATE", "DELETE", "REPLAC", "CREATE"}
_READS = ("SELECT ", "PRAGMA data_version")
"""Statements that change nothing and end no transaction."""
_numbers = itertools.count()

Row = tuple[object, ...]
BackupProgress = Callable[[int, int, int], object]


class Rules(Protocol):
    """What the disk says to each call; each may raise an error of apsw's, or Killed."""

    def on_write(self, owner: str, path: Path, grows: bool) -> None: ...

    def on_sync(self, owner: str, path: Path) -> None: ...

    def on_open(self, owner: str, path: Path) -> bool:
        """Whether it may be written."""

    def on_delete(self, owner: str, path: Path) -> None: ...

    def on_statement(self, owner: str, path: Path, writes: bool) -> None:
        """writes: it begins with the write lock, and may raise sqlite3.OperationalError where that is held."""

    def on_commit(self, owner: str, path: Path) -> None:
        """A commit was made."""

    def on_busy(self, owner: str, path: Path, timeout_s: float) -> bool:
        """Somebody else holds a lock: whether to try again, now that the time for it has passed."""


class Image:
    """One file as the disk has it for certain, and what was written since without being synced."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sure = bytearray(path.read_bytes()) if path.exists() else bytearray()
        self.size = len(self.sure)
        self.unsure: list[tuple[int, bytes | None]] = []
        """Offset and bytes of a write; a length and None of a truncation."""

    def write(self, offset: int, data: bytes) -> None:
        self.unsure.append((offset, data))
        self.size = max(self.size, offset + len(data))

    def truncate(self, size: int) -> None:
        self.unsure.append((size, None))
        self.size = size

    def sync(self) -> None:
        for offset, data in self.unsure:
            _apply(self.sure, offset, data)
        self.unsure.clear()

    def cut(self, rng: Random) -> None:
        """The power is gone: each write that was not synced is there, is not, or is torn between two sectors."""
        for offset, data in self.unsure:
            fate = rng.random()
            if fate < 0.45:
                continue
            if data is not None and fate > 0.9:
                first = SECTOR_BYTES - offset % SECTOR_BYTES
                ends = range(min(first, len(data)), len(data) + 1, SECTOR_BYTES)
                data = data[: rng.choice(ends)]
            _apply(self.sure, offset, data)
        self.unsure.clear()
        self.size = len(self.sure)
        self.path.write_bytes(self.sure)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class WorldVfs(apsw.VFS):
    """The files of one world."""

    def __init__(self, rules: Rules) -> None:
        self.name = f"world-{os.getpid()}-{next(_numbers)}"
        self.rules = rules
        self.owner = ""
        """Whose call is under way."""
        self.images: dict[str, Image] = {}
        self.deleted: dict[str, bytes] = {}
        """What was deleted while its folder was not synced; a power cut may bring it back."""
        self.open_files: list[WorldFile] = []
        super().__init__(self.name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        if name is None:
            return apsw.VFSFile("", None, flags)
        path = name if isinstance(name, str) else name.filename()
        if flags[0] & apsw.SQLITE_OPEN_READWRITE and not self.rules.on_open(self.owner, Path(path)):
            flags[0] = flags[0] & ~(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE) | apsw.SQLITE_OPEN_READONLY
        self.deleted.pop(path, None)
        file = WorldFile(self, path, name, flags)
        self.open_files.append(file)
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        try:
            self.rules.on_delete(self.owner, Path(filename))
        except Killed:
            return  # the dead delete nothing
        image = self.images.pop(filename, None)
        super().xDelete(filename, syncdir)
        if image is not None and not syncdir:
            self.deleted[filename] = bytes(image.sure)

    def image(self, path: str) -> Image:
        found = self.images.get(path)
        if found is None:
            found = self.images[path] = Image(Path(path))
        return found

    def cut(self, rng: Random) -> None:
        """After every connection was let go of: what the disk has when the power is back."""
        for path, image in sorted(self.images.items()):
            if image.unsure:
                image.cut(rng)
            Path(f"{path}-shm").unlink(missing_ok=True)
        for path, content in sorted(self.deleted.items()):
            if rng.random() < 0.5 and Path(path.removesuffix("-wal")).exists():
                Path(path).write_bytes(content)
        self.deleted.clear()
        self.images.clear()


class WorldFile(apsw.VFSFile):
    """One open file of one process."""

    def __init__(self, vfs: WorldVfs, path: str, name: str | apsw.URIFilename, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self.vfs, self.path, self.owner = vfs, Path(path), vfs.owner
        self.key = path
        self.image = vfs.image(path)
        self.dead = False

    def xWrite(self, data: ReadableBuffer, offset: int) -> None:  # noqa: N802
        if self.dead:
            return
        content = bytes(data)
        self.vfs.rules.on_write(self.owner, self.path, offset + len(content) > self.image.size)
        super().xWrite(content, offset)
        self.image.write(offset, content)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        if self.dead:
            return
        self.vfs.rules.on_write(self.owner, self.path, False)
        super().xTruncate(newsize)
        self.image.truncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self.dead:
            return
        self.vfs.rules.on_sync(self.owner, self.path)
        self.image.sync()

    def xClose(self) -> None:  # noqa: N802
        if self in self.vfs.open_files:
            self.vfs.open_files.remove(self)
        super().xClose()


class WorldCursor:
    """The rows of one statement, all read."""

    def __init__(self, rows: Sequence[Row], lastrowid: int, rowcount: int) -> None:
        self._rows = iter(rows)
        self.lastrowid, self.rowcount = lastrowid, rowcount

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def fetchone(self) -> Row | None:
        return next(self._rows, None)

    def fetchall(self) -> list[Row]:
        return list(self._rows)


class WorldConnection:
    """What stores use of `sqlite3.Connection` in autocommit, its errors included.

    One difference: a statement's rows are read at once, so no reader holds a snapshot between two calls.
    """

    def __init__(self, vfs: WorldVfs, path: Path, owner: str, *, read_only: bool, timeout_s: float) -> None:
        self._vfs, self.path, self.owner, self.timeout_s = vfs, path, owner, timeout_s
        self.dead = self.works = False
        self._working = _Working(self)
        vfs.owner = owner
        writable = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        self._real: apsw.Connection | None = None
        with _Translated():
            vfs.rules.on_statement(owner, path, False)
            self._real = apsw.Connection(
                str(path), flags=apsw.SQLITE_OPEN_READONLY if read_only else writable, vfs=vfs.name
            )
            self._real.set_busy_handler(lambda _calls: vfs.rules.on_busy(owner, path, self.timeout_s))
            self._real.set_rollback_hook(self._on_rollback)
        self._rolled_back = False

    def _on_rollback(self) -> None:
        self._rolled_back = True

    @property
    def closed(self) -> bool:
        return self._real is None

    @property
    def in_transaction(self) -> bool:
        return self._real is not None and self._real.in_transaction

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> WorldCursor:
        if sql.startswith(_TIMEOUT):  # waiting is the world's: SQLite would sleep
            self.timeout_s = int(sql.removeprefix(_TIMEOUT)) / 1e3
            return WorldCursor((), 0, 0)
        with self._working:
            real = self._ready(sql)
            if sql.startswith(_READS):
                return WorldCursor(real.execute(sql, parameters).fetchall(), 0, -1)
            before, in_transaction, self._rolled_back = real.total_changes(), real.in_transaction, False
            try:
                rows = real.execute(sql, parameters).fetchall()
            except apsw.Error as error:
                committed = real.total_changes() > before or (in_transaction and not self._rolled_back)
                if getattr(error, "result", None) is not None or real.in_transaction or not committed:
                    raise
                rows = []  # SQLite keeps it to itself where a checkpoint after the commit fails
            ended = (in_transaction and not self._rolled_back) or real.total_changes() > before
            if ended and not real.in_transaction:
                self._vfs.rules.on_commit(self.owner, self.path)
            return WorldCursor(rows, real.last_insert_rowid(), real.changes())

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> WorldCursor:
        with self._working:
            real = self._ready(sql)
            before = real.total_changes()
            real.executemany(sql, rows)
            return WorldCursor((), real.last_insert_rowid(), real.total_changes() - before)

    def executescript(self, sql: str) -> WorldCursor:
        if self.in_transaction:
            self.execute("COMMIT")
        return self.execute(sql)

    def commit(self) -> None:
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")

    def backup(
        self,
        target: WorldConnection | sqlite3.Connection,
        *,
        pages: int = -1,
        progress: BackupProgress | None = None,
    ) -> None:
        """Into another file of the world, or into one of the machine's own disk."""
        with self._working:
            real = self._ready()
            if isinstance(target, sqlite3.Connection):
                _copy_out(real.serialize("main"), target, pages, progress)
                return
            with target._ready().backup("main", real, "main") as copy:
                while not copy.done:
                    copy.step(pages)
                    if progress is not None:
                        progress(apsw.SQLITE_OK, copy.remaining, copy.page_count)

    def close(self) -> None:
        if self._real is not None and not self.dead:
            self._vfs.owner = self.owner
            real, self._real = self._real, None
            with suppress(apsw.Error):  # SQLite keeps to itself what fails at the end
                real.close(True)

    def __enter__(self) -> WorldConnection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.rollback()

    def let_go(self) -> None:
        """As the system does for a process that was killed: no checkpoint, no rollback, nothing written."""
        self.dead = True
        if not self.works:
            self.drop()

    def drop(self) -> None:
        """Let go of what is open now."""
        if self._real is None:
            return
        for file in self._vfs.open_files:
            if file.owner == self.owner:
                file.dead = True
        self._vfs.owner = self.owner
        real, self._real = self._real, None
        with suppress(apsw.Error):
            real.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            real.close(True)

    def _ready(self, sql: str = "") -> apsw.Connection:
        if self.dead:
            raise Killed(self.owner)
        self._vfs.owner = self.owner
        writes = _writes(sql) and not self.in_transaction
        self._vfs.rules.on_statement(self.owner, self.path, writes)
        if self._real is None:
            raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
        return self._real


@cache
def _writes(sql: str) -> bool:
    """Whether it begins with the write lock."""
    return sql.lstrip()[:6].upper() in _WRITES


def _copy_out(content: bytes, target: sqlite3.Connection, pages: int, progress: BackupProgress | None) -> None:
    """By a file of its own, as the two libraries know nothing of each other."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "copy.sqlite"
        header = bytearray(content)
        header[18:20] = b"\x01\x01"  # not in WAL mode: the log's content is in these pages already
        file.write_bytes(header)
        source = sqlite3.connect(file)
        try:
            source.backup(target, pages=pages, progress=progress)
        finally:
            source.close()


_CLASSES: tuple[tuple[type[apsw.Error], type[sqlite3.Error], str, int], ...] = (
    (apsw.BusyError, sqlite3.OperationalError, "database is locked", apsw.SQLITE_BUSY),
    (apsw.LockedError, sqlite3.OperationalError, "database table is locked", apsw.SQLITE_LOCKED),
    (apsw.IOError, sqlite3.OperationalError, "disk I/O error", apsw.SQLITE_IOERR),
    (apsw.FullError, sqlite3.OperationalError, "database or disk is full", apsw.SQLITE_FULL),
    (apsw.ReadOnlyError, sqlite3.OperationalError, "attempt to write a readonly database", apsw.SQLITE_READONLY),
    (apsw.CantOpenError, sqlite3.OperationalError, "unable to open database file", apsw.SQLITE_CANTOPEN),
    (apsw.CorruptError, sqlite3.DatabaseError, "database disk image is malformed", apsw.SQLITE_CORRUPT),
    (apsw.NotADBError, sqlite3.DatabaseError, "file is not a database", apsw.SQLITE_NOTADB),
    (apsw.ConstraintError, sqlite3.IntegrityError, "", apsw.SQLITE_CONSTRAINT),
    (apsw.MismatchError, sqlite3.IntegrityError, "", apsw.SQLITE_MISMATCH),
    (apsw.TooBigError, sqlite3.DataError, "", apsw.SQLITE_TOOBIG),
    (apsw.BindingsError, sqlite3.ProgrammingError, "", apsw.SQLITE_MISUSE),
    (apsw.ConnectionClosedError, sqlite3.ProgrammingError, "", apsw.SQLITE_MISUSE),
    (apsw.ThreadingViolationError, sqlite3.ProgrammingError, "", apsw.SQLITE_MISUSE),
    (apsw.MisuseError, sqlite3.InterfaceError, "", apsw.SQLITE_MISUSE),
    (apsw.RangeError, sqlite3.InterfaceError, "", apsw.SQLITE_RANGE),
)


class _Translated:
    """Errors of apsw as `sqlite3` names and words them."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, apsw.Error):
            return
        ours: type[sqlite3.Error] = sqlite3.OperationalError
        words, code = "", apsw.SQLITE_ERROR
        for theirs, named, said, number in _CLASSES:
            if isinstance(error, theirs):
                ours, words, code = named, said, number
                break
        raised = ours(words or str(error))
        raised.sqlite_errorcode = code
        raise raised from error


class _Working(_Translated):
    """A process that is killed at a write lets go when SQLite has returned from it."""

    def __init__(self, connection: WorldConnection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.works = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.works = False
        if self._connection.dead:
            self._connection.drop()
        if error is not None:
            super().__exit__(kind, error, trace)
