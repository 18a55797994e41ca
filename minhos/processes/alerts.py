"""The process that hands alarms to the user's alert channels: `python -m minhos.processes.alerts`.

It follows the journal and remembers for each channel what it was given, so that nothing is sent twice and nothing
that happened while it was away is lost.  A channel that cannot be made, has no `send`, raises or hangs is named in the
log and in `run/alerts.json`; it holds up neither the others nor trading.  The supervisor starts it only where a
channel is registered.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol, cast

import msgspec
import structlog

from minhos import parts
from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import AlertsBeat, TraderBeat
from minhos.assembly.layout import Layout
from minhos.assembly.naming import mode_of
from minhos.assembly.parts import load_parts
from minhos.assembly.surroundings import journal_in_use
from minhos.errors import JournalError
from minhos.journal.reader import reader
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND
from minhos.processes.background import Background, Job, Start
from minhos.processes.process import after, begin, main_of
from minhos.settings import Settings, load
from minhos.trading import events as ev

ROUND_S = 1.0
HANGS_S = 30.0
"""A channel that has not returned for longer is named."""
TRIES = 3
PAUSE_S = 10.0
"""Between two tries of one alarm."""
SEVERITY = "alarm"
ALARMS = "Alarm"

log = structlog.get_logger("alerts")


class Send(Protocol):
    """The method `send` of what a factory registered in `parts.alerts` makes from its options (`[alert.<name>]`)."""

    def __call__(self, severity: str, title: str, text: str) -> Awaitable[None] | None:
        """Tell a person; an `async def` is awaited.  It may take long and may raise: then the same alarm is tried
        again, three times in all."""


class Given(msgspec.Struct, frozen=True):
    """Up to which event of which journal a channel has had its alarms."""

    journal: str = ""
    sequence: int = 0


class Delivery:
    """One channel, what it was given, and what it is being given."""

    def __init__(self, part: parts.Part[object], send: Send, given: Given) -> None:
        """part: the channel's.  send: its method."""
        self.name, self.given = part.name, given
        self.waiting: list[tuple[int, str]] = []
        """Sequence and text of the alarms that it has not had."""
        self.failure = ""
        self.sent = 0
        self._part, self._send = part, send
        self._raised_at = part.where
        self._job: Job | None = None
        self._began_ns = self._not_before_ns = 0
        self._tries = 0
        self._named = False

    def step(self, title: str, clock: Clock, start: Start) -> bool:
        """Look after the call under way, or begin the next; True where an alarm was settled."""
        now_ns = clock.monotonic_ns()
        if self._job is not None:
            return self._look(now_ns)
        if self.waiting and now_ns >= self._not_before_ns:
            call = functools.partial(self._call, title, self.waiting[0][1])
            self._job, self._began_ns, self._named = start(call), now_ns, False
        return False

    def _call(self, title: str, text: str) -> None:
        """In the background."""
        try:
            given = self._send(SEVERITY, title, text)
            if inspect.isawaitable(given):  # of an `async def send`: until it is awaited, nothing was sent
                asyncio.run(_awaited(given))
        except BaseException as error:  # a user's code may raise anything
            self._raised_at = _where_raised(self._part, error)
            raise

    def _look(self, now_ns: int) -> bool:
        job = self._job
        assert job is not None
        if not job.done():
            if now_ns - self._began_ns > HANGS_S * NANOS_PER_SECOND and not self._named:
                self._named = True
                self._fail(self._part.where, f"has not returned for {HANGS_S:.0f} s")
            return False
        self._job, self._tries = None, self._tries + 1
        if job.problem:
            self._fail(self._raised_at, f"raised {job.problem}")
            self._not_before_ns = now_ns + round(PAUSE_S * NANOS_PER_SECOND)
            if self._tries < TRIES:
                return False
        else:
            self.failure, self.sent = "", self.sent + 1
        self._tries = 0
        sequence, _ = self.waiting.pop(0)
        self.given = msgspec.structs.replace(self.given, sequence=sequence)
        return True

    def _fail(self, where: str, what: str) -> None:
        self.failure = _sentence(where, self.name, what)
        log.error("alert not sent", channel=self.name, reason=self.failure)


async def _awaited(given: Awaitable[object]) -> None:
    await given


def _sentence(where: str, name: str, what: str) -> str:
    """What is wrong with a channel, where, and the way out."""
    return (
        f"{where}: the alert channel {name!r} {what}; see what it needs there and in [alert.{name}] of minhos.toml, "
        "then start MinhOS again."
    )


