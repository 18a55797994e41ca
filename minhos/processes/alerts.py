"""The process that tells people: `python -m minhos.processes.alerts`.

It follows the journal and remembers for each channel what it was given, so that nothing is sent twice and nothing
that happened while it was away is lost.  What of the journal is told is `views.messages`'s to say, to whom
`assembly.alert_routes`'s, when and how much at once `outbox`'s.  A channel that cannot be made, has no `send`, raises
or hangs is named in the log and in `run/alerts.json`; it holds up neither the others nor trading, and what it did not
take is tried again, with what came since, until it does.  The supervisor starts it only where there is a channel.
"""

from __future__ import annotations

import asyncio
import functools
import http.client
import inspect
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple, Protocol, cast

import msgspec
import structlog

from minhos import parts
from minhos.assembly import heartbeats
from minhos.assembly.alert_routes import Channel, channels_of
from minhos.assembly.heartbeats import AlertsBeat, TraderBeat, WatchdogBeat
from minhos.assembly.layout import Layout
from minhos.assembly.naming import mode_of
from minhos.assembly.parts import load_parts
from minhos.assembly.surroundings import journal_in_use
from minhos.errors import JournalError
from minhos.journal.reader import JournalReader, reader
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND
from minhos.processes.background import Background, Job, Start
from minhos.processes.outbox import Outbox, Parcel, Waiting
from minhos.processes.process import after, begin, main_of
from minhos.settings import Settings, load
from minhos.trading import events as ev
from minhos.views.messages import HEARD, Known, Severity, Teller

ROUND_S = 1.0
HANGS_S = 30.0
"""A channel that has not returned for longer is named."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 10.0, 300.0
"""Before a channel that failed is tried again; each time twice as long."""

PING_S, PING_TIMEOUT_S = 60.0, 10.0
SILENT_S = 10.0
"""A trader or watchdog that was not heard of for longer is none with which all is well."""

log = structlog.get_logger("alerts")


class Send(Protocol):
    """The method `send` of a channel."""

    def __call__(self, severity: str, title: str, text: str) -> Awaitable[None] | None:
        """Tell a person; an `async def` is awaited.  It may take long and may raise: then the same is tried again.

        severity: info, warning or critical.  text: one sentence, or several lines where much happened at once.
        """


class Given(msgspec.Struct, frozen=True):
    """Up to which event of which journal a channel has heard, what of it waits, and what a change is seen by.

    time_ns: of that event, so that a journal in the place of another tells nothing that is older.
    """

    journal: str = ""
    sequence: int = 0
    time_ns: int = 0
    waiting: tuple[Waiting, ...] = ()
    known: Known = msgspec.field(default_factory=Known)


class Where(NamedTuple):
    """What a sentence about a channel names: its place, and where in the user's file it raised."""

    place: str
    of: Callable[[BaseException], str]


