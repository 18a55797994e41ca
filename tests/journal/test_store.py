"""The journal: one writer, nothing durable ever lost, no byte ever changed unseen."""

from __future__ import annotations

import errno
import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import JournalEmpty, JournalError
from minhos.journal.database import way_out
from minhos.journal.memory import MemoryJournal
from minhos.journal.reader import JournalReader, reader
from minhos.journal.repair import restore
from minhos.journal.store import SNAPSHOTS_KEPT, Journal
from minhos.journal.types import Entry, Snapshot

IDENTITY = {"mode": "paper", "account": "sim"}
WRITER = Path(__file__).parents[1] / "support" / "journal_writer.py"


def filled(path: Path, n: int = 10) -> Path:
    """A closed journal of n records and a snapshot at the last."""
    journal = Journal.open(path, IDENTITY)
    journal.append_many(Entry("Bar" if i % 2 else "Decision", b"payload-%04d" % i, 1_000 + i) for i in range(n))
    journal.snapshot("ledger", n, b"state of the ledger")
    journal.close()
    return path


def altered(path: Path, statement: str, *values: object) -> Path:
    """What a forger with SQLite at hand can do: without our triggers."""
    connection = sqlite3.connect(path)
    connection.executescript("DROP TRIGGER events_never_change; DROP TRIGGER events_never_go;")
    connection.execute(statement, values)
    connection.commit()
    connection.close()
    return path


def fill_up(journal: Journal) -> None:
    for i in range(1_000):
        journal.append("Bar", b"x" * 500, i, durable=i % 2 == 0)


