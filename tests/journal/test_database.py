"""Opening a database: several processes at once, and a disk that a test puts in the place of the machine's."""

from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import pytest

from minhos.errors import JournalError
from minhos.journal.database import LocalDatabases, Use, open_database
from minhos.journal.inbox import Inbox, Request
from minhos.journal.store import Journal

PROCESSES, ROUNDS = 4, 25


def open_new_ones(folder: Path, together, troubles) -> None:
    """Open one new inbox after the other, each at the same moment as the other processes."""
    for number in range(ROUNDS):
        together.wait(30)
        try:
            inbox = Inbox(folder / f"{number}.sqlite")
            inbox.put(Request(name="pause", who="anna", expires_ns=10**18))
            inbox.close()
        except JournalError as error:
            troubles.put(str(error))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs processes that start at once")
def test_processes_that_open_a_new_inbox_at_once_all_get_it(tmp_path):
    context = multiprocessing.get_context("fork")
    together, troubles = context.Barrier(PROCESSES), context.SimpleQueue()
    started = [context.Process(target=open_new_ones, args=(tmp_path, together, troubles)) for _ in range(PROCESSES)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert troubles.empty(), troubles.get()
    assert [process.exitcode for process in started] == [0] * PROCESSES
    for number in range(ROUNDS):
        inbox = Inbox(tmp_path / f"{number}.sqlite")
        assert len(inbox.pending(0)) == PROCESSES
        inbox.close()


def test_a_file_that_stays_locked_is_an_error_within_the_time_out(tmp_path, monkeypatch):
    monkeypatch.setattr("minhos.journal.database.BUSY_TIMEOUT_S", 0.05)
    holder = open_database(tmp_path / "inbox.sqlite", "copy")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalError, match=r"could not be used \(database is locked\)"):
        Inbox(tmp_path / "inbox.sqlite")
    holder.close()


def test_what_is_opened_to_be_read_cannot_be_written(tmp_path):
    open_database(tmp_path / "a.sqlite", "write").execute("CREATE TABLE t (x)").connection.close()
    reading = open_database(tmp_path / "a.sqlite", "read")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reading.execute("INSERT INTO t VALUES (1)")
    reading.close()


class Full(sqlite3.Connection):
    """A disk that is full from a moment on."""

    full = False

    def execute(self, *arguments):
        if self.full and str(arguments[0]).startswith("INSERT"):
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(*arguments)


def test_another_disk_takes_the_place_of_the_machines(tmp_path):
    opened: list[Full] = []

    class FullDisk(LocalDatabases):
        def __call__(self, path: Path, use: Use, *, shared: bool = False) -> sqlite3.Connection:
            super().__call__(path, use).close()
            opened.append(sqlite3.connect(path, isolation_level=None, check_same_thread=not shared, factory=Full))
            return opened[-1]

    journal = Journal.open(tmp_path / "j.sqlite", {"mode": "paper"}, FullDisk())
    assert journal.append("Alarm", b"x", 1) == 1
    opened[-1].full = True
    with pytest.raises(JournalError, match="disk is full"):
        journal.append("Alarm", b"y", 2)
    assert journal.last == 1
    journal.close()
