"""A year's journal with one price a second: how soon a trader over it is ready, and how long its proof takes.

The journal is a trader's: 250 sessions of 23 hours, their bars decided by the engine with trades, a price for each
second in between, snapshots as the trader takes them.  Then the real process is started over it, and it is proven in
the background as the trader does it, turn by turn.
Takes some minutes and 4 GB in the current folder; --rounds N makes N sessions instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil

from minhos.assembly import heartbeats, journal_notes
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.layout import Layout
from minhos.bench.backtest import as_in_a_real_market, forecasts_of, made_up_table
from minhos.bench.figures import Figure, at_least, at_most
from minhos.errors import CheckFailed, CommandRefused
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.journal.store import Journal
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock, SystemClock
from minhos.market.instruments import instrument
from minhos.market.types import NANOS_PER_SECOND, Bar, Bars, Price, Slice
from minhos.models.registry import Registry
from minhos.processes.journal_watch import JournalWatch
from minhos.processes.trader import SNAPSHOT_RECORDS
from minhos.progress import Progress
from minhos.research.backtest import BacktestEngine, BatchingStore, GivenForecasts, given_features
from minhos.risk.parameters import RiskParameters
from minhos.settings import ROOT
from minhos.sizing.types import SizingParameters
from minhos.testing.builders import bundle_contents, ns, payoff
from minhos.trading import events as ev
from minhos.trading.recovery import SNAPSHOT, restored, take_snapshot
from minhos.trading.state import TradingState
from minhos.venues.paper import PaperVenue

SESSIONS, QUICK_SESSIONS = 250, 2
BARS_A_SESSION = 276
READY_S, PROVEN_MIN, TURN_MS = 2.0, 60.0, 5.0
TURN_EVERY_S = 0.05
"""How often a trader that waits for its next price has a turn to spare."""
START_NS = ns("2024-11-10T23:00:00")
CASH_CENTS = 25_000_000
BYTES_A_RECORD = 160
PATIENCE_S = 120.0
SYMBOL = "NQZ25"
IDENTITY = {"mode": "paper", "account": "paper"}
SETTINGS = '[data]\nfeed = "year"\n[user]\nfile = "year_feed.py"\n[market]\nsymbol = "NQ"\n'
FEED = '''
"""The end of the year's bars as a history; nothing comes after it."""
from pathlib import Path
import numpy as np
from minhos import parts
from minhos.feeds.port import Feed, FeedStatus
from minhos.market.types import Bar, Bars

class Year(Feed):
    def __init__(self, request):
        self.instrument, self.symbol = request.instrument, "NQZ25"
        rows = np.load(Path(__file__).with_name("bars.npy")).tolist()
        self._bars = Bars.from_bars(self.instrument, [Bar(self.symbol, *row) for row in rows])
    def history(self):
        return self._bars
    def stream(self):
        while True:
            yield None
    def status(self):
        return FeedStatus(True, True, False, int(self._bars.close_time_ns[-1]), "the year is over")

@parts.feeds("year")
def year(request):
    return Year(request)
