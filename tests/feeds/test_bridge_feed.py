"""A folder with the bridge standing in: whatever fails and returns, every bar comes once, whole, and in time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bridge_pair import SYMBOL, write
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import DataError
from minhos.feeds.bridge.feed import BridgeFeed
from minhos.feeds.bridge.mirror import MirrorStatus
from minhos.feeds.scid.files import EPOCH_US
from minhos.feeds.scid.fold import RECORD, Records
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bar, Slice
from minhos.testing.builders import ns
from minhos.testing.feed_conformance import feed_request

CALENDAR = SessionCalendar.load()
START = ns("2025-10-06T13:30:00")
SECOND = NANOS_PER_SECOND
BARS, WARM = 8, 3
NAME = f"{SYMBOL}.scid"
WELL = MirrorStatus(True, True, 0, 0, (SYMBOL,), "")


def market(every_s: float = 2.5) -> Records:
    """Ticks of some bars before the start and BARS after it, at their times."""
    n = round((WARM + BARS) * 300 / every_s)
    records = np.zeros(n, RECORD)
    times = START - WARM * BAR_INTERVAL_NS + (np.arange(n) * every_s * SECOND).astype(np.int64) + SECOND // 2
    records["stamp"] = times // 1000 + EPOCH_US
    records["close"] = 25_000 + np.cumsum(np.random.default_rng(0).integers(-2, 3, n)) * 0.25
    records["high"], records["low"] = records["close"] + 0.25, records["close"]
    records["trades"] = records["volume"] = records["ask_volume"] = 1
    return records


MARKET = market()


def bars_of(records: Records) -> dict[int, tuple[float, ...]]:
    """Close time to open, high, low, close, volume: the bars that must come."""
    numbers = (records["stamp"] - EPOCH_US) * 1000 // BAR_INTERVAL_NS
    found = {}
    for number in np.unique(numbers).tolist():
        close = records["close"][numbers == number]
        found[(number + 1) * BAR_INTERVAL_NS] = (close[0], close.max(), close.min(), close[-1], float(len(close)))
    return found


class Place:
    """A folder that gets the market's ticks every few seconds, with spells in which it does not, or is not there."""

    def __init__(self, folder: Path, flush_s: int, dead: tuple[int, int] = (0, 0), gone: tuple[int, int] = (0, 0)):
        self.folder, self._flush_ns = folder, flush_s * SECOND
        self._dead, self._gone = ((START + a * SECOND, START + b * SECOND) for a, b in (dead, gone))
        self._shown = -1

    def write_until(self, now_ns: int) -> None:
        path = self.folder / NAME
        if self._gone[0] <= now_ns < self._gone[1]:
            path.unlink(missing_ok=True)
            self._shown = -1
            return
        flushed = now_ns // self._flush_ns * self._flush_ns
        if self._dead[0] <= flushed < self._dead[1]:
            flushed = self._dead[0]
        n = int(np.searchsorted(MARKET["stamp"], flushed // 1000 + EPOCH_US))
        if n != self._shown:
            write(path, MARKET[:n])
            self._shown = n


def run(feed: BridgeFeed, clock: SimulatedClock, places: list[Place], step_s: float = 2.0) -> list[Slice]:
    """Everything that closes while the places are written to."""
    stream, found = feed.stream(), []
    end = START + BARS * BAR_INTERVAL_NS + 30 * SECOND
    while clock.now_ns() < end:
        clock.advance_to(clock.now_ns() + round(step_s * SECOND))
        for place in places:
            place.write_until(clock.now_ns())
        while (value := next(stream)) is not None:
            found += [value] if isinstance(value, Slice) else []
    return found


def feed_over(folder: Path | None, mirrored: Path, status: MirrorStatus = WELL) -> tuple[BridgeFeed, SimulatedClock]:
    clock = SimulatedClock(START + 10 * SECOND)
    return BridgeFeed(feed_request(clock, CALENDAR, folder), mirrored, lambda: status), clock


def check(slices: list[Slice]) -> None:
    """All bars after the start, each once, whole, not late, none missing."""
    expected = {close: bar for close, bar in bars_of(MARKET).items() if close > START}
    assert [each.close_time_ns for each in slices] == sorted(expected)
    for each in slices:
        assert not each.missing
        assert not each.late
        assert as_tuple(each.bars[0]) == expected[each.close_time_ns]


def as_tuple(bar: Bar) -> tuple[float, ...]:
    prices = (bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks)
    return (*(ticks / 4 for ticks in prices), float(bar.volume))


def two_places(tmp_path: Path, **folder_named) -> tuple[Place, Place]:
    for name in ("sierra", "mirror"):
        (tmp_path / name).mkdir()
    places = Place(tmp_path / "sierra", 5, **folder_named), Place(tmp_path / "mirror", 1)
    for place in places:
        place.write_until(START + 10 * SECOND)
    return places


def test_a_folder_that_is_well_is_never_left(tmp_path: Path) -> None:
    places = two_places(tmp_path)
    feed, clock = feed_over(places[0].folder, places[1].folder)
    check(run(feed, clock, list(places), step_s=1.0))
    assert feed.changes == 0
    assert not feed.on_mirror


@pytest.mark.parametrize("spell", [(100, 900), (290, 700), (299, 320), (310, 1_500)])
@pytest.mark.parametrize("kind", ["dead", "gone"])
def test_the_mirror_stands_in_and_the_folder_comes_back(tmp_path: Path, kind: str, spell: tuple[int, int]) -> None:
    places = two_places(tmp_path, **{kind: spell})
    feed, clock = feed_over(places[0].folder, places[1].folder)
    check(run(feed, clock, list(places)))
    assert feed.changes in (0, 2) if spell[1] - spell[0] < 60 else feed.changes == 2
    assert not feed.on_mirror


@settings(deadline=None, max_examples=6)
@given(st.integers(11, 1_500), st.integers(1, 1_500), st.sampled_from(["dead", "gone"]))
def test_no_spell_of_the_folder_costs_a_bar(tmp_path_factory, begin: int, length: int, kind: str) -> None:
    places = two_places(tmp_path_factory.mktemp("spell"), **{kind: (begin, begin + length)})
    feed, clock = feed_over(places[0].folder, places[1].folder)
    check(run(feed, clock, list(places), step_s=2.5))


def test_a_folder_that_is_gone_at_the_start_is_taken_up_later(tmp_path: Path) -> None:
    places = two_places(tmp_path, gone=(-10, 500))
    feed, clock = feed_over(places[0].folder, places[1].folder)
    assert feed.on_mirror
    assert "by the bridge" in feed.status().detail
    check(run(feed, clock, list(places)))
    assert not feed.on_mirror


def test_the_mirror_alone_is_a_feed(tmp_path: Path) -> None:
    place = Place(tmp_path, 1)
    place.write_until(START + 10 * SECOND)
    feed, clock = feed_over(None, tmp_path)
    check(run(feed, clock, [place]))
    assert feed.on_mirror
    assert feed.changes == 0


def test_where_there_is_nothing_the_bridge_says_why(tmp_path: Path) -> None:
    trouble = MirrorStatus(False, False, 0, 0, (), "No DTC server at 10.0.0.1:11199.")
    with pytest.raises(DataError, match="No DTC server"):
        feed_over(None, tmp_path, trouble)
    write(tmp_path / NAME, MARKET[:300])
    assert "No DTC server" in feed_over(None, tmp_path, trouble)[0].status().detail
