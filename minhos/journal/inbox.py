"""The inbox: a small SQLite file of its own, through which other processes ask the trader for something.

Many write, the trader alone reads, acts, journals and answers.  It is no record of what happened: that is the
journal, into which the trader copies each row once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard

import msgspec

from minhos.errors import InboxDamaged, JournalError
from minhos.journal.database import DatabaseErrors, OpenDatabase, is_unusable, open_database, way_out

_SCHEMA = """
BEGIN IMMEDIATE;
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
COMMIT;
"""

_WAITING_ROWS = """
SELECT id, CAST(who AS BLOB), CAST(type AS BLOB), CAST(payload AS BLOB),
    CAST(created_ns AS INTEGER), CAST(expires_ns AS INTEGER)
FROM inbox WHERE acknowledged = 0 ORDER BY id
"""
"""Of known kinds whatever stands there: SQLite keeps any value in any column, also text that is none."""

WAITING, DONE, REFUSED = 0, 1, 2
"""What `acknowledged` says of a row."""
_REFUSED_BEFORE = "refused: "
"""So 0.1.0 began the answers of refusals, which it stored as `DONE`; its readers still know them by it."""

Scalar = str | int | float | bool


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks the trader for."""

    name: str
    """Of the command, as "halt"."""
    who: str
    why: str = ""
    fields: dict[str, Scalar] = {}
    """The command's own, beside why."""
    created_ns: int = 0
    expires_ns: int
    """After that it must not be carried out."""
    id: int = 0
    """Given by the inbox, 0 before."""


class Answer(msgspec.Struct, frozen=True):
    """What became of a request."""

    accepted: bool
    sentence: str


class Inbox:
    """Opened by every process for itself; a connection may be shared by the threads of a process."""

    def __init__(
        self, path: Path | str, opened: OpenDatabase = open_database, *, patience_s: float | None = None
    ) -> None:
        """patience_s: how long a statement waits for another's lock once it is open; None for the usual time."""
        self.path = Path(path)
        self._seen_version = -1
        self._waiting = True
        with self._explained():
            self._connection = opened(self.path, "write", shared=True)
            self._connection.executescript(_SCHEMA)
            if patience_s is not None:
                self._connection.execute(f"PRAGMA busy_timeout={round(1000 * patience_s)}")

    def prove(self) -> None:
        """Raises InboxDamaged where SQLite finds its own file damaged; it is small, and read whole."""
        with self._explained():
            (said,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            raise InboxDamaged(f"The inbox {self.path} is damaged ({said}).")

    def put(self, request: Request) -> int:
        """Ask for something; returns the id under which `answer` will be found."""
        payload = msgspec.json.encode({**request.fields, "why": request.why}).decode()
        row = (request.who, request.name, payload, request.created_ns, request.expires_ns)
        self._waiting = True
        with self._explained():
            cursor = self._connection.execute(
                "INSERT INTO inbox (who, type, payload, created_ns, expires_ns) VALUES (?, ?, ?, ?, ?)", row
            )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def pending(self, now_ns: int) -> list[Request]:
        """What is to be done, oldest first.  What expired unseen is acknowledged here as expired.

        Called every 50 ms: where no other process wrote since and nothing waited, it costs one pragma.
        """
        with self._explained():
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            if version == self._seen_version and not self._waiting:
                return []
            self._seen_version = version
            self._connection.execute(
                "UPDATE inbox SET acknowledged = ?, answer = 'expired before it was read' "
                "WHERE acknowledged = 0 AND CAST(expires_ns AS INTEGER) <= ?",
                (REFUSED, now_ns),
            )
            rows = self._connection.execute(_WAITING_ROWS).fetchall()
        self._waiting = bool(rows)
        return [_request(*row) for row in rows]

    def acknowledge(self, number: int, answer: Answer) -> None:
        """The request was carried out or refused, and this is the sentence for whoever asked."""
        state, text = (DONE, "") if answer.accepted else (REFUSED, _REFUSED_BEFORE)
        with self._explained():
            self._connection.execute(
                "UPDATE inbox SET acknowledged = ?, answer = ? WHERE id = ?", (state, text + answer.sentence, number)
            )

    def answer(self, number: int) -> Answer | None:
        """The trader's, or None while there is none yet."""
        with self._explained():
            row = self._connection.execute("SELECT acknowledged, answer FROM inbox WHERE id = ?", (number,)).fetchone()
        if row is None or row[0] == WAITING:
            return None
        text = str(row[1])
        return Answer(row[0] == DONE and not text.startswith(_REFUSED_BEFORE), text.removeprefix(_REFUSED_BEFORE))

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DatabaseErrors as error:
            if is_unusable(error):
                raise InboxDamaged(
                    f"The inbox {self.path} is damaged ({error}): `python3 minh.py stop` and `start`, and the trader "
                    "begins a new one; until then only the HALT file reaches it."
                ) from error
            raise JournalError(
                f"The inbox {self.path} could not be used ({error}): {way_out(error)}; "
                f"until then only the HALT file reaches the trader."
            ) from error


def _request(number: int, who: bytes, name: bytes, payload: bytes, created_ns: int, expires_ns: int) -> Request:
    """From a row.  Fields that no command can have are left out: every process of the user may write here."""
    try:
        fields = msgspec.json.decode(payload, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError, ValueError):  # no text, or none that is JSON
        fields = {}
    return Request(
        id=number,
        name=name.decode(errors="replace"),
        who=who.decode(errors="replace"),
        why=str(fields.pop("why", "")),
        fields={key: value for key, value in fields.items() if _can_be_kept(value)},
        created_ns=created_ns,
        expires_ns=expires_ns,
    )


def _can_be_kept(value: object) -> TypeGuard[Scalar]:
    """Whether a journal can hold it: its whole numbers have 64 bits."""
    return isinstance(value, Scalar) and not (isinstance(value, int) and not -(2**63) <= value < 2**63)