'''


def run(quick: bool = False, rounds: int | None = None, progress: Progress = lambda share, text: None) -> list[Figure]:
    """Figures: records, seconds until a started process is ready, minutes of the whole proof, the longest turn."""
    sessions = rounds or (QUICK_SESSIONS if quick else SESSIONS)
    needed, free = sessions * 3600 * 23 * BYTES_A_RECORD, shutil.disk_usage(Path.cwd()).free
    if needed * 1.2 > free:
        raise CommandRefused(
            f"A journal of {sessions} sessions needs {needed:,} bytes, {free:,} are free in this folder."
        )
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="journal-year-") as name:
        layout = Layout(Path(name)).make()
        path = layout.journal(**IDENTITY)
        began = time.perf_counter()
        behind = write_year(layout, path, sessions, lambda share, text: progress(0.6 * share, text))
        written_s = time.perf_counter() - began
        ready = sorted(_seconds_until_ready(layout) for _ in range(3))
        progress(0.65, f"ready after {ready[0][0]:.2f} to {ready[-1][0]:.2f} s")
        fold_s, turns_ms = _proven(layout, path, lambda share, text: progress(0.65 + 0.35 * share, text))
        with closing(Journal.open(path, IDENTITY)) as journal:
            records = journal.last
    proven_min = len(turns_ms) * (TURN_EVERY_S + float(np.mean(turns_ms)) / 1e3) / 60.0
    return [
        at_least("records", float(records), "records", None, 0),
        at_least("records_behind_snapshot", float(behind), "records", None, 0),
        at_most("written_s", written_s, "s", None, 1),
        at_most("ready_s", ready[1][0], "s from the start of the process, median of 3", READY_S, 2),
        at_most("ready_cpu_s", ready[1][1], "s of CPU until then: what it takes on a machine that is free", None, 2),
        at_most("fold_s", fold_s, "s of that: snapshot and records behind it, proven and folded", None, 2),
        at_most("proven_min", proven_min, "min", PROVEN_MIN, 1),
        at_most("turns", float(len(turns_ms)), "turns, one in each wait of 50 ms", None, 0),
        at_most("turn_p50_ms", float(np.percentile(turns_ms, 50)), "ms of CPU", None, 2),
        at_most("turn_p99_ms", float(np.percentile(turns_ms, 99)), "ms of CPU", TURN_MS, 2),
    ]


# The year ------------------------------------------------------------------------------------------------------------


def write_year(layout: Layout, path: Path, sessions: int, progress: Progress) -> int:
    """A home with that journal, its settings, its feed and a bundle; returns the records behind the last snapshot."""
    calendar, nq = SessionCalendar.load(), instrument("NQ")
    market = simulate(MarketModel(ceiling=0.58), nq, calendar, START_NS, sessions * BARS_A_SESSION)
    bars = Bars.from_bars(nq, [_of_the_contract(bar) for bar in market.bars])
    forecasts, table = forecasts_of(bars, as_in_a_real_market(len(bars))), made_up_table(bars)
    _make_home(layout, bars)
    settings = ev.TradingSettings(SizingParameters(), RiskParameters(), {SYMBOL: nq}, SYMBOL, SYMBOL)
    clock, state = SimulatedClock(START_NS), TradingState(calendar, given_features(table, forecasts))
    with closing(Journal.open(path, IDENTITY)) as journal:
        store = BatchingStore(journal)
        engine = BacktestEngine(state, PaperVenue(settings.instruments), clock, store, GivenForecasts(forecasts))
        engine.start(settings, mode=IDENTITY["mode"], account=IDENTITY["account"], version="", cash_cents=CASH_CENTS)
        engine.record(ev.ModelActivated(START_NS, "bench", "bench", payoff(), "edge", 0.8, False), START_NS)
        trade_date, behind = 0, 0
        for i, bar in enumerate(bars):
            for price in _each_second(bar):
                engine.record(ev.PriceSeen(price), price.time_ns)
            clock.advance_to(bar.close_time_ns)
            engine.on_slice(Slice(bar.close_time_ns, (bar,)))
            new_date = state.ledger.account().trade_date != trade_date
            if new_date or journal.last - behind >= SNAPSHOT_RECORDS:  # as the trader does
                trade_date = state.ledger.account().trade_date
                store.flush()
                journal.snapshot(SNAPSHOT, journal.last, take_snapshot(state))
                journal.checkpoint()
                behind = journal.last
                progress(i / len(bars), f"{journal.last:,} records")
        store.flush()
        journal.checkpoint()
        return journal.last - behind


def _of_the_contract(bar: Bar) -> Bar:
    return Bar(SYMBOL, bar.close_time_ns, bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks, bar.volume)


def _each_second(bar: Bar) -> Iterator[Price]:
    """One price a second within the bar: from its open over both its ends to its close."""
    ends = (bar.low_ticks, bar.high_ticks) if bar.close_ticks >= bar.open_ticks else (bar.high_ticks, bar.low_ticks)
    path = np.interp(np.arange(299), (0, 99, 199, 298), (bar.open_ticks, *ends, bar.close_ticks)).astype(int).tolist()
    start_ns = bar.close_time_ns - 299 * NANOS_PER_SECOND
    return (Price(SYMBOL, start_ns + second * NANOS_PER_SECOND, ticks) for second, ticks in enumerate(path))


def _make_home(layout: Layout, bars: Bars) -> None:
    layout.config.mkdir(exist_ok=True)
    (layout.config / "minhos.toml").write_text(SETTINGS, encoding="utf-8")
    (layout.home / "year_feed.py").write_text(FEED, encoding="utf-8")
    last = bars.rows(slice(max(0, len(bars) - 6_000), None))
    rows = [(b.close_time_ns, b.open_ticks, b.high_ticks, b.low_ticks, b.close_ticks, b.volume) for b in last]
    np.save(layout.home / "bars.npy", np.array(rows, dtype=np.int64))
    registry = Registry(layout.models)
    info = registry.save(bundle_contents(feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION))
    registry.promote(info.id, "bench", START_NS)


# What is measured ----------------------------------------------------------------------------------------------------


def _seconds_until_ready(layout: Layout) -> tuple[float, float]:
    """From the start of the process until its heartbeat says that a model serves and orders can be sent: wall, CPU."""
    path = heartbeats.path_of(layout, TraderBeat)
    path.unlink(missing_ok=True)
    environment = {**os.environ, "MINHOS_HOME": str(layout.home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    began = time.perf_counter()
    trader = subprocess.Popen(
        [sys.executable, "-m", "minhos.processes.trader"],
        env=environment,
        cwd=layout.home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while time.perf_counter() - began < PATIENCE_S:
            beat = heartbeats.read(layout, TraderBeat)
            if beat is not None and beat.serving and beat.venue_ready:
                used = psutil.Process(trader.pid).cpu_times()
                return time.perf_counter() - began, used.user + used.system
            if trader.poll() is not None:
                raise CheckFailed(f"The trader ended: {(trader.stderr.read() if trader.stderr else '').strip()[-500:]}")
            time.sleep(0.005)
        raise CheckFailed(f"The trader was not ready within {PATIENCE_S:g} s.")
    finally:
        trader.kill()
        trader.wait()
        if trader.stderr is not None:
            trader.stderr.close()


def _proven(layout: Layout, path: Path, progress: Progress) -> tuple[float, list[float]]:
    """Seconds of the start's proof and fold, and milliseconds of each turn until every record is proven."""
    layout.disk.remove(journal_notes.note_of(path))
    calendar = SessionCalendar.load()
    watch = JournalWatch(layout, path, SystemClock())
    began = time.perf_counter()
    watch.open(IDENTITY, lambda journal: restored(journal, lambda: TradingState(calendar, lambda _: lambda _: None)))
    fold_s = time.perf_counter() - began
    turns_ms = []
    try:
        watch.journal.append("Alarm", ev.encode(ev.Alarm(0, "the bench begins")), 0, durable=True)
        while not watch.proven:
            turn_began = time.thread_time()
            watch.turn()
            turns_ms.append((time.thread_time() - turn_began) * 1e3)
            if watch.problem:
                raise CheckFailed(watch.problem)
            if len(turns_ms) % 1_000 == 0:
                progress(watch.position / watch.journal.last, f"{watch.position:,} records proven")
    finally:
        watch.close()
        watch.journal.close()
    return fold_s, turns_ms
