"""The simulated clock moves only forward and only when it is moved."""

from __future__ import annotations

from minhos.market.clock import SimulatedClock


def test_it_stands_until_moved_and_never_goes_back():
    clock = SimulatedClock(10)
    clock.advance_to(50)
    clock.advance_to(20)
    assert (clock.now_ns(), clock.monotonic_ns()) == (50, 50)


def test_durations_come_from_the_wall_where_one_is_given():
    wall = SimulatedClock(1_000)
    clock = SimulatedClock(10, wall)
    wall.advance_to(1_007)
    assert (clock.now_ns(), clock.monotonic_ns()) == (10, 1_007)
