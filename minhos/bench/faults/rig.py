"""A broker and a trader as processes of their own, over one folder: started, asked, killed and started again.

They are forked from this process, which has everything imported, so that a start costs milliseconds; where there is
no fork they are spawned, which costs seconds.
"""

from __future__ import annotations

import abc
import contextlib
import multiprocessing as mp
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import msgspec

from minhos.bench.faults.trader import ACCOUNT, SYMBOL, ShiftedClock, Standing, TraderProcess, trade
from minhos.dtc.faults import Faults
from minhos.errors import CheckFailed
from minhos.market.calendar import SessionCalendar
from minhos.testing.broker.book import BrokerOptions
from minhos.testing.broker.process import BrokerProcess, serve
from minhos.testing.broker.store import BrokerState, read_books
from minhos.testing.builders import MNQ

START_TICKS = 80_000
PATIENCE_S = 30.0
"""A process that does not answer for so long hangs."""
POLL_S = 0.005


def context() -> BaseContext:
    """How processes are started here."""
    return mp.get_context("fork" if "fork" in mp.get_all_start_methods() else "spawn")


class Child(abc.ABC):
    """A process that answers what it is told; every answer is None once it is dead."""

    def __init__(self) -> None:
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self.crashes = 0
        """How often it ended by itself and not by SIGKILL."""

    @property
    def pid(self) -> int:
        """Of the running process; 0 for none."""
        return self._process.pid or 0 if self._process is not None else 0

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.is_alive()

    def ask(self, *words: object) -> Any:
        """Tell it and wait for the answer.  Raises CheckFailed where it lives and does not answer."""
        if self._pipe is None:
            return None
        try:
            if words:
                self._pipe.send(words)
            if not self._pipe.poll(PATIENCE_S):
                raise CheckFailed(f"process {self.pid} did not answer {words} within {PATIENCE_S:g} s")
            return self._pipe.recv()
        except (EOFError, OSError):
            if self._process is not None:
                self._process.join(PATIENCE_S)
            self.kill()
            return None

    def tell(self, *words: object) -> None:
        """Tell it something without waiting."""
        if self._pipe is not None:
            with contextlib.suppress(OSError):
                self._pipe.send(words)

    def has_answered(self) -> bool:
        """Whether an answer waits, or none will come any more."""
        return self._pipe is None or self._pipe.poll()

    @abc.abstractmethod
    def start(self) -> None:
        """Start it, or start it again over the same files."""

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        if self._process is not None:
            self.crashes += self._process.exitcode not in (None, -signal.SIGKILL)
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def _start(self, target: Callable[..., None], *arguments: object) -> Any:
        """Start it and return the first thing that it says."""
        self.kill()
        ours, theirs = context().Pipe()
        self._process = context().Process(  # type: ignore[attr-defined]
            target=target, args=(*arguments, theirs, ours), daemon=True
        )
        assert self._process is not None
        self._process.start()
        theirs.close()
        self._pipe = ours
        return self.ask()


class Broker(Child):
    """The served broker; `port` stays over its restarts."""

    def __init__(self, folder: Path, shift_ns: int, options: BrokerOptions, faults: Faults) -> None:
        super().__init__()
        self._told = BrokerProcess(
            state=folder / "broker.sqlite", instruments={SYMBOL: MNQ}, options=options, faults=faults
        )
        self._shift_ns, self.price_ticks = shift_ns, START_TICKS

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._told.port

    def start(self) -> None:
        """Start it, or start it again over the same books."""
        told = self._start(serve_pipe, self._told, self._shift_ns)
        if told is None:
            raise CheckFailed("the broker's process did not start")
        self._told = msgspec.structs.replace(self._told, port=int(told.split()[1]))
        self.move(0)

    def move(self, ticks: int) -> None:
        """The price moves by so many ticks."""
        self.price_ticks += ticks
        self.ask(f"price {SYMBOL} {self.price_ticks}")

    def books(self) -> BrokerState:
        """The broker's own books, whether it lives or not."""
        return read_books(self._told.state)

    def position(self) -> int:
        """Signed contracts by its own books."""
        return self.books().position(ACCOUNT, SYMBOL)


class Trader(Child):
    """The trading process."""

    def __init__(self, told: TraderProcess, calendar: SessionCalendar) -> None:
        super().__init__()
        self._told, self._calendar = told, calendar
        self.dies_after_start = 0
        """At which of its steps, counted from its start, the next one dies; that is then forgotten."""

    def start(self) -> None:
        """Start it, or start it again over the same journal."""
        told = msgspec.structs.replace(self._told, dies_at_step=self.dies_after_start)
        self.dies_after_start = 0
        self._start(trade, told, self._calendar)

    def standing(self) -> Standing | None:
        """How it stands; None where it is dead."""
        answer = self.ask("standing")
        return answer if isinstance(answer, Standing) else None


class Rig:
    """One broker and one trader in a folder of their own; `close` ends both."""

    def __init__(
        self,
        folder: Path,
        calendar: SessionCalendar,
        options: BrokerOptions,
        faults: Faults,
        timeout_s: float = 0.5,
        reconcile_every_s: float = 1.0,
    ) -> None:
        self.folder = folder
        clock = ShiftedClock.at_open()
        self.shift_ns = clock.shift_ns
        self.broker = Broker(folder, clock.shift_ns, options, faults)
        self.broker.start()
        told = TraderProcess(
            home=folder,
            port=self.broker.port,
            shift_ns=clock.shift_ns,
            request_timeout_s=timeout_s,
            reconcile_every_s=reconcile_every_s,
        )
        self.trader = Trader(told, calendar)
        self.trader.start()

    def raise_the_dead(self) -> int:
        """Start what does not run; returns how many had died."""
        dead = [child for child in (self.broker, self.trader) if not child.is_alive]
        for child in dead:
            child.start()
        return len(dead)

    def wait_for(self, done: Callable[[Standing], bool], within_s: float, *, jiggle: bool = False) -> bool:
        """Until the trader stands so; False when it does not, or one of both dies.  jiggle: the price trembles."""
        deadline = time.monotonic() + within_s
        step = 1
        while time.monotonic() < deadline:
            standing = self.trader.standing()
            if standing is None or not self.broker.is_alive:
                return False
            if done(standing):
                return True
            if jiggle:
                self.broker.move(step)
                step = -step
            time.sleep(POLL_S)
        return False

    def close(self) -> None:
        """Kill both."""
        self.trader.kill()
        self.broker.kill()


def serve_pipe(told: BrokerProcess, shift_ns: int, pipe: Connection, theirs: Connection) -> None:
    """The broker's process: its lines come through a pipe."""
    theirs.close()
    with contextlib.suppress(BrokenPipeError):
        serve(told, _lines(pipe), pipe.send, ShiftedClock(shift_ns))
    os._exit(0)


def _lines(pipe: Connection) -> Iterator[str]:
    parent = os.getppid()
    while os.getppid() == parent:
        if pipe.poll(1.0):
            try:
                yield pipe.recv()[0]
            except EOFError:
                return
