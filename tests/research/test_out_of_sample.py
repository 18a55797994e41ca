"""Signals of a market whose odds are known: they say what became of each forecast, and what it earned."""

from __future__ import annotations

import numpy as np
import pytest

from minhos.errors import NotEnoughData
from minhos.market.calendar import SessionCalendar
from minhos.research.out_of_sample import signals_of
from minhos.testing.markets import oracle_study


def test_the_oracle_of_a_58_percent_market_is_right_58_times_in_100() -> None:
    signals = oracle_study("ou", 0.58, sessions=30).signals
    hit = (signals.side * signals.move_ticks > 0)[signals.decided]
    assert len(signals) > 7_000
    assert hit.mean() == pytest.approx(0.58, abs=3 * np.sqrt(0.58 * 0.42 / len(hit)))
    assert hit.mean() == pytest.approx(signals.p_side.mean(), abs=3 * np.sqrt(0.25 / len(hit)))


def test_a_bet_earns_its_move_less_cost_in_units_of_stop_and_cost() -> None:
    study = oracle_study(sessions=3)
    signals, bars = study.signals, study.bars
    i = int(np.flatnonzero(signals.side * signals.move_ticks > 0)[0])
    row = int(np.searchsorted(bars.close_time_ns, signals.close_time_ns[i]))
    move = signals.side[i] * (bars.open_ticks[row + 2] - bars.open_ticks[row + 1])
    r = signals.stop_ticks[i] + signals.cost_ticks
    assert signals.net_r[i] == pytest.approx((move - signals.cost_ticks) / r)


def test_a_touched_stop_loses_one_r_whatever_came_after() -> None:
    signals = oracle_study("ou", 0.58, sessions=60).signals
    assert signals.net_r.min() == pytest.approx(-1.0)


def test_without_a_forecast_there_is_nothing_to_measure() -> None:
    study = oracle_study(sessions=2)
    with pytest.raises(NotEnoughData, match="forecast and two bars after it"):
        signals_of(study.bars, study.table, {}, study.activations, SessionCalendar.load())
