"""The journal: an append-only, hash-chained event store in one SQLite file, with one writer and many readers.

It knows no event by name and reads no clock.  WAL mode: a commit is safe against a killed process at once, against
a power cut with `durable` (synchronous=FULL, one fsync) or with the next checkpoint.  Not for market data in bulk.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from minhos.errors import JournalError
from minhos.journal.database import DatabaseErrors, OpenDatabase, is_damage, open_database
from minhos.journal.reader import SCHEMA_VERSION, JournalReader, failure, reader
from minhos.journal.types import Entry, Record, record_hash, snapshot_hash

SNAPSHOTS_KEPT = 3
PATIENCE_S = 0.25
"""Once it is open, a statement waits no longer for another's lock: meanwhile nobody trades or hears a broker."""

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    time_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    payload BLOB NOT NULL,
    hash BLOB NOT NULL
);
CREATE INDEX events_by_kind ON events (kind);
CREATE TABLE snapshots (
    name TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    payload BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (name, sequence)
);
CREATE TRIGGER events_never_change BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events never change'); END;
CREATE TRIGGER events_never_go BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
"""
_INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"


class Journal(JournalReader):
    """The journal's one writer; not to be shared by threads."""

    away = ""
    """It says by raising that it cannot be written; who keeps what cannot be says why here (`trading.kept`)."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: sqlite3.Connection) -> None:
        super().__init__(path, connection)
        self._lock = lock
        self._sequence = super().last
        self._hash = self.hash_at(self._sequence)
        self._durable = 0
        self.damaged = ""
        """What SQLite said when it found its own file damaged at a write; such a file has to be written anew."""
        self._data_version: int | None = None
        self._check_newest()
        with self._explained("written"):
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('writer_pid', ?)", (str(os.getpid()),))

    @classmethod
    def open(cls, path: Path | str, identity: dict[str, str], opened: OpenDatabase = open_database) -> Journal:
        """Open or create the journal of that identity (mode, account) and become its only writer.

        Raises JournalError where it belongs to another identity, another process writes it, or it cannot be read.
        """
        path = Path(path)
        lock = connection = None
        try:
            lock = locked(path, opened)
            finish_replacement(path, opened)
            connection = opened(path, "journal")
            _create(connection, identity)
            journal = cls(path, connection, lock)
            connection.execute(f"PRAGMA busy_timeout={round(1000 * PATIENCE_S)}")
            if journal.identity != identity:
                raise JournalError(
                    f"The journal {path} belongs to {_words(journal.identity)} and was opened for {_words(identity)}: "
                    f"correct the settings, choose another data folder, or restore a backup."
                )
        except BaseException as error:
            for half in (connection, lock):
                if half is not None:
                    half.close()
            if isinstance(error, DatabaseErrors):
                raise failure(path, "opened", error) from error
            raise
        return journal

    @property
    def last(self) -> int:
        return self._sequence

    @property
    def head_hash(self) -> bytes:
        return self._hash

    @property
    def durable(self) -> int:
        """The newest record of which this process knows that a power cut leaves it."""
        return self._durable

    def append(self, kind: str, payload: bytes, time_ns: int, *, version: int = 1, durable: bool = False) -> int:
        """Store one event and return its sequence; durable: on the disk itself before this returns."""
        sequence = self._sequence + 1
        digest = record_hash(self._hash, sequence, time_ns, kind, version, payload)
        try:
            if durable:
                self._connection.execute("PRAGMA synchronous=FULL")
            try:
                self._connection.execute(_INSERT, (sequence, time_ns, kind, version, payload, digest))
            finally:
                if durable:
                    self._connection.execute("PRAGMA synchronous=NORMAL")
        except DatabaseErrors as error:
            raise self._failure("written", error) from error
        self._sequence, self._hash = sequence, digest
        self._durable = sequence if durable else self._durable
        return sequence

    def append_many(self, entries: Iterable[Entry], *, durable: bool = False) -> int:
        """Store events in one transaction, all or none; returns the last sequence."""
        rows, sequence, digest = [], self._sequence, self._hash
        for kind, payload, time_ns, version in entries:
            sequence += 1
            digest = record_hash(digest, sequence, time_ns, kind, version, payload)
            rows.append((sequence, time_ns, kind, version, payload, digest))
        with self._explained("written"):
            self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            try:
                with self._transaction():
                    self._connection.executemany(_INSERT, rows)
            finally:
                self._connection.execute("PRAGMA synchronous=NORMAL")
        self._sequence, self._hash = sequence, digest
        self._durable = sequence if durable else self._durable
        return sequence

    def catch_up(self) -> list[Record]:
        """Records behind the newest that this writer knows of: an error may come after the commit.  Now it knows them.

        Raises JournalError where they are not of its chain.
        """
        found = list(self.chain(self._sequence, super().last, self._hash))
        if found:
            self._sequence, self._hash = found[-1].sequence, found[-1].hash
        return found

    def snapshot(self, name: str, sequence: int, payload: bytes) -> None:
        """Keep a state folded from all events up to `sequence`; the newest few of a name are kept."""
        digest = snapshot_hash(name, sequence, payload, self.hash_at(sequence))
        with self._explained("written"), self._transaction():
            self._connection.execute(
                "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", (name, sequence, payload, digest)
            )
            self._connection.execute(
                "DELETE FROM snapshots WHERE name = ?1 AND sequence NOT IN "
                "(SELECT sequence FROM snapshots WHERE name = ?1 ORDER BY sequence DESC LIMIT ?2)",
                (name, SNAPSHOTS_KEPT),
            )

    def drop_unsound_snapshots(self, name: str) -> list[int]:
        """Forget those that were changed, or are not of this chain; returns their sequences.  The events remain."""
        unsound = [sequence for sequence, snapshot in self.snapshots(name) if snapshot is None]
        if unsound:
            with self._explained("written"), self._transaction():
                for sequence in unsound:
                    self._connection.execute("DELETE FROM snapshots WHERE name = ? AND sequence = ?", (name, sequence))
        return unsound

    def was_written_by_others(self) -> bool:
        """Whether another connection wrote since the last call; whoever does so goes round the one writer's lock."""
        with self._explained("read"):
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        changed = self._data_version not in (None, version)
        self._data_version = version
        return changed

    def checkpoint(self) -> None:
        """Move what was appended from the WAL into the file; takes milliseconds, so call it while nothing waits."""
        with self._explained("written"):
            busy, in_wal, moved = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if not busy and in_wal == moved:
            self._durable = self._sequence

    def close(self) -> None:
        """Also gives the place of the one writer free."""
        super().close()
        self._lock.close()

    def _failure(self, verb: str, error: Exception) -> JournalError:
        if is_damage(error):
            self.damaged = str(error)
        return super()._failure(verb, error)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _check_newest(self) -> None:
        """The newest record must fit the one before it, else nothing may be chained to it."""
        for _ in self.records(after=self._sequence - 1):
            pass


