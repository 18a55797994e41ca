"""What any `Feed` must keep, as checks that run on ours and on yours.  Needs no test library.

Write a bench: a source that the check drives, and the feed that reads it.  Then, with pytest:

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_feed(check, tmp_path):
        check(MyBench(tmp_path))

A check raises `AssertionError` with a sentence.  Not for what a feed shows in its sentences, nor for how fast it is.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from minhos.feeds.port import Feed, FeedRequest
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock, SimulatedClock
from minhos.market.instruments import instrument
from minhos.market.roll import ActiveContract, RollState
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, UNKNOWN, Bar, Price, Slice

N_BARS = 6
"""Bars that a check lets come."""
STEP_NS = 15 * NANOS_PER_SECOND
"""The clock goes on by that much between two looks at a stream."""
MAX_ITEMS = 100_000
"""More in one look is a stream that never says None."""
PATIENCE_S = 2.0
"""A stream that has not answered by then waits."""
SETTLED_NS = 60 * NANOS_PER_SECOND
"""So long after its close a bar has come, or has been named as missing."""


def feed_request(
    clock: Clock, calendar: SessionCalendar, source: Path | None = None, symbol: str = "NQ", **options: object
) -> FeedRequest:
    """A request as `assembly` makes it, options being the table [feed.<name>]."""
    return FeedRequest(
        symbol=symbol, instrument=instrument(symbol), clock=clock, calendar=calendar, source=source, options=options
    )


class FeedBench(Protocol):
    """A source with at least a session of history and the next bars to come, in open hours."""

    clock: SimulatedClock
    """Stands at the end of the history at first; the feed's only clock."""
    calendar: SessionCalendar
    moves_clock: bool = False
    """The feed moves the clock itself, as a simulated market does; then `go_on` is never called."""

    @abstractmethod
    def feed(self) -> Feed:
        """A new feed on what the source holds now, as after a restart."""

    @abstractmethod
    def go_on(self, until_ns: int) -> None:
        """Let the source hold what happened until then, and move the clock there."""

    def truth(self, close_time_ns: int) -> Bar | None:
        """The bar that must come at that close; None where it is not known."""
        return None

    def leave_out(self, close_time_ns: int) -> bool:
        """Let no bar come at that close, which has not begun; False where this source cannot do so."""
        return False

    def finished(self) -> Feed | None:
        """A feed on a source to which nothing is ever added; None where there is no such thing."""
        return None


class Watched:
    """A feed, all that it gave so far, and the time at which it gave it."""

    def __init__(self, bench: FeedBench, feed: Feed | None = None) -> None:
        self.bench, self.feed = bench, feed or bench.feed()
        self.history = self.feed.history()
        self.items: list[tuple[int, Price | Slice]] = []
        self.ended = False
        self._stream = self.feed.stream()

    def run(self, n_bars: int = N_BARS) -> Watched:
        """Until that many more bars are over, and have had time to come."""
        clock = self.bench.clock
        if self.bench.moves_clock:
            target = len(self.slices) + n_bars
            while len(self.slices) < target and not self.ended:
                self.look(most=1)
            return self
        end_ns = clock.now_ns() // BAR_INTERVAL_NS * BAR_INTERVAL_NS + n_bars * BAR_INTERVAL_NS + SETTLED_NS
        while clock.now_ns() < end_ns:
            self.bench.go_on(min(clock.now_ns() + STEP_NS, end_ns))
            self.look()
        return self

    def look(self, most: int = MAX_ITEMS) -> int:
        """Take what the stream has now; how many items that were."""
        for n in range(most):
            item = next(self._stream, _END)
            if item is _END:
                self.ended = True
                return n
            if item is None:
                return n
            assert isinstance(item, Price | Slice), f"the stream gave {item!r}: only Price, Slice and None are known"
            self.items.append((self.bench.clock.now_ns(), item))
        _expect(most < MAX_ITEMS, "the stream never gives None: nobody else would get a turn")
        return most

    @property
    def slices(self) -> list[Slice]:
        return [item for _, item in self.items if isinstance(item, Slice)]

    @property
    def bars(self) -> list[Bar]:
        return [bar for each in self.slices for bar in each.bars]


_END = object()