def _where_raised(part: parts.Part[object], error: BaseException) -> str:
    """The last line of the user's file that it went through; that of the channel where there is none."""
    line = parts.line_of(error, part.file)
    return f"{part.file}:{line}" if line else part.where


def _send_of(part: parts.Part[object], options: dict[str, object]) -> Send:
    """Make the channel; its `send`.  Raises whatever a user's factory raises, TypeError where there is no `send`."""
    channel = cast("Callable[[dict[str, object]], object]", part.value)(options)
    send = getattr(channel, "send", None)
    if not callable(send):
        raise TypeError(f"what it makes ({type(channel).__name__}) has no method send(severity, title, text)")
    return cast(Send, send)


class Alerts:
    """Follows one home's journal for all its channels."""

    def __init__(self, settings: Settings, layout: Layout, clock: Clock, start: Start = Background) -> None:
        self.settings, self.layout = settings, layout
        self._clock, self._start = clock, start
        self._mode = mode_of(settings)
        self._file = layout.data / "alerts.json"
        self.deliveries: list[Delivery] = []
        self.stopping = False
        self._seen: tuple[str, int] | None = None
        self._unmade: dict[str, str] = {}

    def open(self) -> None:
        """Load the user's parts and make the channels.  Raises PartsError; a channel that fails is named and left."""
        self.layout.make()
        load_parts(self.settings, self.layout)
        given = self._remembered()
        for part in parts.alerts:
            try:
                send = _send_of(part, dict(self.settings.alert.get(part.name, {})))
            except (Exception, SystemExit) as error:  # whatever a user's factory raises
                why = f"cannot be made ({type(error).__name__}: {error})"
                self._unmade[part.name] = _sentence(_where_raised(part, error), part.name, why)
                log.error("alert channel not made", channel=part.name, reason=self._unmade[part.name])
                continue
            self.deliveries.append(Delivery(part, send, given.get(part.name, Given())))

    def step(self) -> int | None:
        """Read what is new, and hand it on."""
        if self.stopping:
            return None
        try:
            self._read()
        except JournalError as error:
            log.warning("journal not read", reason=str(error))
        title = f"MinhOS {self._mode}"
        settled = [delivery.step(title, self._clock, self._start) for delivery in self.deliveries]
        if any(settled):
            self._remember()
        failures = self._unmade | {each.name: each.failure for each in self.deliveries if each.failure}
        beat = AlertsBeat(state="running", sent=sum(each.sent for each in self.deliveries), failures=failures)
        with suppress(OSError):  # a full disk is one of the things to tell of
            heartbeats.write(self.layout, beat, self._clock)
        return after(self._clock, ROUND_S)

    def close(self) -> None:
        """What is under way ends with the process, and is sent again after the next start."""

    def _read(self) -> None:
        """Queue the alarms that came since; of a journal that a channel never knew, only those from now on."""
        path = journal_in_use(self.layout, self._mode, heartbeats.read(self.layout, TraderBeat))
        if path is None:
            return
        source = reader(path, self.layout.database)
        try:
            last = source.last
            if self._seen is not None and self._seen == (str(path), last):
                return
            for each in self.deliveries:
                if each.given.journal != str(path) or each.given.sequence > last:
                    each.waiting = []
                    each.given = Given(str(path), last)
                begin = each.waiting[-1][0] if each.waiting else each.given.sequence
                for record in source.records(after=begin, until=last, kinds=(ALARMS,)):
                    event = ev.decode(record.kind, record.payload, record.version)
                    if isinstance(event, ev.Alarm):
                        each.waiting.append((record.sequence, event.text))
            self._seen = str(path), last
        finally:
            source.close()
        self._remember()

    def _remembered(self) -> dict[str, Given]:
        content = self.layout.disk.read(self._file)
        try:
            return msgspec.json.decode(content or b"{}", type=dict[str, Given])
        except msgspec.DecodeError:
            return {}

    def _remember(self) -> None:
        given = {each.name: each.given for each in self.deliveries}
        with suppress(OSError):
            self.layout.disk.replace(self._file, msgspec.json.encode(given))


def main() -> int:
    """Entry point; returns the exit code."""
    return main_of("alerts", lambda layout, clock: Alerts(load(layout.home), layout, clock)).value


if __name__ == "__main__":
    begin("minhos.processes.alerts", main)
