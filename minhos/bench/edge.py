"""How much of a known edge the real recipe captures: trained on simulated markets, scored against the exact forecaster.

Share of edge: (mean P_true of the forecast's side - 1/2) / (mean max(P_true, 1 - P_true) - 1/2), on the newest 20 %.
Scoring with the oracle instead of realised labels removes the labels' noise.  Everything here is SIMULATED.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from minhos.bench.figures import Figure, at_least, at_most
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.feeds.simulated.oracle import edge_share
from minhos.market.calendar import SessionCalendar
from minhos.market.instruments import instrument
from minhos.models.forecast import LSTM
from minhos.sizing.recommend import recommend
from minhos.sizing.types import SizingParameters
from minhos.stats import judge, side_of
from minhos.testing.builders import account, forecast, market_state, ns
from minhos.training.dataset import Mask
from minhos.training.ensemble import fit_ensemble
from minhos.training.forecasts import calibrated, combine_columns
from minhos.training.member import Floats
from minhos.training.recipe import recipe_for
from minhos.training.train import prepare

BARS_PER_SESSION = 276
START_NS = ns("2022-01-03T00:00:00")


class Market(msgspec.Struct, frozen=True):
    """A market to train on and what is to be reached: targets by model of the share and of the accuracy.

    label: in the figures' names, where the kind alone would not tell two markets apart.
    """

    kind: str
    ceiling: float
    sessions: int
    seeds: tuple[int, ...] = (1,)
    share: Mapping[str, float] = {}
    accuracy: Mapping[str, float] = {}
    sure: Mapping[str, float] = {}
    """Of the accuracy where calibrated p is at least 0.60."""
    covered: bool = False
    """Whether as many bars must be called that sure as the oracle calls, within a fifth."""
    label: str = ""

    @property
    def name(self) -> str:
        return f"{self.label or self.kind}/{self.ceiling:.2f}"


TWO_YEARS = 516
MARKETS = (
    Market("ou", 0.62, TWO_YEARS, share={"ensemble": 0.98}, accuracy={LSTM: 0.60, "ensemble": 0.61}),
    Market("ou", 0.58, TWO_YEARS, sure={"ensemble": 0.60}, covered=True, label="ou_2_years"),
    Market("regime", 0.54, TWO_YEARS, (1, 2, 3), share={"ensemble": 0.85}),
    Market("regime", 0.58, TWO_YEARS, (1, 2, 3), share={"ensemble": 0.92}),
)
DEMO = Market("ou", 0.58, 90, accuracy={LSTM: 0.55}, sure={"ensemble": 0.60})
"""The demo's recipe on 90 sessions."""
QUICK = (DEMO, Market("regime", 0.58, 90))
NULL_SEEDS, NULL_SESSIONS, NULL_SHARE, QUICK_SEEDS = 20, 60, 0.005, 2
SURE = 0.60
COVERED = 0.20


def run(
    quick: bool = False, markets: Iterable[Market] | None = None, seeds: Sequence[int] | None = None
) -> list[Figure]:
    """Figures `share/MARKET/CEILING/MODEL` and `accuracy/MARKET/CEILING/MODEL`, means over the seeds.

    Beside them `accuracy_at_0.60`, where calibrated p is at least that, `coverage_at_0.60`, the share of bars on which
    it is, `coverage_of_oracle`, that share over the exact forecaster's, and `sized/null`: the share of bars that get a
    size above zero on markets without an edge, both thresholds at one half.
    """
    calendar = SessionCalendar.load()
    figures = []
    for market in markets or (QUICK if quick else (*MARKETS, DEMO)):
        found = [measure(market, seed, calendar) for seed in seeds or market.seeds]
        for what, targets in (
            ("share", market.share),
            ("accuracy", market.accuracy),
            ("accuracy_at_0.60", market.sure),
            ("coverage_at_0.60", {}),
        ):
            for model in found[0][what]:
                value = float(np.mean([of_seed[what].get(model, np.nan) for of_seed in found]))
                figures.append(at_least(f"{what}/{market.name}/{model}", value, "share", targets.get(model)))
        figures.append(_covered(market, found))
    if markets is None:
        n_seeds = QUICK_SEEDS if quick else NULL_SEEDS
        sized = float(np.mean([sized_share(seed, calendar) for seed in range(1, n_seeds + 1)]))
        figures.append(at_most("sized/null", sized, f"of the bars of {n_seeds} seeds", NULL_SHARE, None))
    return figures


