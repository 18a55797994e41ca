"""The process that retrains, and compares each paper day after its close: `python -m minhos.processes.trainer`.

It trains when the scope has no bundle, when the last one is older than the schedule says, or when asked; the
trader serves the old bundle meanwhile.  Training itself runs in a child of low priority.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from minhos.assembly import heartbeats
from minhos.assembly.feeds import make_feed
from minhos.assembly.files import write_json
from minhos.assembly.heartbeats import TraderBeat, TrainerBeat, take_training_request
from minhos.assembly.layout import Layout
from minhos.assembly.logs import configure
from minhos.assembly.naming import registry_of, scope_of
from minhos.assembly.trading import active_bundle
from minhos.assembly.venues import matching_of
from minhos.errors import LeakSuspected, MinhosError
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock, SystemClock
from minhos.market.types import NANOS_PER_SECOND, Bars
from minhos.processes.after_close import AfterClose
from minhos.settings import Settings, home, load
from minhos.studies.history import history_of
from minhos.studies.training_runs import report_progress, run_training

POLL_S = 1.0
BEAT_S = 5.0
RETRY_S = 600.0
DAY_S = 86_400

log = structlog.get_logger("trainer")


class Trainer:
    """Decides when to train and what becomes of the result."""

    def __init__(self, settings: Settings, layout: Layout) -> None:
        self.settings = settings
        self.layout = layout.make()
        self.scope = scope_of(settings)
        self.registry = registry_of(settings, layout)
        self.clock = SystemClock()
        self.after_close = AfterClose(layout, matching_of(settings))
        self.stopping = False
        self.wait_until = 0.0
        self.last_error = ""

    def run(self) -> None:
        while not self.stopping:
            self._heartbeat("waiting")
            self.after_close.tend()
            why = self.due()
            if why:
                with self._beating("training"):
                    self.train(why)
            time.sleep(POLL_S)

    def due(self) -> str:
        """Why a training is due now; empty where none is."""
        if take_training_request(self.layout):
            return "it was asked for"
        if self.clock.monotonic_ns() / 1e9 < self.wait_until:
            return ""
        info = active_bundle(self.registry, self.scope)
        if info is None:
            return "there is no model yet"
        age_s = (self.clock.now_ns() - info.created_ns) / NANOS_PER_SECOND
        days = self.settings.training.retrain_every_days
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
            write_json(self.layout.training / f"report-{self.scope.replace('/', '-')}.json", result)
            tell(1.0, result.reason)
            self.last_error = ""
        except MinhosError as error:
            self.last_error = str(error)
            self.wait_until = self.clock.monotonic_ns() / 1e9 + RETRY_S
            tell(-1.0, f"Training failed: {error} It is tried again in {RETRY_S / 60:.0f} minutes.")
            log.error("training failed", reason=str(error))

    def history(self) -> Bars:
        """All bars that are closed by now; a simulated market's up to where its trader is."""
        if not self.settings.simulated:
            return history_of(None, self.settings, days=self.settings.training.days).bars
        feed = make_feed(self.settings, SessionCalendar.load(), SimulatedClock())
        beat = heartbeats.read(self.layout, TraderBeat)
        if beat is not None:
            feed.resume_after(beat.market_time_ns)
        return feed.history()

    @contextmanager
    def _beating(self, state: str) -> Iterator[None]:
        """Heartbeats as long as the work takes: a fit of many minutes reports nothing, and is not dead."""
        self._heartbeat(state)
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT_S):
                try:
                    self._heartbeat(state)
                except (OSError, MinhosError) as error:
                    log.warning("no heartbeat", reason=str(error))

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _heartbeat(self, state: str) -> None:
        heartbeats.write(self.layout, TrainerBeat(state=state, scope=self.scope, error=self.last_error), self.clock)


def main() -> int:
    """Entry point; returns the exit code."""
    configure("trainer", home())
    try:
        layout = Layout(home())
        trainer = Trainer(load(layout.home), layout)
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, _stop)
        trainer.run()
    except MinhosError as error:
        log.error("stopped", reason=str(error))
        print(f"MinhOS trainer: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(main())
