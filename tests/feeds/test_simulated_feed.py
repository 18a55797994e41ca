"""The simulated feed: seam between history and stream, the clock it moves, breaks it jumps over."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from minhos.errors import SettingsError
from minhos.feeds.simulated.feed import BREAK_AFTER_NS, SimulatedFeed
from minhos.feeds.simulated.model import MarketModel
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.market.types import BAR_INTERVAL_NS, Price, Slice
from minhos.testing.builders import MONDAY_OPEN, NQ, ns

CALENDAR = SessionCalendar.load()


def feed(clock: SimulatedClock | None = None, model: MarketModel | None = None, **changes) -> SimulatedFeed:
    options = {"history_days": 10, "start_ns": MONDAY_OPEN, "days_ahead": 3} | changes
    model = model or MarketModel()
    return SimulatedFeed(model, NQ, clock=clock or SimulatedClock(), calendar=CALENDAR, **options)


def test_history_and_stream_join_without_gap_or_duplicate():
    one = feed()
    streamed = [item.bars[0] for item in one.stream() if isinstance(item, Slice)]
    closes = [*one.history().close_time_ns.tolist(), *(bar.close_time_ns for bar in streamed)]
    sessions = CALENDAR.sessions(closes[0], closes[-1])
    expected = np.concatenate([CALENDAR.expected_closes(session) for session in sessions])
    first, last = expected.searchsorted(closes[0]), expected.searchsorted(closes[-1])
    assert closes == expected[first : last + 1].tolist()
    assert one.history().close_time_ns[-1] == MONDAY_OPEN


def test_the_clock_stands_until_the_stream_is_consumed():
    clock = SimulatedClock()
    stream = feed(clock).stream()
    assert clock.now_ns() == MONDAY_OPEN
    price, bar = islice(stream, 2)
    assert clock.now_ns() == bar.close_time_ns == MONDAY_OPEN + BAR_INTERVAL_NS
    assert isinstance(price, Price)
    assert price == Price("NQ-SIM", MONDAY_OPEN, bar.bars[0].open_ticks)


def test_time_jumps_over_the_break():
    items = list(feed(start_ns=ns("2025-10-06T16:55:00-04:00")).stream())[:4]
    times = [item.time_ns if isinstance(item, Price) else item.close_time_ns for item in items]
    assert times[1] == ns("2025-10-06T17:00:00-04:00")
    assert times[2] == ns("2025-10-06T18:00:00-04:00")


def test_the_second_stream_goes_on_where_the_first_stopped():
    one = feed()
    first = [item for item in islice(one.stream(), 6) if isinstance(item, Slice)]
    second = next(item for item in one.stream() if isinstance(item, Slice))
    assert second.close_time_ns == first[-1].close_time_ns + BAR_INTERVAL_NS


def test_status_tells_what_is_left():
    one = feed(days_ahead=1)
    assert one.status().live
    assert one.status().last_bar_ns == MONDAY_OPEN
    assert "SIMULATED" in one.status().detail
    slices = [item for item in one.stream() if isinstance(item, Slice)]
    assert not one.status().live
    assert one.status().last_bar_ns == slices[-1].close_time_ns


def test_an_edge_that_breaks_does_so_two_days_after_the_start():
    market = feed(model=MarketModel(kind="break")).market
    after = market.bars.close_time_ns > MONDAY_OPEN + BREAK_AFTER_NS
    assert after.any()
    assert (market.p_up[after] == 0.5).all()
    assert (market.p_up[~after] != 0.5).all()


def test_a_start_off_the_grid_is_refused():
    with pytest.raises(SettingsError, match="5-minute grid"):
        feed(start_ns=MONDAY_OPEN + 1)


@pytest.mark.parametrize("changes", [{"history_days": 0}, {"seconds_per_bar": -1.0}])
def test_impossible_options_are_refused(changes):
    with pytest.raises(SettingsError, match="at least one day"):
        feed(**changes)
