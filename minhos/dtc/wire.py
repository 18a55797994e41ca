"""One connection that carries messages: encoding out, framing and decoding in, compressed history, bounded memory.

Shared by client and server; it knows no procedure of the protocol.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Sequence

from minhos.dtc.codec import Encoding, Malformed, decode, encode
from minhos.dtc.framing import Framer
from minhos.dtc.messages import Message
from minhos.dtc.transport import Connection
from minhos.errors import DtcDisconnected

PIECE_BYTES = 65_536
MOST_UNSENT_BYTES = 8 * 1024 * 1024
"""A peer that reads nothing costs this much memory, then its connection."""

Sleep = Callable[[float], Awaitable[None]]
"""How a part waits; tests pass their own."""


class Wire:
    """Messages over one connection."""

    def __init__(self, connection: Connection, encoding: Encoding) -> None:
        self._connection = connection
        self._framer = Framer(encoding)
        self._inflate: zlib._Decompress | None = None
        self._compressed = b""
        self.bytes_received = 0

    @property
    def encoding(self) -> Encoding:
        """What both directions use from the next message on."""
        return self._framer.encoding

    @encoding.setter
    def encoding(self, encoding: Encoding) -> None:
        self._framer.encoding = encoding

    def send(self, message: Message) -> None:
        """Hand over one message.  Raises DtcError for what cannot be carried, DtcDisconnected for a full line."""
        self.send_bytes(encode(message, self.encoding))

    def send_together(self, messages: Sequence[Message]) -> None:
        """Hand over messages in one piece, so that nothing comes between them; raises as `send` does."""
        self.send_bytes(b"".join([encode(message, self.encoding) for message in messages]))

    def send_bytes(self, data: bytes) -> None:
        """Hand over bytes as they are."""
        if self._connection.is_closing:
            raise DtcDisconnected("The connection is closed.")
        if self._connection.unsent > MOST_UNSENT_BYTES:
            self.abort()
            raise DtcDisconnected(f"The peer left more than {MOST_UNSENT_BYTES} bytes unread and was cut off.")
        self._connection.write(data)

    async def drain(self) -> None:
        """Wait until the peer has taken what is over the mark; a line that broke shows when reading."""
        await self._connection.drain()

    async def first_bytes(self) -> bytes:
        """What the peer began with, left in place; empty when it closed without a word."""
        if not len(self._framer):
            await self._fill()
        return self._framer.peek(16)

    async def receive(self) -> Message | Malformed | None:
        """The next message; Malformed for one that cannot be read; None when the peer has closed."""
        while True:
            frame = self._framer.next_frame()
            if isinstance(frame, bytes):
                return decode(frame, self.encoding)
            if frame is not None:
                return frame
            if not await self._fill():
                return None

    async def receive_bytes(self) -> bytes:
        """What comes next, inflated but not cut into messages; empty when the peer has closed."""
        while not len(self._framer):
            if not await self._fill():
                return b""
        return self._framer.take_rest()

    @property
    def is_broken(self) -> bool:
        """Whether the stream can no longer be cut into messages."""
        return self._framer.is_broken

    def start_inflating(self) -> None:
        """All bytes after the message just received are one zlib stream."""
        self._inflate = zlib.decompressobj()
        self._compressed = self._framer.take_rest()

    async def _fill(self) -> bool:
        """Feed the framer one piece; False at the end of the stream."""
        if self._inflate is None:
            piece = await self._read()
            self._framer.feed(piece)
            return bool(piece)
        while True:
            raw = self._inflate.unconsumed_tail or self._compressed or await self._read()
            self._compressed = b""
            if not raw:
                return False
            try:
                piece = self._inflate.decompress(raw, PIECE_BYTES)
            except zlib.error as error:
                raise DtcDisconnected(f"The compressed history cannot be read ({error}).") from None
            if piece:
                self._framer.feed(piece)
                return True
            if self._inflate.eof:
                return False

    async def _read(self) -> bytes:
        piece = await self._connection.read(PIECE_BYTES)
        self.bytes_received += len(piece)
        return piece

    def abort(self) -> None:
        """Drop the connection and what is unsent."""
        self._connection.abort()

    async def close(self, patience_s: float = 1.0) -> None:
        """Close after what was sent has gone out; a peer that does not take it is dropped."""
        self._connection.shut()
        try:
            await asyncio.wait_for(self._connection.closed(), patience_s)
        except (OSError, TimeoutError):
            self.abort()


async def keep_alive(wire: Wire, interval_s: float, sleep: Sleep, beat: Callable[[], None]) -> str:
    """Send a heartbeat every interval; returns why, once the peer has sent no byte for two of them.

    The protocol leaves the dead-peer rule open; two intervals is the common practice.
    """
    silent, before = 0, wire.bytes_received
    while silent < 2:
        await sleep(interval_s)
        silent = silent + 1 if wire.bytes_received == before else 0
        before = wire.bytes_received
        beat()
    return f"The peer has been silent for {2 * interval_s:g} seconds."
