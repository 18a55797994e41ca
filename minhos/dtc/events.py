"""What a client tells without being asked: messages as they come, and what becomes of the connection."""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from minhos.dtc.codec import Malformed
from minhos.dtc.messages import LogonResponse, Message


class Connected(msgspec.Struct, frozen=True):
    """The client has logged on, for the first time or again; orders and positions are to be asked for anew."""

    logon: LogonResponse


class Disconnected(msgspec.Struct, frozen=True):
    """The connection ended; retry_in_s is None when the client will not try again.

    dismissed: the server asked for that: no other client should try either.
    """

    reason: str
    retry_in_s: float | None
    dismissed: bool = False


class Notice(msgspec.Struct, frozen=True):
    """Something that the user must know to read the messages that follow."""

    text: str


Event = Message | Malformed | Connected | Disconnected | Notice


class EventStream:
    """A bounded queue that is read with `async for` and ends when the client has ended."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._events: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._ended = False

    def put(self, event: Event) -> bool:
        """Append; False when nobody reads and too many wait.  How a connection ended is always kept."""
        if len(self._events) >= self._most and not isinstance(event, Disconnected):
            return False
        self._events.append(event)
        self._changed.set()
        return True

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._changed.set()

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()
