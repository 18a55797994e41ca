"""The bridge's side of DTC: a folder of .scid files served as history and as a live tail.  It never trades.

A symbol is the exact name of a file in the folder, and nothing else is ever opened.  History is streamed from disk in
pieces, so that a file of gigabytes costs little memory.  Live, ticks go out as quote and trade; what those cannot
carry (bar records, a long backlog) is announced as `NO_TICKS`, and a file written anew as `REWRITTEN`: both are to be
taken by history.
Prices go as they stand in the file.  See `records` for the form and `mirror` for who reads it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from minhos.dtc import messages as m
from minhos.dtc.backend import Packed, Publish, Refused
from minhos.dtc.history import LATEST_SECOND, NO_HEARTBEATS_S
from minhos.dtc.messages import Message
from minhos.dtc.messages.enums import LogonStatus, OrderStatus, OrderUpdateReason, SecurityType
from minhos.errors import DataError, DtcError, SymbolError
from minhos.feeds.bridge.records import NO_TICKS, REWRITTEN, SERVER_NAME, are_live, live_messages, packed
from minhos.feeds.scid.files import EPOCH_US
from minhos.feeds.scid.fold import Records, kinds
from minhos.feeds.scid.reader import ScidReader
from minhos.market.instruments import instrument
from minhos.market.symbols import symbol_in_filename

PIECE = 2_048
"""Records sent at a time: 180 kB, some two milliseconds."""
MOST_LIVE = 2_000
"""New records in one poll that still go out as ticks; a longer backlog is quicker by history."""
MOST_FOLLOWED = 64
STAMP = 8
"""Bytes of a record that are its stamp."""
LONGEST_SYMBOL = 63
NO_TRADING = "The bridge serves data only; send orders to Sierra Chart's own DTC server."
Log = Callable[[str], None]


class ScidBackend:
    """Keeps the port `minhos.dtc.backend.Backend`; `poll` is to be called many times a second.

    password: what a client must give; empty lets everyone in.  log: gets a sentence for what clients do.
    """

    def __init__(self, folder: Path, password: str = "", log: Log = lambda sentence: None) -> None:
        self._folder, self._password, self._log = folder, password, log
        self._publishers: list[Publish] = []
        self._tails: dict[str, _Tail] = {}
        self.records_served = 0
        """Records handed out since the start, live and history."""

    def open(self, publish: Publish) -> None:
        self._publishers.append(publish)

    def symbols(self) -> list[str]:
        """Names of the .scid files in the folder.  Raises DataError where it cannot be read."""
        return sorted(self._files())

    def logon(self, request: m.LogonRequest) -> m.LogonResponse:
        given, wanted = (text.encode("utf-8", "surrogatepass") for text in (request.password, self._password))
        if not hmac.compare_digest(given, wanted) and self._password:
            self._log("a client was refused: wrong password")
            return m.LogonResponse(
                result=int(LogonStatus.ERROR_NO_RECONNECT), result_text="Wrong password for this bridge."
            )
        if request.heartbeat_interval_in_seconds < NO_HEARTBEATS_S:  # not for each request of history
            self._log(f"{_printable(request.client_name) or 'a client'} logged on")
        return m.LogonResponse(
            result_text="Data of Sierra Chart's files; no trading.",
            server_name=SERVER_NAME,
            security_definitions_supported=1,
            historical_price_data_supported=1,
            one_historical_price_data_request_per_connection=1,
            market_depth_is_supported=0,
            order_cancel_replace_supported=0,
        )

    def query(self, request: Message) -> Sequence[Message] | Refused:
        if not isinstance(request, m.SecurityDefinitionForSymbolRequest):
            return Refused(NO_TRADING)
        path = self._path(request.symbol)
        return [] if isinstance(path, Refused) else [_definition(request.symbol, path)]

    def snapshot(self, request: Message) -> Sequence[Message] | Refused:
        symbol = getattr(request, "symbol", "")
        if isinstance(request, m.MarketDepthRequest):
            return Refused("The bridge has no market depth.")
        path = self._path(symbol)
        if isinstance(path, Refused):
            return path
        if symbol not in self._tails and len(self._tails) >= MOST_FOLLOWED:
            return Refused(f"The bridge follows no more than {MOST_FOLLOWED} symbols at a time.")
        try:
            tail = self._tails.get(symbol) or _Tail(path)
            last = tail.last()
        except (DataError, OSError) as error:
            return Refused(str(error))
        if not len(last):
            return Refused(f"{symbol} has no record yet; open its chart in Sierra Chart.")
        if symbol not in self._tails:
            self._log(f"{symbol} is followed")
            self._tails[symbol] = tail
        return [_snapshot(last)]

    def trade(self, requests: Sequence[Message]) -> Iterable[Message]:
        return [refusal for request in requests for refusal in _refusals(request)]

    def history(self, request: m.HistoricalPriceDataRequest) -> Iterable[Message] | Packed | Refused:
        path = self._path(request.symbol)
        if isinstance(path, Refused):
            return path
        if request.record_interval:
            return Refused("The bridge serves records as they stand in the file: ask for interval 0.")
        start, end = (_stamp(time) for time in (request.start_date_time, request.end_date_time))
        if request.max_days_to_return:
            return Refused("The bridge has no MaxDaysToReturn: give a StartDateTime.")
        try:
            file = ScidReader(path)
        except DataError as error:
            return Refused(str(error))
        return Packed(self._pieces(file, start, end or np.iinfo(np.int64).max, request))

    def poll(self) -> None:
        """Publish what the followed files have got since the last time."""
        for symbol, tail in self._tails.items():
            for message in tail.poll():
                self._publish(message, "" if message is REWRITTEN else symbol)
            self.records_served += tail.n_published

    def _publish(self, message: Message, symbol: str) -> None:
        for publish in self._publishers:
            publish(message, symbol)

    def _pieces(self, file: ScidReader, start: int, end: int, request: m.HistoricalPriceDataRequest) -> Iterator[bytes]:
        n_sent = 0
        try:
            for records in _from(file, start):
                within = records[records["stamp"] <= end]
                n_sent += len(within)
                self.records_served += len(within)
                if len(within):
                    yield packed(within, request.request_id)
                if len(within) < len(records):
                    break
        except (DataError, OSError) as error:
            raise DtcError(f"The history of {request.symbol} broke off: {error}") from None
        finally:
            file.close()
        if n_sent > MOST_LIVE:
            self._log(f"{request.symbol}: {n_sent:,} records of history")

    def _path(self, symbol: str) -> Path | Refused:
        """The file of that very name; whatever is not in the folder's listing does not exist."""
        try:
            path = self._files().get(symbol)
        except DataError as error:
            return Refused(str(error))
        return path or Refused(f"There is no file {_printable(symbol)[:40]}.scid here.")

    def _files(self) -> dict[str, Path]:
        try:
            paths = [path for path in self._folder.iterdir() if path.suffix.lower() == ".scid"]
        except OSError as error:
            raise DataError(f"the folder {self._folder} cannot be read ({error.strerror})") from None
        return {path.stem: path for path in paths if len(path.stem) <= LONGEST_SYMBOL and path.stem.isascii()}


