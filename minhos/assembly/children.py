"""Starting, seeing and ending processes: the port `Machine`, and this machine behind it.

Which processes belong to a home is asked of `minhos.assembly.running`; when a child is started again is the
supervisor's to say.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol

import msgspec


class Seen(msgspec.Struct, frozen=True):
    """A process that exists.  A process id is given again after its process ended; with its start it is one of a kind.

    created_s: UNIX seconds.  words: its command line.  home: MINHOS_HOME in its environment; empty where it has none
    or does not show it.
    """

    pid: int
    created_s: float
    words: tuple[str, ...] = ()
    home: str = ""


class Child(Protocol):
    """A process that was started here."""

    pid: int
    created_s: float

    def exit_code(self) -> int | None:
        """None while it runs."""

    def last_words(self) -> str:
        """The last line that it wrote to its errors."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it at once."""


class Machine(Protocol):
    """What is needed of an operating system's processes."""

    def own(self) -> Seen:
        """The process that asks."""

    def see(self, pid: int) -> Seen | None:
        """That process; None where none has this id."""

    def started_as(self, words: Collection[str]) -> list[Seen]:
        """Every process that shows one of these words in its command line, the oldest first.

        A look at all that run: some hundredths of a second.
        """

    def start(self, module: str, environment: Mapping[str, str], errors: Path) -> Child:
        """`python -m module`, whose errors go to that file where it can be written.  Raises OSError.

        It is no part of the caller's terminal: what is typed there reaches its parent alone, which ends its children
        in order.
        """

    def end(self, pid: int, *, kill: bool = False) -> None:
        """Ask a process to end, or end it at once; one that is gone is no error.  Raises OSError."""


class LocalChild:
    """A child on this machine."""

    def __init__(self, process: subprocess.Popen[bytes], errors: Path) -> None:
        self.pid = process.pid
        self.created_s = _created_s(process.pid)
        self._process, self._errors = process, errors

    def exit_code(self) -> int | None:
        return self._process.poll()

    def last_words(self) -> str:
        with suppress(OSError):
            lines = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return lines[-1] if lines else ""
        return ""

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class LocalMachine:
    """This machine."""

    def own(self) -> Seen:
        return _own(os.getpid())

    def see(self, pid: int) -> Seen | None:
        import psutil  # not at the top: most of those who read a heartbeat look at no process

        try:
            process = psutil.Process(pid)
            with process.oneshot():
                if process.status() == psutil.STATUS_ZOMBIE:
                    return None
                created_s, words = process.create_time(), tuple(process.cmdline())
        except (psutil.Error, ValueError, OverflowError):
            return None
        home = ""
        with suppress(psutil.Error, OSError):
            home = process.environ().get("MINHOS_HOME", "")
        return Seen(pid, created_s, words, home)

    def started_as(self, words: Collection[str]) -> list[Seen]:
        import psutil

        wanted = set(words)
        ids = [p.pid for p in psutil.process_iter(["cmdline"]) if not wanted.isdisjoint(p.info["cmdline"] or ())]
        found = [seen for pid in ids if (seen := self.see(pid)) is not None]
        # one that ends between the two looks shows no words any more
        return sorted((seen for seen in found if not wanted.isdisjoint(seen.words)), key=lambda seen: seen.created_s)

    def start(self, module: str, environment: Mapping[str, str], errors: Path) -> LocalChild:
        with _opened(errors) as file:
            process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file if file is not None else subprocess.DEVNULL,
                env=dict(environment),
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        return LocalChild(process, errors)

    def end(self, pid: int, *, kill: bool = False) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM) if kill else signal.SIGTERM)


@contextmanager
def _opened(errors: Path) -> Iterator[IO[bytes] | None]:
    """That file anew; None where the disk has no room for it, which is no reason not to start a process."""
    try:
        file = errors.open("wb")
    except OSError:
        yield None
        return
    with file:
        yield file


LOCAL = LocalMachine()


@functools.cache
def _own(pid: int) -> Seen:
    return Seen(pid, _created_s(pid))


def _created_s(pid: int) -> float:
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0