class Delivery:
    """One channel, what waits for it, and what it is being given."""

    def __init__(self, channel: Channel, send: Send, where: Where, given: Given) -> None:
        """send: the channel's method."""
        self.name, self.outbox = channel.label, Outbox(channel.route, given.waiting)
        self._channel = channel
        self.failure = ""
        self.sent = 0
        self._send, self._where, self._raised_at = send, where, where.place
        self._given, self._teller = given, Teller(given.known)
        self._job: Job | None = None
        self._parcel: Parcel | None = None
        self._began_ns = self._not_before_ns = 0
        self._pause_s = FIRST_PAUSE_S
        self._named = False

    @property
    def given(self) -> Given:
        """To remember."""
        return msgspec.structs.replace(self._given, waiting=self.outbox.waiting, known=self._teller.known)

    def follow(self, source: JournalReader, journal: str) -> None:
        """Take in what came since.  Of a first journal only what comes from now on; of one in the place of another, as
        after a repair, what is newer than what was heard."""
        given, last = self._given, source.last
        replaced = given.journal != journal or given.sequence > last
        after, time_ns = (0 if replaced else given.sequence), given.time_ns
        if not given.journal:
            after, time_ns = last, max((record.time_ns for record in source.records(after=last - 1)), default=0)
        for record in source.records(after=after, until=last, kinds=HEARD):
            if replaced and record.time_ns <= given.time_ns:
                continue
            time_ns = max(time_ns, record.time_ns)
            for message in self._teller.hear(ev.decode(record.kind, record.payload, record.version)):
                self.outbox.add(message)
        self._given = Given(journal, last, time_ns)

    def step(self, title: str, clock: Clock, start: Start) -> bool:
        """Look after the call under way, or begin the next; True where something was told."""
        now_ns = clock.monotonic_ns()
        if self._job is not None:
            return self._look(now_ns, clock.now_ns())
        if now_ns < self._not_before_ns:
            return False
        self._parcel = self.outbox.due(clock.now_ns())
        if self._parcel is not None:
            call = functools.partial(self._call, title, self._parcel)
            self._job, self._began_ns, self._named = start(call), now_ns, False
        return False

    def _call(self, title: str, parcel: Parcel) -> None:
        """In the background."""
        try:
            hand_over(self._send, parcel.severity, title, parcel.text)
        except BaseException as error:  # a user's code may raise anything
            self._raised_at = self._where.of(error)
            raise

    def _look(self, now_ns: int, wall_ns: int) -> bool:
        job, parcel = self._job, self._parcel
        assert job is not None
        assert parcel is not None
        if not job.done():
            if now_ns - self._began_ns > HANGS_S * NANOS_PER_SECOND and not self._named:
                self._named = True
                self._fail(self._where.place, f"has not returned for {HANGS_S:.0f} s")
            return False
        self._job = None
        if job.problem:
            self._fail(self._raised_at, f"raised {job.problem}")
            self._not_before_ns = now_ns + round(self._pause_s * NANOS_PER_SECOND)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            return False
        self.failure, self.sent, self._pause_s = "", self.sent + 1, FIRST_PAUSE_S
        self.outbox.settle(parcel, wall_ns)
        return True

    def _fail(self, where: str, what: str) -> None:
        self.failure = sentence(where, self._channel, what)
        log.error("alert not sent", channel=self.name, reason=self.failure)


class Ping:
    """An address outside that is asked for while all is well, so that whoever waits there hears of silence."""

    def __init__(self, channel: Channel) -> None:
        self.name, self.failure = channel.label, ""
        self._channel = channel
        self._job: Job | None = None
        self._due_ns = 0

    def step(self, well: Callable[[], bool], clock: Clock, start: Start) -> None:
        """Look after the call under way, or begin the next."""
        now_ns = clock.monotonic_ns()
        if self._job is not None:
            if self._job.done():
                problem, self._job = self._job.problem, None
                what = f"failed: {problem.partition(': ')[2]}"
                where = where_in_settings(self._channel.name).place
                self.failure = sentence(where, self._channel, what) if problem else ""
            return
        if now_ns >= self._due_ns and well():
            self._due_ns = now_ns + round(PING_S * NANOS_PER_SECOND)
            self._job = start(functools.partial(ask_for, self._channel.ping))


def ask_for(url: str) -> None:
    """Raises OSError, without the address, which is a secret."""
    try:
        with urllib.request.urlopen(url, timeout=PING_TIMEOUT_S) as answer:
            answer.read(1)
    except (OSError, ValueError, http.client.HTTPException) as error:
        code = f" ({error.code})" if isinstance(error, urllib.error.HTTPError) else ""
        raise OSError(f"its address did not answer as it should{code}") from None


def hand_over(send: Send, severity: Severity, title: str, text: str) -> None:
    """Once; what an `async def send` gives is awaited, for until then nothing was sent.  Raises whatever it raises."""
    given = send(severity.name.lower(), title, text)
    if inspect.isawaitable(given):
        asyncio.run(_awaited(given))


async def _awaited(given: Awaitable[object]) -> None:
    await given


def sentence(where: str, channel: Channel, what: str) -> str:
    """What is wrong with a channel, where, and the way out."""
    return (
        f"{where}: the alert channel {channel.label!r} {what}; see what it needs there and in [alert.{channel.name}] "
        "of minhos.toml, then start MinhOS again."
    )


