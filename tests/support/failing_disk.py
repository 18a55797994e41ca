"""A journal in memory, and databases on the disk, that cannot be written while a test says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import cast

from minhos.errors import JournalError
from minhos.journal.database import LocalDatabases, Use
from minhos.journal.memory import MemoryJournal

WRITES = ("INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT", "REPLACE", "PRAGMA WAL_CHECKPOINT")
FULL = "database or disk is full"


class FailingJournal(MemoryJournal):
    """failing: why nothing can be written; empty while it can.  after_write: the error comes after the commit."""

    failing = ""
    after_write = False

    def append(self, kind, payload, time_ns, *, version=1, durable=False):
        if self.failing and not self.after_write:
            raise JournalError("x") from sqlite3.OperationalError(self.failing)
        sequence = super().append(kind, payload, time_ns, version=version, durable=durable)
        if self.failing:
            self.unheard = sequence
            raise JournalError("x") from sqlite3.OperationalError(self.failing)
        return sequence

    def append_many(self, entries, *, durable=False):
        if self.failing:
            raise JournalError("x") from sqlite3.OperationalError(self.failing)
        return super().append_many(entries, durable=durable)

    def catch_up(self):
        if self.failing:
            raise JournalError("x") from sqlite3.OperationalError(self.failing)
        unheard, self.unheard = getattr(self, "unheard", 0), 0
        return list(self.records(after=unheard - 1)) if unheard else []


class _Connection:
    """A connection whose statements ask first."""

    def __init__(self, inner: sqlite3.Connection, ask: Callable[[str], None]) -> None:
        self._inner, self._ask = inner, ask

    def execute(self, sql: str, *rest: object) -> sqlite3.Cursor:
        self._ask(sql)
        return self._inner.execute(sql, *rest)

    def executemany(self, sql: str, *rest: object) -> sqlite3.Cursor:
        self._ask(sql)
        return self._inner.executemany(sql, *rest)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


class FailingDatabases(LocalDatabases):
    """failing: file name's beginning to what its writes (all: all of its statements) answer."""

    def __init__(self) -> None:
        self.failing: dict[str, str] = {}
        self.all = False
        self.asked = 0
        """Writes so far; the `fail_at`-th fails, once."""
        self.fail_at = 0

    def __call__(self, path: Path, use: Use, *, shared: bool = False) -> sqlite3.Connection:
        made = super().__call__(path, use, shared=shared)
        return cast("sqlite3.Connection", _Connection(made, lambda sql: self._ask(path, use, sql)))

    def _ask(self, path: Path, use: Use, sql: str) -> None:
        writes = sql.lstrip().upper().startswith(WRITES) and use in ("journal", "write")
        for name, why in self.failing.items():
            if path.name.startswith(name) and (writes or self.all):
                raise sqlite3.OperationalError(why)
        if writes:
            self.asked += 1
            if self.asked == self.fail_at:
                raise sqlite3.OperationalError("disk I/O error")
