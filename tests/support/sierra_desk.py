"""The trader driven by hand as in `live_folder`, its orders going to a broker that answers in its own time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from live_folder import Desk, HandClock
from structlog.testing import capture_logs
from typer.testing import CliRunner

from minhos import cli
from minhos.market.types import NANOS_PER_SECOND
from minhos.trading import events as ev

TURN_NS = NANOS_PER_SECOND // 200


class RealTimeClock(HandClock):
    """A test moves the time of day; patience is real, as the broker's is."""

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


class SierraDesk(Desk):
    """A desk whose orders go to a broker in a thread of its own: words need a moment of real time."""

    clock_kind = RealTimeClock

    def wait(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 30
        while not done():
            assert time.monotonic() < end, f"never came: {what}; {self.trader.engine.state.venue_trouble()}"
            self.clock.time_ns += 1000
            self.trader._hear_the_venue()
            time.sleep(0.002)

    def stop(self) -> None:
        self.trader.engine.venue.close()
        super().stop()

    def ready(self) -> None:
        self.wait(lambda: not self.trader.engine.state.venue_trouble(), "an account that is compared")

    @property
    def alarms(self) -> list[str]:
        return [event.text for event in self.of(ev.Alarm)]


class Done(NamedTuple):
    code: int
    out: str
    said: str
    """The sentence of a refusal."""


def minh(desk: SierraDesk | None, *words: str) -> Done:
    """The command in a thread, as another process would run it, while the trader goes on."""
    answer: list[Done] = []

    def call() -> None:
        done = CliRunner().invoke(cli.app, list(words))
        said = "" if isinstance(done.exception, SystemExit) else str(done.exception or "")
        answer.append(Done(done.exit_code, done.stdout, said))

    thread = threading.Thread(target=call)
    thread.start()
    with capture_logs():
        while thread.is_alive():
            if desk is not None:
                desk.clock.time_ns += TURN_NS
                desk.trader.step()
            time.sleep(TURN_NS / NANOS_PER_SECOND)
    return answer[0]
