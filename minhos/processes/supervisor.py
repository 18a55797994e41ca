"""The supervisor behind `minh.py start`: keeps trader, trainer, web and watchdog running, each in a process of its own.

What follows when one of them ends is `assembly.endings.POLICY`'s to say; no child's end is another's.  The supervisor
trades nothing and may be killed: the others go on, the watchdog looks after the trader, and the next start takes over
what lives.  Told to stop, it ends its children, the watchdog last.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress

import msgspec
import structlog

import minhos
from minhos.assembly import heartbeats
from minhos.assembly.children import Seen
from minhos.assembly.heartbeats import BEATS, STOPPING, Heartbeat, SupervisorBeat, TraderBeat
from minhos.assembly.layout import Layout
from minhos.assembly.running import ALWAYS, SERVICES, living, running_pids, told_pids
from minhos.errors import MinhosError
from minhos.market.clock import Clock, SystemClock
from minhos.processes.process import after
from minhos.processes.tended import Tended
from minhos.safety.alarms import Alarms
from minhos.settings import AS_STARTED, switches, texts_of

ROUND_S = 0.25
STOP_TIMEOUT_S = 10.0
POLL_S = 0.05
WHO = "supervisor"
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONUTF8": "1", "MALLOC_MMAP_THRESHOLD_": "1000000"}
"""Of every child.  The last: glibc otherwise keeps large arrays that were freed, some 25 MB for each training."""
LAST = ("watchdog",)
"""Ended after all others, for while they end something may be held."""

Told = Mapping[str, Mapping[str, str | int | float | bool]]
SYMBOL = ("market", "symbol")

log = structlog.get_logger(WHO)


class Supervisor:
    """Tends the processes of one home until it is told to stop.  claim: on the home, where the caller has it."""

    def __init__(
        self,
        layout: Layout,
        names: tuple[str, ...] = ALWAYS,
        clock: Clock | None = None,
        claim: ExitStack | None = None,
    ) -> None:
        self.layout, self._clock, self._claim = layout, clock or SystemClock(), claim
        environment = dict(os.environ, MINHOS_HOME=str(layout.home), **ENVIRONMENT)
        environment[AS_STARTED] = str(layout.settings_copy)
        self.tended = [Tended(name, SERVICES[name], layout, environment, self._living) for name in names]
        self.stopping = self._opened = False
        self._absent: set[str] = set()
        self._replacing: Tended | None = None
        self._alarms = Alarms(layout, WHO, self._clock)

    def open(self) -> None:
        """Take over what a supervisor that is gone has left.  Raises MinhosError where this home is already run."""
        self.layout.make()
        with self._claim or claim_start(self.layout) as claim:
            running = refuse_second_start(self.layout)
            copy_settings(self.layout)
            self._claim = claim.pop_all()
        self._opened = True
        self._absent = {one.name for one in self.tended}
        for one in self.tended:
            seen = self.layout.machine.see(running[one.name]) if one.name in running else None
            if seen is not None:
                self._absent.discard(one.name)
                version = version_of(self.layout, one.name)
                one.adopt(seen, "" if version == minhos.__version__ else version or "an earlier version")
                log.warning("taken over", process=one.name, pid=seen.pid, version=version)
        self._beat("running")

    def _living(self, name: str) -> Seen | None:
        if name in self._absent:  # `open` has looked for it this moment
            self._absent.discard(name)
            return None
        return living(self.layout, name)

    def step(self) -> int | None:
        """One round.  A full disk ends neither the supervisor nor what it tends."""
        if self.stopping:
            return None
        now_s = self._clock.monotonic_ns() / 1e9
        self._replace_one(now_s)
        for one in self.tended:
            one.tend(now_s, may_end_all=not anything_held(self.layout))
        self._beat("running")
        self._alarms.retry()
        for one in self.tended:
            if one.news:
                self._tell(one.news)
                one.news = ""
        return after(self._clock, ROUND_S)

    def _replace_one(self, now_s: float) -> None:
        """One after the other, the watchdog last: the next once the one before has spoken, or had its time to."""
        one = self._replacing
        if one is not None:
            spoke = one.child is not None and beat_of(self.layout, one.name).pid == one.child.pid
            if one.outdated or (not spoke and not one.problem and one.note):
                return
            one.note, self._replacing = "", None
        self._replacing = next((each for each in sorted(self.tended, key=_last) if each.outdated), None)
        if self._replacing is not None:
            self._replacing.replace(now_s, minhos.__version__)
            log.warning("replaced", reason=self._replacing.note)

    def _tell(self, text: str) -> None:
        log.error("child", reason=text)
        self._alarms.leave(text)

    def _beat(self, state: str) -> None:
        running = {one.name: one.child for one in self.tended if one.child is not None}
        beat = SupervisorBeat(
            state=state,
            children={name: child.pid for name, child in running.items()},
            children_created_s={name: child.created_s for name, child in running.items()},
            restarts={one.name: one.restarts for one in self.tended},
            refused=self.problems | self.refusals,
        )
        with suppress(OSError):
            heartbeats.write(self.layout, beat, self._clock)

    @property
    def refusals(self) -> dict[str, str]:
        """Sentences that end the start: a user's mistake that only a new start can mend."""
        return {one.name: one.refused for one in self.tended if one.refused}

    @property
    def problems(self) -> dict[str, str]:
        """Sentences of processes that do not run or did not lately, with what follows."""
        return {one.name: one.problem for one in self.tended if one.problem}

    @property
    def notes(self) -> dict[str, str]:
        """What is done with processes now that is no problem: taken over, replaced."""
        return {one.name: one.note for one in self.tended if one.note}

    def close(self) -> None:
        """End everything, the watchdog last; whoever does not end in time is killed."""
        if not self._opened:
            return
        self._beat(STOPPING)
        self._end([one for one in self.tended if one.name not in LAST])
        self._end([one for one in self.tended if one.name in LAST])
        for path in (heartbeats.path_of(self.layout, SupervisorBeat), self.layout.settings_copy):
            with suppress(OSError):
                self.layout.disk.remove(path)
        if self._claim is not None:
            self._claim.close()

    def _end(self, ones: list[Tended]) -> None:
        for one in ones:
            if one.child is not None and not one.ended:
                one.child.terminate()
        end_ns = after(self._clock, STOP_TIMEOUT_S)
        while not all(one.ended for one in ones) and self._clock.monotonic_ns() < end_ns:
            self._clock.sleep(POLL_S)
        for one in ones:
            if one.child is not None and not one.ended:
                one.child.kill()


