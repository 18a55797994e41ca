"""The port `Transport`: how the bytes of a connection travel.  `Sockets` is the network, `Memory` joins both ends.

| method | called when |
|---|---|
| Transport.connect | a client wants a connection; raises OSError where there is none |
| Transport.listen | a server opens its port; raises OSError where that is taken |
| Transport.run | one wants an answer before one goes on, and waits for it |
| Connection.read | something is wanted: what has come, b"" once nothing more can come |
| Connection.write | something is to go; never waits, `unsent` says what has not gone yet |
| Connection.drain | a writer waits until the peer has taken most of it |
| Connection.shut | the last byte was written: close when it has gone |
| Connection.abort | the connection is to end now |
| Connection.closed | one waits for the end of a `shut` |

All of it runs in one event loop a side and needs no thread; in memory the two sides may have loops of their own in one
thread (`minhos.dtc.turns`).  It knows nothing of DTC.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Coroutine
from typing import Protocol, TypeVar

from minhos.dtc.turns import TurnLoop

T = TypeVar("T")
TURN_S = 0.002
MOST_UNREAD_BYTES = 65_536
"""Above this, `drain` of a connection in memory waits."""


class RunClock(Protocol):
    """What is wanted of a clock (`minhos.market.clock.Clock` has it)."""

    def monotonic_ns(self) -> int: ...

    def sleep(self, seconds: float) -> None: ...


class Connection(Protocol):
    """One end of a connection."""

    async def read(self, most: int) -> bytes: ...

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...

    @property
    def unsent(self) -> int:
        """Bytes that were written and that the peer has not taken."""

    @property
    def is_closing(self) -> bool:
        """Whether nothing can be written any more."""

    def certificate(self) -> bytes | None:
        """The peer's certificate (DER); None without TLS."""

    def shut(self) -> None: ...

    def abort(self) -> None: ...

    async def closed(self) -> None: ...


Serve = Callable[[Connection], Coroutine[None, None, None]]


class Listener(Protocol):
    """An open port."""

    port: int

    def close(self) -> None:
        """Take no more connections; those that are open go on."""


class Transport(Protocol):
    """See the table above."""

    async def connect(self, host: str, port: int, tls: ssl.SSLContext | None) -> Connection: ...

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None, serve: Serve) -> Listener:
        """serve: called in a task of its own for each connection.  Port 0 lets the transport choose."""

    def run(self, work: Coroutine[object, None, T], clock: RunClock) -> T:
        """The work's result, in an event loop of its own; whoever calls waits by that clock."""


class Sockets:
    """TCP, with TLS where a context is given."""

    async def connect(self, host: str, port: int, tls: ssl.SSLContext | None) -> Connection:
        return _Streams(*await asyncio.open_connection(host, port, ssl=tls))

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None, serve: Serve) -> Listener:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await serve(_Streams(reader, writer))

        return _Server(await asyncio.start_server(accept, host, port, ssl=tls))

    def run(self, work: Coroutine[object, None, T], clock: RunClock) -> T:
        return asyncio.run(work)


class _Server:
    def __init__(self, server: asyncio.Server) -> None:
        self._server = server
        self.port = int(server.sockets[0].getsockname()[1])

    def close(self) -> None:
        self._server.close()


class _Streams:
    """A connection over asyncio's streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.write = writer.write
        self.shut = writer.close
        self.abort = writer.transport.abort

    async def read(self, most: int) -> bytes:
        try:
            return await self._reader.read(most)
        except OSError:
            return b""

    async def drain(self) -> None:
        with contextlib.suppress(ConnectionError):  # a line that broke shows when reading
            await self._writer.drain()

    @property
    def unsent(self) -> int:
        return self._writer.transport.get_write_buffer_size()

    @property
    def is_closing(self) -> bool:
        return self._writer.is_closing()

    def certificate(self) -> bytes | None:
        connection = self._writer.get_extra_info("ssl_object")
        return connection.getpeercert(binary_form=True) if connection is not None else None

    async def closed(self) -> None:
        await self._writer.wait_closed()


class Memory:
    """Servers and clients of one thread, without sockets: what is written is there at once, in order and whole."""

    def __init__(self) -> None:
        self._servers: dict[int, tuple[asyncio.AbstractEventLoop, Serve]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self, host: str, port: int, tls: ssl.SSLContext | None) -> Connection:
        if port not in self._servers:
            raise ConnectionRefusedError(f"nobody listens on port {port}")
        loop, serve = self._servers[port]
        here, there = _InMemory(), _InMemory()
        here.peer, there.peer = there, here
        task = loop.create_task(serve(there))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return here

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None, serve: Serve) -> Listener:
        port = port or max(self._servers, default=0) + 1
        if port in self._servers:
            raise OSError(98, f"port {port} is taken")
        self._servers[port] = (asyncio.get_running_loop(), serve)
        return _MemoryListener(port, self._servers)

    def run(self, work: Coroutine[object, None, T], clock: RunClock) -> T:
        """Between turns the clock sleeps: whoever moves it lets the other side have its turn."""
        loop = TurnLoop(clock.monotonic_ns)
        try:
            task = loop.create_task(work)
            loop.turn()
            while not task.done():
                clock.sleep(TURN_S)
                loop.turn()
            return task.result()
        finally:
            loop.close()


class _MemoryListener:
    def __init__(self, port: int, servers: dict[int, tuple[asyncio.AbstractEventLoop, Serve]]) -> None:
        self.port, self._servers = port, servers

    def close(self) -> None:
        self._servers.pop(self.port, None)


class _InMemory:
    """One end; what the other end writes lies in `_unread` until it is read."""

    peer: _InMemory

    def __init__(self) -> None:
        self._unread = bytearray()
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()
        """Something was read here."""
        self.is_closing = False

    async def read(self, most: int) -> bytes:
        while not self._unread and not self.is_closing and not self.peer.is_closing:
            self._changed.clear()
            await self._changed.wait()
        piece = bytes(self._unread[:most])
        del self._unread[:most]
        self._taken.set()
        return piece

    def write(self, data: bytes) -> None:
        if not self.is_closing and not self.peer.is_closing:
            self.peer._unread += data
            self.peer._changed.set()

    async def drain(self) -> None:
        while self.unsent > MOST_UNREAD_BYTES and not self.is_closing and not self.peer.is_closing:
            self.peer._taken.clear()
            await self.peer._taken.wait()

    @property
    def unsent(self) -> int:
        return len(self.peer._unread)

    def certificate(self) -> bytes | None:
        return None

    def shut(self) -> None:
        self.is_closing = True
        for end in (self, self.peer):
            end._changed.set()
            end._taken.set()

    def abort(self) -> None:
        self.peer._unread.clear()
        self._unread.clear()
        self.shut()

    async def closed(self) -> None:
        await asyncio.sleep(0)
