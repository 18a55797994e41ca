"""The world itself: the same seed gives the same world, a failure is found, told and made smaller."""

from __future__ import annotations

import msgspec
import pytest

from minhos.testing.world import invariants
from minhos.testing.world.machine_faults import Crash, Kill, SetClock
from minhos.testing.world.plan import Plan, drawn
from minhos.testing.world.play import play
from minhos.testing.world.shrink import shrunk

SHORT = Plan(
    7,
    "demo",
    60_000,
    (Crash(at_ms=9_000, events=2), Kill(at_ms=20_000, name="trainer"), Kill(at_ms=30_000, name="watchdog")),
)


def test_the_same_plan_twice_is_the_same_world() -> None:
    first, second = play(SHORT, trace=True), play(SHORT, trace=True)
    assert first == second
    assert first.decisions >= 20


def test_a_world_without_faults_breaks_nothing_and_goes_on_to_its_end() -> None:
    outcome = play(msgspec.structs.replace(SHORT, faults=()))
    assert outcome.broken is None
    assert outcome.decisions >= 28, "a bar every two seconds"


def test_a_trader_that_dies_in_the_middle_of_a_turn_decides_each_bar_once() -> None:
    outcome = play(SHORT, trace=True)
    assert outcome.broken is None, outcome.trace
    assert sum("is killed: a fault in the middle of a turn" in line for line in outcome.trace) == 1


def test_a_plan_is_plain_values() -> None:
    plan = drawn(11)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan
    assert drawn(11) == plan != drawn(12)


def test_a_broken_rule_ends_the_world_with_its_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_watchdog_dies(stage, memory):
        if any(child.name == "watchdog" and child.code for child in stage.world.children.values()):
            yield "the watchdog died"

    monkeypatch.setattr(invariants, "OF_THE_MOMENT", (no_watchdog_dies,))
    outcome = play(SHORT)
    assert outcome.broken is not None
    assert (outcome.broken.invariant, outcome.broken.sentence) == ("no_watchdog_dies", "the watchdog died")
    assert outcome.broken.at_ms == 30_000
    assert "BROKEN no_watchdog_dies: the watchdog died" in outcome.trace[-1]


def test_the_fewest_faults_that_fail_are_found() -> None:
    plan = Plan(1, "demo", 60_000, tuple(SetClock(at_ms=1_000 * i, by_ms=i) for i in range(20)))

    def needs_3_and_17(smaller: Plan) -> bool:
        return {3, 17} <= {fault.by_ms for fault in smaller.faults if isinstance(fault, SetClock)}

    assert [fault.at_ms for fault in shrunk(plan, needs_3_and_17).faults] == [3_000, 17_000]
