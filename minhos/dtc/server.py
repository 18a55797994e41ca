"""A DTC server over a `Backend`: logging on, heartbeats, requests, market data, orders, history.

    server = DtcServer(backend)
    port = await server.start()
    ...
    await server.close()

It follows the documented procedures, which `minhos.dtc.procedures` holds; `Faults` makes it misbehave on purpose.
One event loop, no threads.  A hostile peer costs bounded memory: frames, sessions, subscriptions and unsent bytes all
have a limit.  WebSocket is not offered.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.backend import Backend, Publish
from minhos.dtc.codec import Encoding, Malformed
from minhos.dtc.faults import Faults, FaultyWire
from minhos.dtc.messages import Message
from minhos.dtc.messages.enums import LogonStatus
from minhos.dtc.procedures import Procedures
from minhos.dtc.transport import Connection, Listener, Sockets, Transport
from minhos.dtc.wire import Sleep, Wire, keep_alive
from minhos.errors import DtcError

HEARTBEAT_LIMITS_S = (1, 3_600)


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where it listens, and what it puts up with."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 lets the system choose; `start` tells."""
    tls: ssl.SSLContext | None = None
    now_s: Callable[[], int] = lambda: 0
    """UNIX time that the heartbeats carry; 0 for none."""
    logon_within_s: float = 20.0
    most_sessions: int = 64


class DtcServer:
    """Listens on one port; trading, market data and history are all served there."""

    def __init__(
        self,
        backend: Backend,
        options: ServerOptions = ServerOptions(),
        faults: Faults = Faults(),
        sleep: Sleep = asyncio.sleep,
        transport: Transport = Sockets(),
    ) -> None:
        self._backend, self._options, self._faults, self._sleep = backend, options, faults, sleep
        self._transport = transport
        self._listener: Listener | None = None
        self._sessions: set[_Session] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.last_problem = ""
        """Why the last session ended that did not end by agreement, in one sentence."""

    async def start(self) -> int:
        """Open the port and return it.  Raises DtcError when it is taken."""
        options = self._options
        try:
            self._listener = await self._transport.listen(options.host, options.port, options.tls, self._accept)
        except OSError as error:
            raise DtcError(f"No DTC server can listen on {options.host}:{options.port} ({error.strerror}).") from None
        self._backend.open(self.publish)
        return self._listener.port

    async def close(self, reason: str = "The server is closing.", do_not_reconnect: bool = False) -> None:
        """Log all clients off and close the port."""
        if self._listener is not None:
            self._listener.close()
        for session in list(self._sessions):
            with contextlib.suppress(DtcError):
                session.wire.send(m.Logoff(reason, int(do_not_reconnect)))
            await session.wire.close(0.1)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def publish(self, message: Message, symbol: str = "") -> None:
        """Push to every client logged on; market data only to those who subscribed the symbol."""
        for session in list(self._sessions):
            session.push(message, symbol)

    def disconnect_all(self) -> None:
        """Cut every connection without a word, as a failing network does."""
        for session in self._sessions:
            session.wire.abort()

    def refuse_connections(self) -> None:
        """Close the port; connections that are open go on, and `start` opens it again."""
        if self._listener is not None:
            self._listener.close()

    def mute(self, muted: bool) -> None:
        """Say nothing more on the connections that are open, or speak again; what comes is still acted upon."""
        for session in self._sessions:
            session.wire.muted = muted

    def misbehave(self, faults: Faults) -> None:
        """Let these faults hold from now on, what they do to messages also on the connections that are open."""
        self._faults = faults
        for session in self._sessions:
            session.wire.faults = faults

    @property
    def n_sessions(self) -> int:
        """Connections that are open."""
        return len(self._sessions)

    async def _accept(self, connection: Connection) -> None:
        if len(self._sessions) >= self._options.most_sessions:
            self.last_problem = f"A connection was refused: {self._options.most_sessions} are open."
            connection.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        wire = FaultyWire(connection, Encoding.BINARY, self._faults)
        session = _Session(wire, self._backend, self._faults, self.publish, self._options.now_s)
        self._sessions.add(session)
        try:
            await session.run(self._sleep, self._options.logon_within_s)
        except DtcError as error:
            self.last_problem = str(error)
        except asyncio.CancelledError:
            pass
        finally:
            self._sessions.discard(session)
            await session.wire.close(0.1)
            self._tasks.discard(task)


