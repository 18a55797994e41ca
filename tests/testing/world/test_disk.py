"""The world's disk: the stores work on it as on the machine's own, and it does to them what a disk can do."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from minhos.errors import JournalError
from minhos.journal.database import OpenDatabase, open_database
from minhos.journal.inbox import Answer, Inbox, Request
from minhos.journal.reader import reader
from minhos.journal.store import SNAPSHOTS_KEPT, Journal
from minhos.journal.types import Entry
from minhos.testing.world.disk import OneWrite, Trouble, WorldDisk
from minhos.testing.world.machine import Killed

IDENTITY = {"mode": "paper", "account": "sim"}
SECOND = 10**9


class Turn:
    """Whose turn it is, and when."""

    def __init__(self) -> None:
        self.owner, self.now_ns = "trader 1", 0

    def restarts(self) -> None:
        """The one who was killed has a follower."""
        name, _, number = self.owner.partition(" ")
        self.owner = f"{name} {int(number) + 1}"


@pytest.fixture
def turn() -> Turn:
    return Turn()


@pytest.fixture
def disk(turn: Turn) -> WorldDisk:
    return WorldDisk(lambda: turn.now_ns, lambda: turn.owner)


@pytest.fixture(params=["machine", "world"])
def opened(request: pytest.FixtureRequest, disk: WorldDisk) -> OpenDatabase:
    return open_database if request.param == "machine" else disk.database


def journal_on(disk: WorldDisk, path: Path, n: int = 0) -> Journal:
    journal = Journal.open(path, IDENTITY, disk.database)
    for i in range(n):
        journal.append("Bar", b"payload-%d" % i, i, durable=True)
    return journal


# As on the machine's own disk -----------------------------------------------------------------------------------------


def test_a_journal_and_its_readers_work_alike(tmp_path: Path, opened: OpenDatabase) -> None:
    path = tmp_path / "j.sqlite"
    journal = Journal.open(path, IDENTITY, opened)
    assert journal.append("Bar", b"one", 5, version=3, durable=True) == 1
    assert journal.append_many([Entry("Fill", b"two", 6), Entry("Fill", b"", 7)], durable=True) == 3
    with reader_of(path, opened) as beside:
        assert [(r.kind, r.payload, r.version) for r in beside.records()] == [
            ("Bar", b"one", 3),
            ("Fill", b"two", 1),
            ("Fill", b"", 1),
        ]
        assert [r.sequence for r in beside.records(kinds=["Fill"], until=2)] == [2]
        journal.append_many(Entry("Bar", b"x" * 50, i) for i in range(3_000))
        assert (beside.last, beside.head_hash) == (3_003, journal.head_hash)
        for sequence in range(1, 6):
            journal.snapshot("ledger", sequence, b"state %d" % sequence)
        snapshot = beside.latest_snapshot("ledger")
        assert snapshot is not None
        assert snapshot.payload == b"state 5"
        assert beside.verify().sound
    journal.checkpoint()
    (kept,) = journal._connection.execute("SELECT count(*) FROM snapshots").fetchone()
    assert kept == SNAPSHOTS_KEPT
    with pytest.raises(sqlite3.IntegrityError, match="events never change"):
        journal._connection.execute("UPDATE events SET kind = 'Forged' WHERE sequence = 1")
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        journal._connection.execute("SELECT 1 FROM absent")
    journal.close()
    again = Journal.open(path, IDENTITY, opened)
    assert again.last == 3_003
    again.close()


def test_an_inbox_works_alike(tmp_path: Path, opened: OpenDatabase) -> None:
    trader, web = (Inbox(tmp_path / "inbox.sqlite", opened) for _ in range(2))
    assert trader.pending(0) == []
    first = web.put(Request(name="halt", who="anna", why="news", fields={"n": 2}, expires_ns=10))
    second = web.put(Request(name="resume", who="anna", expires_ns=1))
    (asked,) = trader.pending(5)
    assert (asked.id, asked.name, asked.why, asked.fields) == (first, "halt", "news", {"n": 2})
    assert web.answer(first) is None
    trader.acknowledge(first, Answer(True, "done"))
    assert web.answer(first) == Answer(True, "done")
    assert web.answer(second) == Answer(False, "expired before it was read")
    assert trader.pending(5) == []
    trader.close()
    web.close()


def test_a_backup_is_made_alike(tmp_path: Path, opened: OpenDatabase) -> None:
    journal = Journal.open(tmp_path / "j.sqlite", IDENTITY, opened)
    journal.append_many(Entry("Bar", b"x" * 400, i) for i in range(500))
    told: list[float] = []
    journal.backup(tmp_path / "copy" / "b.sqlite", lambda share, _: told.append(share))
    journal.close()
    copy = reader(tmp_path / "copy" / "b.sqlite")
    assert copy.last == 500
    assert copy.verify().sound
    copy.close()
    assert told[-1] == 1.0


def test_a_second_writer_is_refused_alike(tmp_path: Path, opened: OpenDatabase) -> None:
    first = Journal.open(tmp_path / "j.sqlite", IDENTITY, opened)
    with pytest.raises(JournalError, match="Another trader already writes"):
        Journal.open(tmp_path / "j.sqlite", IDENTITY, opened)
    first.close()
    Journal.open(tmp_path / "j.sqlite", IDENTITY, opened).close()


class reader_of:  # noqa: N801
    """A journal open to read."""

    def __init__(self, path: Path, opened: OpenDatabase) -> None:
        self._reader = reader(path, opened)

    def __enter__(self):
        return self._reader

    def __exit__(self, *_: object) -> None:
        self._reader.close()


# A kill and a power cut -----------------------------------------------------------------------------------------------


def test_a_killed_process_lets_go_and_writes_nothing(tmp_path: Path, disk: WorldDisk, turn: Turn) -> None:
    path = tmp_path / "j.sqlite"
    killed = journal_on(disk, path, 5)
    killed._connection.execute("BEGIN IMMEDIATE")
    killed._connection.execute("INSERT INTO meta VALUES ('half', 'done')")
    before = path.read_bytes()
    disk.let_go(turn.owner)
    turn.restarts()
    assert path.read_bytes() == before, "a polite end would have moved the log into the file"
    assert Path(f"{path}-wal").exists()
    journal = journal_on(disk, path)
    assert journal.last == 5
    assert journal.verify().sound
    assert not journal._connection.execute("SELECT 1 FROM meta WHERE key = 'half'").fetchall()


def test_a_process_killed_at_any_write_leaves_a_whole_chain(tmp_path: Path, disk: WorldDisk, turn: Turn) -> None:
    path, acknowledged = tmp_path / "j.sqlite", 0
    for nth in range(1, 60):
        disk.at_writes = [OneWrite("kill", nth)]
        try:
            journal = journal_on(disk, path)
            for i in range(4):
                acknowledged = journal.append("Bar", b"x" * 3_000, i, durable=True)
            journal.checkpoint()
        except Killed:
            with pytest.raises(Killed):
                disk.replace(tmp_path / "beat", b"stopped")
        disk.at_writes = []
        disk.let_go(turn.owner)
        turn.restarts()
        journal = journal_on(disk, path)
        assert journal.last in (acknowledged, acknowledged + 1)
        acknowledged = journal.last
        assert journal.verify().sound
        disk.let_go(turn.owner)
        turn.restarts()


@pytest.mark.parametrize("seed", range(8))
def test_a_power_cut_keeps_what_is_durable_and_the_chain_whole(
    tmp_path: Path, disk: WorldDisk, turn: Turn, seed: int
) -> None:
    path, rng = tmp_path / "j.sqlite", Random(seed)
    journal, durable, appended = journal_on(disk, path), 0, 0
    for _ in range(6):
        for i in range(rng.randrange(40)):
            is_durable = rng.random() < 0.2
            appended = journal.append("Bar", rng.randbytes(rng.randrange(2_000)), i, durable=is_durable)
            durable = appended if is_durable else durable
            if rng.random() < 0.1:
                journal.checkpoint()
        disk.power_cut(rng)
        turn.restarts()
        journal = journal_on(disk, path)
        assert durable <= journal.last <= appended
        assert journal.verify().sound
        durable = appended = journal.last


def test_what_was_not_durable_may_be_lost(tmp_path: Path, disk: WorldDisk, turn: Turn) -> None:
    lost = 0
    for seed in range(6):
        path = tmp_path / f"{seed}.sqlite"
        journal = journal_on(disk, path, 3)
        for i in range(20):
            journal.append("Bar", b"x", i)
        disk.power_cut(Random(seed))
        turn.restarts()
        journal = journal_on(disk, path)
        lost += 23 - journal.last
        assert journal.last >= 3
        disk.let_go(turn.owner)
        turn.restarts()
    assert lost > 0


def test_a_small_file_after_a_power_cut_is_old_or_new_or_empty(tmp_path: Path) -> None:
    now, seen = [0], set()
    for seed in range(30):
        disk = WorldDisk(lambda: now[0])
        disk.replace(tmp_path / "beat", b"old")
        now[0] += 31 * SECOND
        disk.replace(tmp_path / "beat", b"new")
        disk.power_cut(Random(seed))
        seen.add(disk.read(tmp_path / "beat"))
    assert seen == {b"old", b"new", b""}
    now[0] += 31 * SECOND
    disk.replace(tmp_path / "beat", b"written back")
    now[0] += 31 * SECOND
    disk.power_cut(Random(1))
    assert disk.read(tmp_path / "beat") == b"written back"


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "words"), [("full", "database or disk is full"), ("io", "disk I/O error"), ("read_only", "disk I/O error")]
)
def test_a_disk_that_refuses_is_a_journal_error_and_appending_goes_on_after_it(
    tmp_path: Path, disk: WorldDisk, kind: str, words: str
) -> None:
    journal = journal_on(disk, tmp_path / "data" / "j.sqlite", 3)
    trouble = Trouble(kind, tmp_path / "data")
    disk.begin(trouble)
    with pytest.raises(JournalError, match=words):
        journal.append("Bar", b"lost", 9, durable=True)
    with pytest.raises(OSError, match=r"\[Errno"):
        disk.replace(tmp_path / "data" / "beat", b"1")
    disk.replace(tmp_path / "logs" / "log", b"another folder")
    disk.end(trouble)
    assert journal.append("Bar", b"kept", 9, durable=True) == 4
    assert journal.verify().sound


def test_a_read_only_disk_opens_to_read_alone(tmp_path: Path, disk: WorldDisk) -> None:
    plain = disk.database(tmp_path / "plain.sqlite", "copy")
    plain.execute("CREATE TABLE t (x)")
    plain.close()
    journal_on(disk, tmp_path / "j.sqlite", 3).close()
    disk.begin(Trouble("read_only", tmp_path))
    plain = disk.database(tmp_path / "plain.sqlite", "copy")
    assert plain.execute("SELECT x FROM t").fetchall() == []
    with pytest.raises(sqlite3.OperationalError, match="attempt to write a readonly database"):
        plain.execute("INSERT INTO t VALUES (1)")
    for name in ("j.sqlite", "new.sqlite"):
        with pytest.raises(JournalError, match="could not be opened"):
            journal_on(disk, tmp_path / name)


def test_an_error_of_one_process_is_not_the_others(tmp_path: Path, disk: WorldDisk, turn: Turn) -> None:
    trader = Inbox(tmp_path / "inbox.sqlite", disk.database)
    turn.owner = "web 1"
    web = Inbox(tmp_path / "inbox.sqlite", disk.database)
    disk.begin(Trouble("io", tmp_path, owner="web"))
    with pytest.raises(JournalError, match="disk I/O error"):
        web.put(Request(name="halt", who="anna", expires_ns=10))
    trader.put(Request(name="halt", who="trader", expires_ns=10))


def test_a_lock_is_waited_for_in_the_worlds_time(tmp_path: Path, disk: WorldDisk, turn: Turn) -> None:
    path = tmp_path / "j.sqlite"
    journal = journal_on(disk, path, 1)
    journal._connection.execute("PRAGMA busy_timeout=5000")
    assert disk.lock(path, seconds=8.0)
    with pytest.raises(JournalError, match="database is locked"):
        journal.append("Bar", b"", 1)
    assert disk.take_wait(turn.owner) == 5 * SECOND
    turn.now_ns += 5 * SECOND
    assert journal.append("Bar", b"", 1) == 2, "the lock ends within the time-out"
    assert disk.take_wait(turn.owner) == 3 * SECOND
    assert disk.lock(path, seconds=1.0)
    turn.now_ns += 2 * SECOND
    assert journal.append("Bar", b"", 1) == 3
    assert disk.take_wait(turn.owner) == 0


@pytest.mark.parametrize("kind", ["io", "full", "locked"])
def test_an_error_at_any_write_loses_nothing_that_was_acknowledged(
    tmp_path: Path, disk: WorldDisk, turn: Turn, kind: str
) -> None:
    path = tmp_path / "j.sqlite"
    journal, acknowledged = journal_on(disk, path), []
    for nth in range(1, 30):
        disk.at_writes = [OneWrite(kind, nth)]
        for i in range(3):
            try:
                journal.append("Bar", b"%d-%d" % (nth, i), i, durable=True)
            except JournalError:
                continue
            acknowledged.append(b"%d-%d" % (nth, i))
        with suppress(JournalError):
            journal.checkpoint()
    disk.at_writes = []
    assert [record.payload for record in journal.records()] == acknowledged
    assert len(acknowledged) < 29 * 3
    assert journal.verify().sound
    disk.let_go(turn.owner)
    turn.restarts()
    assert journal_on(disk, path).last == len(acknowledged)


def test_a_checkpoint_that_fails_after_the_commit_is_no_error(tmp_path: Path, disk: WorldDisk) -> None:
    path = tmp_path / "j.sqlite"
    journal = journal_on(disk, path)
    journal._connection.execute("PRAGMA wal_autocheckpoint=4")
    disk.at_writes = [OneWrite("io", nth, owner="trader") for nth in range(3, 400, 7)]
    seen = 0
    for i in range(40):
        try:
            seen = journal.append("Bar", b"x" * 3_000, i)
        except JournalError:
            assert journal.last == seen
    disk.at_writes = []
    assert [record.sequence for record in journal.records()] == list(range(1, seen + 1))
    assert journal.verify().sound


def test_a_flipped_bit_is_found(tmp_path: Path, disk: WorldDisk) -> None:
    found = 0
    for seed in range(12):
        path = tmp_path / f"{seed}.sqlite"
        journal = journal_on(disk, path)
        journal.append_many(Entry("Bar", b"payload" * 20, i) for i in range(200))
        journal.close()
        assert disk.flip(path, Random(seed)) >= 0
        try:
            beside = reader(path, disk.database)
            found += not beside.verify().sound
            beside.close()
        except JournalError:
            found += 1
    assert found >= 6, "the rest fell on bytes that no record uses"


def test_where_files_are_held_they_are_neither_replaced_nor_deleted(tmp_path: Path, disk: WorldDisk) -> None:
    file = tmp_path / "HALT"
    disk.touch(file)
    disk.hold(file)
    disk.remove(file)
    disk.touch(file)
    disk.windows = True
    for change in (lambda: disk.remove(file), lambda: disk.replace(file, b"")):
        with pytest.raises(PermissionError) as raised:
            change()
        assert raised.value.errno == errno.EACCES
    assert disk.exists(file)
    disk.release(file)
    disk.remove(file)
    assert not disk.exists(file)
