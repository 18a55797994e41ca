"""Opening a database file: time-outs and pragmas in one place, and the port by which another disk takes its place.

For the journal, the inbox and the stores beside them.  What is in a file is each store's own affair.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Literal, Protocol

BUSY_TIMEOUT_S = 5.0
"""So long a statement waits for another process's lock."""
CHECKPOINT_PAGES = 16_000
"""SQLite's own checkpoint, in pages of 4 KiB, as a safety net: the trader checkpoints between bars."""
_ATTEMPTS = 200

Use = Literal["journal", "write", "read", "lock", "copy"]
"""journal, write: written beside readers.  read: never written.  lock: held for its lock alone.  copy: for oneself."""


class OpenDatabase(Protocol):
    """How a store opens its file."""

    def __call__(self, path: Path, use: Use, *, shared: bool = False) -> sqlite3.Connection:
        """Every statement commits by itself, unless BEGIN says otherwise.  shared: by threads of this process.

        Raises sqlite3.Error, OSError.
        """


def open_database(path: Path, use: Use, *, shared: bool = False) -> sqlite3.Connection:
    """On this machine's disk.  What is written beside readers is in WAL mode: nobody waits, a kill breaks nothing."""
    name = f"{path.absolute().as_uri()}?mode=ro" if use == "read" else str(path)
    connection = sqlite3.connect(
        name,
        uri=use == "read",
        timeout=0.0 if use == "lock" else BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=not shared,
    )
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
