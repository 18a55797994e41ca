"""Opening a database file: time-outs and pragmas in one place, and the port by which another disk takes its place.

For the journal, the inbox and the stores beside them.  What is in a file is each store's own affair.
"""

from __future__ import annotations

import errno
import itertools
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Literal, Protocol

BUSY_TIMEOUT_S = 5.0
"""So long a statement waits for another process's lock."""
CHECKPOINT_PAGES = 16_000
"""SQLite's own checkpoint, in pages of 4 KiB, as a safety net: the trader checkpoints between bars."""
_ATTEMPTS = 200
DATABASE_FILES = ("", "-wal", "-shm", "-journal")
"""Of the files that are one database."""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_SCHEMA = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_CONSTRAINT}
DatabaseErrors = (sqlite3.Error, OSError, UnicodeDecodeError)
"""What using a database raises; the last where not even SQLite's own message is text any more."""

Use = Literal["journal", "write", "read", "lock", "copy"]
"""journal, write: written beside readers.  read: never written.  lock: held for its lock alone.  copy: for oneself."""


class OpenDatabase(Protocol):
    """How a store opens its file, and what else is done with whole database files."""

    def __call__(self, path: Path, use: Use, *, shared: bool = False) -> sqlite3.Connection:
        """Every statement commits by itself, unless BEGIN says otherwise.  shared: by threads of this process.

        Raises sqlite3.Error, OSError.
        """

    def exists(self, path: Path) -> bool: ...

    def move(self, source: Path, target: Path) -> None:
        """Give a database that nobody has open another name; one that stands there goes.  Raises OSError.

        The file itself goes first: a database without its last commits must not stand at the old name.
        """

    def remove(self, path: Path) -> None:
        """An absent one is no error.  Raises OSError."""


class LocalDatabases:
    """On this machine's disk.  What is written beside readers is in WAL mode: nobody waits, a kill breaks nothing."""

    def __call__(self, path: Path, use: Use, *, shared: bool = False) -> sqlite3.Connection:
        name = f"{path.absolute().as_uri()}?mode=ro" if use == "read" else str(path)
        if use != "read":
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_private(path)
        connection = sqlite3.connect(
            name,
            uri=use == "read",
            timeout=0.0 if use == "lock" else BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=not shared,
        )
        return prepared(connection, use)

    def exists(self, path: Path) -> bool:
        return path.is_file()

    def move(self, source: Path, target: Path) -> None:
        self.remove(target)
        for suffix in DATABASE_FILES:
            part = source.with_name(source.name + suffix)
            if part.exists():
                os.replace(part, target.with_name(target.name + suffix))

    def remove(self, path: Path) -> None:
        for suffix in DATABASE_FILES:
            path.with_name(path.name + suffix).unlink(missing_ok=True)


open_database = LocalDatabases()


def prepared(connection: sqlite3.Connection, use: Use) -> sqlite3.Connection:
    """With the pragmas of its use.  Raises sqlite3.Error, and then it is closed."""
    if use in ("journal", "write"):
        try:
            _use_wal(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            if use == "journal":
                connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        except BaseException:
            connection.close()
            raise
    return connection


def is_damage(error: BaseException) -> bool:
    """Whether SQLite says that the file's content is not what it wrote, rather than that it cannot be had now."""
    words = ("malformed", "not a database", "could not decode")
    return (
        isinstance(error, UnicodeDecodeError)
        or _code(error) in _DAMAGED
        or any(word in str(error).lower() for word in words)
    )


def is_unusable(error: BaseException) -> bool:
    """Damaged, or its tables are not the ones that were made."""
    return is_damage(error) or _code(error) in _SCHEMA or "no such " in str(error)


def way_out(error: BaseException) -> str:
    """What a person can do about it, by its cause."""
    number = getattr(error, "errno", None)
    code = _code(error)
    words = str(error).lower()
    if code == sqlite3.SQLITE_FULL or number == errno.ENOSPC or "disk is full" in words:
        return "make free space on its disk"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or "locked" in words:
        return "another process holds it; it is tried again"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN) or isinstance(
        error, PermissionError
    ):
        return "check the permissions of the file and its folder"
    return "check its disk (free space, cable, file system) and the file's permissions"


def set_aside(path: Path, opened: OpenDatabase) -> Path | None:
    """Rename a database that nobody has open to the first free NAME.replaced-N; None where there is none."""
    if not opened.exists(path):
        return None
    names = (path.with_name(f"{path.name}.replaced-{number}") for number in itertools.count(1))
    kept = next(name for name in names if not opened.exists(name))
    opened.move(path, kept)
    return kept


def _code(error: BaseException) -> int:
    """SQLite's primary result code; 0 where there is none."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else 0


def _make_private(path: Path) -> None:
    """A new file is its owner's alone; what SQLite puts beside it is as private as the file."""
    with suppress(OSError):  # it exists, or cannot be made, which SQLite says in its own words
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL mode.

    SQLite answers "database is locked" to this at once, without its time-out, while another process does the same in
    a new file; an exclusive transaction does wait for that process.
    """
    for attempt in range(_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == _ATTEMPTS - 1:
                raise
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
