"""Reading a journal, from any process and at any time: records, snapshots, the proof of the chain, backups.

Writing is `store`; what an event means is `trading.events`.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from minhos.errors import JournalBroken, JournalEmpty, JournalError
from minhos.journal.database import DatabaseErrors, OpenDatabase, is_damage, is_unusable, open_database, way_out
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
_BEYOND = 2**62
"""No journal has as many records."""
_COLUMNS = "sequence, time_ns, kind, version, payload, hash"


class JournalReader:
    """A journal to read, also while a trader in another process appends to it; may be shared by threads."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        with self._explained("read"):
            if not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                raise JournalEmpty(f"The journal {path} is empty: the trader that makes it has written nothing yet.")
            rows = connection.execute("SELECT key, value FROM meta").fetchall()
        meta = {key: value for key, value in rows if isinstance(key, str)}
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
        try:
            row = self._connection.execute("SELECT max(sequence) FROM events").fetchone()
        except DatabaseErrors as error:
            if is_damage(error):
                for _ in self.chain(0, _BEYOND):  # names the first that cannot be read
                    pass
            raise self._failure("read", error) from error
        return row[0] or 0

    @property
    def head_hash(self) -> bytes:
        """Hash of the newest record: whoever has noted it can tell later that nothing before it was changed."""
        return self.hash_at(self.last)

    @property
    def writer_pid(self) -> str:
        """Process id of the trader that writes here, or wrote last."""
        with self._explained("read"):
            row = self._connection.execute("SELECT value FROM meta WHERE key = 'writer_pid'").fetchone()
        return row[0] if row else "unknown"

    def records(
        self, after: int = 0, until: int | None = None, kinds: Collection[str] | None = None
    ) -> Iterator[Record]:
        """Records with after < sequence <= until, oldest first, of these kinds or of all.

        Of all kinds, each is proven to follow the one before it: JournalBroken, which names the first that does not.
        """
        after, end = max(after, 0), self._end(until)
        return self.chain(after, end) if kinds is None else self._of_kinds(after, end, tuple(kinds))

    def _end(self, until: int | None) -> int:
        """The last record that can be read; of a damaged file also one before the damage."""
        try:
            return self.last if until is None else min(until, self.last)
        except JournalBroken as broken:
            if until is None or until >= broken.first_broken:
                raise
            return until

    def chain(self, after: int, end: int, previous: bytes | None = None) -> Iterator[Record]:
        """The records between, each proven to follow the one before it.

        previous: hash of record `after` where it is known from elsewhere than the journal.
        """
        previous = self.hash_at(after) if previous is None else previous
        while after < end:
            records = self._page(after, end)
            for record in records:
                if record.sequence != after + 1:
                    raise JournalBroken(self.path, after + 1, f"record {after + 1} is missing")
                if not fits(record, previous):
                    raise JournalBroken(self.path, after + 1, f"record {after + 1} was changed after the fact")
                previous, after = record.hash, record.sequence
                yield record
            if not records:
                raise JournalBroken(self.path, after + 1, f"record {after + 1} is missing")

    def _of_kinds(self, after: int, end: int, kinds: tuple[str, ...]) -> Iterator[Record]:
        query = (
            f"SELECT {_COLUMNS} FROM events WHERE sequence > ? AND sequence <= ? "
            f"AND kind IN ({', '.join('?' * len(kinds))}) ORDER BY sequence LIMIT {_PAGE}"
        )
        while True:
            with self._explained("read"):
                rows = self._connection.execute(query, (after, end, *kinds)).fetchall()
            for row in rows:
                yield Record(*row)
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def indexed(self, kind: str, after: int, until: int) -> list[int]:
        """Sequences that reading by kind finds there; of a damaged index none."""
        query = (
            "SELECT sequence FROM events INDEXED BY events_by_kind "
            "WHERE kind = ? AND sequence > ? AND sequence <= ? ORDER BY sequence"
        )
        try:
            return [sequence for (sequence,) in self._connection.execute(query, (kind, after, until))]
        except DatabaseErrors as error:
            if is_damage(error):
                return []
            raise self._failure("read", error) from error

    def _page(self, after: int, end: int, limit: int = _PAGE) -> list[Record]:
        """The next records; of a damaged page one by one, so that the first that cannot be read is known."""
        query = f"SELECT {_COLUMNS} FROM events WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?"
        try:
            return [Record(*row) for row in self._connection.execute(query, (after, end, limit))]
        except DatabaseErrors as error:
            if not is_damage(error):
                raise self._failure("read", error) from error
            if limit > 1:
                return self._page(after, end, 1)
            raise JournalBroken(self.path, after + 1, f"record {after + 1} cannot be read ({error})") from error

    def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Recompute the whole chain and every snapshot's hash, and let SQLite check its own file."""
        sound = 0
        try:
            total = self.last
            for record in self.records():
                sound = record.sequence
                if progress is not None and sound % _PAGE == 0:
                    progress(0.9 * sound / total, f"{sound:,} of {total:,} records are sound")
            return self._verify_rest(sound)
        except JournalBroken as broken:
            return VerifyReport(sound, broken.first_broken, broken.reason)
        except JournalError as error:
            return VerifyReport(sound, sound + 1, f"record {sound + 1} cannot be read: {error}")

    def _verify_rest(self, sound: int) -> VerifyReport:
        for name in self.snapshot_names():
            for sequence, snapshot in self.snapshots(name):
                if sequence > sound:
                    return VerifyReport(
                        sound, sound + 1, f"snapshot {name} knows of {sequence} records: the end is missing"
                    )
                if snapshot is None:
                    return VerifyReport(sound, sequence, f"snapshot {name} at record {sequence} was changed")
        with self._explained("read"):
            (integrity,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
        if integrity != "ok":
            return VerifyReport(sound, sound + 1, f"the file is damaged: {integrity}")
        return VerifyReport(sound, None, f"all {sound:,} records are sound")

    def snapshot_names(self) -> list[str]:
        with self._explained("read"):
            return [name for (name,) in self._connection.execute("SELECT DISTINCT name FROM snapshots ORDER BY name")]

    def snapshots(self, name: str) -> Iterator[tuple[int, Snapshot | None]]:
        """Snapshots of that name by sequence, newest first; None for one that was changed or is not of this chain."""
        query = "SELECT sequence FROM snapshots WHERE name = ? ORDER BY sequence DESC"
        try:
            found = self._connection.execute(query, (name,)).fetchall()
        except DatabaseErrors as error:
            if is_damage(error):
                last = self.last
                reason = f"the snapshots cannot be read ({error}), the records up to {last} are sound"
                raise JournalBroken(self.path, last, reason, keep=last) from error
            raise self._failure("read", error) from error
        for (sequence,) in found:
            yield sequence, self._snapshot(name, sequence)

    def _snapshot(self, name: str, sequence: int) -> Snapshot | None:
        query = "SELECT payload, hash FROM snapshots WHERE name = ? AND sequence = ?"
        try:
            row = self._connection.execute(query, (name, sequence)).fetchone()
        except DatabaseErrors as error:
            if is_damage(error):
                return None
            raise self._failure("read", error) from error
        if row is None or sequence > self.last:
            return None
        payload, digest = row
        try:
            sound = digest == snapshot_hash(name, sequence, payload, self.hash_at(sequence))
        except (TypeError, struct.error, JournalBroken):  # text or a number where bytes were
            return None
        return Snapshot(name, sequence, payload) if sound else None

    def latest_snapshot(self, name: str) -> Snapshot | None:
        """The newest sound snapshot of that name; a damaged one is passed over (the events can rebuild it)."""
        try:
            return next((snapshot for _, snapshot in self.snapshots(name) if snapshot is not None), None)
        except JournalBroken:
            return None

    def backup(self, target: Path, progress: Progress | None = None, opened: OpenDatabase = open_database) -> None:
        """Copy the journal as it is now, also while it is written to; the copy appears whole or not at all."""
        target = Path(target)
        unfinished = target.with_name(target.name + ".unfinished")

        def report(_status: int, remaining: int, total: int) -> None:
            if progress is not None:
                progress(1.0 - remaining / max(total, 1), f"{total - remaining:,} of {total:,} pages copied")

        with self._explained("copied"):
            target.parent.mkdir(parents=True, exist_ok=True)
            opened.remove(unfinished)
            copy = opened(unfinished, "copy")
            try:
                self._connection.backup(copy, pages=4_096, progress=report)
                copy.execute("PRAGMA journal_mode=DELETE")
            finally:
                copy.close()
            opened.move(unfinished, target)

    def close(self) -> None:
        self._connection.close()

    def hash_at(self, sequence: int) -> bytes:
        """Hash of that record; of sequence 0 the genesis hash, of a missing record no bytes."""
        if sequence == 0:
            return genesis_hash(self.identity)
        try:
            row = self._connection.execute("SELECT hash FROM events WHERE sequence = ?", (sequence,)).fetchone()
        except DatabaseErrors as error:
            if is_damage(error):
                raise JournalBroken(self.path, sequence, f"record {sequence} cannot be read ({error})") from error
            raise self._failure("read", error) from error
        return row[0] if row and isinstance(row[0], bytes) else b""

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except DatabaseErrors as error:
            raise self._failure(verb, error) from error

    def _failure(self, verb: str, error: Exception) -> JournalError:
        return failure(self.path, verb, error)


def reader(path: Path | str, opened: OpenDatabase = open_database) -> JournalReader:
    """Open a journal read-only, as web and command line do beside a running trader."""
    path = Path(path)
    if not opened.exists(path):
        raise JournalError(f"There is no journal at {path} yet: start the trader once, or name the right data folder.")
    try:
        connection = opened(path, "read", shared=True)
    except DatabaseErrors as error:
        raise failure(path, "opened", error) from error
    try:
        return JournalReader(path, connection)
    except JournalError:
        connection.close()
        raise


def failure(path: Path, verb: str, error: Exception) -> JournalError:
    """The error of SQLite or the system as a sentence for a trader."""
    if is_unusable(error):
        return JournalError(
            f"The journal {path} could not be {verb}: the file is damaged ({error}). `python3 minh.py repair` says "
            "how much of it is sound, `python3 minh.py restore BACKUP.zip` puts a backup in its place."
        )
    return JournalError(
        f"The journal {path} could not be {verb} ({error}): {way_out(error)}; nothing new is traded until it works."
    )
