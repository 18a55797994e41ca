"""A journal that was changed: nothing new is risked on it, the record is named, and there is a way out."""

from __future__ import annotations

import random
import shutil
import sqlite3
import zipfile
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from trading_home import events_of, journal_path, make_home, promote, settings_of

from minhos.assembly import archive, journal_notes
from minhos.assembly.layout import Layout
from minhos.errors import CommandRefused, InboxDamaged, JournalError
from minhos.journal.inbox import Inbox, Request
from minhos.journal.reader import reader
from minhos.journal.repair import cut
from minhos.journal.store import Journal
from minhos.journal.types import Entry
from minhos.market.clock import SimulatedClock
from minhos.processes.journal_watch import AGAIN_AFTER_S, JournalWatch
from minhos.processes.trader import Trader
from minhos.testing.builders import MONDAY_OPEN
from minhos.trading import events as ev
from minhos.trading.recovery import SNAPSHOT, take_snapshot

SECOND = 10**9
IDENTITY = {"mode": "paper", "account": "sim"}


class Run:
    """A trader in this thread, with a clock that a test moves."""

    def __init__(self, layout: Layout) -> None:
        self.wall = SimulatedClock(MONDAY_OPEN + 3600 * SECOND)
        self.trader = Trader(settings_of(layout), layout, SimulatedClock(wall=self.wall), self.wall)
        self.trader.open()

    def go(self, seconds: float) -> Run:
        end_ns = self.wall.monotonic_ns() + round(seconds * SECOND)
        while self.wall.monotonic_ns() < end_ns:
            due_ns = self.trader.step()
            assert due_ns is not None
            self.wall.advance_to(due_ns)
        return self

    def stop(self, *, snapshot: bool = False) -> tuple[int, int]:
        """End in order; cash and position as they are."""
        if snapshot:
            self.trader.journal.snapshot(SNAPSHOT, self.trader.journal.last, take_snapshot(self.trader.engine.state))
        self.trader.stopping = True
        assert self.trader.step() is None
        self.trader.close()
        return self.account()

    def account(self) -> tuple[int, int]:
        state = self.trader.engine.state
        return state.ledger.account().equity_cents, sum(state.held().values())

    @property
    def paused(self) -> str:
        stop = self.trader.engine.state.risk.paused
        return stop.why if stop is not None else ""

    def resume(self) -> None:
        self.trader._carry_out(Request(name="resume", who="anna", expires_ns=2**62))


def alarms(layout: Layout) -> list[str]:
    return [event.text for event in events_of(layout, "Alarm") if isinstance(event, ev.Alarm)]


