"""What the journal cannot take now: kept in memory in its order, and written before anything else once it can.

A locked, full or failing disk does not end who trades.  Whoever appends is told by `away`; from then on nothing is
written past what waits, so that the journal is never without an event between two that it has.  It says nothing of what
may be done meanwhile: that is the engine's.  What is kept is lost with the process, as if it had not been heard of.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from minhos.errors import JournalError
from minhos.journal.types import Entry
from minhos.market.types import NANOS_PER_SECOND

MOST_BYTES = 64 << 20
"""Beyond that nothing more should be taken in that can be asked for again."""
OVERHEAD_BYTES = 300
"""What an entry takes beside its payload, roughly."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
BATCH = 500


class Record(Protocol):
    """An event as the journal has it."""

    @property
    def kind(self) -> str: ...
    @property
    def payload(self) -> bytes: ...


class WrittenJournal(Protocol):
    """What is asked of the journal itself.  Each raises JournalError."""

    def append(self, kind: str, payload: bytes, time_ns: int, *, durable: bool = False) -> int: ...

    def append_many(self, entries: Iterable[Entry], *, durable: bool = False) -> int: ...

    def catch_up(self) -> Iterable[Record]:
        """Records that are in the file although their writing seemed to fail."""

    @property
    def last(self) -> int: ...


class Kept:
    """An event store over a journal that may be away for a while."""

    def __init__(self, journal: WrittenJournal) -> None:
        self._journal = journal
        self.away = ""
        """Why the journal takes nothing now; empty while it does."""
        self.waiting: deque[Entry] = deque()
        """What it has not got, oldest first."""
        self.n_kept = 0
        """How many events waited since it went away."""
        self._bytes = 0
        self._pause_s, self._due_ns = FIRST_PAUSE_S, 0

    @property
    def full(self) -> bool:
        """So much waits that no more should be taken in that the feed can give again."""
        return self._bytes > MOST_BYTES

    def append(self, kind: str, payload: bytes, time_ns: int, *, durable: bool = False) -> int:
        """Into the journal, or behind what waits; returns the event's sequence.  Raises nothing of the disk's."""
        if not self.away:
            try:
                return self._journal.append(kind, payload, time_ns, durable=durable)
            except (JournalError, sqlite3.Error, OSError) as error:
                self._goes_away(error)
        self.waiting.append(Entry(kind, payload, time_ns))
        self.n_kept += 1
        self._bytes += len(payload) + OVERHEAD_BYTES
        return self._journal.last + len(self.waiting)

    def retry(self, elapsed_ns: int, *, at_once: bool = False) -> bool:
        """Where it is time to, write what waits: True once all is written, and the journal is back.

        elapsed_ns: of a clock that never goes back.
        """
        if not self.away or (elapsed_ns < self._due_ns and not at_once):
            return False
        try:
            self._write()
        except (JournalError, sqlite3.Error, OSError):
            self._due_ns = elapsed_ns + round(self._pause_s * NANOS_PER_SECOND)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            return False
        self.away = ""
        return True

    def _goes_away(self, error: Exception) -> None:
        self.away = f"the journal cannot be written ({error.__cause__ or error})"
        self.n_kept, self._pause_s, self._due_ns = 0, FIRST_PAUSE_S, 0

    def _write(self) -> None:
        for record in self._journal.catch_up():
            if not self.waiting or (record.kind, record.payload) != (self.waiting[0].kind, self.waiting[0].payload):
                raise JournalError("the journal holds a record that this trader did not write; restore a backup.")
            self._forget(1)
        while self.waiting:
            batch = [self.waiting[i] for i in range(min(BATCH, len(self.waiting)))]
            self._journal.append_many(batch, durable=True)
            self._forget(len(batch))

    def _forget(self, count: int) -> None:
        for _ in range(count):
            self._bytes -= len(self.waiting.popleft().payload) + OVERHEAD_BYTES
