"""The trader driven by hand as in `live_folder`, its orders going to a broker that answers in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable

from live_folder import Desk

from minhos.trading import events as ev


class SierraDesk(Desk):
    """A desk whose orders go to a broker in a thread of its own: words need a moment of real time."""

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