class _Session:
    """One client's connection from its first byte to its last."""

    def __init__(
        self, wire: FaultyWire, backend: Backend, faults: Faults, publish: Publish, now_s: Callable[[], int]
    ) -> None:
        self.wire, self._backend, self._faults, self._publish = wire, backend, faults, publish
        self._now_s = now_s
        self._procedures: Procedures | None = None

    def push(self, message: Message, symbol: str) -> None:
        """Send what the backend published, if this client is to have it."""
        if self._procedures is not None:
            with contextlib.suppress(DtcError):  # the session's own task finds the closed line
                self._procedures.push(message, symbol)

    async def run(self, sleep: Sleep, logon_within_s: float) -> None:
        """Serve until the client leaves; raises DtcError for one that must be cut off."""
        try:
            logon = await asyncio.wait_for(self._await_logon(), logon_within_s)
        except TimeoutError:
            raise DtcError(f"A client did not log on within {logon_within_s:g} seconds.") from None
        if logon is None or not self._log_on(logon):
            return
        self._misbehave_after_logon()
        low, high = HEARTBEAT_LIMITS_S
        interval_s = min(max(logon.heartbeat_interval_in_seconds, low), high)
        serving = asyncio.create_task(self._serve())
        watching = asyncio.create_task(keep_alive(self.wire, interval_s, sleep, self._beat))
        try:
            await asyncio.wait({serving, watching}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
            elif watching.done():
                self.wire.send(m.Logoff(watching.result()))
                raise DtcError(watching.result())
        finally:
            for task in (serving, watching):
                task.cancel()
            await asyncio.gather(serving, watching, return_exceptions=True)

    async def _await_logon(self) -> m.LogonRequest | None:
        """Settle the encoding as often as the client asks, until it logs on; None when it leaves."""
        start = await self.wire.first_bytes()
        if start.startswith(b"GET "):
            raise DtcError("A WebSocket client called; this server speaks DTC over plain TCP or TLS.")
        if start.startswith(b"{"):
            self.wire.encoding = Encoding.JSON
        if self._faults.preset_encoding is not None and self.wire.encoding != self._faults.preset_encoding:
            self.wire.encoding = self._faults.preset_encoding
            self.wire.send(m.EncodingResponse(encoding=self._faults.preset_encoding))
            await self.wire.drain()
            return None
        while True:
            message = _readable(await self.wire.receive(), self.wire)
            if isinstance(message, m.EncodingRequest):
                await self._settle_encoding(message)
            elif isinstance(message, m.LogonRequest) or message is None:
                return message
            else:
                raise DtcError(f"A client sent {type(message).__name__} before it logged on.")

    async def _settle_encoding(self, request: m.EncodingRequest) -> None:
        """Answer in the old encoding, then speak the one agreed; what is not spoken here leaves the old one."""
        if self._faults.encoding_response_delay_s:
            await asyncio.sleep(self._faults.encoding_response_delay_s)
        spoken = request.encoding in list(Encoding)
        agreed = Encoding(request.encoding) if spoken else self.wire.encoding
        self.wire.send(m.EncodingResponse(encoding=int(agreed)))
        self.wire.encoding = agreed

    def _log_on(self, request: m.LogonRequest) -> bool:
        faults = self._faults
        if (faults.user or faults.password) and (request.username, request.password) != (faults.user, faults.password):
            result = LogonStatus.ERROR_NO_RECONNECT if faults.logon_final else LogonStatus.ERROR
            self.wire.send(m.LogonResponse(result=int(result), result_text="Wrong username or password."))
            return False
        response = self._backend.logon(request)
        if faults.trading_disabled:
            response = msgspec.structs.replace(response, trading_is_supported=0)
        self.wire.send(response)
        if response.result != LogonStatus.SUCCESS:
            return False
        self._procedures = Procedures(self.wire, self._backend, faults, self._publish)
        return True

    def _misbehave_after_logon(self) -> None:
        faults = self._faults
        if faults.garbage_after_logon:
            self.wire.send_bytes(faults.garbage_after_logon)
        if faults.logoff_after_logon:
            self.wire.send(m.Logoff(faults.logoff_after_logon, int(faults.do_not_reconnect)))
        self.wire.muted = faults.silent_after_logon

    def _beat(self) -> None:
        if self._procedures is not None and not self._procedures.is_compressing and not self._faults.no_heartbeats:
            self.wire.send(m.Heartbeat(current_date_time=self._now_s()))

    async def _serve(self) -> None:
        assert self._procedures is not None
        while True:
            message = _readable(await self.wire.receive(), self.wire)
            if message is None or isinstance(message, m.Logoff):
                return
            if isinstance(message, m.EncodingRequest):
                await self._settle_encoding(message)
            elif not isinstance(message, Malformed) and not await self._procedures.handle(message):
                return
            await self.wire.drain()


def _readable(message: Message | Malformed | None, wire: Wire) -> Message | Malformed | None:
    """The message, but a stream that can no longer be cut ends the session."""
    if isinstance(message, Malformed) and wire.is_broken:
        raise DtcError(f"A client was cut off: {message.reason}")
    return message
