"""A stream of bytes cut into messages, whatever the pieces it arrives in, in bounded memory.

    framer = Framer(Encoding.BINARY)
    framer.feed(received)
    while isinstance(frame := framer.next_frame(), bytes):
        message = decode(frame, framer.encoding)

Frames are taken one at a time because a message can change what the following bytes mean: an encoding response
(`framer.encoding = ...`) or the header of compressed history (`take_rest()`).
"""

from __future__ import annotations

from minhos.dtc.codec import Encoding
from minhos.dtc.layouts import HEADER, Malformed

LARGEST_JSON = 262_144
NUL = 0


class Framer:
    """Holds at most one unfinished message and the last piece received.

    A stream that can no longer be cut, because a length is impossible or a text never ends, stays Malformed: the
    connection is to be closed.
    """

    def __init__(self, encoding: Encoding, largest_json: int = LARGEST_JSON) -> None:
        self.encoding = encoding
        self._largest_json = largest_json
        self._buffer = bytearray()
        self._start = 0
        self._searched = 0
        self._broken: Malformed | None = None

    def __len__(self) -> int:
        """Bytes received and not yet taken."""
        return len(self._buffer) - self._start

    def feed(self, data: bytes) -> None:
        """Append what was received; after the stream has broken nothing is kept."""
        if self._broken is not None:
            return
        if self._start:
            del self._buffer[: self._start]
            self._searched = max(0, self._searched - self._start)
            self._start = 0
        self._buffer += data

    def next_frame(self) -> bytes | Malformed | None:
        """One whole message (JSON without its NUL), None until more is fed, Malformed for ever once broken."""
        if self._broken is not None:
            return self._broken
        return self._next_binary() if self.encoding == Encoding.BINARY else self._next_json()

    def peek(self, n_bytes: int) -> bytes:
        """The first bytes that are not yet taken."""
        return bytes(self._buffer[self._start : self._start + n_bytes])

    @property
    def is_broken(self) -> bool:
        """Whether the stream can no longer be cut into messages."""
        return self._broken is not None

    def take_rest(self) -> bytes:
        """Everything that is left, which the framer forgets."""
        rest = bytes(self._buffer[self._start :])
        self._forget()
        return rest

    def _next_binary(self) -> bytes | Malformed | None:
        start = self._start
        available = len(self._buffer) - start
        if available < HEADER.size:
            return None
        size, message_type = HEADER.unpack_from(self._buffer, start)
        if size < HEADER.size:
            return self._break(f"Not DTC in binary: a message of type {message_type} says it has {size} bytes.")
        if available < size:
            return None
        self._start = start + size
        return bytes(self._buffer[start : self._start])

    def _next_json(self) -> bytes | Malformed | None:
        start = self._start
        if start == len(self._buffer):
            return None
        if self._buffer[start] not in b"{ \r\n\t":
            seen = bytes(self._buffer[start : start + 16])
            return self._break(f"Not DTC in JSON: a message begins with {seen!r} instead of a brace.")
        end = self._buffer.find(NUL, max(start, self._searched))
        self._searched = len(self._buffer) if end < 0 else end
        if (len(self._buffer) if end < 0 else end) - start > self._largest_json:
            return self._break(f"Not DTC in JSON: a message goes on for more than {self._largest_json} bytes.")
        if end < 0:
            return None
        self._start = end + 1
        return bytes(self._buffer[start:end])

    def _break(self, reason: str) -> Malformed:
        self._broken = Malformed(reason)
        self._forget()
        return self._broken

    def _forget(self) -> None:
        self._buffer = bytearray()
        self._start = self._searched = 0
