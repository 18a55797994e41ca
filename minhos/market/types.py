"""The values of the market: what an instrument is, and what a bar, a price and a slice are.

Prices are integer ticks, money integer cents, times UTC nanoseconds.  A bar is stamped by its close;
points and floats appear only where a file or a page needs them.  Nothing here reads a file or a clock.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt

NANOS_PER_SECOND = 1_000_000_000
NANOS_PER_MINUTE = 60 * NANOS_PER_SECOND
BAR_INTERVAL_NS = 5 * NANOS_PER_MINUTE
UNKNOWN = -1
"""Volume by side and number of trades where a source does not tell."""

Ints = npt.NDArray[np.int64]


class Instrument(msgspec.Struct, frozen=True):
    """One future: its grid, its money and what it costs.

    tick_size: points per tick.  tick_value_cents: cents per tick and contract.  Commission is per side and
    contract; slippage is expected ticks per side; margins are cents per contract.  stop_slippage_ticks: what a stop's
    fill is expected to slip beyond that.
    """

    root: str
    description: str
    tick_size: float
    tick_value_cents: int
    currency: str = "USD"
    months: str = "HMUZ"
    commission_cents: int = 225
    slippage_ticks: int = 1
    day_margin_cents: int = 0
    overnight_margin_cents: int = 0
    micro_root: str = ""
    """The root of the micro contract on the same index; empty for a micro itself."""
    stop_slippage_ticks: int = 0

    def to_ticks(self, points: float) -> int:
        """Nearest tick of a price in points."""
        return round(points / self.tick_size)

    def to_points(self, ticks: float) -> float:
        """Price in points."""
        return ticks * self.tick_size

    def round_trip_cost_ticks(self) -> float:
        """Expected cost of entry and exit of one contract, in ticks: two commissions and two slippages."""
        return 2.0 * self.commission_cents / self.tick_value_cents + 2.0 * self.slippage_ticks

    def stop_exit_cents(self) -> int:
        """Expected cost of leaving by a stop, of one contract, beyond the stop's price."""
        return self.commission_cents + (self.slippage_ticks + self.stop_slippage_ticks) * self.tick_value_cents


class Bar(msgspec.Struct, frozen=True, gc=False):
    """One closed interval of one contract.  `symbol` is the contract ("NQZ25"), prices are ticks."""

    symbol: str
    close_time_ns: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume: int
    bid_volume: int = UNKNOWN
    ask_volume: int = UNKNOWN
    trades: int = UNKNOWN
    interval_ns: int = BAR_INTERVAL_NS

    @property
    def open_time_ns(self) -> int:
        return self.close_time_ns - self.interval_ns


class Price(msgspec.Struct, frozen=True, gc=False):
    """A traded price between bars: at a bar's open, and at most once a second after that."""

    symbol: str
    time_ns: int
    price_ticks: int


class Slice(msgspec.Struct, frozen=True, gc=False):
    """All bars that close at one time; symbols whose bar was missing when the grace period ended are named.

    late: the slice came an interval or more after its close; it warms features and is never traded.
    delayed: the source says that its data are delayed.
    """

    close_time_ns: int
    bars: tuple[Bar, ...]
    missing: tuple[str, ...] = ()
    late: bool = False
    delayed: bool = False
    faults: tuple[str, ...] = ()
    """Of bars that came and are missing, as they can be none: a sentence on each."""

    def bar(self, symbol: str) -> Bar | None:
        """The bar of that contract, or None where it is missing."""
        for bar in self.bars:
            if bar.symbol == symbol:
                return bar
        return None


COLUMNS = (
    "contract",
    "close_time_ns",
    "open_ticks",
    "high_ticks",
    "low_ticks",
    "close_ticks",
    "volume",
    "bid_volume",
    "ask_volume",
    "trades",
)
"""Of a history, in the order of the fields of `Bars`."""


class Bars(msgspec.Struct, frozen=True, eq=False):
    """A history in columns, oldest first, one row a bar; every column has shape (n,).

    contracts names the contracts in the history; contract[i] is the index of bar i's.  Where it changes lies
    a splice: no return and no label is ever taken across it.  bid_volume and ask_volume are -1 where unknown.
    """

    instrument: Instrument
    contracts: tuple[str, ...]
    contract: Ints
    close_time_ns: Ints
    open_ticks: Ints
    high_ticks: Ints
    low_ticks: Ints
    close_ticks: Ints
    volume: Ints
    bid_volume: Ints
    ask_volume: Ints
    trades: Ints
    interval_ns: int = BAR_INTERVAL_NS
    simulated: bool = False
    """True for a generated market: its figures carry the word SIMULATED."""
    adjusted: str = ""
    """Why prices are not those that were traded but adjusted over rolls: nothing is sized on them.  Empty where not."""

    def __len__(self) -> int:
        return len(self.close_time_ns)

    def __iter__(self) -> Iterator[Bar]:
        columns = (getattr(self, name).tolist() for name in COLUMNS)
        for contract, time_ns, open_, high, low, close, volume, bid, ask, trades in zip(*columns, strict=True):
            symbol = self.contracts[contract]
            yield Bar(symbol, time_ns, open_, high, low, close, volume, bid, ask, trades, self.interval_ns)

    def bar(self, i: int) -> Bar:
        """Row i as a value."""
        return next(iter(self.rows(slice(i, i + 1 or None))))

    def rows(self, which: slice | Ints | npt.NDArray[np.bool_]) -> Bars:
        """Those rows as a history of its own (slice, indices or mask)."""
        return msgspec.structs.replace(self, **{name: getattr(self, name)[which] for name in COLUMNS})

    @property
    def symbol(self) -> str:
        """The newest contract."""
        return self.contracts[int(self.contract[-1])] if len(self) else self.contracts[-1]

    @classmethod
    def from_bars(cls, instrument: Instrument, bars: list[Bar], *, simulated: bool = False) -> Bars:
        """Columns from values, in the order given."""
        contracts = tuple(dict.fromkeys(bar.symbol for bar in bars))
        index = {symbol: i for i, symbol in enumerate(contracts)}
        rows = [(index[bar.symbol], *(getattr(bar, name) for name in COLUMNS[1:])) for bar in bars]
        columns = np.ascontiguousarray(np.array(rows, dtype=np.int64).reshape(len(rows), len(COLUMNS)).T)
        interval_ns = bars[0].interval_ns if bars else BAR_INTERVAL_NS
        named = dict(zip(COLUMNS, columns, strict=True))
        return cls(instrument, contracts, **named, interval_ns=interval_ns, simulated=simulated)
