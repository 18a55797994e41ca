"""Forecasts that were made before the bars they speak of, beside what became of each bar: what all research measures.

Two sources give them: the holdout of one training, and a walk-forward that retrains as live trading does.  Everything
after that (accuracy, sizing, risk, the report) reads these values and cannot tell the two apart.  Not for making
forecasts: that is `training`, `models` and `walk_forward`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.errors import NotEnoughData
from minhos.features.pipeline import FeatureTable
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars, Instrument
from minhos.models.forecast import Forecast
from minhos.stats import side_of
from minhos.trading.events import ModelActivated
from minhos.training.labels import next_bar_labels
from minhos.training.results.evaluate import break_even, stop_ticks

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Signals(msgspec.Struct, frozen=True, eq=False):
    """Every bar with a forecast whose bet could be held, in order of time; columns of shape (n,).

    close_time_ns: when the decision falls.  trade_date: yyyymmdd.  score: combined, raw; p_up: calibrated; p_low: lower
    bound of the side's p, at least one half; agreement: 0 to 1.  decided: the bar's move was no tie.  move_ticks:
    open[t+2] - open[t+1].  atr_ticks, volatility_ratio: at the decision.  stop_ticks: distance of the stop.
    break_even: p of the side at which the bet's mean is zero.  model: row in `OutOfSample.activations`.
    net_r: what one contract on the forecast's side made in R = stop + cost, a full round trip paid and the stop taken
    where the bar's range touched it: the shadow book's rule.
    """

    instrument: Instrument
    cost_ticks: float
    simulated: bool
    close_time_ns: Ints
    trade_date: Ints
    score: Floats
    p_up: Floats
    p_low: Floats
    agreement: Floats
    decided: Mask
    move_ticks: Floats
    atr_ticks: Floats
    volatility_ratio: Floats
    stop_ticks: Floats
    break_even: Floats
    model: Ints
    net_r: Floats

    def __len__(self) -> int:
        return len(self.close_time_ns)

    @property
    def side(self) -> Floats:
        """+1 up, -1 down, 0 where p_up is exactly one half."""
        return side_of(self.p_up)

    @property
    def p_side(self) -> Floats:
        """Calibrated probability of the forecast's side; never below one half."""
        return np.maximum(self.p_up, 1.0 - self.p_up)

    @property
    def up(self) -> Floats:
        """1.0 where the move was up, else 0.0."""
        return (self.move_ticks > 0).astype(float)

    @property
    def bets(self) -> Mask:
        """Where p beats break-even: the shadow book's bets."""
        return np.asarray((self.p_side > self.break_even) & (self.side != 0))

    def take(self, which: Mask | Ints) -> Signals:
        """Those rows alone."""
        columns = (name for name in self.__struct_fields__ if isinstance(getattr(self, name), np.ndarray))
        return msgspec.structs.replace(self, **{name: getattr(self, name)[which] for name in columns})


class WalkForwardNotes(msgspec.Struct, frozen=True):
    """How a walk-forward came about.

    weeks: trainings, each with one fit a member.  fits: those that succeeded.  bars: with a forecast.
    uncalibrated_bars: those of weeks without enough earlier forecasts to calibrate on; their p is one half and nothing
    is bet on them.  calibration_bars: earlier forecasts behind the newest calibration.
    cpu_s: spent on the fits, by member, when they were made.  missing: members that did not forecast every bar, and
    why.  cached: the fits were read from the disk.
    """

    weeks: int
    fits: int
    bars: int
    uncalibrated_bars: int
    calibration_bars: int
    cpu_s: dict[str, float]
    missing: dict[str, str]
    cached: bool


class OutOfSample(msgspec.Struct, frozen=True, eq=False):
    """All that a backtest or a lab needs.

    bars: out of sample only.  table: features of the whole history.  forecasts: by close.  activations: which payoff
    and recipe stood behind the forecasts from which time on, ascending; the first at or before the first bar.
    schedule: in words ("one training, its newest 20 %", "walk-forward, retrained every week").  notes: of a
    walk-forward.
    """

    bars: Bars
    table: FeatureTable
    forecasts: dict[int, Forecast]
    activations: tuple[ModelActivated, ...]
    signals: Signals
    recipe_id: str
    schedule: str
    notes: WalkForwardNotes | None = None


def signals_of(
    bars: Bars,
    table: FeatureTable,
    forecasts: dict[int, Forecast],
    activations: Sequence[ModelActivated],
    calendar: SessionCalendar,
    cost_ticks: float | None = None,
) -> Signals:
    """The forecasts of those bars with their outcomes.

    cost_ticks: of a round trip; the instrument's own where None.  Raises NotEnoughData where there is no outcome.
    """
    cost = bars.instrument.round_trip_cost_ticks() if cost_ticks is None else cost_ticks
    trade_date = calendar.trade_dates_of_bars(bars.close_time_ns)
    labels = next_bar_labels(bars, trade_date)
    has_forecast = np.array([close in forecasts for close in bars.close_time_ns.tolist()], dtype=bool)
    rows = np.flatnonzero(labels.exists & has_forecast)
    if len(rows) == 0:
        raise NotEnoughData(
            f"None of the {len(bars)} bars out of sample has a forecast and two bars after it; use a longer history."
        )
    closes = bars.close_time_ns[rows]
    made = [forecasts[close] for close in closes.tolist()]
    at = np.searchsorted(table.close_time_ns, closes)
    atr = np.asarray(table.atr_ticks, dtype=float)[at]
    p_up = np.array([forecast.p_up for forecast in made])
    side = side_of(p_up)
    started = np.array([activation.time_ns for activation in activations], dtype=np.int64)
    model = np.maximum(np.searchsorted(started, closes, side="right") - 1, 0)
    stop, threshold = np.empty(len(rows)), np.empty(len(rows))
    for i in np.unique(model).tolist():
        of_model, payoff = model == i, activations[i].payoff
        stop[of_model] = stop_ticks(atr[of_model], payoff.stop_atr)
        threshold[of_model] = break_even(payoff, atr[of_model], cost, bars.instrument.stop_slippage_ticks)
    return Signals(
        bars.instrument,
        cost,
        bars.simulated,
        closes,
        trade_date[rows],
        score=np.array([forecast.score for forecast in made]),
        p_up=p_up,
        p_low=np.array([forecast.p_low for forecast in made]),
        agreement=np.array([forecast.agreement for forecast in made]),
        decided=labels.decided[rows],
        move_ticks=labels.move_ticks[rows].astype(float),
        atr_ticks=atr,
        volatility_ratio=np.asarray(table.volatility_ratio, dtype=float)[at],
        stop_ticks=stop,
        break_even=threshold,
        model=model,
        net_r=_net_r(bars, rows, side, labels.move_ticks[rows].astype(float), stop, cost),
    )


def _net_r(bars: Bars, rows: Ints, side: Floats, move: Floats, stop: Floats, cost: float) -> Floats:
    """One-bar bets in R: in at the open of the next bar, out at the open after it, or at the stop if touched before."""
    entry = bars.open_ticks[rows + 1]
    worst = np.where(side > 0, bars.low_ticks[rows + 1] - entry, entry - bars.high_ticks[rows + 1])
    earned = np.where(worst <= -stop, -stop - bars.instrument.stop_slippage_ticks, side * move)
    return np.asarray((earned - cost) / (stop + cost))
