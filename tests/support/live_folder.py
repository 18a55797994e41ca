"""A folder into which a pretended Sierra Chart writes ticks as time goes, and the trader driven through it by hand."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.layout import Layout
from minhos.features.types import Observation
from minhos.feeds.simulated.market import simulate
from minhos.feeds.simulated.model import MarketModel
from minhos.journal.reader import reader
from minhos.market.calendar import SessionCalendar
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bar, Bars
from minhos.models.forecast import Forecast
from minhos.processes.trader import Trader
from minhos.settings import Settings, parse
from minhos.testing.builders import NQ, forecast, ns, payoff
from minhos.trading import events as ev
from minhos.trading.types import Decision

CALENDAR = SessionCalendar.load()
SECOND, MINUTE = NANOS_PER_SECOND, 60 * NANOS_PER_SECOND
EPOCH_US = 25_569 * 86_400 * 1_000_000
HEADER = struct.pack("<4sIIHHI36s", b"SCID", 56, 40, 1, 0, 0, b"")
STEP = 25 * SECOND
MODEL = ev.ModelActivated(ns("2025-11-20"), "bundle-test", "recipe-test", payoff(), "edge", 0.6, False)
N_TICKS = 12
"""Trades of a bar, one every 25 seconds: the open, the high from the fifth, the low from the ninth, the close."""
FIRST = ns("2025-11-21T18:00-05:00") - 24 * 60 * MINUTE
"""Open of the history: a Friday's session; the live days are Wednesday to Friday of Thanksgiving."""
START = ns("2025-11-26T15:10-05:00")
BETS = {"sizing": {"confidence_threshold": 0.5}, "autonomous": {"min_confidence": 0.5}}
N_BARS = 4 * 276 + 5 * 276


def bars_of(start_ns: int, n: int, *, symbol: str, points: float = 0.0) -> Bars:
    """A simulated market under the name of a contract; `points` higher than that of another one."""
    bars = simulate(MarketModel(kind="null", seed=3), NQ, CALENDAR, start_ns, n).bars
    prices = {f"{p}_ticks": getattr(bars, f"{p}_ticks") + round(4 * points) for p in ("open", "high", "low", "close")}
    trades, half = np.full(len(bars), N_TICKS), N_TICKS // 2 * (bars.volume // N_TICKS + 1)
    return msgspec.structs.replace(
        bars,
        contracts=(symbol,),
        simulated=False,
        volume=2 * half,
        bid_volume=half,
        ask_volume=half,
        trades=trades,
        **prices,
    )


def ticks_of(bar: Bar) -> list[tuple[int, float, int, bool]]:
    """(time, price, volume, buy) of the trades that make a bar."""
    prices = 4 * [bar.open_ticks] + 4 * [bar.high_ticks] + 3 * [bar.low_ticks] + [bar.close_ticks]
    volume, first = bar.volume // N_TICKS, bar.open_time_ns + SECOND
    return [(first + i * 25 * SECOND, ticks / 4, volume, i % 2 == 0) for i, ticks in enumerate(prices)]


