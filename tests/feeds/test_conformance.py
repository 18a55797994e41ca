"""The conformance suite on every feed of ours and on the example, and that each of its checks can fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from live_folder import File, bars_of

from minhos import parts
from minhos.feeds.bridge.feed import BridgeFeed
from minhos.feeds.bridge.mirror import MirrorStatus
from minhos.feeds.port import Feed, FeedStatus
from minhos.feeds.scid.feed import FolderFeed
from minhos.feeds.simulated.feed import SimulatedFeed
from minhos.feeds.simulated.model import MarketModel
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bar, Bars, Price, Slice
from minhos.testing import feed_conformance as conformance
from minhos.testing.builders import NQ, ns
from minhos.testing.feed_conformance import CHECKS, FeedBench, feed_request
from minhos.words import utc

CALENDAR = SessionCalendar.load()
FIRST, START = ns("2025-10-05T18:00-04:00"), ns("2025-10-06T15:30-04:00")
SECOND = NANOS_PER_SECOND
BARS = bars_of(FIRST, 300, symbol="NQZ25")
WELL = MirrorStatus(True, True, 0, 0, ("NQZ25-CME",), "")


class SimulatedBench(FeedBench):
    moves_clock = True

    def __init__(self, _: Path) -> None:
        self.clock, self.calendar = SimulatedClock(START), CALENDAR

    def feed(self) -> Feed:
        return SimulatedFeed(
            MarketModel(), NQ, clock=self.clock, calendar=CALENDAR, history_days=5, start_ns=START, days_ahead=2
        )

    def go_on(self, until_ns: int) -> None:
        raise AssertionError("a simulated market moves the clock")


class FolderBench(FeedBench):
    """A .scid file that gets its ticks at their times."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.calendar = SimulatedClock(START + 30 * SECOND), CALENDAR
        self.folder = folder
        self.file = File(folder / "NQZ25-CME.scid", BARS)
        self.file.write_until(self.clock.now_ns())

    def feed(self) -> Feed:
        return FolderFeed(feed_request(self.clock, CALENDAR, self.folder))

    def go_on(self, until_ns: int) -> None:
        self.clock.advance_to(until_ns)
        self.file.write_until(until_ns)

    def truth(self, close_time_ns: int) -> Bar | None:
        return BARS.bar(int(BARS.close_time_ns.searchsorted(close_time_ns)))

    def leave_out(self, close_time_ns: int) -> bool:
        self.file.silent_ns = (close_time_ns - BAR_INTERVAL_NS, close_time_ns)
        return True

    def finished(self) -> Feed | None:
        clock = SimulatedClock(START + 10 * 24 * 3600 * SECOND)
        return FolderFeed(feed_request(clock, CALENDAR, self.folder))


class BridgeBench(FolderBench):
    """A folder that is empty, and the mirror in which the ticks arrive."""

    def feed(self) -> Feed:
        (self.folder / "own").mkdir(exist_ok=True)
        own = self.folder / "own"
        return BridgeFeed(feed_request(self.clock, CALENDAR, own), self.folder, lambda: WELL)


