"""Simulated markets with the exact forecaster in the models' place: out-of-sample signals without training.

For tests and benches of research: what these signals are worth is known, so what is measured of them can be checked.
"""

from __future__ import annotations

import math

import numpy as np

from minhos.features.pipeline import compute
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.market.instruments import instrument
from minhos.market.types import Instrument
from minhos.models.forecast import Forecast
from minhos.research.out_of_sample import OutOfSample, signals_of
from minhos.testing.builders import ns
from minhos.trading.events import ModelActivated
from minhos.training.payoff_fit import fit_payoff
from minhos.training.recipe import DEMO

BARS_PER_SESSION = 276
START_NS = ns("2024-01-02T00:00:00")
WARM_BARS = 1200
"""Of the head of a market, not forecast: features warm up (360 bars), then the payoff is fitted there."""
SURENESS = 0.8
"""p_low lies this share of the way, in logits, from one half to p: a slope whose lower bound is 0.8."""


def oracle_study(
    kind: str = "ou", ceiling: float = 0.58, sessions: int = 10, seed: int = 1, *, traded: Instrument | None = None
) -> OutOfSample:
    """`sessions` sessions of a simulated market, each bar forecast by the oracle of that market.

    kind: "ou", "regime", "null".  traded: NQ where None.  Five members that all say the same.
    """
    calendar = SessionCalendar.load()
    n_bars = WARM_BARS + sessions * BARS_PER_SESSION
    model = MarketModel(kind=kind, ceiling=ceiling, seed=seed)
    market = simulate(model, traded or instrument("NQ"), calendar, START_NS, n_bars)
    bars, table = market.bars, compute(market.bars, calendar)
    moves = np.diff(bars.open_ticks[:WARM_BARS])[1:].astype(float)
    warm = np.flatnonzero(table.valid[: len(moves)])
    payoff = fit_payoff(np.where(warm % 2, 1.0, -1.0), moves[warm], table.atr_ticks[warm])
    unseen = bars.rows(np.arange(len(bars)) >= WARM_BARS)
    symbol = unseen.contracts[int(unseen.contract[0])]
    forecasts = {
        close: _forecast(symbol, close, p)
        for close, p in zip(unseen.close_time_ns.tolist(), market.p_up[WARM_BARS:].tolist(), strict=True)
    }
    start_ns = int(unseen.close_time_ns[0]) - unseen.interval_ns
    activations = (ModelActivated(start_ns, "oracle", "oracle", payoff, "edge", SURENESS, True),)
    signals = signals_of(unseen, table, forecasts, activations, calendar)
    return OutOfSample(unseen, table, forecasts, activations, signals, "oracle", "the oracle of a simulated market")


def _forecast(symbol: str, close_time_ns: int, p_up: float) -> Forecast:
    p_up = min(max(p_up, 1e-6), 1.0 - 1e-6)
    side = (p_up > 0.5) - (p_up < 0.5)
    p_side = max(p_up, 1.0 - p_up)
    p_low = 1.0 / (1.0 + math.exp(-SURENESS * math.log(p_side / (1.0 - p_side))))
    members = dict.fromkeys(DEMO.members, p_up)
    return Forecast(symbol, close_time_ns, members, p_up, p_up, p_low, side, 1.0, "oracle")
