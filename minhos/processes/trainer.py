"""The process that retrains, and compares each paper day after its close: `python -m minhos.processes.trainer`.

It trains when the scope has no bundle, when the last one is older than the schedule says, or when asked; the
trader serves the old bundle meanwhile.  Training itself runs in a child of low priority.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from contextlib import suppress

import structlog

from minhos.assembly import heartbeats
from minhos.assembly.feeds import make_feed
from minhos.assembly.files import write_json
from minhos.assembly.heartbeats import TraderBeat, TrainerBeat, take_training_request
from minhos.assembly.layout import Layout
from minhos.assembly.naming import registry_of, scope_of
from minhos.assembly.parts import problem_of_parts
from minhos.assembly.trading import active_bundle
from minhos.assembly.venues import matching_of
from minhos.errors import LeakSuspected, MinhosError
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock, SimulatedClock, SystemClock
from minhos.market.types import NANOS_PER_SECOND, Bars
from minhos.processes.after_close import AfterClose
from minhos.processes.background import Background, Job, Start
from minhos.processes.process import after, begin, main_of
from minhos.settings import Settings, load
from minhos.studies.history import history_of
from minhos.studies.training_runs import end_trainings, report_progress, run_training
from minhos.words import utc

POLL_S = 1.0
CLOSE_S, CLOSE_POLL_S = 5.0, 0.05
RETRY_S = 600.0
DAY_S = 86_400
CLOCKS_MAY_DIFFER_S = 300.0
"""A bundle stamped this far ahead of the clock was stamped by a clock that was wrong, or this one is."""

log = structlog.get_logger("trainer")


class Trainer:
    """Decides when to train and what becomes of the result."""

    def __init__(
        self, settings: Settings, layout: Layout, clock: Clock | None = None, start: Start = Background
    ) -> None:
        self.settings, self.layout = settings, layout
        self.clock, self._start = clock or SystemClock(), start
        self.scope = scope_of(settings)
        self.registry = registry_of(settings, layout)
        self.after_close = AfterClose(layout, matching_of(settings))
        self.stopping = False
        self.last_error = ""
        self._job: Job | None = None
        self._comparison: Job | None = None
        self._not_before_ns = 0
        self._parts_problem = ""

    def open(self) -> None:
        """Make the folders and load the user's parts; without them nothing is trained, and the sentence says why."""
        self.layout.make()
        self._parts_problem = problem_of_parts(self.settings, self.layout)
        if self._parts_problem:
            self._failed(f"Nothing is trained: {self._parts_problem}")

    def step(self) -> int | None:
        """Begin what is due; a heartbeat as long as it takes, for a fit of many minutes reports nothing."""
        if self.stopping:
            return None
        if self._job is not None and self._job.done():
            if self._job.problem:
                self._failed(f"Training failed: {self._job.problem}")
            self._job = None
            gc.collect()  # as after a comparison: what a fit held lies in cycles of few and large objects
        self._heartbeat()
        self._compare()
        if self._job is None and self._comparison is None:
            why = self.due()
            if why:
                self._job = self._start(functools.partial(self.train, why))
                self._heartbeat()
        return after(self.clock, POLL_S)

    def _compare(self) -> None:
        """A day that ended, beside the turns: it may take minutes."""
        if self._comparison is not None and self._comparison.done():
            if self._comparison.problem:
                log.warning("day not compared", reason=self._comparison.problem)
            self._comparison = None
        if self._comparison is None and self._job is None and (ended := self.after_close.ended()) is not None:
            self._comparison = self._start(functools.partial(_done, ended))

    def close(self) -> None:
        """End the training under way, also one whose child is only now being started; give it a moment to clean up."""
        end_ns = after(self.clock, CLOSE_S)
        end_trainings()
        while self._job is not None and not self._job.done() and self.clock.monotonic_ns() < end_ns:
            self.clock.sleep(CLOSE_POLL_S)
            end_trainings()

    def due(self) -> str:
        """Why a training is due now; empty where none is."""
        if self._parts_problem:
            return ""
        with suppress(OSError):  # a request that cannot be taken away would be taken with every turn
            if take_training_request(self.layout):
                return "it was asked for"
        if self.clock.monotonic_ns() < self._not_before_ns:
            return ""
        info = active_bundle(self.registry, self.scope)
        if info is None:
            return "there is no model yet"
        age_s = (self.clock.now_ns() - info.created_ns) / NANOS_PER_SECOND
        days = self.settings.training.retrain_every_days
        if age_s < -CLOCKS_MAY_DIFFER_S:
            return f"the model is stamped {utc(info.created_ns)}, which lies in the future, so its age is not known"
        return f"the model is {age_s / DAY_S:.0f} days old" if age_s > days * DAY_S else ""

    def train(self, why: str) -> None:
        """One training from the newest bars to the promoted bundle; a failure is kept in words and tried later."""
        log.info("training", why=why)
        tell = report_progress(self.layout, self.scope)
        try:
            tell(0.0, f"training, because {why}")
            bars = self.history()
            active = active_bundle(self.registry, self.scope)
            result = run_training(
                bars,
                self.settings,
                self.layout,
                self.registry.root,
                progress=tell,
                parent=active.id if active else "",
            )
            if not result.bundle_id:
                raise LeakSuspected(result.reason)
            self.registry.promote(result.bundle_id, "trainer", self.clock.now_ns())
            path = self.layout.training / f"report-{self.scope.replace('/', '-')}.json"
            write_json(path, result, self.layout.disk)
            tell(1.0, result.reason)
            self.last_error = ""
        except MinhosError as error:
            self._failed(f"Training failed: {error}", str(error))

    def _failed(self, text: str, reason: str = "") -> None:
        """Kept in words, and tried later."""
        self.last_error = reason or text
        self._not_before_ns = after(self.clock, RETRY_S)
        again = "" if self._parts_problem else f" It is tried again in {RETRY_S / 60:.0f} minutes."
        with suppress(OSError):  # a full disk does not end who trains
            report_progress(self.layout, self.scope)(-1.0, f"{text}{again}")
        log.error("training failed", reason=self.last_error)

    def history(self) -> Bars:
        """All bars that are closed by now; a simulated market's up to where its trader is."""
        if not self.settings.simulated:
            return history_of(None, self.settings, days=self.settings.training.days).bars
        feed = make_feed(self.settings, SessionCalendar.load(), SimulatedClock())
        beat = heartbeats.read(self.layout, TraderBeat)
        if beat is not None:
            feed.resume_after(beat.market_time_ns)
        return feed.history()

    def _heartbeat(self) -> None:
        state = "waiting" if self._job is None else "training"
        with suppress(OSError):  # a full disk does not end who trains
            heartbeats.write(self.layout, TrainerBeat(state=state, scope=self.scope, error=self.last_error), self.clock)


def _done(call: Callable[[], object]) -> None:
    """For its effect alone."""
    call()


def main() -> int:
    """Entry point; returns the exit code."""
    return main_of("trainer", lambda layout, clock: Trainer(load(layout.home), layout, clock)).value


if __name__ == "__main__":
    begin("minhos.processes.trainer", main)
