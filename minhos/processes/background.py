"""Long calls beside a process's turns: a training, a user's alert channel.

What begins a call is given to a process as `Start`, so that a test, or a world of one thread, runs it at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol


class Job(Protocol):
    """One call under way."""

    def done(self) -> bool: ...

    @property
    def problem(self) -> str:
        """What it raised; empty where it returned."""


Start = Callable[[Callable[[], None]], Job]
"""Begins a call and does not wait for it."""


class Background:
    """A call in a thread that ends with the process, whatever the call does."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call, self._over = call, threading.Event()
        self.problem = ""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._call()
        except BaseException as error:  # a user's code may raise anything
            self.problem = f"{type(error).__name__}: {error}"
        finally:
            self._over.set()

    def done(self) -> bool:
        return self._over.is_set()
