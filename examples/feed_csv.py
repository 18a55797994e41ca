"""A feed of your own: another program appends one line to a CSV file whenever a 5-minute bar has closed.

    time,open,high,low,close,volume
    2025-10-06T13:30:00Z,25000.25,25004.00,24998.50,25003.75,5120

`time` is the open of the bar.  In config/minhos.toml:

    [user]
    file = "examples/feed_csv.py"
    [data]
    feed = "growing_csv"
    [feed.growing_csv]
    file = "/data/NQZ25.csv"
    contract = "NQZ25"
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from minhos import parts
from minhos.feeds.expected import ExpectedBars
from minhos.feeds.port import Feed, FeedRequest, FeedStatus
from minhos.market.types import BAR_INTERVAL_NS, Bar, Bars, Price, Slice


@parts.feeds("growing_csv", version="1")
class GrowingCsv(Feed):
    def __init__(self, request: FeedRequest) -> None:
        self.instrument, self.symbol = request.instrument, str(request.options["contract"])
        self._file, self._place = Path(str(request.options["file"])), 0
        self._clock, self._grace_ns = request.clock, request.flush_ns + request.grace_ns
        self._bars = list(self._new_bars())
        self._last_ns = self._bars[-1].close_time_ns if self._bars else 0
        now_ns = self._clock.now_ns() - self._grace_ns
        self._expected = ExpectedBars(request.calendar, self.symbol, after_ns=max(self._last_ns, now_ns))

    def history(self) -> Bars:
        return Bars.from_bars(self.instrument, self._bars)

    def stream(self) -> Iterator[Price | Slice | None]:
        while True:
            now_ns = self._clock.now_ns()
            for bar in self._new_bars():
                self._last_ns = bar.close_time_ns
                yield Price(self.symbol, bar.close_time_ns, bar.close_ticks)
                yield from self._expected.arrived(bar, now_ns)
            yield from self._expected.missing(now_ns - self._grace_ns)
            yield None

    def status(self) -> FeedStatus:
        return FeedStatus(self._file.exists(), True, False, self._last_ns, f"{self._file.name} is followed")

    def _new_bars(self) -> Iterator[Bar]:
        """The whole lines that were added since the last look."""
        with self._file.open("rb") as file:
            file.seek(self._place)
            lines = file.read().decode().splitlines(keepends=True)
        for line in lines:
            if line.endswith("\n"):
                self._place += len(line.encode())
                if line[0].isdigit():
                    yield self._bar(*line.split(","))

    def _bar(self, time: str, open_: str, high: str, low: str, close: str, volume: str) -> Bar:
        opened_ns = int(dt.datetime.fromisoformat(time).timestamp()) * 1_000_000_000
        first, top, bottom, last = (self.instrument.to_ticks(float(points)) for points in (open_, high, low, close))
        return Bar(self.symbol, opened_ns + BAR_INTERVAL_NS, first, top, bottom, last, int(volume))
