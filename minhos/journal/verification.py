"""The proof of a long journal in pieces, between other work: where it is, and the first record that does not hold.

It reads by a connection of its own and writes nothing; what is remembered over a restart is `Verified`, which the
trader keeps beside the journal.  Not for reading events: `JournalReader.records` proves what it gives by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import msgspec

from minhos.errors import JournalBroken, JournalError
from minhos.journal.reader import JournalReader

PIECE = 256
"""So many records are read at once, well under a millisecond's work."""


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a journal, as it stands beside it.

    The end: a journal that ends before `last`, or has another record there, is not the one that was here.
    The way: `sequence` is the last record of the pass under way that was proven, and `whole_ns` when a pass last came
    to the end of the journal.
    """

    last: int = 0
    last_hash: str = ""
    sequence: int = 0
    hash: str = ""
    whole_ns: int = 0
    damaged: str = ""
    """What SQLite said of its own file at a write; the next start writes it anew from its records."""
    done: bool = False
    """Whether the pass that `sequence` belongs to came to the end."""
    restored: str = ""
    """What the trader has to say of a backup that was put in the journal's place; empty once it was said."""


class Verification:
    """A pass over one journal from a proven record on."""

    def __init__(self, journal: JournalReader, sequence: int = 0, digest: bytes = b"") -> None:
        self.journal = journal
        self.sequence = sequence
        self.hash = digest if sequence else journal.hash_at(0)
        self.broken: JournalBroken | None = None

    def go_on(self, until: int, enough: Callable[[], bool]) -> bool:
        """Prove records up to that one, as long as it is not enough; False when there is nothing left to do.

        A journal that cannot be read now is tried again with the next call.
        """
        while self.broken is None and self.sequence < until:
            try:
                self._piece(min(until, self.sequence + PIECE))
            except JournalBroken as broken:
                self.broken = broken
            except JournalError:
                return True
            if enough():
                return True
        return False

    def _piece(self, until: int) -> None:
        after, kinds = self.sequence, defaultdict(list)
        for record in self.journal.chain(after, until, self.hash):
            kinds[record.kind].append(record.sequence)
            self.sequence, self.hash = record.sequence, record.hash
        for kind, sequences in kinds.items():
            if self.journal.indexed(kind, after, until) != sequences:
                first = sequences[0]
                reason = f"the index of {kind} is damaged from record {first} on, the records are sound"
                raise JournalBroken(self.journal.path, first, reason, keep=self.journal.last)
