"""What every process that shows something knows: one `Views`, fed from the journal, and the facts beside it.

Everything works before anything exists.  Without the thread (in tests, or before start-up) a question brings the
views up to date itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import WebBeat
from minhos.assembly.layout import Layout
from minhos.assembly.parts import problem_of_parts
from minhos.assembly.surroundings import SurroundingsReader, journal_in_use
from minhos.errors import JournalEmpty, JournalError, MinhosError
from minhos.journal.reader import JournalReader, reader
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock, SystemClock
from minhos.settings import Settings
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.views.updates import Update

POLL_S = 0.2
BATCH = 200
HEARTBEAT_EVERY = 5
"""Polls between two heartbeats."""
Answer = TypeVar("Answer")


class LiveViews:
    """Thread-safe; `read` gives a consistent moment of views and facts."""

    def __init__(self, settings: Settings, layout: Layout, clock: Clock | None = None) -> None:
        problem_of_parts(settings, layout)  # the journal may name limits of his; what is wrong the trader says
        self.settings = settings
        self.layout = layout
        self.clock = clock or SystemClock()
        self.facts = SurroundingsReader(settings, layout, self.clock)
        self.calendar = SessionCalendar.load()
        self.views = Views(self.calendar)
        self.around = Surroundings()
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._journal: JournalReader | None = None
        self._identity: tuple[str, int] | None = None
        self._reading: Iterator[int] | None = None
        self._error = ""

    def read(self, question: Callable[[Views, Surroundings], Answer]) -> Answer:
        """Ask one moment."""
        with self._lock:
            if self._thread is None:
                while self.poll():
                    pass
            return question(self.views, self.around)

    def updates_after(self, seq: int) -> tuple[list[Update], int]:
        """Newer updates, and the lowest number after which nothing is missing."""
        return self.read(lambda views, _: (views.updates.after(seq), views.updates.oldest))

    def start(self) -> None:
        """Follow the journal from here on."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._follow, name="journal", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def poll(self) -> bool:
        """Take in at most `BATCH` more events; True while there are more."""
        with self._lock:
            more = False
            try:
                self._open()
                more = self._take()
                self._error = ""
            except (MinhosError, OSError) as error:  # its file may be moved or be away for a moment
                self._error = str(error)
                self._close()
            if not more:
                self.around = self.facts.read(self._error or self.views.unread)
            return more

    def _follow(self) -> None:
        polls = 0
        while not self._stop.is_set():
            if self.poll():
                continue
            if polls % HEARTBEAT_EVERY == 0:
                self._heartbeat()
            polls += 1
            self._stop.wait(POLL_S)

    def _open(self) -> None:
        """Open the journal that counts now; another file means that everything starts again."""
        self.around = self.around if self.around.now_ns else self.facts.read()
        path = journal_in_use(self.layout, self.facts.mode, self.around.trader)
        try:
            identity = (str(path), os.stat(path).st_ino) if path is not None else None
        except OSError as error:  # a restore puts another file in its place
            raise JournalError(
                f"The journal {path} cannot be looked at ({error.strerror}); it is tried again."
            ) from error
        if identity == self._identity:
            return
        self._close()
        self.views = Views(self.calendar)
        if path is None:
            return
        with suppress(JournalEmpty):  # a first start, between the file and its tables: there is nothing to read yet
            self._journal = reader(path, self.layout.database)
            self._identity = identity

    def _take(self) -> bool:
        if self._journal is None:
            return False
        if self._reading is None:
            self._reading = self.views.catch_up(self._journal)
        for _ in range(BATCH):
            if next(self._reading, None) is None:
                self._reading = None
                return False
        return True

    def _close(self) -> None:
        if self._journal is not None:
            self._journal.close()
        self._journal = self._identity = self._reading = None

    def _heartbeat(self) -> None:
        if not self.layout.disk.exists(self.layout.run):
            return
        beat = WebBeat(state="running", port=self.settings.web.port, sequence=self.views.sequence)
        try:
            heartbeats.write(self.layout, beat, self.clock)
        except OSError as error:
            import structlog  # only here: `status` asks the same questions and logs nothing

            structlog.get_logger("web").warning("heartbeat not written", reason=str(error))