def start_writer(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_records_come_back_in_order_with_what_was_stored(tmp_path):
    journal = Journal.open(tmp_path / "j.sqlite", IDENTITY)
    assert (journal.last, journal.append("Fill", b"one", 5, version=3, durable=True)) == (0, 1)
    assert journal.append_many([Entry("Bar", b"two", 6), Entry("Fill", b"", 7)]) == 3
    rows = [(r.sequence, r.kind, r.payload, r.time_ns, r.version) for r in journal.records()]
    assert rows == [(1, "Fill", b"one", 5, 3), (2, "Bar", b"two", 6, 1), (3, "Fill", b"", 7, 1)]
    assert [r.sequence for r in journal.records(after=1)] == [2, 3]
    assert [r.sequence for r in journal.records(until=2, kinds=["Fill"])] == [1]
    assert list(journal.records(kinds=[])) == []


def test_reading_goes_over_more_than_one_page(tmp_path):
    journal = Journal.open(tmp_path / "j.sqlite", IDENTITY)
    journal.append_many(Entry("Bar" if i % 3 else "Fill", b"", i) for i in range(5_000))
    assert [r.sequence for r in journal.records()] == list(range(1, 5_001))
    assert [r.time_ns for r in journal.records(kinds={"Fill"})] == list(range(0, 5_000, 3))


def test_it_goes_on_where_it_stopped(tmp_path):
    path = filled(tmp_path / "j.sqlite")
    head = reader(path).head_hash
    journal = Journal.open(path, IDENTITY)
    assert (journal.last, journal.head_hash) == (10, head)
    assert journal.append("Bar", b"", 1) == 11
    assert journal.verify().sound


def test_another_identity_is_refused_in_words(tmp_path):
    path = filled(tmp_path / "j.sqlite")
    with pytest.raises(JournalError, match="account sim, mode paper and was opened for account 123, mode live"):
        Journal.open(path, {"mode": "live", "account": "123"})
    Journal.open(path, IDENTITY).close()


def test_a_second_writer_is_refused_with_the_pid_of_the_first_until_that_is_gone(tmp_path):
    path = tmp_path / "j.sqlite"
    writer = start_writer(path)
    try:
        assert writer.stdout.readline().startswith("open")
        with pytest.raises(JournalError, match=f"process {writer.pid}"):
            Journal.open(path, IDENTITY)
    finally:
        writer.kill()
        writer.communicate()
    Journal.open(path, IDENTITY).close()


def test_a_killed_writer_loses_nothing_durable_and_the_next_one_goes_on(tmp_path):
    path, kills = tmp_path / "j.sqlite", random.Random(7)
    durable = 0
    for _ in range(8):
        writer = start_writer(path)
        assert int(writer.stdout.readline().split()[1]) >= durable
        for _ in range(kills.randrange(1, 40)):
            durable = int(writer.stdout.readline().split()[1])
        writer.kill()
        rest, _ = writer.communicate()
        told = [line.split() for line in rest.splitlines() if line.count(" ") == 1 and line.startswith("durable")]
        durable = max([durable, *(int(number) for word, number in told[:-1])])
        journal = Journal.open(path, IDENTITY)
        assert journal.last >= durable
        assert next(journal.records(after=durable - 1)).kind == "OrderIntent"
        report = journal.verify()
        assert report.sound, report.reason
        journal.close()


@given(
    row=st.integers(1, 10),
    change=st.sampled_from(
        [
            ("time_ns", 999),
            ("kind", "Forged"),
            ("version", 2),
            ("payload", b"payload-9999"),
            ("hash", b"\0" * 32),
            ("sequence", 99),
            ("time_ns", "noon"),
            ("kind", 5),
            ("payload", "text"),
            ("hash", ""),
        ]
    ),
)
@settings(deadline=None, max_examples=30)
def test_any_change_of_any_column_is_found_at_its_record(tmp_path_factory, row, change):
    column, value = change
    path = filled(tmp_path_factory.mktemp("j") / "j.sqlite")
    altered(path, f"UPDATE events SET {column} = ? WHERE sequence = ?", value, row)
    report = reader(path).verify()
    assert (report.first_broken, report.records) == (row, row - 1)


@pytest.mark.parametrize("offset", range(12))
def test_any_flipped_byte_of_a_payload_in_the_file_is_found(tmp_path, offset):
    path = filled(tmp_path / "j.sqlite")
    content = bytearray(path.read_bytes())
    at = content.index(b"payload-0004") + offset
    content[at] ^= 0x01
    path.write_bytes(content)
    assert reader(path).verify().first_broken == 5


def test_removed_records_are_found_in_the_middle_and_at_the_end(tmp_path):
    middle = altered(filled(tmp_path / "a.sqlite"), "DELETE FROM events WHERE sequence = 4")
    assert reader(middle).verify().first_broken == 4
    end = altered(filled(tmp_path / "b.sqlite"), "DELETE FROM events WHERE sequence > 8")
    assert reader(end).verify().first_broken == 9


def test_a_forged_identity_breaks_the_chain_at_its_start(tmp_path):
    path = altered(filled(tmp_path / "j.sqlite"), "UPDATE meta SET value = 'live' WHERE key = 'identity:mode'")
    assert reader(path).verify().first_broken == 1


def test_a_damaged_file_is_reported_not_raised(tmp_path):
    path = filled(tmp_path / "j.sqlite", 2_000)
    content = bytearray(path.read_bytes())
    content[8_192:40_960] = bytes(32_768)
    path.write_bytes(content)
    assert not reader(path).verify().sound


def test_nothing_is_chained_to_a_broken_end(tmp_path):
    path = altered(filled(tmp_path / "j.sqlite"), "UPDATE events SET payload = x'00' WHERE sequence = 10")
    with pytest.raises(JournalError, match="broken at record 10"):
        Journal.open(path, IDENTITY)


def test_the_store_itself_refuses_to_change_or_delete(tmp_path):
    connection = sqlite3.connect(filled(tmp_path / "j.sqlite"))
    for statement in ("UPDATE events SET kind = 'x'", "DELETE FROM events"):
        with pytest.raises(sqlite3.IntegrityError, match="event"):
            connection.execute(statement)


def test_a_full_disk_is_a_sentence_and_leaves_the_chain_intact(tmp_path):
    journal = Journal.open(tmp_path / "j.sqlite", IDENTITY)
    journal.append("Bar", b"x", 1)
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(JournalError, match="free space"):
        fill_up(journal)
    last = journal.last
    with pytest.raises(JournalError, match="full"):
        journal.append_many([Entry("Bar", b"x" * 9_000, 1)] * 2)
    assert journal.last == last
    journal._connection.execute("PRAGMA max_page_count = 100000")
    assert journal.append("Bar", b"x", 2) == last + 1
    assert journal.verify().sound


def test_what_cannot_be_opened_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(JournalError, match="could not be opened"):
        Journal.open(tmp_path / "file" / "j.sqlite", IDENTITY)
    (tmp_path / "text.sqlite").write_text("this is no database, it only looks like one" * 100)
    with pytest.raises(JournalError, match="could not be opened"):
        Journal.open(tmp_path / "text.sqlite", IDENTITY)
    with pytest.raises(JournalError, match="no journal"):
        reader(tmp_path / "none.sqlite")


def test_a_journal_of_another_schema_is_refused(tmp_path):
    path = altered(filled(tmp_path / "j.sqlite"), "UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(JournalError, match="schema 99"):
        Journal.open(path, IDENTITY)


def test_a_reader_sees_what_the_writer_appends_and_cannot_write(tmp_path):
    journal = Journal.open(tmp_path / "j.sqlite", IDENTITY)
    other = reader(tmp_path / "j.sqlite")
    for i in range(3):
        journal.append("Bar", b"", i)
        assert (other.last, other.head_hash) == (i + 1, journal.head_hash)
    assert not hasattr(JournalReader, "append")
    with pytest.raises(sqlite3.OperationalError):
        other._connection.execute("DELETE FROM snapshots")


def test_the_newest_sound_snapshot_is_found_and_old_ones_go(tmp_path):
    path = tmp_path / "j.sqlite"
    journal = Journal.open(path, IDENTITY)
    assert journal.latest_snapshot("ledger") is None
    for i in range(1, 7):
        journal.append("Bar", b"", i)
        journal.snapshot("ledger", i, b"state %d" % i)
    assert journal.latest_snapshot("ledger") == Snapshot("ledger", 6, b"state 6")
    (kept,) = journal._connection.execute("SELECT count(*) FROM snapshots").fetchone()
    assert kept == SNAPSHOTS_KEPT
    journal.close()
    altered(path, "UPDATE snapshots SET payload = x'00' WHERE sequence = 6")
    damaged = reader(path)
    assert damaged.latest_snapshot("ledger") == Snapshot("ledger", 5, b"state 5")
    assert "snapshot ledger" in damaged.verify().reason


def test_a_backup_taken_while_writing_is_whole_and_can_be_restored(tmp_path):
    path, copy = tmp_path / "j.sqlite", tmp_path / "copies" / "backup.sqlite"
    journal = Journal.open(path, IDENTITY)
    journal.append_many(Entry("Bar", b"x" * 100, i) for i in range(2_000))
    shares = []
    journal.backup(copy, lambda share, _: shares.append(share))
    head = journal.head_hash
    journal.append("Bar", b"after the backup", 1)
    assert shares[-1] == 1.0
    assert [p.name for p in copy.parent.iterdir()] == ["backup.sqlite"]
    with pytest.raises(JournalError, match="Another trader"):
        restore(copy, path)
    journal.close()
    assert restore(copy, path).records == 2_000
    restored = Journal.open(path, IDENTITY)
    assert (restored.last, restored.head_hash) == (2_000, head)
    assert reader(tmp_path / "j.sqlite.replaced-1").last == 2_001


def test_a_broken_backup_is_refused_and_the_journal_stays(tmp_path):
    path = filled(tmp_path / "j.sqlite")
    broken = altered(filled(tmp_path / "b.sqlite"), "UPDATE events SET time_ns = 0 WHERE sequence = 3")
    with pytest.raises(JournalError, match="record 3"):
        restore(broken, path)
    assert reader(path).last == 10


def test_progress_of_verify_runs_up(tmp_path):
    path, shares = filled(tmp_path / "j.sqlite", 5_000), []
    reader(path).verify(lambda share, _: shares.append(share))
    assert shares == sorted(shares)
    assert len(shares) == 2


entries = st.lists(
    st.builds(Entry, st.text(max_size=8), st.binary(max_size=40), st.integers(0, 2**62), st.integers(1, 9)), max_size=12
)


@given(entries, st.integers(0, 12), st.integers(0, 12))
@settings(deadline=None, max_examples=30)
def test_the_memory_journal_is_the_journal_without_a_disk(tmp_path_factory, events, after, until):
    stored = Journal.open(tmp_path_factory.mktemp("j") / "j.sqlite", IDENTITY)
    memory = MemoryJournal(IDENTITY)
    for journal in (stored, memory):
        for entry in events[:5]:
            journal.append(entry.kind, entry.payload, entry.time_ns, version=entry.version)
        assert journal.append_many(events[5:]) == len(events)
        journal.snapshot("state", journal.last, b"x")
    assert memory.head_hash == stored.head_hash
    assert list(memory.records(after, until)) == list(stored.records(after, until))
    kinds = {entry.kind for entry in events[::2]}
    assert list(memory.records(kinds=kinds)) == list(stored.records(kinds=kinds))
    assert memory.latest_snapshot("state") == stored.latest_snapshot("state")
    stored.close()


def test_a_file_without_tables_is_one_that_is_being_made_and_blames_no_disk(tmp_path):
    path = tmp_path / "j.sqlite"
    path.touch()
    with pytest.raises(JournalEmpty, match="has written nothing yet"):
        reader(path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (sqlite3.OperationalError("database or disk is full"), "make free space"),
        (OSError(errno.ENOSPC, "No space left on device"), "make free space"),
        (sqlite3.OperationalError("database is locked"), "another process holds it"),
        (PermissionError(errno.EACCES, "Permission denied"), "permissions"),
        (OSError(errno.EIO, "Input/output error"), "check its disk"),
    ],
)
def test_the_way_out_fits_the_cause(error, words):
    assert words in way_out(error)
