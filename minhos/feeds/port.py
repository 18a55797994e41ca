"""The port `Feed`: where bars come from.  Another data vendor is one file that keeps this contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from minhos.market.types import Bars, Instrument, Price, Slice


class FeedStatus(msgspec.Struct, frozen=True):
    """How the feed is.  connected: it can be read.  delayed: the source says its data are late.

    live: more bars may come (a finished file is not live and is never traded).  detail is one sentence.
    """

    connected: bool
    live: bool
    delayed: bool
    last_bar_ns: int
    detail: str


class Feed(Protocol):
    """`history()` and `stream()` with a seam that has neither a gap nor a duplicate."""

    instrument: Instrument
    simulated: bool

    @property
    def symbol(self) -> str:
        """The contract whose bars come in now."""

    def history(self) -> Bars:
        """Closed bars so far, oldest first.  Stitched contracts are marked; raises DataError."""

    def stream(self) -> Iterator[Price | Slice | None]:
        """What comes after history.  None means "nothing now": the caller decides how long to wait."""

    def status(self) -> FeedStatus: ...
