"""The script of a risk scenario: a calm market, and what a hand does to it price by price.

The calm market is a generated one without drift (`feeds.simulated`), on the calendar's sessions, the same for every
run.  Every bar is a path of prices, at most one a second, so that stops fill where prices were.  Not for what the
engine makes of it: see `play`.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import msgspec
import numpy as np

from minhos.features.pipeline import compute
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar, date_of
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bar, Bars, Instrument, Price, Slice
from minhos.models.forecast import Forecast
from minhos.models.payoff import Payoff
from minhos.research.new_york import NEW_YORK
from minhos.training.payoff_fit import fit_payoff
from minhos.training.recipe import DEMO

FIRST_DATE = 20250926
SCENE_DATE = 20251008
"""Trade dates: of the first bar that warms the features, and of the first bar of the scene, a Wednesday."""
SEED = 3
START_POINTS = {
    "NQ": 20_000.0,
    "MNQ": 20_000.0,
    "ES": 6_000.0,
    "MES": 6_000.0,
    "RTY": 2_200.0,
    "M2K": 2_200.0,
    "YM": 42_000.0,
    "MYM": 42_000.0,
}
"""About where each index stood; a scenario moves it by shares of that."""
SURENESS = 0.9
"""p_low lies this share of the way from one half to p."""
SURE = 0.75
"""Calibrated p of a forecast that is bet on; `Scene` takes a higher one where the settings ask for more."""
STEP_TICKS, MOST_STEPS = 10, 60
"""Prices within a bar lie so near each other, unless that takes more than so many steps for one leg."""
BUNDLE = "scenario"
Point = tuple[float, int]
"""Seconds after the bar's open, and ticks."""


class Conditions(msgspec.Struct, frozen=True):
    """Of the venue and the feed during a bar.

    locked: nothing fills, whatever the price.  slippage_ticks: per side; None takes the instrument's.
    most_contracts: that one price fills; 0 for no bound.  spread_ticks: as the feed tells it, NaN where it does not.
    """

    locked: bool = False
    slippage_ticks: int | None = None
    most_contracts: int = 0
    spread_ticks: float = math.nan


class Beat(msgspec.Struct, frozen=True):
    """One bar of the script: the prices as they come, the slice that ends it, and the forecast made at its close."""

    prices: tuple[Price, ...]
    closed: Slice
    forecast: Forecast
    conditions: Conditions


@dataclass(slots=True)
class Draft:
    """A bar while it is being written.  points: its path, the first at 0 seconds; none for a bar that never comes."""

    close_time_ns: int
    points: list[Point]
    volume: int
    p_up: float = 0.5
    conditions: Conditions = field(default_factory=Conditions)


def simulated_symbol(instrument: Instrument) -> str:
    """The contract of a generated market."""
    return f"{instrument.root}-SIM"


@lru_cache(maxsize=16)
def calm_market(instrument: Instrument, sessions: int) -> tuple[Bars, Payoff, int]:
    """Bars before and during the scene, the payoff fitted on those before it, and their number."""
    calendar = SessionCalendar.load()
    first, scene = calendar.session_on(FIRST_DATE), calendar.session_on(SCENE_DATE)
    assert first is not None
    assert scene is not None
    before = _bars_until(calendar, scene.open_ns, first.open_ns)
    dates, n_bars = SCENE_DATE, before
    for _ in range(sessions):
        session = calendar.session_on(dates)
        assert session is not None
        n_bars += len(calendar.expected_closes(session))
        dates = calendar.next_trade_date(dates)
    model = MarketModel(kind="null", ceiling=0.5, seed=SEED, start_points=START_POINTS[instrument.root])
    bars = simulate(model, instrument, calendar, first.open_ns, n_bars).bars
    return bars, _payoff(bars.rows(slice(0, before)), calendar), before


def _bars_until(calendar: SessionCalendar, end_ns: int, start_ns: int) -> int:
    return sum(len(calendar.expected_closes(session)) for session in calendar.sessions(start_ns, end_ns))


def _payoff(bars: Bars, calendar: SessionCalendar) -> Payoff:
    """The sizes of the calm market's own moves."""
    table = compute(bars, calendar)
    moves = np.diff(bars.open_ticks)[1:]
    warm = np.flatnonzero(table.valid[: len(moves)])
    return fit_payoff(np.where(warm % 2, 1.0, -1.0), moves[warm], table.atr_ticks[warm])


