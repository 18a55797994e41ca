"""Live bars of one contract from the folder into which Sierra Chart writes: the feed that is traded.

History is every closed bar in the files; the stream is the tail of the front contract's file.  The seam is the
close of the last bar given, so nothing is doubled or lost.  Loads neither polars nor numba.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from minhos.feeds.folders import scid_files
from minhos.feeds.port import FeedStatus
from minhos.feeds.scid import read_scid
from minhos.feeds.scid_tail import FLUSH_NS, GRACE_NS, ScidTail
from minhos.feeds.stitch import stitch
from minhos.feeds.times import iso
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock
from minhos.market.instruments import instrument as instrument_of
from minhos.market.symbols import contract_expiry_ns, parse_symbol
from minhos.market.types import NANOS_PER_SECOND, Bar, Bars, Instrument, Price, Slice

DELAYED_AFTER_NS = 30 * NANOS_PER_SECOND
FINISHED_AFTER_NS = 5 * 24 * 3600 * NANOS_PER_SECOND
"""A file whose newest trade is older than the longest weekend is finished unless it grows."""


class FolderFeed:
    """Keeps the contract of `Feed` for a folder of .scid files.

    symbol: a contract, or a root: then all its contracts are the history, each while it led in volume, and the
    newest of these is followed.  The contract stays the same for the life of the feed.  flush_ns: how often
    Sierra Chart writes; grace_ns: how much later than that a bar is closed without a newer record.
    """

    simulated = False

    def __init__(
        self, folder: Path, symbol: str, *, clock: Clock, calendar: SessionCalendar,
        instrument: Instrument | None = None, flush_ns: int = FLUSH_NS, grace_ns: int = GRACE_NS,
    ) -> None:  # fmt: skip
        self._clock, self._calendar = clock, calendar
        self._flush_ns, self._grace_ns = flush_ns, grace_ns
        wanted = parse_symbol(symbol, calendar_year(clock.now_ns()))
        self.instrument = instrument or instrument_of(wanted.contract)
        self._files = scid_files(folder, wanted)
        self._read()

    def _read(self) -> None:
        """All files up to now, and the tail from there."""
        now_ns = self._clock.now_ns()
        parts = [read_scid(path, self.instrument, symbol=symbol)[0] for symbol, path in self._files.values()]
        bars, _ = stitch(parts, self._calendar)
        self.symbol = bars.symbol
        self._contract, path = self._files[self.symbol]
        self._history = bars.rows(slice(0, len(bars) - self._open_bars(bars, now_ns)))
        after_ns = int(self._history.close_time_ns[-1]) if len(self._history) else 0
        self._last_bar_ns = self._newest_at_start_ns = after_ns
        self._tail = ScidTail(
            path, self.instrument, self._contract, after_ns=after_ns, flush_ns=self._flush_ns, grace_ns=self._grace_ns
        )

    def _open_bars(self, bars: Bars, now_ns: int) -> int:
        """1 while the newest bar can still change, else 0."""
        return int(now_ns < int(bars.close_time_ns[-1]) + self._flush_ns + self._grace_ns)

    def history(self) -> Bars:
        """Closed bars when the feed was made, oldest first; contracts are marked."""
        return self._history

    def stream(self) -> Iterator[Price | Slice | None]:
        """Prices and slices as the file grows, None when there is nothing now.  Never ends."""
        while True:
            now_ns = self._clock.now_ns()
            for value in self._tail.poll(now_ns):
                if isinstance(value, Bar):
                    self._last_bar_ns = value.close_time_ns
                    late = now_ns - value.close_time_ns >= value.interval_ns
                    yield Slice(value.close_time_ns, (value,), late=late, delayed=self._delayed(now_ns))
                else:
                    yield value
            yield None

    def status(self) -> FeedStatus:
        """How the file is at the moment, by the clock; does not read it."""
        now_ns = self._clock.now_ns()
        if self._tail.trouble:
            return FeedStatus(False, True, False, self._last_bar_ns, self._tail.trouble)
        name = self._tail.path.name
        if not self._live(now_ns):
            return FeedStatus(True, False, False, self._last_bar_ns, f"{name} is finished: it ends at {self._end()}")
        delayed = self._delayed(now_ns)
        state = "is behind the clock" if delayed else "grows"
        return FeedStatus(True, True, delayed, self._last_bar_ns, f"{name} {state}: last trade at {self._end()}")

    def _live(self, now_ns: int) -> bool:
        """More bars may come: the contract has not expired, and the file grows or ends within a long weekend."""
        expired = self._contract.dated and now_ns >= contract_expiry_ns(self._contract)
        return not expired and now_ns - self._newest_ns() < FINISHED_AFTER_NS

    def _delayed(self, now_ns: int) -> bool:
        """In open hours the newest trade is more than 30 seconds old."""
        session = self._calendar.session_at(now_ns)
        return session is not None and now_ns - max(self._newest_ns(), session.open_ns) > DELAYED_AFTER_NS

    def _newest_ns(self) -> int:
        return max(self._tail.newest_ns, self._newest_at_start_ns)

    def _end(self) -> str:
        return iso(self._newest_ns())


def calendar_year(time_ns: int) -> int:
    """The UTC year of a moment."""
    return int(iso(time_ns)[:4])
