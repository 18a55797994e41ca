"""One contract's mirror: its file here, and how it is kept equal to the bridge's over a connection.

History from the file's end on, then ticks as they come, and history again whenever the bridge says so.  What lies
further back than a connection compares is compared day by day, while ticks go on: Sierra Chart may fill in a gap of
last week.  Whatever changed behind the file's end is reported in a note.  See `mirror` for the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np

from minhos.dtc import messages as m
from minhos.dtc.client import DtcClient
from minhos.dtc.history import packed_history
from minhos.dtc.layouts import HEADER
from minhos.dtc.logon import ClientOptions, FinalRefusal
from minhos.dtc.transport import Sockets, Transport
from minhos.errors import DtcDisconnected, DtcError, DtcRejected
from minhos.feeds.bridge.file import MirrorFile, Pass
from minhos.feeds.bridge.records import SERVER_NAME, live_record, unpacked
from minhos.feeds.scid.files import EPOCH_US, US_PER_DAY
from minhos.feeds.scid.fold import Records

CHECKED_US = 2 * US_PER_DAY
"""How far back a mirror is compared at each connection: what Sierra Chart fills in late mostly lies within."""
MOST_WAITING = 100_000
"""Ticks held while history is copied; beyond that they are dropped and history is asked again."""
NOT_THE_BRIDGE = (
    "Sierra Chart does not give CME data over DTC; run `minh.py bridge` on that machine and give its port, or name "
    "its data folder as [data] source."
)
Trade, Quote = m.MarketDataUpdateTradeWithUnbundledIndicator2, m.MarketDataUpdateBidAskFloatWithMicroseconds


class Copy:
    """options: how the bridge is called.  since: stamp from which an empty file is filled.

    note: what was changed behind the file's end, one sentence; empty where nothing was.
    """

    def __init__(
        self,
        folder: Path,
        symbol: str,
        options: ClientOptions,
        since: int,
        note: str = "",
        transport: Transport = Sockets(),
    ) -> None:
        self.symbol, self.number, self.n_records, self.note = symbol, 0, 0, note
        self.file = MirrorFile(folder / f"{symbol}.scid")
        self._options, self._since, self._transport = options, since, transport
        self._asked, self._asked_us = asyncio.Event(), 0
        self._copying = True
        self._waiting: list[Records] = []
        self._quote = Quote()
        self._older = 0
        """Stamp up to which the older days were compared in this round."""

    async def subscribe(self, client: DtcClient) -> None:
        """Ask for ticks; a refusal of another server than the bridge is final."""
        try:
            self.number = (await client.subscribe(self.symbol)).symbol_id
        except DtcRejected as error:
            if client.logon is None or client.logon.server_name != SERVER_NAME:
                raise FinalRefusal(f"{error}; {NOT_THE_BRIDGE}") from None

    def receive(self, message: object) -> None:
        """A message of this symbol."""
        if isinstance(message, Quote):
            self._quote = message
        elif isinstance(message, Trade):
            self._add(live_record(self._quote, message))
        elif isinstance(message, m.MarketDataFeedSymbolStatus):
            self.ask(0)

    def ask(self, checked_us: int) -> None:
        """History is to be read again from that long before the end."""
        self._asked_us = max(self._asked_us, checked_us)
        self._asked.set()

    def _add(self, record: Records) -> None:
        if self._copying:
            self._waiting.append(record)
            if len(self._waiting) > MOST_WAITING:
                self._waiting.clear()
                self.ask(0)
        elif record["stamp"][0] > self.file.last_stamp:
            self.file.append(record)
            self.n_records += 1

    async def catch_up_when_asked(self) -> None:
        """For ever."""
        while True:
            await self._asked.wait()
            checked_us, self._asked_us = self._asked_us, 0
            self._asked.clear()
            await self.catch_up(checked_us)

    async def catch_up(self, checked_us: int = CHECKED_US) -> None:
        """Make the file equal to the bridge's, from that long before its end on; from its start where it must be."""
        self._copying = True
        last = self.file.last_stamp
        start = max(last - checked_us, self.file.first_stamp) if last else self._since
        if not await self._pass(start):
            await self._pass(self.file.first_stamp)
        if last and not self.file.last_stamp:  # nothing of it was right
            await self._pass(self._since)
        waiting = [record for record in self._waiting if record["stamp"][0] > self.file.last_stamp]
        self._waiting.clear()
        self._copying = False
        if waiting:
            self.file.append(np.concatenate(waiting))
            self.n_records += len(waiting)

    async def _pass(self, start: int) -> bool:
        """Read history from that stamp on into the file; False where the pass must begin earlier."""
        copying = Pass(self.file, start)
        try:
            async for records in self._history(start):
                copying.take(records)
                self.n_records += len(records)
            copying.finish()
        finally:
            copying.abandon()
        self._note_change(copying.changed_stamp)
        return not copying.doubtful

    async def _history(self, start: int, stop: int = 0) -> AsyncGenerator[Records, None]:
        """The bridge's records with start <= stamp < stop, 0 for no end, in pieces.  Raises DtcError."""
        request = m.HistoricalPriceDataRequest(
            request_id=1,
            symbol=self.symbol,
            start_date_time=start - EPOCH_US,
            end_date_time=stop - 1 - EPOCH_US if stop else 0,
            use_zlib_compression=1,
        )
        rest = b""
        async with contextlib.aclosing(packed_history(self._options, request, self._transport)) as pieces:
            async for piece in pieces:
                records, used = unpacked(rest + piece)
                rest = (rest + piece)[used:]
                yield records
                if _ends(rest):
                    return
        raise DtcDisconnected("The history broke off.")

    def _note_change(self, changed_stamp: int) -> None:
        if changed_stamp:
            since = dt.datetime.fromtimestamp((changed_stamp - EPOCH_US) // 1_000_000, dt.UTC)
            self.note = (
                f"Sierra Chart has changed the records of {self.symbol} from {since:%Y-%m-%d %H:%M} UTC on; they are "
                "copied anew, and what was decided before stays as it was"
            )

    async def compare_older(self) -> None:
        """Compare the next day of what lies further back than `CHECKED_US`; from one that differs on copy anew.

        It only reads, so that ticks go on meanwhile; a history that breaks off is compared another time.
        """
        end = self.file.last_stamp - CHECKED_US
        if not self.file.first_stamp <= self._older < end:
            self._older = self.file.first_stamp
        start, stop = self._older, min(self._older + US_PER_DAY, end)
        if self._copying or not 0 < start < stop:
            return
        with contextlib.suppress(DtcError):
            if not await self._is_equal(start, stop):
                self.ask(self.file.last_stamp - start)
            self._older = stop

    async def _is_equal(self, start: int, stop: int) -> bool:
        """Whether the bridge's records with start <= stamp < stop are those of the file."""
        place, end = self.file.index(start), self.file.index(stop)
        async with contextlib.aclosing(self._history(start, stop)) as pieces:
            async for records in pieces:
                if self.file.read(place, min(place + len(records), end)) != records.tobytes():
                    return False
                place += len(records)
        return place == end


def _ends(rest: bytes) -> bool:
    """Whether the history's last word has come.  Raises DtcError for what does not belong into a history."""
    if len(rest) < HEADER.size:
        return False
    number = HEADER.unpack_from(rest)[1]
    if number == m.HistoricalPriceDataResponseTrailer.TYPE:
        return True
    if number != m.HistoricalPriceDataRecordResponse.TYPE:
        raise DtcError(f"A message of type {number} came in the middle of a history.")
    return False
