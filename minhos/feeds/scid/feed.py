"""Live bars of one contract from the folder into which Sierra Chart writes: the feed that is traded.

History is the closed bars of the last weeks; the stream is the tail of the followed contract's file, and says which
expected bars did not come.  The seam is the close of the last bar given, so nothing is doubled or lost.  Loads
neither polars nor numba.
"""

from __future__ import annotations

from collections.abc import Iterator

from minhos.errors import DataError, SettingsError
from minhos.feeds.expected import ExpectedBars
from minhos.feeds.port import Feed, FeedRequest, FeedStatus
from minhos.feeds.scid.folders import scid_files
from minhos.feeds.scid.recent import newest_record_ns, read_since
from minhos.feeds.scid.tail import MAX_DELAY_NS, ScidTail
from minhos.feeds.stitch import stitch
from minhos.market.roll import ActiveContract, RollState, active_contract, daily_volumes
from minhos.market.symbols import contract_expiry_ns, next_contract, parse_symbol
from minhos.market.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Bar, Bars, Price, Slice
from minhos.words import utc

_DAY_NS = 24 * 60 * NANOS_PER_MINUTE
HISTORY_NS = 100 * _DAY_NS
"""More than features ever start from."""
VOLUMES_NS = 6 * _DAY_NS
"""The last sessions, over a long weekend: what a question for the leading contract needs, whatever else is known."""
DELAYED_AFTER_NS = 30 * NANOS_PER_SECOND
FINISHED_AFTER_NS = 5 * _DAY_NS
"""A file whose newest trade is older than the longest weekend is finished unless it grows."""


