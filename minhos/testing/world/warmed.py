"""Features whose warm-up is computed once a process: most starts in worlds take in the same bars first.

    state = make_state(calendar)      # in the place of `assembly.trading.make_state`

What comes out is what a pipeline of one's own gives: while bars are those of an earlier start, its observations are
given again; at the first other bar, or behind the last one that is remembered, a copy of that pipeline goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from minhos.assembly.trading import Report
from minhos.features.pipeline import FeaturePipeline
from minhos.features.types import Observation
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock
from minhos.market.types import Bar, Instrument
from minhos.trading.state import TradingState

REMEMBERED = 800
"""Bars of a warm-up: fewer than any base has before its start."""
TRAILS = 4
"""Warm-ups that are kept: those of the bases with a market alike for all seeds, and that of the newest demo."""


class Trail:
    """The first bars that a pipeline took in, and what it made of them."""

    def __init__(self, instrument: Instrument, calendar: SessionCalendar) -> None:
        self.bars: list[Bar] = []
        self.seen: list[Observation | None] = []
        self.pipeline = FeaturePipeline(instrument, calendar)
        """As it is after these bars."""

    @property
    def is_whole(self) -> bool:
        return len(self.bars) == REMEMBERED

    def take(self, bar: Bar) -> Observation | None:
        """One bar more."""
        observation = self.pipeline.update(bar)
        if observation is not None:  # its window is a view of what the pipeline writes on
            observation = msgspec.structs.replace(observation, window=observation.window.copy())
        self.bars.append(bar)
        self.seen.append(observation)
        return observation


_trails: dict[tuple[Instrument, Bar], Trail] = {}


class WarmedFeatures:
    """One pipeline."""

    def __init__(self, instrument: Instrument, calendar: SessionCalendar) -> None:
        self._instrument, self._calendar = instrument, calendar
        self._trail: Trail | None = None
        self._taken = 0
        self._own: FeaturePipeline | None = None

    def update(self, bar: Bar) -> Observation | None:
        """See `FeaturePipeline.update`."""
        if self._own is not None:
            return self._own.update(bar)
        trail = self._trail = self._trail or self._trail_from(bar)
        if self._taken < len(trail.bars) and trail.bars[self._taken] == bar:
            self._taken += 1
            return trail.seen[self._taken - 1]
        if self._taken == len(trail.bars) and not trail.is_whole:
            self._taken += 1
            return trail.take(bar)
        self._own = self._as_after(trail)
        return self._own.update(bar)

    def _trail_from(self, first: Bar) -> Trail:
        key = (self._instrument, first)
        trail = _trails.pop(key, None) or Trail(self._instrument, self._calendar)
        _trails[key] = trail  # the newest last
        while len(_trails) > TRAILS:
            del _trails[next(iter(_trails))]
        return trail

    def _as_after(self, trail: Trail) -> FeaturePipeline:
        """A pipeline of its own that has taken in what this one has."""
        if self._taken == len(trail.bars):
            return trail.pipeline.copy()
        made = FeaturePipeline(self._instrument, self._calendar)
        for bar in trail.bars[: self._taken]:
            made.update(bar)
        return made


def make_state(calendar: SessionCalendar, clock: Clock | None = None, report: Report | None = None) -> TradingState:
    """An empty one; worlds have no features of a user's, so that there is nothing to measure or to report."""
    return TradingState(calendar, partial(_features, calendar))


def _features(calendar: SessionCalendar, instrument: Instrument) -> Callable[[Bar], Observation | None]:
    return WarmedFeatures(instrument, calendar).update