def history_is_sound(bench: FeedBench) -> None:
    """Oldest first, on the grid, each close once, prices and volumes possible, of the feed's instrument."""
    feed = bench.feed()
    bars = feed.history()
    _expect(len(bars) > 0, "the history is empty")
    closes = bars.close_time_ns
    _expect(bool(np.all(np.diff(closes) > 0)), "the history is not in order of time, or has a close twice")
    _expect(bars.interval_ns == BAR_INTERVAL_NS, f"bars of {bars.interval_ns / 60e9:g} minutes instead of 5")
    _expect(bars.instrument == feed.instrument, "the history is of another instrument than the feed")
    _expect(bars.simulated == feed.simulated, "history and feed differ on whether the market is generated")
    _expect(feed.symbol.startswith(feed.instrument.root), f"{feed.symbol} is no contract of {feed.instrument.root}")
    for bar in bars:
        _sound(bar)
    now_ns = bench.clock.now_ns()
    _expect(int(closes[-1]) <= now_ns, f"the history has a bar that closes {_seconds(int(closes[-1]) - now_ns)} later")


def seam_has_neither_gap_nor_duplicate(bench: FeedBench) -> None:
    """Every expected bar after the history comes once or is named as missing, and none of the history comes again."""
    seen = Watched(bench).run()
    _expect(len(seen.slices) > 0, "no bar came after the history")
    last_ns = int(seen.history.close_time_ns[-1])
    _once(seen, after_ns=last_ns)
    _complete(bench, seen, after_ns=last_ns)


def stream_is_in_order(bench: FeedBench) -> None:
    """Bars and prices by time, of the feed's contract, as they were; only a late bar comes after a later one."""
    seen = Watched(bench).run()
    newest_ns = 0
    for each in seen.slices:
        _expect(each.late or each.close_time_ns > newest_ns, f"{_iso(each.close_time_ns)} comes after a later bar")
        newest_ns = max(newest_ns, each.close_time_ns)
        _expect(len(each.bars) + len(each.missing) > 0, f"the slice of {_iso(each.close_time_ns)} holds nothing")
        for bar in each.bars:
            _sound(bar)
            _expect(bar.close_time_ns == each.close_time_ns, "a bar lies in the slice of another time")
            _expect(bar.symbol == seen.feed.symbol, f"a bar of {bar.symbol} in a feed of {seen.feed.symbol}")
            truth = bench.truth(bar.close_time_ns)
            _expect(truth is None or bar == truth, f"{bar} came instead of {truth}")
    prices = [item for _, item in seen.items if isinstance(item, Price)]
    times = [price.time_ns for price in prices]
    _expect(times == sorted(times), "prices are not in order of time")
    _expect(all(price.price_ticks > 0 for price in prices), "a price is not above zero")
    _expect(all(price.symbol == seen.feed.symbol for price in prices), "a price of another contract")


def nothing_comes_before_its_time(bench: FeedBench) -> None:
    """No bar before it closed by the clock, no price from the future."""
    for now_ns, item in Watched(bench).run().items:
        time_ns = item.time_ns if isinstance(item, Price) else item.close_time_ns
        _expect(time_ns <= now_ns, f"{item} came {_seconds(time_ns - now_ns)} before its time")


def stream_never_waits(bench: FeedBench) -> None:
    """Where nothing is there it says None at once."""
    seen = Watched(bench)
    worker = threading.Thread(target=seen.look, kwargs={"most": 1 if bench.moves_clock else MAX_ITEMS}, daemon=True)
    worker.start()
    worker.join(PATIENCE_S)
    _expect(not worker.is_alive(), f"the stream has not answered in {PATIENCE_S:g} s: give None where nothing is there")
    if not bench.moves_clock:
        _expect(seen.look() == 0, "the stream gave something although neither source nor clock went on")


def a_missing_bar_is_named(bench: FeedBench) -> None:
    """An expected bar that does not come is named once, and the next one comes all the same."""
    running_ns = bench.calendar.expected_close_after(bench.clock.now_ns())
    close_ns = bench.calendar.expected_close_after(running_ns)
    if not bench.leave_out(close_ns):
        return
    seen = Watched(bench).run(3)
    found = [each for each in seen.slices if each.close_time_ns == close_ns]
    _expect(len(found) == 1, f"the bar of {_iso(close_ns)} did not come and was named {len(found)} times")
    _expect(found[0].missing == (seen.feed.symbol,), f"{found[0]} does not name what is missing")
    _expect(any(bar.close_time_ns > close_ns for bar in seen.bars), "after a missing bar no other came")


def resuming_repeats_and_skips_nothing(bench: FeedBench) -> None:
    """A new feed after a restart gives every bar since then, once, in its history or in its stream."""
    before = Watched(bench).run(3)
    taken_ns = max(each.close_time_ns for each in before.slices)
    before.feed.close()
    if not bench.moves_clock:
        bench.go_on(bench.clock.now_ns() + 2 * BAR_INTERVAL_NS)
    feed = bench.feed()
    feed.resume_after(taken_ns)
    seen = Watched(bench, feed).run(3)
    _expect(taken_ns in seen.history.close_time_ns, "what was taken in before the restart is not in the history")
    _once(seen, after_ns=int(seen.history.close_time_ns[-1]))
    _complete(bench, seen, after_ns=taken_ns)


