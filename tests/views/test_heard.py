"""How long ago a process was heard of, whatever becomes of the machine's time of day."""

from __future__ import annotations

import msgspec
import pytest

from minhos.market.types import NANOS_PER_SECOND as S
from minhos.testing.builders import MONDAY_OPEN
from minhos.views.heartbeats import TraderBeat, TrainerBeat, WatchdogBeat, WebBeat
from minhos.views.surroundings import Surroundings

STEADY = 5_000 * S


def around(seconds: float, set_by_s: float = 0.0, **changes: object) -> Surroundings:
    """So long after each process was heard of, with a time of day that was set meanwhile."""
    beats = {
        kind.PROCESS: kind(pid=7, time_ns=MONDAY_OPEN, steady_ns=STEADY, state="running")
        for kind in (TraderBeat, TrainerBeat, WatchdogBeat, WebBeat)
    }
    now = Surroundings(
        now_ns=MONDAY_OPEN + round((seconds + set_by_s) * S), steady_ns=STEADY + round(seconds * S), **beats
    )
    return msgspec.structs.replace(now, **changes)


def alive(seen: Surroundings) -> set[bool]:
    return {seen.trader_alive, seen.watchdog_alive, seen.runs(seen.web), not seen.unheard(seen.trader)}


@pytest.mark.parametrize("set_by_s", [-120.0, -118.0, -3_600.0, 0.0, 3_600.0])
def test_who_is_silent_is_silent_whatever_the_clock_was_set_to(set_by_s):
    """By -120 s the clock shows again what it showed when they were heard of."""
    seen = around(120.0, set_by_s)
    assert alive(seen) == {False}
    assert not seen.trainer_alive
    assert seen.heard_s(seen.trader) >= 118.0


def test_who_was_heard_a_moment_ago_is_alive():
    seen = around(1.0)
    assert alive(seen) == {True}
    assert seen.trainer_alive
    assert seen.heard_s(seen.trader) == 1.0


def test_a_heartbeat_of_before_the_machine_was_switched_on_goes_by_the_time_of_day():
    seen = around(3_600.0, steady_ns=40 * S)
    assert seen.heard_s(seen.trader) == 3_600.0


def test_what_an_earlier_version_wrote_goes_by_the_time_of_day():
    beat = TraderBeat(time_ns=MONDAY_OPEN - 3 * S)
    assert Surroundings(now_ns=MONDAY_OPEN, steady_ns=STEADY).heard_s(beat) == 3.0


def test_a_trainer_whose_process_is_gone_trains_nothing():
    seen = around(1.0, ended=frozenset({"trainer"}))
    assert not seen.trainer_alive