class FolderFeed(Feed):
    """The contract of a folder of .scid files that leads in volume, or the one that is named.

    Of a root all contracts are the history, each while it led.  The contract stays the same for the life of the feed;
    `turn` says when it is over, and `follow` gives the next one's.
    """

    def __init__(self, request: FeedRequest, follow: str = "") -> None:
        """follow: one of the root's contracts to be followed, as while a position is held in it.  Raises DataError."""
        if request.source is None:
            raise SettingsError("Nothing can be followed without [data] source: name Sierra Chart's data folder.")
        self._request, self._folder = request, request.source
        self._clock, self._calendar = request.clock, request.calendar
        self._patience_ns = request.flush_ns + request.grace_ns
        self._wanted = parse_symbol(request.symbol, calendar_year(self._clock.now_ns()))
        self.instrument = request.instrument
        self._files = scid_files(self._folder, self._wanted)
        self._read(follow)
        self._tail = ScidTail(
            self._files[self.symbol][1],
            self.instrument,
            self._contract,
            after_ns=self._last_bar_ns,
            flush_ns=request.flush_ns,
            grace_ns=request.grace_ns,
        )
        since_ns = max(self._last_bar_ns, self._clock.now_ns() - self._patience_ns)
        self._expected = ExpectedBars(self._calendar, self.symbol, since_ns)
        """What closed before the feed was made and is not there is not expected."""

    @property
    def contracts(self) -> tuple[str, ...]:
        """Contracts that have a file."""
        return tuple(self._files)

    def _read(self, follow: str) -> None:
        """The history up to now, and the contract to follow from there."""
        now_ns = self._clock.now_ns()
        newest_ns = min(now_ns, max(newest_record_ns(path) for _, path in self._files.values()))
        since_ns = newest_ns - HISTORY_NS
        if self._request.since_ns:
            since_ns = max(since_ns, min(self._request.since_ns, newest_ns - VOLUMES_NS))
        recent = {name: read_since(path, self.instrument, at, since_ns) for name, (at, path) in self._files.items()}
        parts = {name: each.bars for name, each in recent.items() if len(each.bars)}
        if not parts:
            raise DataError(f"{self._folder} holds no trade of {self._wanted.contract}; open its chart in Sierra Chart")
        order = sorted(parts, key=lambda name: contract_expiry_ns(self._files[name][0]))
        if follow:
            order = [name for name in order if contract_expiry_ns(name) <= contract_expiry_ns(follow)]
        bars, _ = stitch([parts[name] for name in order], self._calendar)
        self.symbol = follow or self._leader(bars.symbol, order, parts, now_ns)
        self._contract = self._files[self.symbol][0]
        self._newest_at_start_ns = recent[self.symbol].newest_ns
        self._history = bars.rows(slice(0, len(bars) - self._open_bars(bars, self._newest_at_start_ns, now_ns)))
        self._last_bar_ns = int(self._history.close_time_ns[-1]) if len(self._history) else 0

    def _leader(self, symbol: str, order: list[str], parts: dict[str, Bars], now_ns: int) -> str:
        """The contract whose turn it is now: the history's last, or one after it that leads since a session."""
        for later in order[order.index(symbol) + 1 :]:
            old, new = (daily_volumes(parts[name], self._calendar) for name in (symbol, later))
            turn = active_contract(symbol, later, old, new, now_ns, self._calendar, old_contracts=0, new_warm=True)
            if turn.state is RollState.NEW:
                symbol = later
        return symbol

    def _open_bars(self, bars: Bars, newest_ns: int, now_ns: int) -> int:
        """1 while the newest bar can still change, else 0: its time runs, or a source that is late may add to it."""
        close_ns = int(bars.close_time_ns[-1])
        partial = newest_ns < close_ns - DELAYED_AFTER_NS and now_ns - newest_ns < MAX_DELAY_NS
        return int(now_ns < close_ns + self._patience_ns or partial)

    def follow(self, symbol: str) -> Feed:
        """A feed of the same source that follows that contract; itself where that is its own or has no file."""
        return self._following(symbol) if symbol in self.contracts and symbol != self.symbol else self

    def _following(self, symbol: str) -> FolderFeed:
        return FolderFeed(self._request, symbol)

    def turn(self, now_ns: int, *, held: int) -> ActiveContract:
        """By the volumes of the last sessions; the next contract's features are spliced, so warm once it has bars."""
        if self._wanted.dated:
            return ActiveContract(self.symbol, RollState.OLD, f"{self.symbol} was named")
        self._files = {**scid_files(self._folder, self._wanted), self.symbol: self._files[self.symbol]}
        later = next_contract(self._contract).contract
        old, new = (self._recent_volumes(name, now_ns) for name in (self.symbol, later))
        return active_contract(
            self.symbol, later, old, new, now_ns, self._calendar, old_contracts=held, new_warm=bool(new)
        )

    def _recent_volumes(self, contract: str, now_ns: int) -> dict[int, int]:
        """By trade date; nothing for a contract without a file or a trade."""
        if contract not in self._files:
            return {}
        symbol, path = self._files[contract]
        bars = read_since(path, self.instrument, symbol, now_ns - VOLUMES_NS).bars
        return daily_volumes(bars, self._calendar) if len(bars) else {}

    def history(self) -> Bars:
        """Closed bars when the feed was made, oldest first; contracts are marked."""
        return self._history

    def stream(self) -> Iterator[Price | Slice | None]:
        """Prices and slices as the file grows, None when there is nothing now.  Never ends."""
        while True:
            now_ns = self._clock.now_ns()
            for value in self._poll(now_ns):
                if isinstance(value, Bar):
                    self._last_bar_ns = value.close_time_ns
                    delayed = self._delayed(now_ns) or now_ns - value.close_time_ns > DELAYED_AFTER_NS
                    yield from self._expected.arrived(value, now_ns, delayed=delayed)
                else:
                    yield value
            if self._live(now_ns) and self._tail.caught_up:
                before_ns = now_ns - self._patience_ns - self._tail.delay_ns + 1
                yield from self._expected.missing(before_ns, delayed=self._delayed(now_ns))
            yield None

    def _poll(self, now_ns: int) -> list[Price | Bar]:
        return self._tail.poll(now_ns)

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
        left_out = f"; {self._tail.left_out}" if self._tail.left_out else ""
        detail = f"{name} {state}: last trade at {self._end()}{left_out}"
        return FeedStatus(True, True, delayed, self._last_bar_ns, detail)

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
        return utc(self._newest_ns())


def calendar_year(time_ns: int) -> int:
    """The UTC year of a moment."""
    return int(utc(time_ns)[:4])