class _Tail:
    """One file's end: what was there at the last poll, and what came since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.n_published = 0
        """Records in the last poll's messages."""
        with ScidReader(path) as file:
            self._remember(file, len(file))

    def last(self) -> Records:
        """The newest record, shape (1,), or none."""
        with ScidReader(self._path) as file:
            return file.records(max(0, len(file) - 1), len(file))

    def poll(self) -> list[Message]:
        """Messages for what is new; none while the file cannot be read, as for a moment while it is replaced."""
        self.n_published = 0
        try:
            with ScidReader(self._path) as file:
                return self._news(file)
        except (DataError, OSError):
            return []

    def _news(self, file: ScidReader) -> list[Message]:
        n, place = len(file), self._place
        first, last = self._ends(file, place)
        if n < place or first[:STAMP] != self._known[0][:STAMP] or last[:STAMP] != self._known[1][:STAMP]:
            self._remember(file, n)
            return [REWRITTEN]
        if (first, last) != self._known:  # the bar that is still running has changed in place
            self._remember(file, n)
            return [NO_TICKS]
        if n == place:
            return []
        records = file.records(max(0, place - 1), min(n, place + MOST_LIVE + 1))
        rising = bool(np.all(np.diff(records["stamp"]) > 0))
        records = records[min(1, place) :]
        live = rising and len(records) <= MOST_LIVE and bool(are_live(records).all())
        self._remember(file, place + len(records) if live else n)
        if not live:
            return [NO_TICKS]
        self.n_published = len(records)
        return [message for record in records for message in live_messages(record)]

    def _remember(self, file: ScidReader, place: int) -> None:
        self._place, self._known = place, self._ends(file, place)

    def _ends(self, file: ScidReader, place: int) -> tuple[bytes, bytes]:
        """First and last of the records up to a place: equal as long as the file has only grown."""
        return file.raw(0, min(1, place)), file.raw(max(0, place - 1), place)


