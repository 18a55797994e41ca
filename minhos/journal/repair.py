"""Another file in a journal's place: a backup, or the sound beginning of the journal itself.

What was there stays beside it as NAME.replaced-N.  The new file is made whole before the old one is set aside; whoever
opens the journal finishes a replacement that was broken off in between.  Nobody may write the journal meanwhile.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from minhos.errors import JournalBroken, JournalError
from minhos.journal.database import DatabaseErrors, OpenDatabase, open_database, set_aside
from minhos.journal.reader import JournalReader, failure, reader
from minhos.journal.store import Journal, finish_replacement, locked, replacement_of
from minhos.journal.types import Entry, Progress, VerifyReport

_BATCH = 5_000


def restore(
    backup: Path | str, path: Path | str, progress: Progress | None = None, opened: OpenDatabase = open_database
) -> VerifyReport:
    """Put a verified backup in the journal's place.

    Raises JournalError where the backup is broken or a trader writes the journal.
    """
    path = Path(path)
    with closing(reader(backup)) as source:
        report = source.verify(progress)
        if not report.sound:
            raise JournalError(f"The backup {backup} is broken ({report.reason}): choose another backup.")
        with _alone(path, "restored", opened):
            source.backup(replacement_of(path), opened=opened)
            _put_in_place(path, opened)
    return report


def put_in_place(new: Path, path: Path, opened: OpenDatabase = open_database) -> Path | None:
    """Put a proven copy in the journal's place; returns under which name the file that was there is kept.

    Done again after it was broken off, it goes on; done again after its end, it changes nothing.
    """
    with _alone(path, "restored", opened):
        if opened.exists(new):
            opened.move(new, replacement_of(path))
        return _put_in_place(path, opened) if opened.exists(replacement_of(path)) else None


def cut(
    path: Path | str, until: int, opened: OpenDatabase = open_database, progress: Progress | None = None
) -> Path | None:
    """Keep the journal up to that record; returns under which name the file that was there is kept.

    None where there was none.  0 gives an empty journal.  Raises JournalError where a trader writes the journal, and
    JournalBroken where a record up to that one is not sound: nothing is changed then.
    """
    path = Path(path)
    new = replacement_of(path)
    with _alone(path, "repaired", opened), closing(reader(path, opened)) as source:
        if until > source.last:
            raise JournalError(f"The journal {path} has {source.last} records: there is no record {until} to keep.")
        opened.remove(new)
        try:
            with closing(Journal.open(new, source.identity, opened)) as target:
                _copy(source, target, until, progress)
        except BaseException:
            opened.remove(new)
            raise
        finally:
            opened.remove(new.with_name(new.name + ".lock"))
        source.close()
        return _put_in_place(path, opened)


def begin_anew(path: Path, opened: OpenDatabase = open_database) -> Path | None:
    """Set a journal aside that cannot be read at all; the next who opens it begins an empty one."""
    with _alone(path, "repaired", opened):
        opened.remove(replacement_of(path))
        return set_aside(path, opened)


def soundness(source: JournalReader, snapshot: str) -> tuple[int, JournalBroken | None]:
    """Up to where a journal is sound when it is read from its newest sound snapshot, and what follows if not all."""
    newest = source.latest_snapshot(snapshot)
    sound = newest.sequence if newest is not None else 0
    try:
        for record in source.records(after=sound):
            sound = record.sequence
    except JournalBroken as broken:
        return broken.first_broken - 1, broken
    return sound, None


def _copy(source: JournalReader, target: Journal, until: int, progress: Progress | None) -> None:
    records = source.records(until=until)
    while batch := list(itertools.islice(records, _BATCH)):
        target.append_many(Entry(r.kind, r.payload, r.time_ns, r.version) for r in batch)
        if progress is not None:
            progress(target.last / max(until, 1), f"{target.last:,} of {until:,} records kept")
    with suppress(JournalError):  # they only save time
        for name in source.snapshot_names():
            for sequence, snapshot in reversed(list(source.snapshots(name))):
                if snapshot is not None and sequence <= until:
                    target.snapshot(name, sequence, snapshot.payload)


@contextmanager
def _alone(path: Path, verb: str, opened: OpenDatabase) -> Iterator[None]:
    """The place of the journal's one writer."""
    with ExitStack() as held:
        try:
            held.callback(locked(path, opened).close)
            finish_replacement(path, opened)
            yield
        except DatabaseErrors as error:
            raise failure(path, verb, error) from error


def _put_in_place(path: Path, opened: OpenDatabase) -> Path | None:
    kept = set_aside(path, opened) if opened.exists(path) else None
    opened.move(replacement_of(path), path)
    return kept
