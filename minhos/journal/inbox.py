"""The inbox: a small SQLite file of its own, through which other processes ask the trader for something.

Many write, the trader alone reads, acts, journals and answers.  It is no record of what happened: that is the
journal, into which the trader copies each row once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from minhos.errors import JournalError

BUSY_TIMEOUT_S = 5.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    who TEXT NOT NULL,
    type TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0,
    answer TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS inbox_waiting ON inbox (id) WHERE acknowledged = 0;
"""


class Command(msgspec.Struct, frozen=True):
    """One request.  payload: the command's own fields.  expires_ns: after that it must not be carried out."""

    id: int
    who: str
    type: str
    payload: dict[str, object]
    created_ns: int
    expires_ns: int


class Inbox:
    """Opened by every process for itself; a connection may be shared by the threads of a process."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._seen_version = -1
        self._waiting = True
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_SCHEMA)

    def put(self, who: str, command: str, payload: dict[str, object], created_ns: int, expires_ns: int) -> int:
        """Ask for something; returns the id under which `answer` will be found."""
        row = (who, command, msgspec.json.encode(payload).decode(), created_ns, expires_ns)
        self._waiting = True
        with self._explained():
            cursor = self._connection.execute(
                "INSERT INTO inbox (who, type, payload, created_ns, expires_ns) VALUES (?, ?, ?, ?, ?)", row
            )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def pending(self, now_ns: int) -> list[Command]:
        """What is to be done, oldest first.  What expired unseen is acknowledged here as expired.

        Called every 50 ms: where no other process wrote since and nothing waited, it costs one pragma.
        """
        with self._explained():
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            if version == self._seen_version and not self._waiting:
                return []
            self._seen_version = version
            self._connection.execute(
                "UPDATE inbox SET acknowledged = 1, answer = 'expired before it was read' "
                "WHERE acknowledged = 0 AND expires_ns <= ?",
                (now_ns,),
            )
            rows = self._connection.execute(
                "SELECT id, who, type, payload, created_ns, expires_ns FROM inbox WHERE acknowledged = 0 ORDER BY id"
            ).fetchall()
        self._waiting = bool(rows)
        return [
            Command(number, who, command, msgspec.json.decode(payload), created_ns, expires_ns)
            for number, who, command, payload, created_ns, expires_ns in rows
        ]

    def acknowledge(self, number: int, answer: str) -> None:
        """The command was carried out or refused, and this is the sentence for whoever asked."""
        with self._explained():
            self._connection.execute("UPDATE inbox SET acknowledged = 1, answer = ? WHERE id = ?", (answer, number))

    def answer(self, number: int) -> str | None:
        """The trader's sentence, or None while there is none yet."""
        with self._explained():
            row = self._connection.execute("SELECT acknowledged, answer FROM inbox WHERE id = ?", (number,)).fetchone()
        return row[1] if row and row[0] else None

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"The inbox {self.path} could not be used ({error}): check the disk's free space and the permissions "
                f"of its folder; until then only the HALT file reaches the trader."
            ) from error
