"""The world's machine: processes that are objects of one Python process, and the network between them and a broker.

A process that is killed loses its connections and locks at that moment and is never asked for anything again; nothing
of it is closed in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import Callable
from typing import Protocol

from minhos.assembly.children import Seen
from minhos.assembly.running import SERVICES
from minhos.dtc.transport import Connection, Memory
from minhos.processes.process import Process


class Killed(BaseException):  # not an Exception: nothing in a process that is gone may handle it
    """The process in whose turn this is raised has ended."""


class Child:
    """One process of the world."""

    def __init__(self, pid: int, name: str, created_s: float, parent: int) -> None:
        self.pid, self.name, self.created_s, self.parent = pid, name, created_s, parent
        self.owner = f"{name} {pid}"
        """It as the disk names it."""
        self.began_ns = 0
        """True time of its start."""
        self.process: Process | None = None
        """None once it has ended."""
        self.hangs_from_ns = self.hangs_until_ns = 0
        """Between them, true time, it has no turn."""
        self.code: int | None = None
        self.words = ""
        """The last line that it wrote to its errors."""
        self.why = ""
        """Why it ended where a fault or a person ended it; empty where it ended by itself."""
        self.crashed = False
        """It ended with a traceback."""
        self.began_ns = self.ended_ns = 0
        """True time of its start and of its end."""
        self.ran = False
        """Whether it was ever open."""
        self.due_ns = 0
        """When it is to be stepped next, on its monotonic clock."""
        self.calm = 0
        """How many turns in a row nothing happened."""
        self.calm_ns = 0
        """A turn before then, as one for a word of the broker's, is none in which nothing happened."""
        self.turned_ns = 0
        """True time of its last turn: an idle one has fewer here than in a real machine."""
        self.turn = 0
        """Number of its entry in the queue that counts."""

    @property
    def alive(self) -> bool:
        return self.code is None


class Handle:
    """A child as the one who started it holds it: `minhos.assembly.children.Child`."""

    def __init__(self, child: Child, end: Callable[[Child, bool], None]) -> None:
        self._child, self._end = child, end
        self.pid, self.created_s = child.pid, child.created_s

    def exit_code(self) -> int | None:
        return self._child.code

    def last_words(self) -> str:
        return self._child.words

    def terminate(self) -> None:
        self._end(self._child, False)

    def kill(self) -> None:
        self._end(self._child, True)


class Owners(Protocol):
    """What the network asks of the world."""

    @property
    def acting_pid(self) -> int:
        """Whose turn it is; 0 for everything outside the machine."""


class WorldMemory(Memory):
    """`Memory` that knows whose each connection is, so that it ends with its process."""

    def __init__(self, owners: Owners) -> None:
        super().__init__()
        self._owners = owners
        self._held: dict[int, list[Connection]] = {}
        self.refuses = False
        """Nobody can be reached."""

    async def connect(self, host: str, port: int, tls: ssl.SSLContext | None) -> Connection:
        if self.refuses:
            raise ConnectionRefusedError("the network is down")
        made = await super().connect(host, port, tls)
        self._held.setdefault(self._owners.acting_pid, []).append(made)
        return made

    def let_go(self, pid: int) -> None:
        """The process is gone: the system closes its connections."""
        for connection in self._held.pop(pid, ()):
            connection.abort()

    def cut(self) -> None:
        """Every connection of the machine is lost."""
        for pid in [pid for pid in self._held if pid]:
            self.let_go(pid)


def seen_of(child: Child, home: str) -> Seen:
    """It as the operating system shows it."""
    return Seen(child.pid, child.created_s, ("python", "-m", SERVICES.get(child.name, child.name)), home)


def abandon(loop: asyncio.AbstractEventLoop | None) -> None:
    """A loop of a process that is gone: nothing that waits in it goes on, and the locks that it held are free."""
    if loop is None or loop.is_closed():
        return
    loop.set_exception_handler(lambda loop, context: None)  # nor is anybody to hear of what it left
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # what was begun is not awaited any more
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # as asyncio itself does for such tasks
            with contextlib.suppress(RuntimeError):  # what it would still wait for never comes
                task.get_coro().close()  # of a task it is a coroutine
    with contextlib.suppress(RuntimeError):
        loop.close()