def stamp(time_ns: int) -> bytes:
    return struct.pack("<q", time_ns // 1000 + EPOCH_US)


def tick(time_ns: int, price: float, volume: int, buy: bool) -> bytes:
    """A single trade as a record."""
    sides = (0, volume) if buy else (volume, 0)
    return stamp(time_ns) + struct.pack("<ffffIIII", 0.0, price + 1, price - 1, price, 1, volume, *sides)


def bar_record(bar: Bar, n_ticks: int) -> bytes:
    """The first trades of a bar as one record of five minutes, as it stands in the file until it is updated."""
    ticks = ticks_of(bar)[:n_ticks]
    prices, volume = [price for _, price, _, _ in ticks], bar.volume // N_TICKS
    buys = volume * sum(buy for *_, buy in ticks)
    values = (prices[0], max(prices), min(prices), prices[-1], n_ticks, volume * n_ticks, volume * n_ticks - buys, buys)
    return stamp(bar.open_time_ns) + struct.pack("<ffffIIII", *values)


class File:
    """One contract's file: written tick by tick, as late as its source is, except where a test interferes."""

    def __init__(self, path: Path, bars: Bars) -> None:
        self.path = path
        self.delay_ns = 0
        self.silent_ns = (0, 0)
        """From when to when nothing is recorded, nor ever filled in."""
        self.in_place_ns = (0, 0)
        """Bars that open in this time are one record, updated in place."""
        self.torn_ns = (0, 0)
        """Reads in this time find half of the next record."""
        self._bars = {bar.open_time_ns: bar for bar in bars}
        self._ticks = [(at, bar.open_time_ns, i) for bar in bars for i, (at, *_) in enumerate(ticks_of(bar))]
        self._next = 0
        self._content = bytearray(HEADER)
        self._saved = 0
        """Bytes of the file that will not change any more."""

    def write_until(self, now_ns: int) -> None:
        """Everything that is in the file at that moment."""
        before = self._next
        while self._next < len(self._ticks) and self._ticks[self._next][0] + self.delay_ns <= now_ns:
            self._add(*self._ticks[self._next])
            self._next += 1
        torn = self.torn_ns[0] <= now_ns < self.torn_ns[1]
        if before != self._next or torn or not self.path.exists():
            self._save(tick(now_ns, 1.0, 1, True)[:17] if torn else b"")

    def _add(self, at: int, open_ns: int, i: int) -> None:
        if self.silent_ns[0] <= at < self.silent_ns[1]:
            return
        bar = self._bars[open_ns]
        if self.in_place_ns[0] <= open_ns < self.in_place_ns[1]:
            if i:
                del self._content[-40:]
            self._content += bar_record(bar, i + 1)
        else:
            self._content += tick(*ticks_of(bar)[i])

    def _save(self, torn: bytes = b"") -> None:
        """Write what is new, from the last record on, which may have changed."""
        with self.path.open("r+b" if self.path.exists() else "wb") as out:
            out.seek(self._saved)
            out.write(self._content[self._saved :] + torn)
            out.truncate()
        self._saved = max(len(HEADER), len(self._content) - 40) if len(self._content) > len(HEADER) else 0

    def rewrite(self, drop: int) -> None:
        """As after "Delete All Data and Download": the file anew, without its first records."""
        self.path.unlink()
        del self._content[len(HEADER) : len(HEADER) + 40 * drop]
        self._saved = 0
        self._save()


class HandClock:
    """Time that a test moves."""

    def __init__(self, now_ns: int) -> None:
        self.time_ns = now_ns

    def now_ns(self) -> int:
        return self.time_ns

    def monotonic_ns(self) -> int:
        return self.time_ns

    def sleep(self, seconds: float) -> None:
        self.time_ns += round(seconds * 1e9)


class Told:
    """Forecasts by a rule that a test knows: always up, unless told otherwise."""

    def __init__(self, p_up: Callable[[int], float]) -> None:
        self.p_up = p_up

    def forecast(self, observation: Observation) -> Forecast:
        close_ns = observation.close_time_ns
        return forecast(self.p_up(close_ns), symbol=observation.symbol, close_time_ns=close_ns)


class Desk:
    """Folder, clock and trader, from ten seconds after a bar's close on.  `at` holds what happens when."""

    clock_kind = HandClock

    def __init__(
        self,
        home: Path,
        files: list[File],
        start_ns: int,
        *,
        symbol: str = "NQ",
        p_up: Callable[[int], float] = lambda _: 0.7,
        **sections: dict,
    ) -> None:
        self.files, self.clock, self.layout = files, self.clock_kind(start_ns + 10 * SECOND), Layout(home)
        self.at: dict[int, Callable[[], object]] = {}
        self.heartbeats: list[TraderBeat] = []
        self._told = Told(p_up)
        self._settings: Settings = parse(
            {"data": {"source": str(files[0].path.parent)}, "market": {"symbol": symbol}, **sections}
        )
        self.write()
        self.trader = self.begin()

    def write(self) -> None:
        for file in self.files:
            file.write_until(self.clock.time_ns)

    def begin(self) -> Trader:
        """A trader as after a start, with a model that serves."""
        trader = Trader(self._settings, self.layout, self.clock, self.clock)
        trader.open()
        trader.engine.activate_model(MODEL, self._told)
        return trader

    def stop(self) -> None:
        """Everything in hand is dropped, as by a kill."""
        self.trader.journal.close()

    def restart(self) -> None:
        self.stop()
        self.trader = self.begin()

    def run_until(self, end_ns: int) -> None:
        """Time goes on in small steps, or large ones where the market is closed."""
        while self.clock.time_ns < end_ns + 10 * SECOND:
            self._advance()
            self.write()
            for when in [when for when in self.at if when <= self.clock.time_ns]:
                self.at.pop(when)()
            self.turn()
            if self.clock.time_ns % MINUTE == 0:
                beat = heartbeats.read(self.layout, TraderBeat)
                assert beat is not None
                self.heartbeats.append(beat)

    def turn(self) -> None:
        """All turns of the trader until nothing more comes in; its rest is over, whatever its clock says."""
        self.trader._rests_until_ns = 0
        while self.trader.step() == 0:
            pass

    def _advance(self) -> None:
        """By a step; from the break on straight to the next open."""
        clock = self.clock
        if CALENDAR.is_open(clock.time_ns) or CALENDAR.is_open(clock.time_ns - MINUTE):
            clock.time_ns += STEP
        else:
            clock.time_ns = min(clock.time_ns + 12 * STEP, CALENDAR.next_open_ns(clock.time_ns) + 10 * SECOND)

    # What came of it ------------------------------------------------------------------------------------------------

    def events(self) -> list[ev.Event]:
        """All events of the journal so far."""
        path = self.layout.journal(self.trader.mode, self.trader.account)
        with closing(reader(path)) as journal:
            return [ev.decode(r.kind, r.payload, r.version) for r in journal.records()]

    def decisions(self) -> list[Decision]:
        return [event.decision for event in self.events() if isinstance(event, ev.DecisionMade)]

    def of(self, kind: type) -> list:
        return [event for event in self.events() if isinstance(event, kind)]


def expected_closes(start_ns: int, end_ns: int) -> list[int]:
    """Closes at which the calendar has a bar, start < close <= end."""
    closes = np.concatenate([CALENDAR.expected_closes(s) for s in CALENDAR.sessions(start_ns, end_ns)])
    return closes[(closes > start_ns) & (closes <= end_ns)].tolist()


def sooner(time_ns: int, bars: int) -> int:
    """That many bars before a moment."""
    return time_ns - bars * BAR_INTERVAL_NS
