"""The world's market, its feed and files, and the forecasts that are given: alike from a seed, and what faults do."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from minhos import parts
from minhos.feeds.port import FeedRequest
from minhos.feeds.scid.feed import FolderFeed
from minhos.feeds.scid.files import read_scid
from minhos.market.clock import SimulatedClock
from minhos.market.roll import RollState
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bar, Price, Slice
from minhos.testing.builders import MNQ, MONDAY_OPEN, NQ, ns
from minhos.testing.feed_conformance import CHECKS, FeedBench, feed_request
from minhos.testing.world import market_faults as f
from minhos.testing.world.feed import ScidFiles, Vendor, WorldFeed, register, unregister
from minhos.testing.world.forecasts import GivenForecasts
from minhos.testing.world.market import Trade, WorldMarket, calendar

MINUTE = 60 * NANOS_PER_SECOND
FRIDAY = MONDAY_OPEN + (4 * 24 + 5) * 60 * MINUTE


class Bench(FeedBench):
    """The market, and one feed of it that is read to its end each time."""

    calendar = calendar()

    def __init__(self, start_ns: int = MONDAY_OPEN, seed: int = 3, folder: Path | None = None) -> None:
        self.market = WorldMarket(seed, NQ, "NQZ25", start_ns, next_symbol="NQH26")
        self.vendor = Vendor(self.market)
        self.clock = SimulatedClock(start_ns)
        self.files = ScidFiles(folder, self.market) if folder is not None else None
        self.given: list[Price | Slice] = []
        self._stream: Iterator[Price | Slice | None] | None = None

    def request(self, symbol: str = "NQ") -> FeedRequest:
        folder = self.files.folder if self.files is not None else None
        return msgspec.structs.replace(feed_request(self.clock, self.calendar, folder, symbol), instrument=NQ)

    def feed(self) -> WorldFeed:
        return WorldFeed(self.request(), self.vendor)

    def go_on(self, until_ns: int) -> None:
        self.market.turn(until_ns)
        self.clock.advance_to(until_ns)

    def leave_out(self, close_time_ns: int) -> bool:
        opens_ns = close_time_ns - BAR_INTERVAL_NS
        original = self.market._record

        def record(trade: Trade) -> None:
            if not opens_ns <= trade.time_ns < close_time_ns:
                original(trade)

        self.market._record = record
        return True

    def run(self, minutes: float, step_s: float = 20.0) -> Bench:
        """Let it go on, and one feed be read."""
        if self._stream is None:
            self._stream = self.feed().stream()
        end_ns = self.clock.now_ns() + round(minutes * MINUTE)
        while self.clock.now_ns() < end_ns:
            self.go_on(min(end_ns, self.clock.now_ns() + round(step_s * 1e9)))
            while (item := next(self._stream, None)) is not None:
                self.given.append(item)
        return self

    @property
    def bars(self) -> list[Bar]:
        return [bar for item in self.given if isinstance(item, Slice) for bar in item.bars]

    @property
    def slices(self) -> list[Slice]:
        return [item for item in self.given if isinstance(item, Slice)]


def true_trades(market: WorldMarket) -> list[Trade]:
    seen: list[Trade] = []
    market.on_trade.append(seen.append)
    return seen


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_its_feed_keeps_the_port(check: Callable[[FeedBench], None]) -> None:
    check(Bench())


def test_a_seed_makes_one_market_and_another_another() -> None:
    paths = []
    for seed in (1, 1, 2):
        market = WorldMarket(seed, NQ, "NQZ25", MONDAY_OPEN, n_bars=40)
        trades = true_trades(market)
        market.turn(MONDAY_OPEN + 400 * MINUTE)
        paths.append(trades)
    assert paths[0] == paths[1] != paths[2]
    assert market.due_ns() is None
    per_bar = np.unique([trade.time_ns // BAR_INTERVAL_NS for trade in trades], return_counts=True)[1]
    assert (len(per_bar), per_bar.min() >= 4, per_bar.max() <= 5) == (40, True, True)


def test_bars_are_their_trades() -> None:
    bench = Bench()
    trades = true_trades(bench.market)
    bench.run(31)
    first = bench.bars[0]
    within = [trade for trade in trades if first.open_time_ns <= trade.time_ns < first.close_time_ns]
    prices = [trade.price_ticks for trade in within]
    told = (first.open_ticks, first.high_ticks, first.low_ticks, first.close_ticks, first.volume, first.trades)
    assert told == (prices[0], max(prices), min(prices), prices[-1], sum(t.volume for t in within), len(within))
    assert len(bench.bars) == 6
    assert abs(first.open_ticks - int(bench.market.history.close_ticks[-1])) < 400


def test_a_weekend_passes_with_its_sessions() -> None:
    bench = Bench(FRIDAY)
    edges: list[bool] = []
    bench.market.on_session.append(edges.append)
    bench.run(60 * 60, step_s=60)
    assert edges == [False, True, False, True][: len(edges)]
    closes = [bar.close_time_ns for bar in bench.bars]
    assert max(np.diff(closes)) == 49 * 60 * MINUTE + BAR_INTERVAL_NS
    assert not any(each.missing or each.late for each in bench.slices)


def test_the_files_of_sierra_chart_hold_the_same_bars(tmp_path: Path) -> None:
    bench = Bench(folder=tmp_path)
    assert bench.files is not None
    bench.run(61)
    bars, _ = read_scid(bench.files.path("NQZ25"))
    n = len(bench.market.history)
    assert bars.close_ticks[:n].tolist() == bench.market.history.close_ticks.tolist()
    assert list(bars)[n:][: len(bench.bars)] == bench.bars
    other, _ = read_scid(bench.files.path("NQH26"))
    assert (other.close_ticks - bars.close_ticks).tolist() == [400] * len(bars)
    assert FolderFeed(bench.request()).symbol == "NQZ25"


def test_a_folder_feed_rolls_with_the_market(tmp_path: Path) -> None:
    bench = Bench(ns("2025-12-08T09:30-05:00"), folder=tmp_path)
    bench.market.begin(f.Roll())
    bench.run(36 * 60, step_s=300)
    assert FolderFeed(bench.request()).turn(bench.clock.now_ns(), held=0).symbol == "NQH26"


def test_a_feed_rolls_first_flat_then_new() -> None:
    bench = Bench()
    bench.run(11)
    feed = bench.feed()
    assert feed.turn(bench.clock.now_ns(), held=2).state is RollState.OLD
    bench.market.begin(f.Roll())
    assert feed.turn(bench.clock.now_ns(), held=2).state is RollState.LEAVING
    turned = feed.turn(bench.clock.now_ns(), held=0)
    later = feed.follow(turned.symbol)
    assert (turned.state, later.symbol, bench.feed().symbol) == (RollState.NEW, "NQH26", "NQH26")
    assert later.history().close_ticks[-1] == feed.history().close_ticks[-1] + 400


def test_another_instrument_has_the_same_market() -> None:
    bench = Bench()
    request = msgspec.structs.replace(bench.request("MNQ"), instrument=MNQ)
    feed = WorldFeed(request, bench.vendor)
    assert (feed.symbol, feed.history().instrument.root) == ("MNQZ25", "MNQ")
    assert feed.history().close_ticks.tolist() == bench.market.history.close_ticks.tolist()


def test_a_stall_is_filled_late_or_never() -> None:
    for filled in (True, False):
        bench = Bench().run(11)
        stall = f.FeedStall(for_ms=1, filled=filled)
        bench.market.begin(stall)
        bench.run(15)
        assert bench.feed().status().delayed
        assert [each.missing for each in bench.slices[2:]] == [("NQZ25",)] * 3
        bench.market.end(stall)
        bench.run(6)
        late = [each.late for each in bench.slices if each.late]
        assert (len(bench.bars), len(late)) == ((6, 3) if filled else (4, 1)), filled


def test_what_comes_late_is_late() -> None:
    bench = Bench().run(11)
    bench.market.begin(f.FeedDelay(for_ms=1, delay_ms=600_000))
    bench.run(30)
    assert [each.late for each in bench.slices if each.bars][2:] == [True] * 4
    assert [trade.time_ns for trade in bench.given if isinstance(trade, Price)][-1] < bench.clock.now_ns() - 9 * MINUTE


def test_repeats_and_disorder() -> None:
    bench = Bench()
    bench.market.begin(f.FeedRepeats(for_ms=1))
    bench.run(6)
    assert [bar.close_time_ns for bar in bench.bars] == [MONDAY_OPEN + BAR_INTERVAL_NS] * 2
    bench = Bench()
    disorder = f.FeedDisorder(for_ms=1)
    bench.market.begin(disorder)
    bench.run(4)
    times = [item.time_ns for item in bench.given if isinstance(item, Price)]
    assert times != sorted(times)
    bench.market.end(disorder)


@pytest.mark.parametrize("how", ["zero", "negative", "far", "nan"])
def test_a_price_that_is_none_is_no_trade(how: str) -> None:
    bench = Bench().run(1)
    trades = true_trades(bench.market)
    bench.market.begin(f.BadPrice(how=how))
    bench.run(10)
    prices = [item.price_ticks for item in bench.given if isinstance(item, Price)]
    wrong = [p for p in prices if math.isnan(p) or not 0 < p < 1_000_000]
    assert (len(wrong), bench.market.active) == (1, [])
    assert all(0 < trade.price_ticks < 1_000_000 for trade in trades)
    assert bench.feed().history().low_ticks.min() > 0


def test_a_jump_a_lock_and_a_halt() -> None:
    bench = Bench()
    trades, locks, halts = true_trades(bench.market), [], []
    bench.market.on_lock.append(locks.append)
    bench.market.on_halt.append(halts.append)
    lock = f.LockedLimit(for_ms=1, ticks=-1_500)
    bench.run(5)
    bench.market.begin(lock)
    before = bench.market.last_ticks
    n = len(trades)
    bench.run(15)
    assert ({trade.price_ticks for trade in trades[n:]}, locks) == ({before - 1_500}, [-1])
    bench.market.end(lock)
    halt = f.Halted(for_ms=1)
    bench.market.begin(halt)
    n = len(trades)
    bench.run(15)
    assert (len(trades), locks, halts) == (n, [-1, 0], [True])
    assert [each.missing for each in bench.slices[-2:]] == [("NQZ25",)] * 2
    bench.market.end(halt)
    assert halts == [True, False]


def test_a_jump_may_come_back() -> None:
    runs = []
    for jumps in (False, True):
        bench = Bench()
        jump = f.Jump(for_ms=1, ticks=5_000)
        bench.run(5)
        if jumps:
            bench.market.begin(jump)
        bench.run(5)
        runs.append(bench.market.last_ticks)
        if jumps:
            bench.market.end(jump)
        bench.run(5)
        runs.append(bench.market.last_ticks)
    assert (runs[2] - runs[0], runs[3] - runs[1]) == (5_000, 0)


def test_a_gap_waits_for_the_next_session() -> None:
    bench = Bench(MONDAY_OPEN + 7 * 60 * MINUTE)
    trades = true_trades(bench.market)
    bench.market.begin(f.Gap(ticks=20_000))
    bench.run(100, step_s=300)
    jumps = [after.price_ticks - before.price_ticks for before, after in pairwise(trades)]
    assert [jump > 15_000 for jump in jumps].count(True) == 1


def test_a_feed_ends_or_fails() -> None:
    bench = Bench().run(3)
    bench.market.begin(f.FeedFails())
    with pytest.raises(RuntimeError):
        bench.run(1)
    bench.market.begin(f.FeedEnds())
    assert list(bench.feed().stream()) == []
    assert not bench.feed().status().live


def test_a_file_is_torn_or_made_anew(tmp_path: Path) -> None:
    bench = Bench(folder=tmp_path)
    assert bench.files is not None
    path = bench.files.path("NQZ25")
    bench.run(6)
    torn = f.FileTorn(for_ms=1)
    bench.market.begin(torn)
    bench.run(6)
    assert (path.stat().st_size - 56) % 40 == 20
    n = len(read_scid(path)[0])
    bench.market.end(torn)
    assert (path.stat().st_size - 56) % 40 == 0
    bench.market.begin(f.FileRewritten(drop=8))
    assert len(read_scid(path)[0]) == n - 2
    bench.run(6)
    assert len(read_scid(path)[0]) == n - 1
    bench.files.close()


def test_a_folder_that_is_gone_comes_back_whole(tmp_path: Path) -> None:
    bench = Bench(folder=tmp_path / "data")
    assert bench.files is not None
    gone = [f.FolderGone(for_ms=1), f.FolderGone(for_ms=2)]
    for fault in gone:
        bench.market.begin(fault)
    bench.run(6)
    bench.market.begin(f.FileRewritten(drop=4))
    bench.market.end(gone[0])
    assert not bench.files.folder.exists()
    bench.market.end(gone[1])
    assert len(read_scid(bench.files.path("NQZ25"))[0]) == len(bench.market.history) + 1


def test_registered_it_is_the_feed_of_that_name() -> None:
    bench = Bench()
    try:
        register(bench.market)
        made = parts.feeds.part("world").value(bench.request())
        assert made.symbol == "NQZ25"
    finally:
        unregister()
    assert "world" not in parts.feeds


# Forecasts ----------------------------------------------------------------------------------------------------------


def observation(number: int) -> SimpleNamespace:
    return SimpleNamespace(symbol="NQZ25", close_time_ns=MONDAY_OPEN + number * BAR_INTERVAL_NS)


def sides(seed: int) -> list[int]:
    """+1, -1, or 0 for no edge, of 300 bars."""
    given = GivenForecasts(seed)
    ps = [given.forecast(observation(i)).p_up for i in range(300)]
    return [(p > 0.6) - (p < 0.4) for p in ps]


def test_forecasts_are_the_same_whenever_asked_and_bet_now_and_then() -> None:
    entries, flips = [], 0
    for seed in range(40):
        assert sides(seed) == sides(seed)
        moves = list(pairwise([0, *sides(seed)]))
        entries.append(sum(before != after and after != 0 for before, after in moves))
        flips += sum(before * after < 0 for before, after in moves)
    assert 5 <= np.median(entries) <= 25
    assert flips > 20


def test_forecasts_fail_as_told() -> None:
    clock = SimulatedClock(MONDAY_OPEN)
    given = GivenForecasts(1, clock)
    sound = given.forecast(observation(5))
    for how, seen in (
        ("nan", lambda x: math.isnan(x.p_up)),
        ("silent", lambda x: x.side == 0),
        ("other_bar", lambda x: x.close_time_ns < sound.close_time_ns),
    ):
        fault = f.ForecastFault(for_ms=1, how=how)
        given.begin(fault)
        assert seen(given.forecast(observation(5)))
        given.end(fault)
    given.begin(f.ForecastFault(for_ms=1, how="late", late_ms=3_000))
    given.forecast(observation(5))
    assert clock.now_ns() == MONDAY_OPEN + 3 * NANOS_PER_SECOND
    given.begin(f.ForecastFault(for_ms=1, how="raises"))
    with pytest.raises(RuntimeError):
        given.forecast(observation(5))


@pytest.mark.parametrize("base", ["demo", "sierra", "folder"])
def test_market_faults_are_drawn_alike_and_are_json(base: str) -> None:
    drawn = [[f.draw(random.Random(seed), base, 90_000_000) for seed in range(300)] for _ in range(2)]
    kinds = {type(fault) for fault in drawn[0]}
    assert drawn[0] == drawn[1]
    assert msgspec.json.decode(msgspec.json.encode(drawn[0]), type=list[f.MarketFault]) == drawn[0]
    assert (f.FileTorn in kinds, f.FeedEnds in kinds, f.Jump in kinds) == (
        base == "folder",
        base == "sierra",
        base != "demo",
    )
