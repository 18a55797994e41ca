"""Messages to bytes and back, in the three encodings that Sierra Chart and this library share.

    >>> from minhos.dtc.messages import Heartbeat
    >>> encode(Heartbeat(num_dropped_messages=2), Encoding.JSON)
    b'{"Type":3,"NumDroppedMessages":2,"CurrentDateTime":0}\\x00'
    >>> decode(b'{"Type":3}', Encoding.JSON_COMPACT)
    Heartbeat(num_dropped_messages=0, current_date_time=0)

What comes from a peer is never trusted: `decode` gives a message or `Malformed` with a sentence, for any bytes.  It
reads one message; `minhos.dtc.framing` cuts a stream into them.  Binary with variable-length strings (1) and
protocol buffers (4) are not spoken.
"""

from __future__ import annotations

import enum

from minhos.dtc.json_form import decode_json, encode_json
from minhos.dtc.layouts import HEADER, LAYOUTS, Malformed
from minhos.dtc.messages import Message, Unknown
from minhos.errors import DtcError

__all__ = ["Encoding", "Malformed", "Unknown", "decode", "encode"]

LARGEST_BINARY = 0xFFFF


class Encoding(enum.IntEnum):
    """The encodings spoken here, with the protocol's numbers."""

    BINARY = 0
    JSON = 2
    JSON_COMPACT = 3


def encode(message: Message, encoding: Encoding) -> bytes:
    """The message as it goes on the wire; the JSON encodings end with one NUL.

    Raises DtcError, naming the field, for text that is too long or not Latin-1, integers out of range, and NaN or
    infinite numbers: nothing is cut or changed silently.
    """
    if encoding != Encoding.BINARY:
        return encode_json(message, compact=_known(encoding) is Encoding.JSON_COMPACT)
    layout = LAYOUTS.get(message.TYPE)
    return layout.pack(message) if layout is not None else _unknown_bytes(message)


def decode(data: bytes, encoding: Encoding) -> Message | Malformed:
    """The one message in data, or Malformed; raises for no bytes whatever.

    Fields that an older peer does not send keep their default, what a newer one appends is ignored, as are bytes
    after the message; a type that is not in the table gives Unknown.  Unset numbers are None, text that fills its
    array without a NUL is kept whole, and NaN or an infinite number makes the message Malformed.
    """
    if encoding != Encoding.BINARY:
        _known(encoding)
        return decode_json(data)
    if len(data) < HEADER.size:
        return Malformed(f"A message has at least {HEADER.size} bytes; this one has {len(data)}.")
    size, message_type = HEADER.unpack_from(data)
    if not HEADER.size <= size <= len(data):
        return Malformed(f"A message of type {message_type} says it has {size} bytes; {len(data)} are there.")
    layout = LAYOUTS.get(message_type)
    if layout is None:
        return Unknown(message_type, bytes(data[HEADER.size : size]))
    return layout.unpack(data if size == len(data) else data[:size])


def _known(encoding: Encoding) -> Encoding:
    try:
        return Encoding(encoding)
    except ValueError:
        raise DtcError(
            f"Encoding {encoding!r} is not spoken here; use {', '.join(e.name for e in Encoding)}."
        ) from None


def _unknown_bytes(message: Message) -> bytes:
    if not isinstance(message, Unknown):
        raise DtcError(f"{type(message).__name__} is not a message of the protocol.")
    size = HEADER.size + len(message.body)
    if size > LARGEST_BINARY or not 0 <= message.message_type <= 0xFFFF:
        raise DtcError(f"A message of type {message.message_type} and {size} bytes does not fit the binary header.")
    return HEADER.pack(size, message.message_type) + message.body