def status_is_truthful(bench: FeedBench) -> None:
    """Connected and live while bars come, the last close as it was given, one sentence; asking changes nothing."""
    seen = Watched(bench)
    status = seen.feed.status()
    _expect(status.connected and status.live, f"a source that grows is not called connected and live: {status}")
    _expect(status.last_bar_ns == int(seen.history.close_time_ns[-1]), "last_bar_ns is not the history's last close")
    seen.run(2)
    status = seen.feed.status()
    _expect(status == seen.feed.status(), "asking twice gives two answers")
    _expect(status.last_bar_ns == seen.bars[-1].close_time_ns, "last_bar_ns is not the close of the last bar given")
    _expect(bool(status.detail.strip()) and "\n" not in status.detail, f"{status.detail!r} is no sentence")


def a_finished_source_is_not_live(bench: FeedBench) -> None:
    """It says so, gives nothing more and calls nothing missing."""
    feed = bench.finished()
    if feed is None:
        return
    _expect(not feed.status().live, "a finished source is called live: it would be traded")
    seen = Watched(bench, feed)
    seen.look()
    _expect(not seen.items, f"a finished source gave {seen.items[:1]}")


def an_unknown_contract_changes_nothing(bench: FeedBench) -> None:
    """`follow` of what the feed has not got gives the feed itself; `turn` answers with a contract, or why not."""
    feed = bench.feed()
    _expect(
        feed.follow(f"{feed.instrument.root}Z99") is feed, "following a contract that is not there changed the feed"
    )
    turn = feed.turn(bench.clock.now_ns(), held=0)
    _expect(isinstance(turn, ActiveContract), f"turn gave {turn!r}")
    _expect(bool(turn.symbol) or turn.state is RollState.LEAVING, "turn names no contract although none is being left")


CHECKS: tuple[Callable[[FeedBench], None], ...] = (
    history_is_sound,
    seam_has_neither_gap_nor_duplicate,
    stream_is_in_order,
    nothing_comes_before_its_time,
    stream_never_waits,
    a_missing_bar_is_named,
    resuming_repeats_and_skips_nothing,
    status_is_truthful,
    a_finished_source_is_not_live,
    an_unknown_contract_changes_nothing,
)


def _sound(bar: Bar) -> None:
    low, high = min(bar.open_ticks, bar.close_ticks), max(bar.open_ticks, bar.close_ticks)
    _expect(bar.close_time_ns % BAR_INTERVAL_NS == 0, f"{_iso(bar.close_time_ns)} lies beside the grid of 5 minutes")
    _expect(0 < bar.low_ticks <= low and high <= bar.high_ticks, f"the prices of {bar} contradict each other")
    sides = (bar.bid_volume, bar.ask_volume, bar.trades)
    _expect(bar.volume >= 0 and min(sides) >= UNKNOWN, f"{bar} has a volume below zero")


def _once(seen: Watched, after_ns: int) -> None:
    """No bar twice, none that the history has."""
    closes = [bar.close_time_ns for bar in seen.bars]
    _expect(len(set(closes)) == len(closes), f"a bar came twice: {_iso(_first_repeated(closes))}")
    old = [close for close in closes if close <= after_ns]
    _expect(not old, f"the stream repeats a bar of the history: {_iso(old[0]) if old else ''}")


def _complete(bench: FeedBench, seen: Watched, after_ns: int) -> None:
    """Every close that the calendar expects up to the last one given is there, or named."""
    given = {int(close) for close in seen.history.close_time_ns} | {each.close_time_ns for each in seen.slices}
    due_ns, last_ns = bench.calendar.expected_close_after(after_ns), max(given)
    while due_ns <= last_ns:
        _expect(due_ns in given, f"the bar of {_iso(due_ns)} neither came nor was named as missing")
        due_ns = bench.calendar.expected_close_after(due_ns)


def _first_repeated(closes: list[int]) -> int:
    return next((close for i, close in enumerate(closes) if close in closes[:i]), 0)


def _iso(time_ns: int) -> str:
    return str(np.datetime64(time_ns, "ns").astype("M8[s]")) + "Z"


def _seconds(span_ns: int) -> str:
    return f"{span_ns / NANOS_PER_SECOND:g} s"


def _expect(holds: bool, sentence: str) -> None:
    if not holds:
        raise AssertionError(sentence)
