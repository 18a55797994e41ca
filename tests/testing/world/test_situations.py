"""Faults that meet: drawn alike from a seed, plain values, each of them reached, and what is new among them happens."""

from __future__ import annotations

import random

import msgspec
import pytest

from minhos.journal.store import Journal
from minhos.testing.world import situations
from minhos.testing.world.broker_faults import FalseEnd
from minhos.testing.world.disk_faults import ByteFlipped, ReportedCommit
from minhos.testing.world.person import OlderJournal, Restart
from minhos.testing.world.plan import AnyFault, Base, Plan
from minhos.testing.world.play import play
from minhos.testing.world.situations import Bar
from minhos.testing.world.stage import Stage

HELD_MS = 3_100_000
"""With seed 5, five contracts are held from 3,001 to 3,901 seconds after the start."""


def alarms(base: Base, length_ms: int, *faults: AnyFault) -> str:
    """All that was said in a world of seed 5 in which nothing is broken."""
    said: list[str] = []

    def at_end(stage: Stage) -> None:
        said.extend(text for _, text in stage.world.notes if text.startswith("alarm: "))

    assert play(Plan(5, base, length_ms, faults), before_end=at_end).broken is None
    return "\n".join(said)


@pytest.mark.parametrize("base", ["demo", "sierra", "folder"])
def test_they_are_drawn_alike_and_are_json(base: str) -> None:
    busy = [Bar(4, 1, 4), Bar(9, -1, 8)]
    drawn = [[situations.draw(random.Random(n), base, 9_000_000, busy) for n in range(400)] for _ in range(2)]
    assert drawn[0] == drawn[1]
    kinds = {type(fault) for faults in drawn[0] for fault in faults}
    assert {OlderJournal, ReportedCommit} <= kinds
    assert (FalseEnd in kinds) == (base == "sierra")
    for faults in drawn[0]:
        plan = Plan(1, "sierra", 9_000_000, faults)
        assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan
        assert all(0 <= fault.at_ms < plan.length_ms for fault in faults)


def test_an_older_journal_is_said() -> None:
    assert "an older copy stands in its place" in alarms("demo", 60_000, OlderJournal(at_ms=20_000, for_ms=20_000))


def test_a_snapshot_that_was_changed_is_said() -> None:
    flipped = ByteFlipped(at_ms=HELD_MS + 5_000, base="journal", seed=1, of="snapshot")
    said = alarms("sierra", 3_700_000, Restart(at_ms=HELD_MS, for_ms=10_000), flipped)
    assert "The snapshot at record" in said


def test_a_commit_that_is_told_as_an_error_is_stored_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ReportedCommit(at_ms=3_000_500, nth=2)
    alarms("sierra", 3_700_000, told)
    monkeypatch.setattr(Journal, "catch_up", lambda self: ())
    assert play(Plan(5, "sierra", 3_700_000, (told,))).broken is not None


def test_a_stop_that_is_said_to_have_ended_and_rests_on_is_looked_after() -> None:
    assert "had ended and works at the broker" in alarms("sierra", 3_700_000, FalseEnd(at_ms=HELD_MS))
