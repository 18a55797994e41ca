"""A connection without a thread: an event loop that runs when it is given a turn, and bytes that travel in memory."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from minhos.dtc import messages as m
from minhos.dtc.client import DtcClient
from minhos.dtc.events import Connected, Disconnected
from minhos.dtc.logon import ClientOptions
from minhos.dtc.server import DtcServer, ServerOptions
from minhos.dtc.simulated import SimulatedBackend
from minhos.dtc.transport import Memory
from minhos.dtc.turns import TurnLoop
from minhos.errors import DtcDisconnected
from minhos.market.clock import SimulatedClock

OPTIONS = ClientOptions(port=7, reconnect_first_s=1.0, handshake_timeout_s=5.0, request_timeout_s=5.0)


class Both:
    """A client and a server in one thread, on one simulated clock, each with a loop of its own."""

    def __init__(self) -> None:
        self.clock, self.memory = SimulatedClock(), Memory()
        self.here, self.there = TurnLoop(self.clock.monotonic_ns), TurnLoop(self.clock.monotonic_ns)
        self.server = DtcServer(SimulatedBackend({"A": 1.0}), ServerOptions(port=7), transport=self.memory)
        self.client = DtcClient(OPTIONS, transport=self.memory, jitter=lambda: 0.0)
        self.do(self.server.start(), self.there)

    def turn(self, seconds: float = 0.0) -> None:
        self.clock.sleep(seconds)
        self.there.turn()
        self.here.turn()

    def do(self, coroutine, loop=None):
        task = (loop or self.here).create_task(coroutine)
        for _ in range(100):
            if task.done():
                break
            self.turn(0.01)
        return task.result()

    def close(self) -> None:
        self.do(self.client.close())
        self.do(self.server.close(), self.there)
        self.here.close()
        self.there.close()


@pytest.fixture
def both() -> Iterator[Both]:
    pair = Both()
    yield pair
    pair.close()


def test_one_thread_drives_both_ends(both: Both) -> None:
    assert both.do(both.client.connect()).server_name == "Simulated DTC server"
    assert both.do(both.client.accounts()) == ["Sim1"]
    assert both.clock.now_ns() < 10**9


def test_heartbeats_go_by_the_clock_and_a_peer_that_stays_away_is_left(both: Both) -> None:
    both.do(both.client.connect())
    for _ in range(20):
        both.turn(10.0)  # nothing but heartbeats
    assert both.client.is_connected
    for _ in range(4):
        both.clock.sleep(10.0)
        both.here.turn()  # the server gets no turn
    assert not both.client.is_connected
    events = [both.client._stream._events.popleft() for _ in range(len(both.client._stream._events))]
    assert [type(event) for event in events[:2]] == [Connected, Disconnected]
    assert "silent for 20 seconds" in events[1].reason
    for _ in range(100):
        both.turn(0.05)
    assert both.client.is_connected


def test_what_has_come_is_read_before_patience_ends(both: Both) -> None:
    both.do(both.client.connect())
    asked = both.here.create_task(both.client.accounts())
    both.here.turn()
    both.there.turn()  # the answer lies there
    both.clock.sleep(60.0)  # and its receiver is busy for longer than it would wait
    both.here.turn()
    assert asked.result() == ["Sim1"]


def test_the_same_over_sockets() -> None:
    clock = SimulatedClock()
    loop = TurnLoop(clock.monotonic_ns)

    async def first_line(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            return await asyncio.wait_for(reader.readline(), 1.0)
        finally:
            writer.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        task = loop.create_task(first_line(server.getsockname()[1]))
        loop.turn()
        peer, _ = server.accept()
        while not loop.next_due_s():  # connected, and waiting
            loop.turn()
        with peer:
            peer.sendall(b"late\n")
            time.sleep(0.05)
            clock.sleep(2.0)
            loop.turn()
        assert task.result() == b"late\n"
    loop.turn()
    loop.close()


def test_when_the_next_turn_is_due() -> None:
    clock = SimulatedClock()
    loop = TurnLoop(clock.monotonic_ns)
    ran: list[str] = []
    assert loop.next_due_s() is None
    first = loop.call_later(1.0, ran.append, "first")
    loop.call_later(2.0, ran.append, "second")
    assert loop.next_due_s() == 1.0
    first.cancel()
    assert loop.next_due_s() == 2.0
    loop.call_soon(ran.append, "now")
    assert loop.next_due_s() == 0.0
    loop.turn()
    assert ran == ["now"]
    clock.sleep(2.0)
    loop.turn()
    assert (ran, loop.next_due_s()) == (["now", "second"], None)
    loop.close()


def test_in_memory_nobody_listens_and_no_port_is_taken_twice(both: Both) -> None:
    nowhere = DtcClient(ClientOptions(port=8), transport=both.memory)
    with pytest.raises(DtcDisconnected, match="connection refused"):
        both.do(nowhere.connect())
    other = DtcServer(SimulatedBackend({"A": 1.0}), ServerOptions(port=7), transport=both.memory)
    with pytest.raises(Exception, match="No DTC server can listen"):
        both.do(other.start(), both.there)


def test_a_connection_that_is_cut_in_memory_comes_back(both: Both) -> None:
    both.do(both.client.connect())
    both.server.disconnect_all()
    both.turn(0.01)
    assert not both.client.is_connected
    for _ in range(100):
        both.turn(0.05)
    assert both.client.is_connected
    assert both.do(both.client.open_orders()) == []
    assert isinstance(both.client.logon, m.LogonResponse)
