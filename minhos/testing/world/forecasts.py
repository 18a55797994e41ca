"""Forecasts that are given: the same for a bar whenever it is asked for, with enough edge that trades happen.

Now and then an episode begins: some bars with a side and a probability well above break-even, which may grow (an add)
and may end in the other side (a flip).  Between them there is no edge.  No model, and none is needed to find what goes
wrong around one.
"""

from __future__ import annotations

import math
import random
from functools import lru_cache

import msgspec

from minhos.features.types import Observation
from minhos.market.clock import Clock
from minhos.market.types import BAR_INTERVAL_NS
from minhos.models.forecast import Forecast
from minhos.testing.builders import forecast
from minhos.testing.world.market_faults import ForecastFault

PERIOD_BARS = 18
"""One episode begins in so many bars."""
LONGEST_BARS = 6
BUNDLE_ID = "bundle-world"


class GivenForecasts:
    """The port `Forecasts`.  clock: stands still for as long as a late forecast takes; None: it is never late."""

    def __init__(self, seed: int, clock: Clock | None = None, bundle_id: str = BUNDLE_ID) -> None:
        self.seed, self.bundle_id, self._clock = seed, bundle_id, clock
        self.active: list[ForecastFault] = []

    def begin(self, fault: ForecastFault) -> None:
        """Let it hold until `end`."""
        self.active.append(fault)

    def end(self, fault: ForecastFault) -> None:
        """It is over."""
        self.active.remove(fault)

    def forecast(self, observation: Observation) -> Forecast:
        """What the models say at that bar's close, or do while a fault holds."""
        close_ns = observation.close_time_ns
        p_up = probability(self.seed, close_ns // BAR_INTERVAL_NS)
        given = forecast(p_up, symbol=observation.symbol, close_time_ns=close_ns)
        given = msgspec.structs.replace(given, bundle_id=self.bundle_id)
        for fault in self.active:
            given = self._spoilt(fault, given)
        return given

    def _spoilt(self, fault: ForecastFault, given: Forecast) -> Forecast:
        if fault.how == "raises":
            raise RuntimeError("the session of the world's models failed")
        if fault.how == "late" and self._clock is not None:
            self._clock.sleep(fault.late_ms / 1_000)
        if fault.how == "nan":
            nan = math.nan
            return msgspec.structs.replace(given, p_up=nan, p_low=nan, score=nan)
        if fault.how == "silent":
            return msgspec.structs.replace(given, p_up=0.5, p_low=0.5, side=0, agreement=0.0)
        if fault.how == "other_bar":
            return msgspec.structs.replace(given, close_time_ns=given.close_time_ns - BAR_INTERVAL_NS)
        return given


@lru_cache(maxsize=4096)
def probability(seed: int, number: int) -> float:
    """Of "up" at the close of the bar of that number, counted from 1970."""
    period, place = divmod(number, PERIOD_BARS)
    rng = random.Random(f"{seed} {period}")
    start, length, side = rng.randrange(PERIOD_BARS - 1), rng.randint(1, LONGEST_BARS), rng.choice((1, -1))
    strength, grows, flips = rng.uniform(0.16, 0.32), rng.random() < 0.4, rng.random() < 0.35
    into = place - start
    if not 0 <= into < length:
        return 0.5 + random.Random(f"{seed} {number}").uniform(-0.03, 0.03)
    if flips and into >= (length + 1) // 2:
        side = -side
    if grows:
        strength = min(0.45, strength + 0.04 * into)
    return 0.5 + side * strength
