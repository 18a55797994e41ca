"""Everything that a server can do wrong or differently, one switch each, to test clients against.

`Faults()` is a server that behaves.  Types are the protocol's numbers, as in `frozenset({OrderUpdate.TYPE})`.
"""

from __future__ import annotations

import asyncio

import msgspec

from minhos.dtc.codec import Encoding, Unknown, encode
from minhos.dtc.layouts import HEADER, LAYOUTS
from minhos.dtc.messages import Message
from minhos.dtc.transport import Connection
from minhos.dtc.wire import Wire
from minhos.errors import DtcDisconnected

CME_REJECT = "Market data request not allowed"
"""What Sierra Chart answers to a request for data of CME Group, EUREX, NASDAQ or CBOE."""
Types = frozenset[int]
NONE: Types = frozenset()


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """On the way out: which types are dropped, late, doubled, and so on.  Then: how the server answers."""

    drop: Types = NONE
    delay: Types = NONE
    delay_s: float = 0.02
    duplicate: Types = NONE
    reorder: Types = NONE
    """Sent after the message that follows them."""
    wrong_request_id: Types = NONE
    disconnect_within: Types = NONE
    """Half of the message, then the connection ends."""
    split_bytes: int = 0
    """Everything arrives in pieces of this many bytes; 0 is off."""
    unknown_messages: bool = False
    """A message of a type that does not exist before each one."""
    shorter_by: int = 0
    longer_by: int = 0
    """Bytes that each binary struct after the logon lacks or has more, as an older or newer server's would."""
    garbage_after_logon: bytes = b""
    silent_after_logon: bool = False
    no_heartbeats: bool = False

    encoding_response_delay_s: float = 0.0
    preset_encoding: Encoding | None = None
    """The server speaks nothing else and answers in it whatever it is asked."""
    user: str = ""
    password: str = ""
    """Set, they are required."""
    logon_final: bool = False
    """A refused logon says that there is no use in trying again."""
    logoff_after_logon: str = ""
    do_not_reconnect: bool = False
    reject_market_data: str = ""
    trading_disabled: bool = False
    reject_orders: str = ""
    partial_fills: bool = False
    new_id_on_replace: bool = False
    display_price_multiplier: float = 1.0
    no_final_record: bool = False
    """History ends with the trailer (807) alone."""


UNKNOWN_TYPE = 9999
SESSION_TYPES = frozenset({1, 2, 5, 6, 7})


class FaultyWire(Wire):
    """A wire that does to messages what its faults say."""

    def __init__(self, connection: Connection, encoding: Encoding, faults: Faults) -> None:
        super().__init__(connection, encoding)
        self.faults = faults
        self._held: list[bytes] = []
        self._late: set[asyncio.Task[None]] = set()
        self._pending, self._more = bytearray(), asyncio.Event()
        self._sender = asyncio.create_task(self._send_pieces()) if faults.split_bytes else None
        self.muted = False

    def send(self, message: Message) -> None:
        """Send the message as the faults have it."""
        faults, number = self.faults, message.TYPE
        if self.muted or number in faults.drop:
            return
        if number in faults.wrong_request_id:
            message = msgspec.structs.replace(message, request_id=message.request_id + 1_000)  # type: ignore[attr-defined]
        data = self._changed(message)
        if number in faults.disconnect_within:
            self.send_bytes(data[: len(data) // 2])
            self._connection.shut()
            self.muted = True
            return
        if number in faults.delay:
            task = asyncio.create_task(self._send_late(data))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return
        if number in faults.reorder and not self._held:
            self._held.append(data)
            return
        if faults.unknown_messages and number not in SESSION_TYPES:
            self.send_bytes(encode(Unknown(UNKNOWN_TYPE, b""), self.encoding))
        for copy in [data] * (2 if number in faults.duplicate else 1) + self._held:
            self.send_bytes(copy)
        self._held.clear()

    def send_bytes(self, data: bytes) -> None:
        """Hand over bytes, in pieces where the faults say so."""
        if self._sender is None:
            super().send_bytes(data)
            return
        self._pending += data
        self._more.set()

    async def _send_pieces(self) -> None:
        step = self.faults.split_bytes
        while await self._more.wait():
            piece = bytes(self._pending[:step])
            del self._pending[:step]
            if not self._pending:
                self._more.clear()
            try:
                super().send_bytes(piece)
            except DtcDisconnected:
                return
            await asyncio.sleep(0)

    async def _send_late(self, data: bytes) -> None:
        await asyncio.sleep(self.faults.delay_s)
        if not self._connection.is_closing:
            self.send_bytes(data)

    def _changed(self, message: Message) -> bytes:
        """The bytes of the message, its struct shortened or lengthened."""
        data = encode(message, self.encoding)
        if self.encoding != Encoding.BINARY or message.TYPE in SESSION_TYPES or message.TYPE not in LAYOUTS:
            return data
        body = data[HEADER.size : max(HEADER.size, len(data) - self.faults.shorter_by)] + bytes(self.faults.longer_by)
        return HEADER.pack(HEADER.size + len(body), message.TYPE) + body

    async def close(self, patience_s: float = 1.0) -> None:
        """Close once the pieces under way have been handed over."""
        if self._sender is not None:
            self._sender.cancel()
            if not self._connection.is_closing:
                super().send_bytes(bytes(self._pending))
        for task in list(self._late):
            task.cancel()
        await super().close(patience_s)
