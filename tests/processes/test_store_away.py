"""The stores of a running home are locked, full, read-only or broken for a while: nobody ends, nothing is lost."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from failing_disk import FULL, FailingDatabases
from one_thread import World
from trading_home import events_of, journal_of

from minhos import parts
from minhos.assembly import heartbeats
from minhos.assembly.files import LocalDisk
from minhos.assembly.heartbeats import TraderBeat
from minhos.journal.inbox import Answer, Inbox, Request
from minhos.processes.trader import Trader
from minhos.trading import events as ev

LOCKED = "database is locked"


class Disk(LocalDisk):
    """failing: no small file can be written."""

    failing = False

    def replace(self, path: Path, content: bytes, *, durable: bool = False) -> None:
        if self.failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().replace(path, content, durable=durable)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, database=FailingDatabases(), disk=Disk())
    yield made
    for child in made.children:
        if child.code is None and isinstance(child.process, Trader):
            child.kill()
    parts.load_source(parts.Source())


def trader(world: World) -> Trader:
    found = world.child(Trader).process
    assert isinstance(found, Trader)
    return found


def beat(world: World) -> TraderBeat:
    found = heartbeats.read(world.layout, TraderBeat)
    assert found is not None
    return found


def whole(world: World) -> None:
    with journal_of(world.layout) as source:
        assert source.verify().sound


def ask_for(world: World, name: str, seconds: float = 0.5) -> Answer | None:
    inbox = Inbox(world.layout.inbox)
    now_ns = world.wall.now_ns()
    number = inbox.put(Request(name=name, who="anna", created_ns=now_ns, expires_ns=now_ns + 60 * 10**9))
    world.run(seconds)
    answer = inbox.answer(number)
    inbox.close()
    return answer


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("simulated-", LOCKED),
        ("simulated-", FULL),
        ("simulated-", "attempt to write a readonly database"),
        ("inbox", LOCKED),
        ("inbox", "disk I/O error"),
    ],
)
def test_nobody_ends_while_a_store_is_away_and_it_comes_back_by_itself(world: World, file: str, why: str) -> None:
    world.run(10.0)
    world.layout.database.all = file == "inbox"
    world.layout.database.failing = {file: why}
    world.run(20.0)
    assert beat(world).store.endswith(("trader", ")"))
    assert why in beat(world).store
    assert beat(world).store_away_s > 15.0
    world.layout.database.failing = {}
    world.run(10.0)
    assert beat(world).store == ""
    assert [child.code for child in world.children] == [None] * 4
    alarms = [event.text for event in events_of(world.layout, "Alarm")]
    assert [bool(re.match(r"For (19|2[012]) s", text)) and why in text for text in alarms] == [True]
    seen = [event for event in events_of(world.layout, "StoreSeen") if isinstance(event, ev.StoreSeen)]
    assert [bool(event.reason) for event in seen] == [True, False]
    while_away = [e.decision for e in events_of(world.layout, "DecisionMade") if isinstance(e, ev.DecisionMade)]
    assert len(while_away) >= 15, "every bar is decided, also while nothing could be stored"
    whole(world)


def test_a_short_lock_is_no_alarm(world: World) -> None:
    world.run(10.0)
    world.layout.database.failing = {"simulated-": LOCKED}
    world.run(2.5)
    n_kept = len(trader(world).kept.waiting)
    world.layout.database.failing = {}
    world.run(5.0)
    assert n_kept > 0
    assert trader(world).kept.away == ""
    whole(world)


def test_each_write_of_the_trader_fails_once_and_nothing_is_lost(tmp_path: Path) -> None:
    """As the bench does for every write: here for some of a few bars."""
    for fail_at in range(60, 130, 20):
        databases = FailingDatabases()
        world = World(tmp_path / str(fail_at), database=databases)
        databases.fail_at = fail_at
        world.run(14.0)
        closes = [e.decision.close_time_ns for e in events_of(world.layout, "DecisionMade")]
        assert len(closes) >= 5
        assert closes == sorted(set(closes))
        assert [child.code for child in world.children] == [None] * 4
        whole(world)
        world.child(Trader).kill()
    parts.load_source(parts.Source())


def test_a_full_data_folder_ends_nobody(world: World) -> None:
    world.run(10.0)
    world.layout.disk.failing = True
    world.layout.database.failing = {"simulated-": FULL, "inbox": FULL}
    world.run(30.0)
    assert [child.code for child in world.children] == [None] * 4
    world.layout.disk.failing, world.layout.database.failing = False, {}
    world.run(5.0)
    assert beat(world).store == ""
    whole(world)


def test_while_it_is_away_a_halt_is_done_and_what_would_be_forgotten_is_refused(world: World) -> None:
    world.run(10.0)
    world.layout.database.failing = {"simulated-": FULL}
    world.run(2.0)
    paused = ask_for(world, "pause")
    assert paused is not None
    assert (paused.accepted, "a restart would not know of pause" in paused.sentence) == (False, True)
    halted = ask_for(world, "halt")
    assert halted is not None
    assert (halted.accepted, "it is stored once that works again" in halted.sentence) == (True, True)
    assert trader(world).engine.state.risk.halted is not None
    assert ask_for(world, "alarm") is None, "it waits in the inbox"
    world.layout.database.failing = {}
    world.run(3.0)
    names = [event.name for event in events_of(world.layout, "CommandReceived")]
    assert names == ["halt"]


def test_a_request_whose_answer_could_not_be_written_is_carried_out_once(world: World) -> None:
    world.run(5.0)
    inbox = trader(world).inbox
    acknowledge, failed = inbox.acknowledge, []

    def fails_first(number: int, answer: Answer) -> None:
        if not failed:
            failed.append(number)
            world.layout.database.failing = {"inbox": LOCKED}
        acknowledge(number, answer)

    inbox.acknowledge = fails_first  # type: ignore[method-assign]
    assert ask_for(world, "pause") is None
    world.layout.database.failing = {}
    world.run(3.0)
    assert [event.name for event in events_of(world.layout, "CommandReceived")] == ["pause"]
    other = Inbox(world.layout.inbox)
    assert other.answer(failed[0]) == Answer(True, "done")
    other.close()


def test_a_snapshot_that_could_not_be_stored_is_stored_after_a_later_bar(world: World) -> None:
    world.run(5.0)
    found = trader(world)
    snapshot, tries = found.journal.snapshot, []

    def fails_first(*rest: object) -> None:
        tries.append(rest)
        if len(tries) == 1:
            raise OSError(errno.EIO, "Input/output error")
        snapshot(*rest)  # type: ignore[arg-type]

    found.journal.snapshot = fails_first  # type: ignore[method-assign]
    found._snapshot_due = True
    world.run(6.0)
    assert len(tries) == 2
    assert found.journal.latest_snapshot("trading") is not None


def test_what_is_lost_at_the_end_is_said(world: World) -> None:
    world.run(10.0)
    world.layout.database.failing = {"simulated-": FULL}
    world.run(3.0)
    world.child(Trader).terminate()
    with pytest.raises(Exception, match=r"\d+ events of the last \d+ s are lost, as the journal cannot be written"):
        world.run(1.0)
