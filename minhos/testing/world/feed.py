"""The feed of the world's market, and its .scid files: what a vendor recorded, with all that it got wrong.

    feed = WorldFeed(request, market)              # one each time that the trader is made
    register(market)                               # or by name: [data] feed = "world"
    files = ScidFiles(folder, market)              # Sierra Chart's folder, written as trades are recorded

`Vendor` remembers what came, so that a feed that is made anew has it as its history.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import msgspec

from minhos import parts
from minhos.feeds.expected import ExpectedBars
from minhos.feeds.port import Feed, FeedRequest, FeedStatus
from minhos.feeds.scid.files import EPOCH_US, HEADER_SIZE, RECORD_SIZE
from minhos.feeds.stitch import concatenate
from minhos.market.roll import ActiveContract, RollState
from minhos.market.symbols import SymbolForm, parse_symbol
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bar, Bars, Price, Slice
from minhos.testing.world.market import NEXT_SPREAD, Trade, WorldMarket
from minhos.testing.world.market_faults import FeedRepeats, FileRewritten, FileTorn, FolderGone, MarketFault

NAME = "world"
"""What the feed is called in `[data] feed`."""
DELAYED_AFTER_NS = 150 * NANOS_PER_SECOND
"""Trades of this market lie further apart than a real one's."""
SCID_HEADER = struct.pack("<4sIIHHI36s", b"SCID", HEADER_SIZE, RECORD_SIZE, 1, 0, 0, b"")