def finish_replacement(path: Path, opened: OpenDatabase = open_database) -> None:
    """Where a process ended between setting the old file aside and putting the new one in its place: do that now."""
    new = replacement_of(path)
    if not opened.exists(path) and opened.exists(new):
        opened.move(new, path)


def replacement_of(path: Path) -> Path:
    """Where a file is made whole that is to take the journal's place."""
    return path.with_name(path.name + ".new")


def locked(path: Path, opened: OpenDatabase = open_database) -> sqlite3.Connection:
    """Hold SQLite's own write lock on a file beside the journal: portable, and gone with the process."""
    lock = opened(path.with_name(path.name + ".lock"), "lock")
    try:
        lock.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        lock.close()
        if "locked" not in str(error):
            raise
        raise JournalError(
            f"Another trader already writes the journal {path} (process {_writer(path, opened)}): "
            f"stop it first, or choose another data folder."
        ) from error
    return lock


def _writer(path: Path, opened: OpenDatabase) -> str:
    try:
        other = reader(path, opened)
    except JournalError:
        return "unknown"
    try:
        return other.writer_pid
    finally:
        other.close()


def _create(connection: sqlite3.Connection, identity: dict[str, str]) -> None:
    """Create the tables in an empty file; leave any other as it is."""
    connection.execute("BEGIN IMMEDIATE")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
        rows = [("schema", SCHEMA_VERSION), *((f"identity:{key}", value) for key, value in identity.items())]
        connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
    connection.execute("COMMIT")


def _words(identity: dict[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in sorted(identity.items())) or "nobody"