def _from(file: ScidReader, start: int) -> Iterator[Records]:
    """What the file holds now from that stamp on, in pieces; less where it is cut shorter meanwhile."""
    place, n = file.first_at(start) if start else 0, len(file)
    while place < n:
        records = file.records(place, min(n, place + PIECE))
        if not len(records):
            return
        place += len(records)
        yield records


def _stamp(time: int) -> int:
    """The request's time, in seconds or microseconds since 1970, as a stamp of the file; 0 stays 0."""
    if time <= 0:
        return 0
    return (time if time > LATEST_SECOND else time * 1_000_000) + EPOCH_US


def _snapshot(last: Records) -> m.MarketDataSnapshot:
    record = last[0]
    tick = bool(kinds(last)[0][0])
    return m.MarketDataSnapshot(
        bid_price=float(np.nan_to_num(record["low"])) if tick else None,
        ask_price=float(np.nan_to_num(record["high"])) if tick else None,
        last_trade_price=float(np.nan_to_num(record["close"])),
        last_trade_volume=float(record["volume"]),
        last_trade_date_time=(int(record["stamp"]) - EPOCH_US) / 1e6,
    )


def _definition(symbol: str, path: Path) -> m.SecurityDefinitionResponse:
    try:
        named = symbol_in_filename(path.name, 1970 + int(path.stat().st_mtime / 31_556_952))
        known = instrument(named.contract) if named is not None else None
    except (SymbolError, OSError):
        named = known = None
    return m.SecurityDefinitionResponse(
        symbol=symbol,
        security_type=int(SecurityType.FUTURES) if known else 0,
        description="Records of the .scid file; prices as they stand in it",
        min_price_increment=known.tick_size / named.price_multiplier if known and named else 0.0,
        currency_value_per_increment=known.tick_value_cents / 100 if known else 0.0,
        display_price_multiplier=1.0,
        currency="USD" if known else "",
    )


def _refusals(request: Message) -> Iterator[m.OrderUpdate]:
    """No, for each order in the request."""
    reasons = {
        m.CancelOrder: OrderUpdateReason.ORDER_CANCEL_REJECTED,
        m.CancelReplaceOrder: OrderUpdateReason.ORDER_CANCEL_REPLACE_REJECTED,
    }
    for name in ("client_order_id", "client_order_id_1", "client_order_id_2"):
        order_id = getattr(request, name, "")
        if order_id:
            yield m.OrderUpdate(
                client_order_id=order_id,
                symbol=getattr(request, "symbol", ""),
                trade_account=getattr(request, "trade_account", ""),
                order_status=int(OrderStatus.REJECTED),
                order_update_reason=int(reasons.get(type(request), OrderUpdateReason.NEW_ORDER_REJECTED)),
                info_text=NO_TRADING,
            )


def _printable(text: str) -> str:
    """What a stranger sent, fit for a log."""
    return "".join(character if character.isprintable() else "?" for character in text)
