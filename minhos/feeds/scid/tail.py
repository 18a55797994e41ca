"""Following a .scid file that Sierra Chart is writing: closed bars and prices, poll by poll.

A poll opens the file, compares two stamps and reads only what was added, whatever the file's size.  Nothing
stays open or mapped between polls, so Sierra Chart may truncate or replace the file at any time; then the tail
finds its place again by the close of the last bar that it gave.  Whole files are read by `scid`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from minhos.errors import DataError
from minhos.feeds.notes import to_ticks
from minhos.feeds.port import FLUSH_NS, GRACE_NS
from minhos.feeds.scid.files import price_scale, time_ns
from minhos.feeds.scid.fold import Records, kinds
from minhos.feeds.scid.reader import ScidReader
from minhos.market.builder import BarBuilder
from minhos.market.symbols import Symbol
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bar, Instrument, Price

PRICE_INTERVAL_NS = NANOS_PER_SECOND
MAX_RECORDS = 200_000
"""Records taken in one poll; what a long outage left behind comes over several."""
SEARCH_CHUNK = 1 << 16
MAX_AHEAD_NS = 3600 * NANOS_PER_SECOND
MAX_DELAY_NS = 20 * 60 * NANOS_PER_SECOND
"""No vendor delays its data by more; a file that is further behind stands still."""


class ScidTail:
    """The part of one file that closes after `after_ns`, as it grows.

    A bar closes when a record of a later bar arrives, or when the clock passes its end by flush_ns + grace_ns and
    by what the source is late beyond that (a vendor's delay, or a gap being filled), so that no bar is cut short.
    A record that comes later than that for a closed bar is counted in `late_records` and left out.
    trouble: why the file cannot be read at the moment, in one sentence; empty while it can.
    """

    def __init__(
        self,
        path: Path,
        instrument: Instrument,
        symbol: Symbol,
        *,
        after_ns: int = 0,
        interval_ns: int = BAR_INTERVAL_NS,
        flush_ns: int = FLUSH_NS,
        grace_ns: int = GRACE_NS,
    ) -> None:
        self.path = path
        self.trouble = ""
        self.late_records = 0
        self.future_records = 0
        """Records stamped more than an hour after the clock, which are passed over."""
        self.newest_ns = 0
        """Time of the newest trade seen."""
        self.caught_up = False
        """The last poll read the file to its end."""
        self.delay_ns = 0
        """By how much more than flush_ns + grace_ns the records that came last were behind the clock."""
        self._lag_ns = 0
        """The same, counting also what lay in the file at the first poll."""
        self._count = 0
        """Records in the file at the last poll."""
        self._instrument, self._symbol = instrument, symbol
        self._interval_ns, self._patience_ns = interval_ns, flush_ns + grace_ns
        self._after_ns = after_ns
        self._builder = BarBuilder(symbol.contract, interval_ns)
        self._next = -1
        """Index of the first record not taken yet; -1 while the place in the file is unknown."""
        self._first_stamp = self._taken_stamp = b""
        self._tick = instrument.tick_size
        self._price_ns = 0
        self._price_ticks = 0
        self._price_bar = -1

    @property
    def left_out(self) -> str:
        """Records that went into no bar, in words; empty for none."""
        counts = {"came too late for their bar": self.late_records, "are stamped in the future": self.future_records}
        return ", ".join(f"{n:,} records {why}" for why, n in counts.items() if n)

    def poll(self, now_ns: int) -> list[Price | Bar]:
        """What is new, in order; empty when nothing is.  Never raises for the file: see `trouble`."""
        out: list[Price | Bar] = []
        self.caught_up = True
        try:
            with ScidReader(self.path) as file:
                self.caught_up = self._read(file, now_ns, out)
            self.trouble = ""
        except (DataError, OSError) as error:
            self.trouble = str(error)
        if self.caught_up:
            self._give(self._builder.close_before(now_ns - self._patience_ns - self._lag_ns), out)
        return out

    def _read(self, file: ScidReader, now_ns: int, out: list[Price | Bar]) -> bool:
        """Take what was added; False when more is left for the next poll."""
        n = len(file)
        if n == 0:
            self._next = -1
            return True
        found = self._next < 0 or self._replaced(file, n)
        if found:
            self._synchronise(file, n)
        grown, self._count = n != self._count, n
        records = file.records(self._next, min(n, self._next + MAX_RECORDS))
        behind = self._next + len(records) < n
        if len(records):
            taken = len(records) if behind else self._final(records, now_ns, out)
            self._take(records[:taken], now_ns, out)
            self._remember(file, self._next + taken)
            if taken < len(records):
                self._pending(records[taken:], now_ns, out)
            if grown:
                self._note_delay(now_ns, growing=not found)
        return not behind

    def _note_delay(self, now_ns: int, *, growing: bool) -> None:
        """How far behind the clock the newest record is; records that lay there already may only be old."""
        lag_ns = now_ns - self.newest_ns - self._patience_ns
        self._lag_ns = lag_ns if 0 < lag_ns < MAX_DELAY_NS else 0
        self.delay_ns = self._lag_ns if growing else 0

    def _replaced(self, file: ScidReader, n: int) -> bool:
        """True when the file is not the one of the last poll with records added."""
        place = self._next
        if n < place or file.stamp(0) != self._first_stamp:
            return True
        return place > 0 and file.stamp(place - 1) != self._taken_stamp

    def _synchronise(self, file: ScidReader, n: int) -> None:
        """Find the first record of a bar not given yet and start a new bar there."""
        place = n
        for end in range(n, 0, -SEARCH_CHUNK):
            start = max(0, end - SEARCH_CHUNK)
            wanted = time_ns(file.records(start, end)["stamp"]) >= self._after_ns
            if not wanted.any():
                break
            place = start + int(np.argmax(wanted))
        sample = file.records(max(0, n - 1000), n)["close"]
        usable = sample[sample > 0]
        if len(usable):
            self._tick = self._instrument.tick_size / price_scale(self._symbol, float(np.median(usable))).multiplier
        self._builder = BarBuilder(self._symbol.contract, self._interval_ns)
        self._remember(file, place)

    def _remember(self, file: ScidReader, place: int) -> None:
        self._next = place
        self._first_stamp = file.stamp(0)
        self._taken_stamp = file.stamp(place - 1) if place else b""

    def _final(self, records: Records, now_ns: int, out: list[Price | Bar]) -> int:
        """How many of the records at the end of the file can no longer change.

        Sierra Chart rewrites the last bar record in place while its time runs; a tick never changes.
        """
        last = records[-1:]
        tick, quote, _ = kinds(last)
        end_ns = (int(time_ns(last["stamp"])[0]) // self._interval_ns + 1) * self._interval_ns
        changing = not (tick[0] or quote[0]) and now_ns < end_ns + self._patience_ns
        return len(records) - changing

    def _take(self, records: Records, now_ns: int, out: list[Price | Bar]) -> None:
        """Put records into bars; one from the future would end the trade date, and all that follow would be late."""
        tick, _, usable = kinds(records)
        for values in self._columns(records[usable], tick[usable]):
            time, open_, high, low, close, volume, bid_volume, ask_volume, trades = values
            if time > now_ns + MAX_AHEAD_NS:
                self.future_records += 1
                continue
            if time < self._after_ns:
                self.late_records += 1
                continue
            self._give(self._builder.add(time, open_, high, low, close, volume, bid_volume, ask_volume, trades), out)
            self._price(time, open_, close, out)

    def _pending(self, records: Records, now_ns: int, out: list[Price | Bar]) -> None:
        """A bar record that may still change: it closes the bar before it and tells the price, no more."""
        for time, open_, _, _, close, *_ in self._columns(records, np.zeros(1, np.bool_)):
            if time < self._after_ns:
                continue
            self._give(self._builder.close_before(time), out)
            last_moment = (time // self._interval_ns + 1) * self._interval_ns - 1
            self.newest_ns = max(self.newest_ns, time, min(now_ns, last_moment))
            if close != self._price_ticks or time // self._interval_ns != self._price_bar:
                self._price(max(time, min(now_ns, last_moment)), open_, close, out)

    def _columns(self, records: Records, tick: npt.NDArray[np.bool_]) -> Iterator[tuple[int, ...]]:
        """Rows (time_ns, open, high, low, close, volume, bid volume, ask volume, trades); ticks have one price."""
        prices = np.stack([records[name] for name in ("open", "high", "low", "close")])
        prices[:, tick] = prices[3, tick]
        volumes = (records[name] for name in ("volume", "bid_volume", "ask_volume", "trades"))
        columns = (time_ns(records["stamp"]), *to_ticks(prices, self._tick)[0], *volumes)
        return zip(*(column.tolist() for column in columns), strict=True)

    def _give(self, bar: Bar | None, out: list[Price | Bar]) -> None:
        if bar is not None:
            self._after_ns = bar.close_time_ns
            out.append(bar)

    def _price(self, time: int, open_: int, close: int, out: list[Price | Bar]) -> None:
        """The open of each bar, then at most one price a second; never one from before the last."""
        self.newest_ns = max(self.newest_ns, time)
        number = time // self._interval_ns
        first = number > self._price_bar
        if time > self._price_ns and (first or time - self._price_ns >= PRICE_INTERVAL_NS):
            self._price_ns, self._price_bar = time, number
            self._price_ticks = open_ if first else close
            out.append(Price(self._symbol.contract, time, self._price_ticks))
