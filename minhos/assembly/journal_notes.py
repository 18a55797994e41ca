"""The note beside each journal, `NAME.sqlite.verified`: how far it was proven, and where it ended last.

It is of use because it is no part of the journal: an older copy in the journal's place does not fit it.  Whoever puts
another journal there on purpose (`restore`, `repair`) writes it anew.
"""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol

import msgspec

from minhos.assembly.layout import Layout
from minhos.journal.reader import reader
from minhos.journal.verification import Verified
from minhos.words import utc

SUFFIX = ".verified"


def note_of(journal: Path) -> Path:
    return journal.with_name(journal.name + SUFFIX)


def read(layout: Layout, journal: Path) -> Verified:
    """What is known of a journal; nothing where there is no note, or none that makes sense."""
    content = layout.disk.read(note_of(journal))
    if content is not None:
        with suppress(msgspec.DecodeError, RecursionError):
            return msgspec.json.decode(content, type=Verified)
    return Verified()


def write(layout: Layout, journal: Path, note: Verified, *, durable: bool = False) -> None:
    """Raises OSError."""
    layout.disk.replace(note_of(journal), msgspec.json.encode(note), durable=durable)


class Ended(Protocol):
    """A journal, whoever has it open."""

    @property
    def last(self) -> int: ...

    def hash_at(self, sequence: int) -> bytes: ...


def misfit(note: Verified, journal: Ended) -> str:
    """Why it cannot be the journal that the note was written beside; empty where it can.  Raises JournalError."""
    if journal.last < note.last:
        return (
            f"ends at record {journal.last:,}, and {note.last:,} were there: an older copy stands in its place, or its "
            "end is missing"
        )
    if note.last and journal.hash_at(note.last).hex() != note.last_hash:
        return f"has another record {note.last:,} than the one that was there: another journal stands in its place"
    return ""


def accept(layout: Layout, journal: Path) -> None:
    """Note that the journal as it is now is the one that is meant to be here.  Raises JournalError, OSError."""
    with closing(reader(journal, layout.database)) as source:
        write(layout, journal, Verified(last=source.last, last_hash=source.head_hash.hex()), durable=True)


def accept_restored(layout: Layout, journal: Path, backup: str) -> None:
    """Note that a backup was put in the journal's place, and what the trader is to say of it.

    Nothing, where the journal that was there is known to have ended with the same record.

    Raises JournalError, OSError.
    """
    before = read(layout, journal)
    with closing(reader(journal, layout.database)) as source:
        head = Verified(last=source.last, last_hash=source.head_hash.hex())
        newest = next(source.records(after=source.last - 1), None) if source.last else None
    if (before.last, before.last_hash) == (head.last, head.last_hash):
        restored = before.restored  # also where a restore that was broken off is finished
    else:
        when = f" of {utc(newest.time_ns)}" if newest is not None else ""
        restored = (
            f"The journal {journal.name} was put back from the backup {backup}: it ends at record {head.last:,}{when}, "
            "and what was traded after that is not in it. Compare positions, fills and the day's P&L with the broker "
            "before you `resume`."
        )
    write(layout, journal, msgspec.structs.replace(head, restored=restored), durable=True)
