"""How often a trader looks for a feed that is away: each look costs it a part of its time, in which it hears nobody."""

from __future__ import annotations

from itertools import pairwise

from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.processes.feed_watch import SHARE_OF_TIME, FeedWatch
from minhos.testing.builders import MONDAY_OPEN, NQ


def looks(took_s: float, for_s: float) -> list[float]:
    """Seconds from its loss at which a feed was looked for in vain, where a look takes so long."""
    clock = SimulatedClock(MONDAY_OPEN)
    watch, began = FeedWatch(SessionCalendar.load(), clock, clock), []
    watch.lose("It failed.", ("NQZ25", NQ))
    while clock.now_ns() < MONDAY_OPEN + round(for_s * 1e9):
        if watch.asks_again():
            began.append((clock.now_ns() - MONDAY_OPEN) / 1e9)
            clock.sleep(took_s)
            watch.still_away("It is away.")
        clock.sleep(0.5)
    return began


def test_one_that_is_looked_for_in_no_time_is_looked_for_every_minute():
    began = looks(0.0, 600.0)
    assert began[:3] == [1.0, 3.0, 7.0]
    assert {later - before for before, later in pairwise(began[6:])} == {60.0}


def test_one_that_is_long_looked_for_takes_a_small_part_of_the_time():
    """Five seconds a look, as of a history of gigabytes."""
    took_s, for_s = 5.0, 4_000.0
    assert took_s * len(looks(took_s, for_s)) <= for_s / SHARE_OF_TIME + took_s


def test_one_that_comes_back_for_nothing_is_not_read_again_and_again():
    clock = SimulatedClock(MONDAY_OPEN)
    watch = FeedWatch(SessionCalendar.load(), clock, clock)
    watch.lose("It failed.", ("NQZ25", NQ))
    clock.sleep(1.0)
    assert watch.asks_again()
    clock.sleep(5.0)
    watch.is_back(watch.feed, watch.feed.history())
    watch.lose("It failed again.", ("NQZ25", NQ))
    clock.sleep(90.0)
    assert not watch.asks_again()
    clock.sleep(11.0)
    assert watch.asks_again()


def test_one_that_was_never_there_closes():
    watch = FeedWatch(SessionCalendar.load(), SimulatedClock(), SimulatedClock())
    watch.close()
    assert watch.alarms == []
