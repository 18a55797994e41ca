"""The served broker as a process of its own: it says "port N", then obeys lines and answers each.

    price SYMBOL TICKS      one contract is traded at that price
    cross N SYMBOL TICKS    the same, right before the Nth trading request from now is carried out
    kill N [PID ...]        SIGKILL those processes, or itself, at its Nth step from now (`MatchingBackend`, watch)
    forget                  nothing of `cross` and `kill` happens any more
    requests                when trading requests came: nanoseconds of the monotonic clock

It ends with its input.  For tests and benchmarks, which kill it and start it again over the same state.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from minhos.dtc.faults import Faults
from minhos.dtc.server import DtcServer, ServerOptions
from minhos.errors import MinhosError
from minhos.market.clock import Clock, SystemClock
from minhos.market.instruments import instrument
from minhos.market.types import Instrument
from minhos.testing.broker.backend import MatchingBackend
from minhos.testing.broker.book import BrokerOptions

WALK_TICKS = 4


class Schedule:
    """What is to happen at a step that was chosen before; steps and requests are counted from that choice on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._steps, self._requests = 0, 0
        self._at_step: dict[int, Callable[[], None]] = {}
        self._at_request: dict[int, Callable[[], None]] = {}
        self.requested_ns: list[int] = []

    def at_step(self, number: int, action: Callable[[], None]) -> None:
        """At the number-th step from now, of whatever kind."""
        self._at_step[self._steps + number] = action

    def at_request(self, number: int, action: Callable[[], None]) -> None:
        """When the number-th trading request from now has come and nothing was done about it."""
        self._at_request[self._requests + number] = action

    def clear(self) -> None:
        """Forget what was planned."""
        self._at_step, self._at_request = {}, {}

    def step(self, name: str) -> None:
        """The backend takes a step."""
        self._steps += 1
        self._at_step.pop(self._steps, _nothing)()
        if name == "received":
            self._requests += 1
            self.requested_ns.append(self._clock.monotonic_ns())
            self._at_request.pop(self._requests, _nothing)()


class BrokerProcess(msgspec.Struct, frozen=True, kw_only=True):
    """What a broker's process is made from.  instruments: by the server's symbols.

    walk_seed: prices of a random walk of WALK_TICKS every walk_every_s, from first_ticks; None: the lines say them.
    """

    state: Path
    instruments: dict[str, Instrument]
    port: int = 0
    options: BrokerOptions = BrokerOptions()
    faults: Faults = Faults()
    walk_seed: int | None = None
    walk_every_s: float = 0.1
    first_ticks: int = 80_000


def serve(setup: BrokerProcess, lines: Iterable[str], say: Callable[[str], None], clock: Clock) -> None:
    """Serve until the lines end."""
    asyncio.run(_serve(setup, lines, say, clock))


async def _serve(setup: BrokerProcess, lines: Iterable[str], say: Callable[[str], None], clock: Clock) -> None:
    schedule, loop, ended = Schedule(clock), asyncio.get_running_loop(), asyncio.Event()
    backend = MatchingBackend(setup.instruments, setup.state, clock, setup.options, setup.faults, schedule.step)
    server = DtcServer(backend, ServerOptions(port=setup.port), setup.faults)
    say(f"port {await server.start()}")

    def obey(line: str) -> None:
        say(_obey(line, backend, schedule))

    def read() -> None:
        for line in lines:
            if line.strip():
                loop.call_soon_threadsafe(obey, line)
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=read, daemon=True).start()
    walking = asyncio.create_task(_walk(setup, backend)) if setup.walk_seed is not None else None
    await ended.wait()
    if walking is not None:
        walking.cancel()
    await server.close()
    backend.close()


def _obey(line: str, backend: MatchingBackend, schedule: Schedule) -> str:
    """Carry out one line; returns the answer."""
    word, *rest = line.split()
    if word == "price":
        backend.set_price(rest[0], int(rest[1]))
    elif word == "cross":
        schedule.at_request(int(rest[0]), lambda: backend.set_price(rest[1], int(rest[2])))
    elif word == "kill":
        schedule.at_step(int(rest[0]), lambda: _kill([*map(int, rest[1:])] or [os.getpid()]))
    elif word == "forget":
        schedule.clear()
    elif word == "requests":
        return " ".join(map(str, schedule.requested_ns))
    else:
        return f"unknown line {word!r}"
    return "ok"


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _nothing() -> None:
    pass


async def _walk(setup: BrokerProcess, backend: MatchingBackend) -> None:
    """A random walk in every symbol, the same for the same seed."""
    chance, prices = random.Random(setup.walk_seed), dict.fromkeys(setup.instruments, setup.first_ticks)
    while True:
        for symbol in prices:
            prices[symbol] += chance.randint(-WALK_TICKS, WALK_TICKS)
            backend.set_price(symbol, prices[symbol])
        await asyncio.sleep(setup.walk_every_s)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="A DTC server over the matching engine, for tests.")
    parser.add_argument("--state", type=Path, required=True, help="file that keeps orders, fills and positions")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--symbol", action="append", help="a contract in the server's form, as NQZ25-CME; repeatable")
    parser.add_argument("--account", action="append", help="Sim1 and so on; repeatable")
    parser.add_argument("--walk-seed", type=int, help="move the prices by a random walk")
    given = parser.parse_args()
    try:
        setup = BrokerProcess(
            state=given.state,
            instruments={symbol: instrument(symbol) for symbol in given.symbol or ["NQZ25-CME", "MNQZ25-CME"]},
            port=given.port,
            options=BrokerOptions(accounts=tuple(given.account or ("Sim1",))),
            walk_seed=given.walk_seed,
        )
        serve(setup, sys.stdin, lambda text: print(text, flush=True), SystemClock())
    except MinhosError as error:
        sys.exit(str(error))