class ExampleBench(FolderBench):
    """The example, loaded as from [user] file; a line is added three seconds after a bar has closed."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.calendar = SimulatedClock(START + 30 * SECOND), CALENDAR
        self.path, self.left_out, self.shown_ns = folder / "NQZ25.csv", 0, 0
        self.path.write_text("time,open,high,low,close,volume\n")
        self.go_on(self.clock.now_ns())
        parts.load(Path(__file__).parents[2] / "examples/feed_csv.py")

    def feed(self) -> Feed:
        request = feed_request(self.clock, CALENDAR, file=str(self.path), contract="NQZ25")
        return parts.feeds.part("growing_csv").value(request)

    def go_on(self, until_ns: int) -> None:
        self.clock.advance_to(until_ns)
        closes, shown_ns = BARS.close_time_ns, until_ns - 3 * SECOND
        new = BARS.rows((closes > self.shown_ns) & (closes <= shown_ns) & (closes != self.left_out))
        self.shown_ns = shown_ns
        with self.path.open("a") as file:
            file.writelines(map(line_of, new))

    def truth(self, close_time_ns: int) -> Bar | None:
        bar = super().truth(close_time_ns)
        return bar and msgspec.structs.replace(bar, bid_volume=-1, ask_volume=-1, trades=-1)

    def leave_out(self, close_time_ns: int) -> bool:
        self.left_out = close_time_ns
        return True

    def finished(self) -> Feed | None:
        return None


def line_of(bar: Bar) -> str:
    prices = ",".join(f"{NQ.to_points(t)}" for t in (bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks))
    return f"{utc(bar.open_time_ns)},{prices},{bar.volume}\n"


@pytest.fixture(autouse=True)
def no_parts_remain() -> Iterator[None]:
    yield
    parts.load()


@pytest.mark.parametrize("bench", [SimulatedBench, FolderBench, BridgeBench, ExampleBench])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_feed_keeps_its_port(check: Callable, bench: type, tmp_path: Path) -> None:
    check(bench(tmp_path))


# Feeds that break their word ---------------------------------------------------------------------------------------


class Wrong(Feed):
    """The example's feed with one thing spoilt."""

    def __init__(self, feed: Feed, spoil: str, clock: SimulatedClock) -> None:
        self.inner, self.spoil, self.clock = feed, spoil, clock
        self.instrument, self.symbol = feed.instrument, feed.symbol

    def history(self) -> Bars:
        bars = self.inner.history()
        if self.spoil == "turned":
            return bars.rows(slice(None, None, -1))
        if self.spoil == "overlap":
            return bars.rows(slice(0, -1))
        if self.spoil == "future":
            return msgspec.structs.replace(bars, close_time_ns=bars.close_time_ns + 2 * BAR_INTERVAL_NS)
        if self.spoil == "beside":
            return msgspec.structs.replace(bars, close_time_ns=bars.close_time_ns - SECOND)
        if self.spoil == "forgets":
            return bars.rows(slice(0, 100))
        return bars

    def stream(self) -> Iterator[Price | Slice | None]:
        n_slices = 0
        for item in self.inner.stream():
            n_slices += isinstance(item, Slice)
            if self.spoil == "waits":
                time.sleep(0.5)
            if self.spoil == "dropped" and isinstance(item, Slice) and n_slices == 2:
                continue
            if self.spoil == "unnamed" and isinstance(item, Slice) and item.missing:
                continue
            if self.spoil == "early" and isinstance(item, Slice):
                item = Slice(item.close_time_ns + BAR_INTERVAL_NS, item.bars)
            if self.spoil == "inverted" and isinstance(item, Slice) and item.bars:
                item = Slice(item.close_time_ns, (msgspec.structs.replace(item.bars[0], high_ticks=1),))
            yield item
            if self.spoil == "twice" and isinstance(item, Slice):
                yield item
            if self.spoil == "never none" and item is None:
                while True:
                    yield Price(self.symbol, self.clock.now_ns(), 1)

    def status(self) -> FeedStatus:
        status = self.inner.status()
        return msgspec.structs.replace(status, live=False) if self.spoil == "not live" else status

    def follow(self, symbol: str) -> Feed:
        return self.inner if self.spoil == "follows anything" else self


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        ("turned", conformance.history_is_sound),
        ("beside", conformance.history_is_sound),
        ("future", conformance.history_is_sound),
        ("dropped", conformance.seam_has_neither_gap_nor_duplicate),
        ("twice", conformance.seam_has_neither_gap_nor_duplicate),
        ("overlap", conformance.seam_has_neither_gap_nor_duplicate),
        ("inverted", conformance.stream_is_in_order),
        ("twice", conformance.stream_is_in_order),
        ("early", conformance.nothing_comes_before_its_time),
        ("waits", conformance.stream_never_waits),
        ("never none", conformance.stream_never_waits),
        ("unnamed", conformance.a_missing_bar_is_named),
        ("forgets", conformance.resuming_repeats_and_skips_nothing),
        ("dropped", conformance.resuming_repeats_and_skips_nothing),
        ("not live", conformance.status_is_truthful),
        ("follows anything", conformance.an_unknown_contract_changes_nothing),
    ],
)
def test_a_feed_that_breaks_its_word_is_found(spoil: str, check: Callable, tmp_path: Path, monkeypatch) -> None:
    class Bench(ExampleBench):
        def feed(self) -> Feed:
            return Wrong(super().feed(), spoil, self.clock)

    monkeypatch.setattr(conformance, "PATIENCE_S", 0.2)
    with pytest.raises(AssertionError):
        check(Bench(tmp_path))


def test_a_finished_source_that_is_called_live_is_found(tmp_path: Path) -> None:
    class Bench(ExampleBench):
        def finished(self) -> Feed | None:
            return self.feed()

    with pytest.raises(AssertionError, match="would be traded"):
        conformance.a_finished_source_is_not_live(Bench(tmp_path))
