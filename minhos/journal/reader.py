"""Reading a journal, from any process and at any time: records, snapshots, the proof of the chain, backups.

Writing is `store`; what an event means is `trading.events`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from minhos.errors import JournalError
from minhos.journal.database import OpenDatabase, open_database
from minhos.journal.types import (
    Progress,
    Record,
    Snapshot,
    VerifyReport,
    fits,
    genesis_hash,
    snapshot_hash,
)

SCHEMA_VERSION = "1"
_PAGE = 2_000
_COLUMNS = "sequence, time_ns, kind, version, payload, hash"


class JournalReader:
    """A journal to read, also while a trader in another process appends to it; may be shared by threads."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        with self._explained("read"):
            meta = dict(connection.execute("SELECT key, value FROM meta"))
        self.identity = {
            key.removeprefix("identity:"): meta[key] for key in sorted(meta) if key.startswith("identity:")
        }
        if meta.get("schema") != SCHEMA_VERSION:
            raise JournalError(
                f"The journal {path} has schema {meta.get('schema')} and this MinhOS reads {SCHEMA_VERSION}: "
                f"use the MinhOS that wrote it, or another data folder."
            )

    @property
    def last(self) -> int:
        """Sequence of the newest record, 0 in an empty journal."""
        with self._explained("read"):
            row = self._connection.execute("SELECT max(sequence) FROM events").fetchone()
        return row[0] or 0

    @property
    def head_hash(self) -> bytes:
        """Hash of the newest record: whoever has noted it can tell later that nothing before it was changed."""
        return self._hash_at(self.last)

    @property
    def writer_pid(self) -> str:
        """Process id of the trader that writes here, or wrote last."""
        with self._explained("read"):
            row = self._connection.execute("SELECT value FROM meta WHERE key = 'writer_pid'").fetchone()
        return row[0] if row else "unknown"

    def records(
        self, after: int = 0, until: int | None = None, kinds: Collection[str] | None = None
    ) -> Iterator[Record]:
        """Records with after < sequence <= until, oldest first, of these kinds or of all."""
        condition = "sequence > ? AND sequence <= ?"
        names = tuple(kinds) if kinds is not None else ()
        if kinds is not None:
            condition += f" AND kind IN ({', '.join('?' * len(names))})"
        query = f"SELECT {_COLUMNS} FROM events WHERE {condition} ORDER BY sequence LIMIT {_PAGE}"
        end = self.last if until is None else until
        while True:
            with self._explained("read"):
                rows = self._connection.execute(query, (after, end, *names)).fetchall()
            for row in rows:
                yield Record(*row)
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Recompute the whole chain and every snapshot's hash, and let SQLite check its own file."""
        previous, sound = genesis_hash(self.identity), 0
        try:
            total = self.last
            for record in self.records():
                if record.sequence != sound + 1:
                    return VerifyReport(sound, sound + 1, f"record {sound + 1} is missing")
                if not fits(record, previous):
                    return VerifyReport(sound, record.sequence, f"record {record.sequence} was changed after the fact")
                previous, sound = record.hash, record.sequence
                if progress is not None and sound % _PAGE == 0:
                    progress(0.9 * sound / total, f"{sound:,} of {total:,} records are sound")
            return self._verify_rest(sound)
        except JournalError as error:
            return VerifyReport(sound, sound + 1, f"record {sound + 1} cannot be read: {error}")

    def _verify_rest(self, sound: int) -> VerifyReport:
        with self._explained("read"):
            snapshots = self._connection.execute("SELECT name, sequence, payload, hash FROM snapshots").fetchall()
            (integrity,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
        for name, sequence, payload, digest in snapshots:
            if sequence > sound:
                return VerifyReport(
                    sound, sound + 1, f"snapshot {name} knows of {sequence} records: the end is missing"
                )
            if digest != snapshot_hash(name, sequence, payload, self._hash_at(sequence)):
                return VerifyReport(sound, sequence, f"snapshot {name} at record {sequence} was changed")
        if integrity != "ok":
            return VerifyReport(sound, sound + 1, f"the file is damaged: {integrity}")
        return VerifyReport(sound, None, f"all {sound:,} records are sound")

    def latest_snapshot(self, name: str) -> Snapshot | None:
        """The newest sound snapshot of that name; a damaged one is passed over (the events can rebuild it)."""
        query = "SELECT sequence, payload, hash FROM snapshots WHERE name = ? ORDER BY sequence DESC"
        last = self.last
        with self._explained("read"):
            rows = self._connection.execute(query, (name,)).fetchall()
        for sequence, payload, digest in rows:
            if sequence <= last and digest == snapshot_hash(name, sequence, payload, self._hash_at(sequence)):
                return Snapshot(name, sequence, payload)
        return None

    def backup(self, target: Path, progress: Progress | None = None) -> None:
        """Copy the journal as it is now, also while it is written to; the copy appears whole or not at all."""
        target = Path(target)
        unfinished = target.with_name(target.name + ".unfinished")

        def report(_status: int, remaining: int, total: int) -> None:
            if progress is not None:
                progress(1.0 - remaining / max(total, 1), f"{total - remaining:,} of {total:,} pages copied")

        with self._explained("copied"):
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished.unlink(missing_ok=True)
            copy = open_database(unfinished, "copy")
            try:
                self._connection.backup(copy, pages=4_096, progress=report)
                copy.execute("PRAGMA journal_mode=DELETE")
            finally:
                copy.close()
            os.replace(unfinished, target)

    def close(self) -> None:
        self._connection.close()

    def _hash_at(self, sequence: int) -> bytes:
        """Hash of that record; of sequence 0 the genesis hash, of a missing record no bytes."""
        if sequence == 0:
            return genesis_hash(self.identity)
        with self._explained("read"):
            row = self._connection.execute("SELECT hash FROM events WHERE sequence = ?", (sequence,)).fetchone()
        return row[0] if row else b""

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise failure(self.path, verb, error) from error


def reader(path: Path | str, opened: OpenDatabase = open_database) -> JournalReader:
    """Open a journal read-only, as web and command line do beside a running trader."""
    path = Path(path)
    if not path.is_file():
        raise JournalError(f"There is no journal at {path} yet: start the trader once, or name the right data folder.")
    try:
        connection = opened(path, "read", shared=True)
    except sqlite3.Error as error:
        raise failure(path, "opened", error) from error
    try:
        return JournalReader(path, connection)
    except JournalError:
        connection.close()
        raise


def failure(path: Path, verb: str, error: Exception) -> JournalError:
    """The error of SQLite or the system as a sentence for a trader."""
    return JournalError(
        f"The journal {path} could not be {verb} ({error}): check the disk's free space and the file's permissions; "
        f"nothing new is traded until it works."
    )