class Vendor:
    """What was recorded of the followed contract, in the order in which it came.

    items: prices, and bars as they closed, the way a feed gives them on.
    """

    def __init__(self, market: WorldMarket) -> None:
        self.market = market
        self.items: list[Price | Bar] = []
        self.newest_ns = int(market.history.close_time_ns[-1])
        self._forming: dict[int, list[int]] = {}
        market.on_record.append(self.take)
        market.on_close.append(self._close_by_clock)

    def take(self, trade: Trade) -> None:
        """A trade as it is recorded."""
        time_ns, ticks = trade.time_ns, trade.price_ticks
        self.newest_ns = max(self.newest_ns, time_ns)
        self.items.append(Price(self.market.symbol, time_ns, ticks))
        close_ns = (time_ns // BAR_INTERVAL_NS + 1) * BAR_INTERVAL_NS
        self._close_until(close_ns - BAR_INTERVAL_NS)
        bought = trade.volume if trade.buy else 0
        values = self._forming.get(close_ns)
        if values is None:
            self._forming[close_ns] = [ticks, ticks, ticks, ticks, trade.volume, trade.volume - bought, bought, 1]
            return
        values[1], values[2], values[3] = max(values[1], ticks), min(values[2], ticks), ticks
        for i, more in enumerate((trade.volume, trade.volume - bought, bought, 1), start=4):
            values[i] += more

    def _close_by_clock(self, close_ns: int) -> None:
        """A bar is over, unless the vendor has still to send what is missing of it."""
        if not self.market.is_behind:
            self._close_until(close_ns)

    def _close_until(self, close_ns: int) -> None:
        """Give the bars that closed by then."""
        for each in [each for each in sorted(self._forming) if each <= close_ns]:
            bar = Bar(self.market.symbol, each, *self._forming.pop(each))
            twice = any(isinstance(fault, FeedRepeats) for fault in self.market.active)
            self.items += [bar] * (2 if twice else 1)


class WorldFeed(Feed):
    """The feed of one contract of the market; made anew, it begins with everything that was recorded."""

    def __init__(self, request: FeedRequest, vendor: Vendor, symbol: str = "") -> None:
        market = vendor.market
        self._request, self._vendor, self._market = request, vendor, market
        wanted = parse_symbol(request.symbol, 2025)
        self.instrument = request.instrument
        leads = market.next_symbol if market.rolled else market.symbol
        named = wanted.contract if wanted.dated else wanted.root + leads.removeprefix(market.instrument.root)
        self.symbol = symbol or named
        self._spread = spread_of(market, self.symbol)
        self._place = len(vendor.items)
        self._history = self._recorded()
        last_ns = int(self._history.close_time_ns[-1])
        self._last_bar_ns = last_ns
        self._expected = ExpectedBars(request.calendar, self.symbol, max(last_ns, request.clock.now_ns()))

    def history(self) -> Bars:
        return self._history

    def stream(self) -> Iterator[Price | Slice | None]:
        """What was recorded since, then None for nothing now."""
        market, items, clock = self._market, self._vendor.items, self._request.clock
        while not market.ended:
            if market.fails:
                market.fails -= 1
                raise RuntimeError("the connection to the vendor broke off in the middle of a message")
            while self._place < len(items):
                item = items[self._place]
                self._place += 1
                if isinstance(item, Price):
                    yield Price(self.symbol, item.time_ns, item.price_ticks + self._spread)
                else:
                    self._last_bar_ns = item.close_time_ns
                    yield from self._expected.arrived(self._as_ours(item), clock.now_ns(), delayed=self._delayed())
            if market.calendar.is_open(clock.now_ns()):
                yield from self._expected.missing(clock.now_ns() - self._request.grace_ns - BAR_INTERVAL_NS // 10)
            yield None

    def status(self) -> FeedStatus:
        if self._market.ended:
            return FeedStatus(False, False, False, self._last_bar_ns, "The vendor has ended its service.")
        delayed = self._delayed()
        words = "is behind the clock" if delayed else "is up to date"
        return FeedStatus(True, True, delayed, self._last_bar_ns, f"{self.symbol} of the world's market {words}.")

    def follow(self, symbol: str) -> Feed:
        months = {name.removeprefix(self._market.instrument.root) for name in self._market.spreads}
        known = {self.instrument.root + month for month in months}
        return WorldFeed(self._request, self._vendor, symbol) if symbol in known - {self.symbol} else self

    def turn(self, now_ns: int, *, held: int) -> ActiveContract:
        market = self._market
        if not market.rolled or self.symbol != market.symbol or parse_symbol(self._request.symbol, 2025).dated:
            return ActiveContract(self.symbol, RollState.OLD, f"{self.symbol} leads in volume")
        if held:
            why = f"{market.next_symbol} leads: first flat in {self.symbol} ({held:+d} contracts)"
            return ActiveContract("", RollState.LEAVING, why)
        return ActiveContract(market.next_symbol, RollState.NEW, f"{market.next_symbol} leads")

    def _delayed(self) -> bool:
        """In open hours the newest trade is older than trades of this market are apart."""
        now_ns = self._request.clock.now_ns()
        session = self._market.calendar.session_at(now_ns)
        return session is not None and now_ns - max(self._vendor.newest_ns, session.open_ns) > DELAYED_AFTER_NS

    def _recorded(self) -> Bars:
        """The history before the start and each bar that was recorded since, once and in order."""
        market, since = self._market, {}
        for item in self._vendor.items:
            if isinstance(item, Bar) and _is_usable(item):
                since[item.close_time_ns] = self._as_ours(item)
        before = market.history
        prices = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
        moved = {name: getattr(before, name) + self._spread for name in prices} if self._spread else {}
        before = msgspec.structs.replace(before, instrument=self.instrument, contracts=(self.symbol,), **moved)
        if not since:
            return before
        new = Bars.from_bars(self.instrument, [since[close_ns] for close_ns in sorted(since)])
        return concatenate([before, new])

    def _as_ours(self, bar: Bar) -> Bar:
        if self.symbol == bar.symbol and not self._spread:
            return bar
        far = self._spread
        return msgspec.structs.replace(
            bar,
            symbol=self.symbol,
            open_ticks=bar.open_ticks + far,
            high_ticks=bar.high_ticks + far,
            low_ticks=bar.low_ticks + far,
            close_ticks=bar.close_ticks + far,
        )


def register(market: WorldMarket) -> Vendor:
    """Let `[data] feed = "world"` be this market's, from now on."""
    vendor = Vendor(market)

    def made(request: FeedRequest) -> WorldFeed:
        return WorldFeed(request, vendor)

    parts.feeds.remove(NAME)
    parts.feeds.register(NAME, made)
    return vendor


def unregister() -> None:
    """There is no world's market any more."""
    parts.feeds.remove(NAME)


def spread_of(market: WorldMarket, symbol: str) -> int:
    """Ticks of a contract above the followed one: those of the next month lie higher, whatever the root."""
    if symbol in market.spreads:
        return market.spreads[symbol]
    month = symbol.removeprefix(parse_symbol(symbol, 2025).root)
    return 0 if market.symbol.endswith(month) else NEXT_SPREAD


def _is_usable(bar: Bar) -> bool:
    """Whether a vendor would show it to whoever asks later: what is no number is not above zero."""
    return all(ticks > 0 for ticks in (bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks))


class ScidFiles:
    """A folder as Sierra Chart keeps it: one file a contract, each trade one record, on the disk at once.

    Of the next contract the volume is a fifth until it leads, and five times the other's from then on.
    """

    def __init__(self, folder: Path, market: WorldMarket) -> None:
        self.folder, self._market = folder, market
        folder.mkdir(parents=True, exist_ok=True)
        self._files: dict[str, FileIO] = {}
        self._torn = False
        self._gone = 0
        for symbol in market.spreads:
            path = self.path(symbol)
            path.write_bytes(SCID_HEADER + self._history(symbol))
            self._files[symbol] = path.open("r+b", buffering=0)
            self._files[symbol].seek(0, 2)
        market.on_record.append(self.write)
        market.on_file.append(self.fault)

    def path(self, symbol: str) -> Path:
        """Of a contract's file."""
        return self.folder / f"{parse_symbol(symbol, 2025).text(SymbolForm.SIERRA)}.scid"

    def _place(self, symbol: str) -> Path:
        """Where it lies now."""
        path = self.path(symbol)
        return path if not self._gone else path.parent.with_name(f"{self.folder.name} away") / path.name

    def write(self, trade: Trade) -> None:
        """A trade as it is recorded, in each contract's file."""
        for symbol, file in self._files.items():
            if self._torn:
                file.seek(-(RECORD_SIZE // 2), 2)
            ticks = trade.price_ticks + self._market.spreads[symbol]
            file.write(self._record(trade.time_ns, ticks, self._volume(symbol, trade.volume), trade.buy))
            if self._torn:
                file.write(bytes(RECORD_SIZE // 2))

    def fault(self, fault: MarketFault, begins: bool) -> None:
        """Half a record stands at the end, the file is made anew, or the folder is not where it was."""
        if isinstance(fault, FolderGone):
            self._gone += 1 if begins else -1
            if self._gone == (1 if begins else 0):
                ends = (self.folder, self.folder.with_name(f"{self.folder.name} away"))
                os.rename(*(ends if begins else ends[::-1]))
            return
        if isinstance(fault, FileTorn) and begins != self._torn:
            self._torn = begins
            for file in self._files.values():
                if begins:
                    file.write(bytes(RECORD_SIZE // 2))
                else:
                    file.truncate(file.seek(-(RECORD_SIZE // 2), 2))
        elif isinstance(fault, FileRewritten) and begins:
            for symbol, file in list(self._files.items()):
                file.seek(HEADER_SIZE)
                content = file.read()[fault.drop * RECORD_SIZE :]
                file.close()
                path = self._place(symbol)
                path.unlink()
                path.write_bytes(SCID_HEADER + content)
                self._files[symbol] = path.open("r+b", buffering=0)
                self._files[symbol].seek(0, 2)

    def close(self) -> None:
        """Let go of the files; they stay."""
        for file in self._files.values():
            file.close()

    def _volume(self, symbol: str, volume: int) -> int:
        if symbol != self._market.next_symbol:
            return volume
        return 5 * volume if self._market.rolled else max(1, volume // 5)

    def _history(self, symbol: str) -> bytes:
        """Each bar as its four prices, so that bars read from the file are the market's."""
        far, records = self._market.spreads[symbol], []
        for bar in self._market.history:
            prices = (bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks)
            volume = self._volume(symbol, max(4, bar.volume)) // 4 or 1
            for i, ticks in enumerate(prices):
                at_ns = bar.open_time_ns + (1 + 99 * i) * NANOS_PER_SECOND
                records.append(self._record(at_ns, ticks + far, volume, i % 2 == 0))
        return b"".join(records)

    def _record(self, time_ns: int, ticks: float, volume: int, buy: bool) -> bytes:
        """A single trade; its high and low are ask and bid."""
        price, tick = ticks * self._market.instrument.tick_size, self._market.instrument.tick_size
        sides = (0, volume) if buy else (volume, 0)
        stamp = time_ns // 1000 + EPOCH_US
        return struct.pack("<qffffIIII", stamp, 0.0, price + tick, price, price, 1, volume, *sides)