def copy_settings(layout: Layout) -> None:
    """Keep the files of the settings as they are now: a child that is started again goes by the same as the others,
    whatever was changed, or half saved, meanwhile.  Where processes of an earlier start live, theirs stay.

    Raises MinhosError where an older copy can be neither replaced nor removed.
    """
    if running_pids(layout) and layout.disk.exists(layout.settings_copy):
        return
    content = msgspec.json.encode(texts_of(layout.home))
    try:
        layout.disk.replace(layout.settings_copy, content)
    except OSError as error:
        try:
            layout.disk.remove(layout.settings_copy)
        except OSError:
            raise MinhosError(
                f"{layout.settings_copy} of an earlier start can be neither replaced nor removed ({error}); free the "
                "disk or remove it by hand."
            ) from error


def anything_held(layout: Layout) -> bool:
    """Whether a trader of this home held something when it was heard last."""
    beat = heartbeats.read(layout, TraderBeat)
    return beat is not None and bool(beat.held)


def refuse_second_start(layout: Layout) -> dict[str, int]:
    """Process ids of what a supervisor that is gone has left, by name.

    Raises MinhosError where one lives here, or has left what was told something else than this start.
    """
    running = running_pids(layout)
    text = ", ".join(f"{name} (process {pid})" for name, pid in running.items())
    if SupervisorBeat.PROCESS in running:
        version = version_of(layout, SupervisorBeat.PROCESS)
        other = "" if version == minhos.__version__ else f" in {version or 'an earlier version'}"
        raise MinhosError(f"MinhOS already runs here{other}: {text}; `python3 minh.py stop` ends it.")
    known = {name: beat_of(layout, name) for name in running if version_of(layout, name)}
    others = [name for name, beat in known.items() if not _told_alike(beat.switches, switches())]
    if others:
        raise MinhosError(
            f"MinhOS already runs here, and {', '.join(others)} with other switches of `start` than these: {text}; "
            "`python3 minh.py stop` ends it, the same switches take it over."
        )
    return running