def sized_share(seed: int, calendar: SessionCalendar) -> float:
    """Share of unseen bars of a market without an edge that get a size above zero, thresholds at one half, flat."""
    nq = instrument("NQ")
    bars = simulate(
        MarketModel(kind="null", ceiling=0.5, seed=seed), nq, calendar, START_NS, NULL_SESSIONS * BARS_PER_SESSION
    ).bars
    recipe = recipe_for(len(bars))
    data, fit_rows, holdout_rows = prepare(bars, calendar, recipe)
    ensemble = fit_ensemble(data, fit_rows, holdout_rows, recipe, seed)
    score = combine_columns(ensemble.holdout, ensemble.weights)
    up, low = calibrated(ensemble.calibrator, score), calibrated(ensemble.calibrator, score, low=True)
    parameters, money = SizingParameters(confidence_threshold=0.5), account(25_000_000, instrument=nq)
    n_sized = 0
    for p, p_low, atr in zip(up, np.maximum(low, 1 - low), data.atr_ticks[holdout_rows], strict=True):
        wanted = recommend(
            forecast(float(p), p_low=float(p_low)), ensemble.payoff, market_state(float(atr)), money, nq, parameters
        )
        n_sized += wanted.target != 0
    return n_sized / len(holdout_rows)


def measure(market: Market, seed: int, calendar: SessionCalendar) -> dict[str, dict[str, float]]:
    """Share of edge and realised accuracy on the holdout by member, of the vote ("ensemble") and of the "oracle"."""
    model = MarketModel(kind=market.kind, ceiling=market.ceiling, seed=seed)
    n_bars = market.sessions * BARS_PER_SESSION
    simulated = simulate(model, instrument("NQ"), calendar, START_NS, n_bars)
    recipe = recipe_for(n_bars)
    data, fit_rows, holdout_rows = prepare(simulated.bars, calendar, recipe)
    ensemble = fit_ensemble(data, fit_rows, holdout_rows, recipe, seed)
    p_true = simulated.p_up[data.bar[holdout_rows]]
    moved = data.direction[holdout_rows]
    forecasts = {
        **ensemble.holdout,
        "ensemble": combine_columns(ensemble.holdout, ensemble.weights),
        "oracle": p_true,
    }
    p_up = calibrated(ensemble.calibrator, forecasts["ensemble"])
    return {
        "share": {name: edge_share(p_true, p) for name, p in forecasts.items()},
        "accuracy": {name: _accuracy(p, moved) for name, p in forecasts.items()},
        "accuracy_at_0.60": {
            name: _accuracy(p, np.where(_sure(p), moved, 0.0)) for name, p in (("ensemble", p_up), ("oracle", p_true))
        },
        "coverage_at_0.60": {name: float(_sure(p).mean()) for name, p in (("ensemble", p_up), ("oracle", p_true))},
    }


def _sure(p_up: Floats) -> Mask:
    """Bars whose side has a p of at least 0.60."""
    return np.maximum(p_up, 1 - p_up) >= SURE


def _accuracy(p: Floats, moved: Floats) -> float:
    """Accuracy of the bars that moved and on which p names a side; NaN where there are none."""
    accuracy = judge(side_of(p), moved).accuracy
    return float("nan") if accuracy is None else accuracy


def _covered(market: Market, found: Sequence[Mapping[str, Mapping[str, float]]]) -> Figure:
    """The vote's coverage over the oracle's, over all seeds; the target is a fifth less, and met within a fifth."""
    ours, oracle = (sum(of_seed["coverage_at_0.60"][name] for of_seed in found) for name in ("ensemble", "oracle"))
    ratio = ours / oracle if oracle > 0.0 else float("nan")
    name, unit = f"coverage_of_oracle/{market.name}/ensemble", "of the oracle's"
    if not market.covered:
        return Figure(name, round(ratio, 4), unit)
    return Figure(name, round(ratio, 4), unit, 1 - COVERED, abs(ratio - 1) <= COVERED)
