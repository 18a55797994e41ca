"""A client's life on the line: connect, heartbeats, one reader, and connecting again.  `DtcClient` adds the requests.

A lost connection is tried again with exponential backoff, half of each delay at random, until the server says that
there is no use in it.  One event loop, no threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Self

from minhos.dtc import messages as m
from minhos.dtc.codec import Malformed
from minhos.dtc.events import Connected, Disconnected, Event, EventStream
from minhos.dtc.logon import ClientOptions, is_worth_retrying, log_on
from minhos.dtc.messages import Message, Unknown
from minhos.dtc.transport import Sockets, Transport
from minhos.dtc.wire import Sleep, Wire, keep_alive
from minhos.errors import DtcDisconnected, DtcError

QUIET = (m.Heartbeat, m.EncodingResponse, m.LogonResponse, Unknown)
"""Read and passed over; unknown types because the protocol asks for it."""


class Session:
    """Base of `DtcClient`; transport, sleep and jitter are there for tests."""

    def __init__(
        self,
        options: ClientOptions,
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        transport: Transport = Sockets(),
    ) -> None:
        self.options, self._transport = options, transport
        self.logon: m.LogonResponse | None = None
        self.observer: Callable[[Message | Malformed], None] | None = None
        """Told each message after the logon as the server sent it, heartbeats and all; for diagnosis."""
        self._sleep, self._jitter = sleep, jitter
        self._wire: Wire | None = None
        self._life: asyncio.Task[None] | None = None
        self._stream = EventStream(options.most_waiting_events)
        self._end_reason = ""
        self._is_final = self._is_dismissed = False

    @property
    def is_connected(self) -> bool:
        """Whether messages can be sent now."""
        return self._wire is not None

    async def connect(self) -> m.LogonResponse:
        """Log on, and stay logged on from then.  Raises DtcError for a first attempt that fails, with the reason."""
        if self._life is not None:
            raise DtcError("This client has been connected before; make a new one.")
        await self._log_on()
        self._life = asyncio.create_task(self._live())
        assert self.logon is not None
        return self.logon

    def events(self) -> AsyncIterator[Event]:
        """Everything that no request of one's own waits for; ends when the client has ended."""
        return self._stream

    def send(self, message: Message) -> None:
        """Send without waiting.  Raises DtcDisconnected, or DtcError for what cannot be carried."""
        if self._wire is None:
            raise DtcDisconnected(f"There is no connection to {self.options.address} now.")
        self._wire.send(message)

    async def close(self, reason: str = "The client is closing.") -> None:
        """Log off and end; safe to call twice."""
        self._is_final = True
        wire = self._wire
        if wire is not None:
            with contextlib.suppress(DtcError):
                wire.send(m.Logoff(reason, 1))
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        if wire is not None:
            await wire.close()
        self._lose(reason)
        self._stream.end()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _log_on(self) -> None:
        self._wire, self.logon, self.options = await log_on(self.options, self._transport)
        self._end_reason = ""
        self._emit(Connected(self.logon))

    async def _live(self) -> None:
        """Serve connection after connection until it is over."""
        try:
            while not self._is_final:
                reason = await self._serve()
                self._lose(reason)
                await self._come_back(reason)
        finally:
            self._stream.end()

    async def _serve(self) -> str:
        """Read and keep alive until the connection ends; returns why."""
        wire = self._wire
        assert wire is not None
        interval_s = self.options.heartbeat_interval_s
        reading = asyncio.create_task(self._read(wire))
        watching = asyncio.create_task(keep_alive(wire, interval_s, self._sleep, lambda: wire.send(m.Heartbeat())))
        try:
            await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
            task = reading if reading.done() else watching
            return self._end_reason or task.result()
        except DtcError as error:
            return self._end_reason or str(error)
        finally:
            for task in (reading, watching):
                task.cancel()
            await asyncio.gather(reading, watching, return_exceptions=True)
            wire.abort()

    async def _read(self, wire: Wire) -> str:
        while True:
            message = await wire.receive()
            if message is None:
                return f"{self.options.address} closed the connection."
            if self.observer is not None:
                self.observer(message)
            if isinstance(message, m.Logoff):
                self._is_dismissed = bool(message.do_not_reconnect)
                self._is_final = self._is_final or self._is_dismissed
                return f"{self.options.address} logged the client off: {message.reason or 'no reason given'}"
            if isinstance(message, Malformed) and wire.is_broken:
                return f"{self.options.address} sent what is not DTC: {message.reason}"
            if isinstance(message, Malformed):
                self._emit(message)
            elif not isinstance(message, QUIET):
                self._receive(message)

    async def _come_back(self, reason: str) -> None:
        """Try until it works or is no use."""
        attempt = 0
        while not self._is_final:
            delay_s = min(self.options.reconnect_most_s, self.options.reconnect_first_s * 2.0 ** min(attempt, 30))
            delay_s *= 0.5 + 0.5 * self._jitter()
            self._emit(Disconnected(reason, delay_s))
            await self._sleep(delay_s)
            attempt += 1
            try:
                await self._log_on()
                self._resume()
                return
            except DtcError as error:
                reason = str(error)
                self._is_dismissed = not is_worth_retrying(error)
                self._is_final = self._is_final or self._is_dismissed
        self._emit(Disconnected(reason, None, self._is_dismissed))

    def _lose(self, reason: str) -> None:
        """The connection is gone; what waits for an answer learns that there will be none."""
        self._wire = None
        self._fail(DtcDisconnected(f"{reason} Whether the request was carried out is unknown."))

    def _emit(self, event: Event) -> None:
        """Hand out an event; a user who reads none ends the client rather than the machine's memory."""
        if not self._stream.put(event) and self._wire is not None:
            self._cut_off(f"{self.options.most_waiting_events} events wait and nobody reads them.")

    def _cut_off(self, reason: str) -> None:
        """End the client for good."""
        self._is_final, self._end_reason = True, reason
        if self._wire is not None:
            self._wire.abort()

    def _receive(self, message: Message) -> None:
        raise NotImplementedError

    def _resume(self) -> None:
        raise NotImplementedError

    def _fail(self, error: DtcDisconnected) -> None:
        raise NotImplementedError