class Scene:
    """The scene's bars, to be changed by hand before they are played.  All prices are ticks, all times New York.

    sure: calibrated p of the forecasts that are to be bet on.  most_steps: prices on each leg of a bar's path.
    """

    def __init__(
        self, instrument: Instrument, sessions: int = 1, *, most_steps: int = MOST_STEPS, sure: float = SURE
    ) -> None:
        bars, self.payoff, before = calm_market(instrument, sessions)
        self.symbol, self.sure = bars.symbol, sure
        self.history = bars.rows(slice(0, before))
        self._most_steps = most_steps
        self.drafts = [Draft(bar.close_time_ns, _points(bar), bar.volume) for bar in bars.rows(slice(before, None))]
        dates = SessionCalendar.load().trade_dates_of_bars(bars.close_time_ns[before:])
        self.trade_dates: list[int] = list(dict.fromkeys(dates.tolist()))

    def at(self, time: str, day: int = 0) -> int:
        """The bar that opens at that New York time of the scene's day: "18:00" or later lies on its eve."""
        hour, minute = (int(part) for part in time.split(":"))
        date = date_of(self.trade_dates[day]) - dt.timedelta(days=hour >= 18)
        moment = dt.datetime.combine(date, dt.time(hour, minute), NEW_YORK)
        close = int(moment.timestamp()) * NANOS_PER_SECOND + BAR_INTERVAL_NS
        return next(i for i, draft in enumerate(self.drafts) if draft.close_time_ns >= close)

    def opens_ns(self, time: str, day: int = 0) -> int:
        """When the bar of that New York time opens."""
        return self.drafts[self.at(time, day)].close_time_ns - BAR_INTERVAL_NS

    def price(self, i: int) -> int:
        """The last price before bar i."""
        return self.drafts[i - 1].points[-1][1] if i else int(self.history.close_ticks[-1])

    def mean_range(self, i: int) -> int:
        """Mean range of the hour before bar i."""
        spans = [[price for _, price in draft.points] for draft in self.drafts[i - 12 : i]]
        return round(sum(max(prices) - min(prices) for prices in spans) / len(spans))

    def bet(self, first: int, last: int, p_up: float = 0.0) -> None:
        """What is forecast at the closes of bars first to last - 1: at least the scene's sure p of a rise."""
        for draft in self.drafts[first:last]:
            draft.p_up = max(p_up, self.sure)

    def path(self, i: int, *points: Point) -> None:
        """Bar i goes through these points; later bars keep their distances from its last price."""
        moved = points[-1][1] - self.drafts[i].points[-1][1]
        self.drafts[i].points = list(points)
        self.shift(i + 1, moved)

    def shift(self, first: int, ticks: int) -> None:
        """Every price from bar `first` on moves by that."""
        for draft in self.drafts[first:]:
            draft.points = [(second, price + ticks) for second, price in draft.points]

    def widen(self, first: int, factor: float) -> None:
        """Moves from bar `first` on are that many times as large."""
        base = self.price(first)
        for draft in self.drafts[first:]:
            draft.points = [(second, base + round(factor * (price - base))) for second, price in draft.points]

    def under(self, first: int, last: int, conditions: Conditions, *, volume: float = 1.0) -> None:
        """Bars first to last - 1 under these conditions, with that share of their volume."""
        for draft in self.drafts[first:last]:
            draft.conditions = conditions
            draft.volume = max(1, round(volume * draft.volume))

    def silence(self, first: int, last: int) -> None:
        """Bars first to last - 1 never come."""
        for draft in self.drafts[first:last]:
            draft.points = []

    def beats(self) -> Iterator[Beat]:
        """The script."""
        for draft in self.drafts:
            yield Beat(
                self._prices(draft),
                self._closed(draft),
                forecast_of(self.symbol, draft.close_time_ns, draft.p_up),
                draft.conditions,
            )

    def _closed(self, draft: Draft) -> Slice:
        if not draft.points:
            return Slice(draft.close_time_ns, (), missing=(self.symbol,))
        prices = [price for _, price in draft.points]
        bar = Bar(self.symbol, draft.close_time_ns, prices[0], max(prices), min(prices), prices[-1], draft.volume)
        return Slice(draft.close_time_ns, (bar,))

    def _prices(self, draft: Draft) -> tuple[Price, ...]:
        open_ns = draft.close_time_ns - BAR_INTERVAL_NS
        return tuple(
            Price(self.symbol, open_ns + round(second * NANOS_PER_SECOND), price)
            for second, price in walk(draft.points, self._most_steps)
        )


def _points(bar: Bar) -> list[Point]:
    """Open, the two extremes (the one against the close first), close."""
    extremes = (bar.low_ticks, bar.high_ticks) if bar.close_ticks >= bar.open_ticks else (bar.high_ticks, bar.low_ticks)
    return [(0.0, bar.open_ticks), (75.0, extremes[0]), (200.0, extremes[1]), (295.0, bar.close_ticks)]


def walk(points: Sequence[Point], most_steps: int = MOST_STEPS) -> list[Point]:
    """The path with further prices on the way, at most one a second."""
    path = list(points[:1])
    for (second, price), (next_second, next_price) in pairwise(points):
        seconds, ticks = next_second - second, next_price - price
        steps = max(1, min(most_steps, math.ceil(abs(ticks) / STEP_TICKS), int(seconds)))
        path += [(second + seconds * k / steps, price + round(ticks * k / steps)) for k in range(1, steps + 1)]
    return path


def forecast_of(symbol: str, close_time_ns: int, p_up: float) -> Forecast:
    """What five members say who agree."""
    side = (p_up > 0.5) - (p_up < 0.5)
    p_low = 0.5 + SURENESS * (max(p_up, 1.0 - p_up) - 0.5)
    return Forecast(symbol, close_time_ns, dict.fromkeys(DEMO.members, p_up), p_up, p_up, p_low, side, 1.0, BUNDLE)
