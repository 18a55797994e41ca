"""How much of a known edge the real recipe captures: trained on simulated markets, scored against the exact forecaster.

Share of edge: (mean P_true of the forecast's side - 1/2) / (mean max(P_true, 1 - P_true) - 1/2), on the newest 20 %.
Scoring with the oracle instead of realised labels removes the labels' noise.  Everything here is SIMULATED.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from minhos.feeds.oracle import edge_share
from minhos.feeds.simulated import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.market.instruments import instrument
from minhos.testing import ns
from minhos.training.ensemble import fit_ensemble
from minhos.training.forecasts import combine_columns
from minhos.training.recipe import recipe_for
from minhos.training.train import prepare

BARS_PER_SESSION = 276
START_NS = ns("2022-01-03T00:00:00")


class Market(msgspec.Struct, frozen=True):
    """A market to train on and what is to be reached: targets by model of the share and of the accuracy."""

    kind: str
    ceiling: float
    sessions: int
    seeds: tuple[int, ...] = (1,)
    share: Mapping[str, float] = {}
    accuracy: Mapping[str, float] = {}

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.ceiling:.2f}"


TWO_YEARS = 516
MARKETS = (
    Market("ou", 0.62, TWO_YEARS, share={"ensemble": 0.98}, accuracy={"lstm": 0.60, "ensemble": 0.61}),
    Market("regime", 0.54, TWO_YEARS, (1, 2, 3), share={"ensemble": 0.85}),
    Market("regime", 0.58, TWO_YEARS, (1, 2, 3), share={"ensemble": 0.92}),
)
QUICK = (Market("ou", 0.58, 90, accuracy={"lstm": 0.55}), Market("regime", 0.58, 90))
"""The demo's recipe on 90 sessions."""


def run(quick: bool = False, markets: Iterable[Market] | None = None,
        seeds: Sequence[int] | None = None) -> list[dict[str, Any]]:  # fmt: skip
    """Figures `share/MARKET/CEILING/MODEL` and `accuracy/MARKET/CEILING/MODEL`, means over the seeds."""
    calendar = SessionCalendar.load()
    figures = []
    for market in markets or (QUICK if quick else MARKETS):
        found = [measure(market, seed, calendar) for seed in seeds or market.seeds]
        for what, targets in (("share", market.share), ("accuracy", market.accuracy)):
            for model in found[0][what]:
                value = float(np.mean([of_seed[what].get(model, np.nan) for of_seed in found]))
                figures.append(_figure(f"{what}/{market.name}/{model}", value, targets.get(model)))
    return figures


def measure(market: Market, seed: int, calendar: SessionCalendar) -> dict[str, dict[str, float]]:
    """Share of edge and realised accuracy on the holdout by member, of the vote ("ensemble") and of the "oracle"."""
    model = MarketModel(kind=market.kind, ceiling=market.ceiling, seed=seed)
    n_bars = market.sessions * BARS_PER_SESSION
    simulated = simulate(model, instrument("NQ"), calendar, START_NS, n_bars)
    recipe = recipe_for(n_bars)
    data, fit_rows, holdout_rows = prepare(simulated.bars, calendar, recipe)
    ensemble = fit_ensemble(data, fit_rows, holdout_rows, recipe, seed)
    p_true = simulated.p_up[data.bar[holdout_rows]]
    decided, up = data.decided[holdout_rows], data.up[holdout_rows] > 0.5
    forecasts = {
        **ensemble.holdout,
        "ensemble": combine_columns(ensemble.holdout, ensemble.weights),
        "oracle": p_true,
    }
    return {
        "share": {name: edge_share(p_true, p) for name, p in forecasts.items()},
        "accuracy": {name: float(((p > 0.5) == up)[decided].mean()) for name, p in forecasts.items()},
    }


def _figure(name: str, value: float, target: float | None) -> dict[str, Any]:
    met = None if target is None else value >= target
    return {"name": name, "value": round(value, 4), "unit": "share", "target": target, "met": met}