def claim_start(layout: Layout) -> ExitStack:
    """What one `start` of a home has at a time, from its first file to its end.

    Raises MinhosError while another has it.  Where the disk knows no such thing, or has no room for it, all have it.
    """
    with suppress(OSError):
        claim = layout.disk.claim(layout.start_lock)
        if claim is None:
            refuse_second_start(layout)  # what runs here says more
            raise MinhosError(
                "MinhOS is being started here by another `start` this moment: see whether it runs "
                "(`python3 minh.py status`), or end that one with Ctrl-C."
            )
        return claim
    return ExitStack()


def _told_alike(one: Told, other: Told) -> bool:
    """Whether two starts were told the same; `start --data` finds the symbol itself, later than this is asked."""
    found = [{(section, key): v for section, keys in told.items() for key, v in keys.items()} for told in (one, other)]
    if not all(SYMBOL in each for each in found):
        for each in found:
            each.pop(SYMBOL, None)
    return found[0] == found[1]


def beat_of(layout: Layout, name: str) -> Heartbeat:
    """What that process said last of itself; of one that has said nothing yet, what its supervisor said."""
    kind = next(kind for kind in BEATS if name == kind.PROCESS)
    supervisor = heartbeats.read(layout, SupervisorBeat) or SupervisorBeat()
    beat = heartbeats.read(layout, kind)
    return beat if beat is not None and beat.pid == told_pids(layout).get(name, beat.pid) else supervisor


def version_of(layout: Layout, name: str) -> str:
    """Of MinhOS, which that process runs; empty for versions that did not say it."""
    return beat_of(layout, name).version


def _last(one: Tended) -> bool:
    return one.name in LAST


def stop_running(layout: Layout, timeout_s: float = STOP_TIMEOUT_S, clock: Clock | None = None) -> list[str]:
    """Ask every process of this home to end; returns the names of those that ran, the supervisor last.

    The supervisor is asked first: it starts none of the others again, and ends them in order.  What it leaves, as where
    it is ended at once, ends here: the watchdog last.
    """
    clock = clock or SystemClock()
    asked = running_pids(layout)
    seen = {name: one for name, pid in asked.items() if (one := layout.machine.see(pid)) is not None}
    supervisor = [seen.pop(name) for name in (SupervisorBeat.PROCESS,) if name in seen]
    patience_s = 2 * timeout_s + 1.0  # it waits for its children itself
    _end_and_wait(layout, supervisor, patience_s, clock)
    with suppress(OSError):
        heartbeats.say_stopping(layout, clock)
    _end_and_wait(layout, [one for name, one in seen.items() if name not in LAST], timeout_s, clock)
    _end_and_wait(layout, [one for name, one in seen.items() if name in LAST], timeout_s, clock)
    for path in (heartbeats.path_of(layout, SupervisorBeat), layout.settings_copy):
        with suppress(OSError):
            layout.disk.remove(path)
    return sorted(asked, key=lambda name: name == SupervisorBeat.PROCESS)


def _end_and_wait(layout: Layout, ones: Iterable[Seen], timeout_s: float, clock: Clock) -> None:
    """Only those that were seen: whoever got an id of theirs since is left alone."""
    left = _alive(layout, ones)
    for one in left:
        _end(layout, one.pid)
    end_ns = after(clock, timeout_s)
    while (left := _alive(layout, left)) and clock.monotonic_ns() < end_ns:
        clock.sleep(POLL_S)
    for one in left:
        _end(layout, one.pid, kill=True)


def _alive(layout: Layout, ones: Iterable[Seen]) -> list[Seen]:
    return [one for one in ones if layout.machine.see(one.pid) == one]


def _end(layout: Layout, pid: int, *, kill: bool = False) -> None:
    with suppress(OSError):
        layout.machine.end(pid, kill=kill)
