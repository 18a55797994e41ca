"""The watchdog: `python -m minhos.processes.watchdog` sees a dead or silent trader whose position stands at the broker.

A process of its own that loads no model.  Every second it reads the trader's heartbeat; while the trader is alive and
heard it does nothing, and of one that trades on paper it only tells.  Otherwise it asks the broker itself what is held,
tells (log, run/watchdog.json, and an alarm that the trader journals when it is back), and after `act_after_s` writes
the HALT file and flattens, where `[watchdog] action` says so.  `judge` is the thinking; the rest reads and writes.
A dead supervisor is told of, too, and the trader kept running in its place (`orphans`).
"""

from __future__ import annotations

from typing import Literal

import msgspec
import structlog

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import TraderBeat, WatchdogBeat
from minhos.assembly.layout import Layout
from minhos.assembly.parts import problem_of_parts
from minhos.assembly.running import trader_pid
from minhos.errors import MinhosError
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND
from minhos.processes.orphans import Orphans
from minhos.processes.process import after, begin, main_of
from minhos.safety.alarms import Alarms
from minhos.safety.broker import is_at_broker, what_stands
from minhos.safety.flatten_outside import OutsideReport, closed_until, flatten_outside
from minhos.safety.stop import write_halt
from minhos.settings import Settings, load
from minhos.trading.venue import describe

INTERVAL_S = 1.0
ASK_EVERY_S = 5.0
ACT_EVERY_S = 30.0
"""Between two attempts to flatten, where the first was not enough."""
WHO = "watchdog"
UNWRITABLE = "Nothing can be written to data/run, so that it cannot be heard; what it holds keeps its stops. Make room."

log = structlog.get_logger(WHO)


class TraderSeen(msgspec.Struct, frozen=True):
    """The trader as it looks from outside.

    alive: its process exists.  heard_ns: when its heartbeat last changed, on the clock of `judge`'s now_ns.
    venue: "paper", "sierra", or empty where there is no heartbeat or it cannot be read.  held: signed contracts, by
    the broker's word where it could be asked and else by the trader's last; None where nobody knows.  closed: when
    the market opens again; empty while it is open.  known: this watchdog has seen the trader alive; until then one
    that is missing may be about to start.  at_broker: orders rest at a broker, not in the trader's own process.
    """

    alive: bool
    heard_ns: int
    venue: str
    held: dict[str, int] | None
    closed: str = ""
    known: bool = True
    at_broker: bool = True
    ending: bool = False
    """It was asked to end, as all of MinhOS is now, or it said that it did on paper."""
    unwritable: bool = False
    """Nothing can be written where heartbeats are, so that a trader that lives cannot be heard."""


class Judgement(msgspec.Struct, frozen=True):
    """idle: nothing to watch; fine: the trader is heard; flat: it is not, and nothing is held; alarm; act."""

    state: Literal["idle", "fine", "flat", "alarm", "act"]
    sentence: str


def judge(beat: TraderSeen, now_ns: int, settings: Settings) -> Judgement:
    """What is to be done about the trader.  now_ns: of a clock that never goes back."""
    watchdog = settings.watchdog
    silent_s = (now_ns - beat.heard_ns) / NANOS_PER_SECOND
    if beat.ending:
        return Judgement("idle", "MinhOS is being stopped; what is held keeps its stops.")
    if settings.venue_name == "paper" or settings.simulated or not beat.at_broker or beat.venue == "paper":
        return _judge_on_paper(beat, silent_s, watchdog.alarm_after_s)
    if silent_s < watchdog.alarm_after_s and (beat.alive or not beat.known or not beat.venue):
        return Judgement("fine", "The trader is heard." if beat.alive else "The trader may be about to start.")
    word = _word(beat, silent_s)
    if beat.held is not None and not any(beat.held.values()):
        return Judgement("flat", f"{word}; nothing is held.")
    if beat.held is None:
        return Judgement("alarm", f"{word}, and the broker cannot be asked what is held: look in Sierra Chart.")
    text = f"{word}, and holds {describe(beat.held)}"
    if beat.unwritable and beat.alive:
        return Judgement("alarm", f"{text}. {UNWRITABLE}")
    if watchdog.action == "alarm":
        return Judgement("alarm", f"{text}. Look after it: `python3 minh.py flatten` closes it.")
    if beat.closed:
        return Judgement("alarm", f"{text}. The market is closed until {beat.closed}; its stops rest.")
    if silent_s < watchdog.act_after_s:
        left_s = watchdog.act_after_s - silent_s
        return Judgement("alarm", f"{text}. It is flattened in {left_s:.0f} s unless the trader is heard again.")
    return Judgement("act", f"{text}.")


def _judge_on_paper(beat: TraderSeen, silent_s: float, alarm_after_s: float) -> Judgement:
    """Nothing stands at a broker, so that there is nothing to do but to tell."""
    if not beat.known or not beat.venue or silent_s < alarm_after_s:
        return Judgement("idle", "Orders go to the paper venue; nothing stands at a broker.")
    word = _word(beat, silent_s)
    if beat.unwritable and beat.alive:
        return Judgement("alarm", f"{word}. {UNWRITABLE}")
    if not any((beat.held or {}).values()):
        return Judgement("flat", f"{word}; nothing is held on paper.")
    return Judgement(
        "alarm", f"{word}, and holds {describe(beat.held)} on paper: its stops are looked after once it is back."
    )


def _word(beat: TraderSeen, silent_s: float) -> str:
    if not beat.venue:
        return f"run/trader.json has told nothing for {silent_s:.0f} s"
    return f"The trader has {'been silent' if beat.alive else 'been dead or gone'} for {silent_s:.0f} s"


