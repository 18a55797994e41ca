"""What all messages have in common, and the message whose type this library does not know."""

from typing import ClassVar

import msgspec


class Message(msgspec.Struct, frozen=True):
    """Base of all messages; TYPE is the protocol's number."""

    TYPE: ClassVar[int] = -1


class Unknown(Message, frozen=True):
    """A message of a type that is not in the table: the protocol asks to ignore it.

    body is what follows the binary header, or the whole JSON object.
    """

    message_type: int
    body: bytes = b""
