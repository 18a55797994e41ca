"""The port `Feed`: where bars come from.  Another vendor of data is one class that keeps this contract.

Derive from `Feed` and write what is required; the rest has a default that suits a feed of one contract.

| member | | when it is called |
|---|---|---|
| `instrument`, `symbol` | required | read at the start and after every `follow`; set them in `__init__` |
| `history()` | required | once, before the stream: closed bars, oldest first |
| `stream()` | required | once, after the history; the caller asks for the next item again and again |
| `status()` | required | about once a second, between two items |
| `resume_after(close_time_ns)` | optional | once at a restart, before `history()` |
| `follow(symbol)` | optional | at a restart with a position in that contract, and when `turn` names another one |
| `turn(now_ns, held)` | optional | at the start of each session, and at each bar while a contract is being left |
| `close()` | optional | when the process ends or another feed takes over |
| `simulated`, `pace_s` | optional | class attributes |

A feed is registered as a function of a `FeedRequest` (or as a class whose `__init__` takes one) and named in
minhos.toml by `[data] feed`:

    @parts.feeds("my_vendor")
    class MyVendor(Feed):
        def __init__(self, request: FeedRequest) -> None: ...

`minhos.testing.feed_conformance` checks any feed against this page.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock
from minhos.market.roll import ActiveContract, RollState
from minhos.market.types import NANOS_PER_SECOND, Bars, Instrument, Price, Slice

FLUSH_NS = 5 * NANOS_PER_SECOND
"""Sierra Chart writes its buffer that often unless "Intraday File Flush Time" says otherwise."""
GRACE_NS = 2 * NANOS_PER_SECOND


class FeedStatus(msgspec.Struct, frozen=True):
    """How the feed is."""

    connected: bool
    """It can be read."""
    live: bool
    """More bars may come: a finished file is not live and is never traded."""
    delayed: bool
    """The source says that its data are late, or they are behind the clock in open hours."""
    last_bar_ns: int
    """Close of the last bar given; 0 for none."""
    detail: str
    """One sentence."""


class FeedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed is made from."""

    symbol: str
    """`[market] symbol`: a root ("NQ": the contract that leads) or a contract ("NQZ25")."""
    instrument: Instrument
    """With the user's commission, slippage and margins."""
    clock: Clock
    """The only time that a feed may ask for; its pauses are the caller's."""
    calendar: SessionCalendar
    source: Path | None = None
    """`[data] source`; None where it is empty."""
    flush_ns: int = FLUSH_NS
    """How often the source is written, where it is a file (`[data] flush_interval_ms`)."""
    grace_ns: int = GRACE_NS
    """How long after its close (and the flush) a bar that has not come is reported missing (`[data] grace_ms`)."""
    since_ns: int = 0
    """Bars that closed up to then are known: `history()` may leave them out, where that spares reading; 0: none is."""
    options: dict[str, object] = {}
    """The table `[feed.<name>]` of minhos.toml."""


@runtime_checkable
class Feed(Protocol):
    """`history()` and `stream()` with a seam that has neither a gap nor a duplicate."""

    instrument: Instrument
    symbol: str
    """The contract whose bars come in now."""
    simulated: bool = False
    """A generated market, which shares neither models nor journals with real ones."""
    pace_s: float = 0.0
    """Seconds that the caller lets pass between two bars; 0 to take them as they come."""

    @abstractmethod
    def history(self) -> Bars:
        """Bars that have closed, oldest first; where the contract changes they are marked.  Raises DataError."""

    @abstractmethod
    def stream(self) -> Iterator[Price | Slice | None]:
        """What comes after the history, in order; it never waits.

        None means "nothing now": the caller decides how long to pause.  An expected bar that does not come in time is
        named in a `Slice` without bars, one that comes an interval late is marked `late`.  It ends where no bar can
        ever come again.
        """

    @abstractmethod
    def status(self) -> FeedStatus:
        """How the feed is at the moment; cheap enough for once a second, and does not raise."""

    def resume_after(self, close_time_ns: int) -> None:
        """Everything up to that close was taken in before a restart.

        A live feed does nothing: what closed meanwhile is in its history.  A feed that moves the clock goes on there.
        """
        return

    def follow(self, symbol: str) -> Feed:
        """The feed that follows that contract from here on: another one, or itself where it has no such contract.

        Raises DataError.
        """
        return self

    def turn(self, now_ns: int, *, held: int) -> ActiveContract:
        """Which contract may be entered: this one, none while it is being left, or the next one.

        held: contracts held in this one.  Raises DataError.
        """
        return ActiveContract(self.symbol, RollState.OLD, f"{self.symbol} is the only contract of this feed")

    def close(self) -> None:
        """Give back what was opened."""
        return


FeedFactory = Callable[[FeedRequest], Feed]