class Watchdog:
    """Reads, asks, tells and acts as `judge` says.  clock: for waiting and for what is written."""

    def __init__(self, settings: Settings, layout: Layout, clock: Clock) -> None:
        self.settings, self.layout, self._clock = settings, layout, clock
        self.stopping = False
        self._stamp: object = None
        self._known = False
        self._at_broker = is_at_broker(settings, layout, clock)
        self._heard_ns = clock.monotonic_ns()
        self._asked_ns = self._acted_ns = -(10**18)
        self._broker: dict[str, int] | None = None
        self._alarmed = self._reported = ""
        self._alarms = Alarms(layout, WHO, clock)
        self._orphans = Orphans(layout, clock, who=WHO, other="trader", tells=True)
        self._unwritable = False
        self.last_action = ""
        """What was done since the trader was last heard."""

    def open(self) -> None:
        """Make the folders that it writes to, and load the user's parts: the venue may be one."""
        self.layout.make()
        problem = problem_of_parts(self.settings, self.layout)
        if problem:
            log.warning("parts not loaded", reason=problem)

    def step(self) -> int | None:
        """One look, a second after the last; what fails is in the log, and it goes on watching."""
        if self.stopping:
            return None
        try:
            self.look()
        except (MinhosError, OSError) as error:
            log.error("not watched", reason=str(error))
        return after(self._clock, INTERVAL_S)

    def close(self) -> None:
        """It holds nothing."""

    def look(self) -> Judgement:
        """What it costs to ask the broker or to flatten included."""
        self._orphans.look()
        self._alarms.retry()
        beat = self._read()
        judgement = judge(beat, self._clock.monotonic_ns(), self.settings)
        if judgement.state in ("flat", "alarm", "act") and self._at_broker:
            judgement = judge(self._asked(beat), self._clock.monotonic_ns(), self.settings)
        elif judgement.state in ("idle", "fine"):
            self._broker, self.last_action, self._reported = None, "", ""
        self._write(judgement)
        if judgement.state in ("alarm", "act"):
            self._tell(judgement)
        else:
            self._alarmed = ""
        if judgement.state == "act" and self._is_due(self._acted_ns, ACT_EVERY_S):
            self._act(judgement.sentence)
            self._write(judgement)
        return judgement

    def _read(self) -> TraderSeen:
        """The heartbeat, and when it last changed: by our own clock, so that no jump of the machine's deceives."""
        beat = heartbeats.read(self.layout, TraderBeat)
        if beat is None or not beat.venue:
            return self._seen(False, "", None)
        stamp = (beat.pid, beat.time_ns)
        if stamp != self._stamp:
            self._stamp, self._heard_ns = stamp, self._clock.monotonic_ns()
        alive = trader_pid(self.layout) is not None
        self._known = self._known or alive
        return self._seen(alive, beat.venue, beat.positions, ended=beat.state == "stopped" and not alive)

    def _seen(self, alive: bool, venue: str, held: dict[str, int] | None, *, ended: bool = False) -> TraderSeen:
        """ended: the trader said so itself; on paper nothing is left to look after then.

        What one said before this watchdog ran is no ending now: another may be about to start, or cannot.
        """
        return TraderSeen(
            alive,
            self._heard_ns,
            venue,
            held,
            known=self._known,
            at_broker=self._at_broker,
            ending=self._orphans.ending or (ended and self._known and venue == "paper"),
            unwritable=self._unwritable,
        )

    def _asked(self, beat: TraderSeen) -> TraderSeen:
        """The same with the broker's word for what is held, asked for every few seconds."""
        if self._is_due(self._asked_ns, ASK_EVERY_S):
            self._asked_ns = self._clock.monotonic_ns()
            stands = what_stands(self.settings, self.layout, self._clock, "MinhOS watchdog")
            self._broker = stands.positions
            if stands.problem:
                log.warning("broker not asked", reason=stands.problem)
        held = self._broker if self._broker is not None else beat.held
        return msgspec.structs.replace(beat, held=held, closed=closed_until(self._clock))

    def _act(self, sentence: str) -> None:
        problem = write_halt(self.layout, WHO, sentence)
        report: OutsideReport = flatten_outside(self.settings, self.layout, sentence, clock=self._clock)
        self._acted_ns, self._asked_ns = self._clock.monotonic_ns(), -(10**18)
        self.last_action = f"{sentence} The watchdog acted: {report.sentence} {problem}".strip()
        log.error("acted", flat=report.flat, steps=[f"{step.ms} ms {step.text}" for step in report.steps])
        if report.sentence != self._reported:  # a broker that stays away is told of once
            self._reported = report.sentence
            self._alarms.leave(self.last_action)

    def _tell(self, judgement: Judgement) -> None:
        """Once an episode, and again when it comes to acting."""
        if self._alarmed != judgement.state:
            self._alarmed = judgement.state
            log.error(judgement.state, reason=judgement.sentence)
            if judgement.state == "alarm":
                self._alarms.leave(judgement.sentence)

    def _write(self, judgement: Judgement) -> None:
        beat = WatchdogBeat(
            state=judgement.state,
            sentence=judgement.sentence,
            last_action=self.last_action,
            supervisor=self._orphans.sentence,
        )
        try:
            heartbeats.write(self.layout, beat, self._clock)
            self._unwritable = False
        except OSError:  # a full disk does not end who watches
            self._unwritable = True

    def _is_due(self, last_ns: int, interval_s: float) -> bool:
        return self._clock.monotonic_ns() - last_ns >= interval_s * NANOS_PER_SECOND


def main() -> int:
    """Entry point; returns the exit code."""
    return main_of(WHO, lambda layout, clock: Watchdog(load(layout.home), layout, clock)).value


if __name__ == "__main__":
    begin("minhos.processes.watchdog", main)