def flip(path: Path, sequence: int, column: str = "payload") -> None:
    """Another byte in the middle of a record, as a disk does it: not even our triggers hear of it."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (value,) = connection.execute(f"SELECT {column} FROM events WHERE sequence = ?", (sequence,)).fetchone()
    connection.close()
    content = path.read_bytes()
    assert content.count(value) == 1
    at = content.index(value) + len(value) // 2
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[int, int]]:
    """A home that traded for 40 bars, and its account; never changed, only copied."""
    home = tmp_path_factory.mktemp("traded")
    layout = make_home(home, pace=2.0)
    return home, Run(layout).go(80.0).stop()


@pytest.fixture
def home(traded: tuple[Path, tuple[int, int]], tmp_path: Path) -> Layout:
    return Layout(Path(shutil.copytree(traded[0], tmp_path / "home")))


def fills(layout: Layout) -> list[int]:
    with reader(journal_path(layout))._explained("read"):
        return [r.sequence for r in reader(journal_path(layout)).records(kinds=("OrderFilled",))]


def test_a_broken_record_cuts_the_journal_and_pauses_with_the_record_and_the_file(home, traded):
    path, broken = journal_path(home), fills(home)[-2]
    last = reader(path).last
    flip(path, broken)
    run = Run(home)
    kept = path.with_name(path.name + ".replaced-1")
    assert reader(kept).last == last
    (text,) = [text for text in alarms(home) if "broken" in text]
    assert f"at record {broken} " in text
    assert f"{last - broken + 1:,} records" in text
    assert kept.name in text
    assert run.paused == text
    assert run.trader.engine.state.ledger.account().equity_cents != traded[1][0]
    held = abs(run.account()[1])
    run.go(20.0)
    decided = [event.decision for event in events_of(home, "DecisionMade")][-9:]
    assert all(abs(decision.verdict.target) <= held for decision in decided if decision.verdict is not None)
    run.resume()
    assert not run.paused
    run.stop()
    assert reader(path).verify().sound
    assert Run(home).paused == ""


def test_a_broken_record_before_the_snapshot_leaves_the_account_right_and_bars_new_risk_until_repaired(home, traded):
    Run(home).stop(snapshot=True)
    path, broken = journal_path(home), fills(home)[1]
    flip(path, broken)
    run = Run(home)
    assert run.account() == traded[1], "from the snapshot, which is sound"
    run.go(2.0)
    assert f"broken at record {broken}" in run.paused
    assert f"repair --until {broken - 1}" in run.paused
    with pytest.raises(CommandRefused, match=f"nothing new is risked: .*record {broken}"):
        run.resume()
    run.stop()
    again = Run(home)
    with pytest.raises(CommandRefused, match=f"record {broken}"):
        again.resume()
    again.stop()
    kept = cut(path, broken - 1, home.database)
    journal_notes.accept(home, path)
    assert kept == path.with_name(path.name + ".replaced-1")
    assert Run(home).go(2.0).paused == ""


@pytest.mark.parametrize("cutting", ["older copy", "end removed"])
def test_a_journal_that_ends_earlier_than_it_did_is_found_before_the_first_order(home, tmp_path, cutting):
    path = journal_path(home)
    copy = tmp_path / "copy.sqlite"
    with_end = reader(path)
    earlier = with_end.last
    with_end.backup(copy)
    with_end.close()
    Run(home).go(20.0).stop()
    later = reader(path).last
    if cutting == "older copy":
        path.unlink()
        shutil.copy(copy, path)
    else:
        connection = sqlite3.connect(path)
        connection.executescript(f"DROP TRIGGER events_never_go; DELETE FROM events WHERE sequence > {earlier}")
        connection.close()
    run = Run(home)
    assert f"ends at record {earlier:,}, and {later:,} were there" in run.paused
    with pytest.raises(CommandRefused, match=r"minh\.py repair`, which says how to go on with it"):
        run.resume()
    run.go(2.0).stop()
    assert "were there" in Run(home).trader.watch.problem, "also after another restart"


def test_a_backup_in_its_place_is_said_once_and_pauses(home, tmp_path):
    backup = tmp_path / "before.zip"
    archive.pack(home, backup, lambda share, text: None)
    with_end = reader(journal_path(home))
    earlier = with_end.last
    with_end.close()
    with zipfile.ZipFile(backup) as packed:  # nothing was traded since
        archive.unpack(home, packed, backup, lambda share, text: None)
    Run(home).go(20.0).stop()
    assert "put back" not in "".join(alarms(home))
    with zipfile.ZipFile(backup) as packed:
        archive.unpack(home, packed, backup, lambda share, text: None)
    run = Run(home)
    assert f"from the backup before.zip: it ends at record {earlier:,} of " in run.paused
    assert "not in it" in run.paused
    run.resume()
    run.go(2.0).stop()
    Run(home).go(2.0).stop()
    assert sum("put back" in text for text in alarms(home)) == 1


def test_another_journal_in_its_place_is_found(home, traded, tmp_path):
    other = make_home(tmp_path / "other", pace=2.0, bundle=False)
    promote(other, seed=1)
    Run(other).go(100.0).stop()
    shutil.copy(journal_path(other), journal_path(home))
    run = Run(home)
    assert "another journal stands in its place" in run.paused


def test_a_journal_that_is_gone_begins_anew_with_an_alarm_and_a_pause(home):
    journal_path(home).unlink()
    run = Run(home)
    assert "is gone" in run.paused
    run.resume()
    run.stop()
    assert Run(home).paused == ""


def test_a_changed_snapshot_is_passed_over_with_an_alarm(home, traded):
    Run(home).stop(snapshot=True)
    path = journal_path(home)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE snapshots SET payload = zeroblob(length(payload))")
    connection.commit()
    connection.close()
    run = Run(home)
    assert run.account() == traded[1]
    assert any("snapshot at record" in text for text in alarms(home))
    assert run.paused == ""


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.9])
def test_a_damaged_inbox_is_set_aside_with_an_alarm_and_commands_are_heard(home, share):
    content = bytearray(home.inbox.read_bytes())
    at = int(share * len(content))
    content[at : at + 64] = b"\xa5" * 64
    home.inbox.write_bytes(content)
    run = Run(home)
    if home.database.exists(home.inbox.with_name("inbox.sqlite.replaced-1")):
        assert any("The inbox was damaged" in text for text in alarms(home))
    inbox = Inbox(home.inbox)
    number = inbox.put(Request(name="pause", who="anna", expires_ns=2**62))
    run.go(1.0)
    assert inbox.answer(number) is not None
    inbox.close()


def test_an_inbox_that_is_found_damaged_while_it_runs_is_replaced(home, monkeypatch):
    run = Run(home)
    monkeypatch.setattr(run.trader.inbox, "pending", lambda _: (_ for _ in ()).throw(InboxDamaged("malformed")))
    run.go(1.0)
    assert any("The inbox was damaged (malformed)" in text for text in alarms(home))
    inbox = Inbox(home.inbox)
    number = inbox.put(Request(name="pause", who="anna", expires_ns=2**62))
    run.go(1.0)
    assert inbox.answer(number) is not None
    inbox.close()


# The pass in the background ----------------------------------------------------------------------------------------


def watched(layout: Layout, n: int = 0) -> tuple[JournalWatch, SimulatedClock, list[int]]:
    wall = SimulatedClock(MONDAY_OPEN)
    path = layout.journal("paper", "sim")
    if n:
        with suppress(FileNotFoundError):
            path.unlink()
        journal = Journal.open(path, IDENTITY)
        for start in range(0, n, 7):
            journal.append_many(
                Entry("Bar" if i % 3 else "Fill", b"%d" % i, i) for i in range(start, min(start + 7, n))
            )
        journal.snapshot(SNAPSHOT, n // 2, b"half")
        journal.close()
    watch = JournalWatch(layout, path, wall)
    return watch, wall, watch.open(IDENTITY, told)


def forward(wall: SimulatedClock, ns: int) -> None:
    wall.advance_to(wall.now_ns() + ns)


def told(journal: Journal) -> list[int]:
    """What a trader would know: the records after the newest sound snapshot."""
    snapshot = journal.latest_snapshot(SNAPSHOT)
    return [record.sequence for record in journal.records(after=snapshot.sequence if snapshot else 0)]


def close(watch: JournalWatch) -> None:
    watch.note()
    watch.journal.close()
    watch.close()


def prove(watch: JournalWatch, turns: int = 100) -> None:
    watch.journal.append("EngineStarted", b"", 1, durable=True)
    for _ in range(turns):
        watch.turn()


def test_a_restart_goes_on_where_the_pass_was_and_begins_again_after_a_whole_one(tmp_path):
    layout = Layout(tmp_path)
    watch, _, _ = watched(layout, 6_000)
    prove(watch, 1)
    close(watch)
    part = journal_notes.read(layout, watch._path)
    assert 0 < part.sequence < 6_000
    watch, _, _ = watched(layout)
    assert watch._pass.sequence >= part.sequence
    prove(watch)
    close(watch)
    whole = journal_notes.read(layout, watch._path)
    assert (whole.done, whole.sequence, whole.last) == (True, 6_002, 6_002)
    watch, wall, _ = watched(layout)
    assert watch._pass.sequence < 1_000, "each restart proves it anew"
    prove(watch)
    forward(wall, round(AGAIN_AFTER_S * SECOND) + 1)
    watch.turn()
    watch.turn()
    assert watch._pass.sequence < 6_000, "and so does each week"
    close(watch)


def test_a_turn_is_bounded_where_the_clock_stands_and_where_it_runs(tmp_path):
    watch, _, _ = watched(Layout(tmp_path), 9_000)
    watch.journal.append("EngineStarted", b"", 1, durable=True)
    before = watch._pass.sequence
    watch.turn()
    assert watch._pass.sequence - before <= 2_048
    close(watch)


def test_what_another_program_wrote_beside_the_trader_is_an_alarm(tmp_path):
    watch, wall, _ = watched(Layout(tmp_path), 10)
    prove(watch)
    for _ in range(2):
        forward(wall, 31 * SECOND)
        watch.turn()
    assert not watch.alarms
    other = sqlite3.connect(watch._path)
    other.execute("UPDATE meta SET value = '7' WHERE key = 'writer_pid'")
    other.commit()
    other.close()
    forward(wall, 31 * SECOND)
    watch.turn()
    assert "Another program wrote" in watch.alarms[0]
    close(watch)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, int]:
    layout = Layout(tmp_path_factory.mktemp("small"))
    watch, _, _ = watched(layout, 240)
    prove(watch)
    close(watch)
    path = watch._path
    return path.read_bytes(), journal_notes.note_of(path).read_bytes(), 241


@pytest.mark.parametrize("seed", range(8))
def test_any_byte_of_the_file_may_flip_and_never_another_account_without_a_word(small, tmp_path, seed):
    """Either nothing that is read differs, or it is refused, or a pause names the record."""
    content, note, n = small
    rng = random.Random(seed)
    layout = Layout(tmp_path)
    path = layout.journal("paper", "sim")
    for _ in range(40):
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir(parents=True)
        at = rng.randrange(len(content))
        path.write_bytes(content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :])
        journal_notes.note_of(path).write_bytes(note)
        check(layout, n, f"byte {at}")


def check(layout: Layout, n: int, what: str) -> None:
    try:
        watch, _, known = watched(layout)
    except JournalError as error:
        said = str(error)
    else:
        said = ""
    if said:
        assert any(word in said for word in ("repair", "belongs to", "schema")), f"{what}: {said}"
        return
    try:
        if watch.pause or watch.problem:
            assert "record" in watch.pause + watch.problem, what
            return
        assert known in (list(range(121, n + 1)), list(range(1, n + 1))), what
        with suppress(JournalError):  # a damaged index takes no more records: refused, in words
            prove(watch)
        if not watch.problem and not watch.journal.damaged:
            kinds = {
                kind: [r.sequence for r in watch.journal.records(until=n, kinds=(kind,))] for kind in ("Bar", "Fill")
            }
            assert kinds["Bar"] == [i + 1 for i in range(n - 1) if i % 3], what
            assert kinds["Fill"] == [i + 1 for i in range(n - 1) if i % 3 == 0], what
    finally:
        with suppress(JournalError, sqlite3.Error):
            close(watch)


def test_msgspec_notes_that_make_no_sense_are_no_notes(tmp_path):
    layout = Layout(tmp_path)
    watch, _, _ = watched(layout, 20)
    prove(watch)
    close(watch)
    for content in (b"", b"{", b"[]", b'{"last": "x"}', msgspec.json.encode({"last": 5})):
        journal_notes.note_of(watch._path).write_bytes(content)
        watch, _, _ = watched(layout)
        assert watch.problem == "" or b'"last":5' in content
        watch.journal.close()
        watch.close()
