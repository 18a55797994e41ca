"""The rules of what stands at the broker and of what is shown: silent where all is well, red where it is not."""

from __future__ import annotations

import re

import msgspec
import pytest

from minhos.processes.journal_watch import JournalWatch
from minhos.processes.orphans import Orphans
from minhos.processes.watchdog import Watchdog
from minhos.research import replay
from minhos.testing.world import invariants
from minhos.testing.world.broker_faults import HandTrade, Rejection
from minhos.testing.world.disk import WorldDisk
from minhos.testing.world.disk_faults import PowerCut
from minhos.testing.world.machine_faults import Kill
from minhos.testing.world.person import Command, Restore
from minhos.testing.world.plan import Plan
from minhos.testing.world.play import Outcome, play
from minhos.venues.sierra.desk import Desk
from minhos.views.surroundings import Surroundings

HELD_MS = 3_100_000
"""With seed 5, five contracts are held from 3,001 to 3,901 seconds after the start."""
QUIET = Plan(5, "sierra", 3_700_000, ())
BY_HAND = msgspec.structs.replace(QUIET, faults=(HandTrade(at_ms=HELD_MS, what="close"),))
BARE = msgspec.structs.replace(
    QUIET,
    faults=(
        Rejection(at_ms=HELD_MS - 1_000, for_ms=400_000, what="stop", why="band"),
        HandTrade(at_ms=HELD_MS, what="cancel_stops"),
    ),
)
PUT_BACK = Plan(6002, "sierra", 20_400_000, (Restore(at_ms=19_222_754, for_ms=900_000),))
"""Between backup and restore an exit was filled."""
DEAD = Plan(
    7,
    "demo",
    50_000,
    tuple(
        Kill(at_ms=10_000 + 500 * i, name=name)
        for i, name in enumerate(("supervisor", "watchdog", "trainer", "trader"))
    ),
)


def broken(outcome: Outcome) -> str:
    return "" if outcome.broken is None else outcome.broken.invariant


def test_a_stop_whose_position_was_closed_by_hand_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert broken(play(BY_HAND)) == ""
    monkeypatch.setattr(Desk, "cancel", lambda self, order_id: None)
    assert broken(play(BY_HAND)) == "resting_exits_never_exceed_what_is_held"


def test_a_position_without_a_stop_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert broken(play(BARE)) == ""
    monkeypatch.setattr(invariants, "UNPROTECTED", re.compile("no alarm says this"))
    assert broken(play(BARE)) == "what_is_held_is_covered_or_said"


def test_a_page_that_calls_a_dead_trader_live_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert broken(play(DEAD)) == ""
    monkeypatch.setattr(Surroundings, "trader_alive", property(lambda self: True))
    assert broken(play(DEAD)) == "statuses_are_true"


def test_a_decision_that_a_replay_makes_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    replayed = msgspec.structs.replace(QUIET, seed=invariants.REPLAYED, length_ms=1_500_000)
    assert broken(play(replayed)) == ""
    again = replay.decide_again
    monkeypatch.setattr(
        replay, "decide_again", lambda state, was: msgspec.structs.replace(again(state, was), close_time_ns=0)
    )
    assert broken(play(replayed)) == "a_replay_decides_the_same"


def test_a_halt_that_a_power_cut_takes_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    halted = Plan(7, "demo", 20_000, (Command(at_ms=10_000, name="halt"), PowerCut(at_ms=15_000, for_ms=1_000, seed=1)))
    assert broken(play(halted)) == ""
    kept = WorldDisk._set
    monkeypatch.setattr(WorldDisk, "_set", lambda self, path, content, durable: kept(self, path, content, False))
    lost = [broken(play(_cut_with(halted, seed))) for seed in (3, 4)]
    assert "a_halt_outlives_the_power" in lost


def _cut_with(plan: Plan, seed: int) -> Plan:
    first, cut = plan.faults
    return msgspec.structs.replace(plan, faults=(first, msgspec.structs.replace(cut, seed=seed)))


def test_a_round_trip_that_a_backup_does_not_know_is_found_where_nobody_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert broken(play(PUT_BACK)) == ""
    monkeypatch.setattr(JournalWatch, "_stop", lambda self, text: None)
    assert broken(play(PUT_BACK)) == "every_fill_is_booked_once"


def test_a_dead_supervisor_of_which_nobody_tells_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Plan(7, "demo", 40_000, (Kill(at_ms=10_000, name="supervisor"),))
    assert broken(play(alone)) == ""
    monkeypatch.setattr(Orphans, "_tell", lambda self: None)
    assert broken(play(alone)) == "a_dead_supervisor_is_told"


def test_a_watchdog_that_never_looks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watchdog, "look", lambda self: None)
    assert broken(play(QUIET)) == "the_watchdog_looks"
