"""The note beside each journal, `NAME.sqlite.verified`: how far it was proven, and where it ended last.

It is of use because it is no part of the journal: an older copy in the journal's place does not fit it.  Whoever puts
another journal there on purpose (`restore`, `repair`) writes it anew.
"""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

import msgspec

from minhos.assembly.layout import Layout
from minhos.journal.reader import reader
from minhos.journal.verification import Verified

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


def write(layout: Layout, journal: Path, note: Verified) -> None:
    """Raises OSError."""
    layout.disk.replace(note_of(journal), msgspec.json.encode(note))


def accept(layout: Layout, journal: Path) -> None:
    """Note that the journal as it is now is the one that is meant to be here.  Raises JournalError, OSError."""
    with closing(reader(journal, layout.database)) as source:
        write(layout, journal, Verified(last=source.last, last_hash=source.head_hash.hex()))
