"""The machine's clock: set wrong, and standing still while the machine sleeps."""

from __future__ import annotations

from minhos.testing.world.clock import MachineClock

SECOND = 10**9


class Time:
    true_ns = 100 * SECOND

    def pass_until(self, true_ns: int) -> None:
        self.true_ns = true_ns


def test_a_machine_that_sleeps_counts_nothing_and_never_goes_back() -> None:
    time = Time()
    clock = MachineClock(time)
    clock.sleeps(160 * SECOND)
    seen = []
    for time.true_ns in (100 * SECOND, 130 * SECOND, 160 * SECOND, 170 * SECOND):
        seen.append(clock.monotonic_ns() // SECOND)
    assert seen == [100, 100, 100, 110]
    assert clock.now_ns() == 170 * SECOND
    clock.sleeps(200 * SECOND)
    clock.sleeps(180 * SECOND)
    time.true_ns = 201 * SECOND
    assert clock.monotonic_ns() == 111 * SECOND
    assert clock.true_of(clock.monotonic_ns()) == time.true_ns


def test_a_clock_that_is_set_wrong_is_wrong_by_so_much() -> None:
    time = Time()
    clock = MachineClock(time)
    clock.offset_ns -= 30 * SECOND
    clock.sleep(5.0)
    assert (clock.now_ns(), clock.monotonic_ns()) == (75 * SECOND, 105 * SECOND)