def where_of(part: parts.Part[object]) -> Where:
    """Of the user's part: an error's place is the last line of his file that it went through."""

    def raised(error: BaseException) -> str:
        line = parts.line_of(error, part.file)
        return f"{part.file}:{line}" if line else part.where

    return Where(part.where, raised)


def where_in_settings(name: str) -> Where:
    """Of a channel that stands in the settings alone."""
    place = f"minhos.toml [alert.{name}]"
    return Where(place, lambda _: place)


def send_of(channel: Channel) -> Send:
    """Make the channel; its `send`.  Raises whatever a user's factory raises, TypeError where there is no `send`."""
    if channel.url:
        from minhos.assembly.apprise_channel import AppriseChannel  # half a second, for those who have an address

        return AppriseChannel(channel.url).send
    made = cast("Callable[[dict[str, object]], object]", parts.alerts.part(channel.name).value)(dict(channel.options))
    send = getattr(made, "send", None)
    if not callable(send):
        raise TypeError(f"what it makes ({type(made).__name__}) has no method send(severity, title, text)")
    return cast(Send, send)


class Alerts:
    """Follows one home's journal for all its channels."""

    def __init__(self, settings: Settings, layout: Layout, clock: Clock, start: Start = Background) -> None:
        self.settings, self.layout = settings, layout
        self._clock, self._start = clock, start
        self._mode = mode_of(settings)
        self._file = layout.data / "alerts.json"
        self.deliveries: list[Delivery] = []
        self.pings: list[Ping] = []
        self.stopping = False
        self._seen: tuple[str, int] | None = None
        self._unmade: dict[str, str] = {}

    def open(self) -> None:
        """Load the user's parts and make the channels; one that fails is named and left.

        Raises PartsError for his file, SettingsError for a section that cannot be read.
        """
        self.layout.make()
        load_parts(self.settings, self.layout)
        given = self._remembered()
        for channel in channels_of(self.settings):
            if channel.ping:
                self.pings.append(Ping(channel))
                continue
            where = where_in_settings(channel.name) if channel.url else where_of(parts.alerts.part(channel.name))
            try:
                send = send_of(channel)
            except (Exception, SystemExit) as error:  # whatever a user's factory raises
                why = f"cannot be made ({type(error).__name__}: {error})"
                self._unmade[channel.label] = sentence(where.of(error), channel, why)
                log.error("alert channel not made", channel=channel.label, reason=self._unmade[channel.label])
                continue
            self.deliveries.append(Delivery(channel, send, where, given.get(channel.label, Given())))

    def step(self) -> int | None:
        """Read what is new, and tell what is due."""
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
        for ping in self.pings:
            ping.step(self._all_is_well, self._clock, self._start)
        failures = {each.name: each.failure for each in self.deliveries} | {p.name: p.failure for p in self.pings}
        failures = self._unmade | {name: failure for name, failure in failures.items() if failure}
        beat = AlertsBeat(state="running", sent=sum(each.sent for each in self.deliveries), failures=failures)
        with suppress(OSError):  # a full disk is one of the things to tell of
            heartbeats.write(self.layout, beat, self._clock)
        return after(self._clock, ROUND_S)

    def _all_is_well(self) -> bool:
        """Trader and watchdog live and speak, and every channel takes what it is given."""
        beats = (heartbeats.read(self.layout, TraderBeat), heartbeats.read(self.layout, WatchdogBeat))
        spoken = all(beat is not None and heartbeats.age_s(beat, self._clock) < SILENT_S for beat in beats)
        return spoken and not self._unmade and not any(each.failure for each in self.deliveries)

    def close(self) -> None:
        """What is under way ends with the process, and is sent again after the next start."""

    def _read(self) -> None:
        """Hand on what came since."""
        path = journal_in_use(self.layout, self._mode, heartbeats.read(self.layout, TraderBeat))
        if path is None:
            return
        source = reader(path, self.layout.database)
        try:
            if self._seen == (str(path), source.last):
                return
            for each in self.deliveries:
                each.follow(source, str(path))
            self._seen = str(path), source.last
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
