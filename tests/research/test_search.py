"""The search: the same whatever runs it, counted in the ledger, and silent where nothing is better."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from minhos.errors import NotEnoughData, TrainingError
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.research.search.search import SearchResult, hourly, losses_at_best_slope, search
from minhos.research.search.space import distributions, rounded
from minhos.stats import log_loss
from minhos.testing.builders import NQ, ns
from minhos.training.members import searchable
from minhos.training.ours import LightGbm
from minhos.training.recipe import DEMO, STANDARD, Recipe

CALENDAR = SessionCalendar.load()
QUICK = {**DEMO.parameters["lightgbm"], "n_estimators": 20, "learning_rate": 0.1}
RECIPE = msgspec.structs.replace(DEMO, parameters={**DEMO.parameters, "lightgbm": QUICK}, n_folds=3)


@pytest.fixture(scope="module")
def bars():
    market = simulate(MarketModel(kind="ou", ceiling=0.62, seed=3), NQ, CALENDAR, ns("2025-09-08T00:00:00"), 16 * 276)
    return market.bars


@pytest.fixture(scope="module")
def found(bars) -> tuple[SearchResult, list[str]]:
    entered: list[str] = []
    result = search(bars, CALENDAR, RECIPE, "lightgbm", trials=6, seed=5, record=entered.append, processes=1)
    return result, entered


def test_every_distinct_configuration_is_entered_once_the_shipped_one_among_them(found):
    result, entered = found
    assert len(entered) == len(set(entered)) == 1 + result.n_tried
    assert result.n_tried <= 6
    assert RECIPE.recipe_id in entered
    assert {candidate.recipe_id for candidate in result.best} < set(entered)
    changed = msgspec.structs.replace(RECIPE, parameters={**RECIPE.parameters, "lightgbm": result.best[0].parameters})
    assert changed.recipe_id == result.best[0].recipe_id


def test_the_result_does_not_depend_on_the_processes(bars, found):
    assert search(bars, CALENDAR, RECIPE, "lightgbm", trials=6, seed=5, processes=2) == found[0]


def test_the_best_are_ranked_beside_the_shipped_one(found):
    result, _ = found
    losses = [candidate.log_loss for candidate in result.best]
    assert losses == sorted(losses)
    assert len(losses) <= 5
    for candidate in result.best:
        assert candidate.gain == pytest.approx(result.shipped.log_loss - candidate.log_loss, abs=1e-12)
        low, high = candidate.gain_interval
        assert low <= candidate.gain <= high
        assert set(candidate.parameters) == set(QUICK)
        assert candidate.parameters["n_estimators"] == QUICK["n_estimators"]
    assert result.shipped.parameters == QUICK
    assert eval("{" + result.recipe_line + "}") == {"lightgbm": result.best[0].parameters}


def test_nothing_of_the_newest_fifth_is_looked_at(bars, found, monkeypatch):
    """Other prices there, and the result is the same."""
    last = bars.rows(np.arange(len(bars)) >= round(0.85 * len(bars)))
    other = msgspec.structs.replace(
        bars,
        **{
            name: np.concatenate([getattr(bars, name)[: -len(last)], getattr(bars, name)[-len(last) :][::-1]])
            for name in ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
        },
    )
    assert search(other, CALENDAR, RECIPE, "lightgbm", trials=6, seed=5, processes=1) == found[0]


def test_shipped_parameters_that_cannot_learn_are_beaten_beyond_chance(bars):
    blind = {**QUICK, "min_child_samples": 2000, "num_leaves": 4, "n_estimators": 3, "learning_rate": 0.005}
    recipe = msgspec.structs.replace(RECIPE, parameters={**RECIPE.parameters, "lightgbm": blind})
    result = search(bars, CALENDAR, recipe, "lightgbm", trials=8, seed=2, processes=1)
    assert result.verdict == "better"
    assert result.p_value <= 0.05
    assert "better than the shipped settings beyond chance" in result.sentence
    assert "after all 8 trials" in result.sentence


def test_on_pure_noise_the_luckiest_trial_is_not_called_better():
    bars = simulate(MarketModel(kind="null", seed=8), NQ, CALENDAR, ns("2025-09-08T00:00:00"), 16 * 276).bars
    result = search(bars, CALENDAR, RECIPE, "lightgbm", trials=8, seed=1, processes=1)
    assert result.verdict == "no_better"
    assert result.sentence.startswith("No better than the shipped settings")


def test_a_trial_that_fails_is_named_and_the_rest_is_judged(bars, monkeypatch):
    leaves = msgspec.structs.replace(LightGbm.space["num_leaves"], low=1, high=3)
    monkeypatch.setattr(LightGbm, "space", {"num_leaves": leaves})
    recipe = msgspec.structs.replace(RECIPE, parameters={**RECIPE.parameters, "lightgbm": {**QUICK, "num_leaves": 3}})
    result = search(bars, CALENDAR, recipe, "lightgbm", trials=6, seed=1, processes=1)
    assert len(result.failed) == 1
    assert "num_leaves" in result.failed[0]
    assert result.n_tried == 1


def test_too_few_dates_an_unknown_member_and_a_network_are_refused(bars):
    short = bars.rows(np.arange(len(bars)) < 9 * 276)
    with pytest.raises(NotEnoughData, match=r"^\d trade dates .* a search needs 10, so add \d more\.$"):
        search(short, CALENDAR, RECIPE, "lightgbm", trials=2)
    with pytest.raises(TrainingError, match="lstm cannot be searched; choose one of lightgbm"):
        search(bars, CALENDAR, RECIPE, "lstm", trials=2)


@pytest.mark.parametrize(("step", "words"), [(1, "moved up; a direction can only be learnt"), (0, "no bar moved")])
def test_bars_that_move_one_way_cannot_be_searched(bars, step: int, words: str):
    price = 80_000 + step * np.arange(len(bars))
    one_way = msgspec.structs.replace(
        bars, open_ticks=price, low_ticks=price, high_ticks=price + step, close_ticks=price + step
    )
    entered: list[str] = []
    with pytest.raises(NotEnoughData, match=words):
        search(one_way, CALENDAR, DEMO, "lightgbm", trials=1, record=entered.append, processes=1)
    assert entered == []


@pytest.mark.parametrize("member", searchable())
@pytest.mark.parametrize("recipe", [DEMO, STANDARD], ids=["demo", "standard"])
def test_the_shipped_parameters_lie_inside_the_space(member: str, recipe: Recipe):
    for name, of in distributions(member).items():
        assert of.low <= recipe.parameters[member][name] <= of.high


def test_losses_are_those_of_the_slope_that_suits_the_forecasts_best():
    rng = np.random.default_rng(1)
    x = rng.normal(0.0, 0.4, 4000)
    up = (rng.random(4000) < 1.0 / (1.0 + np.exp(-x))).astype(float)
    timid = 1.0 / (1.0 + np.exp(-0.3 * x))
    grid = min(log_loss(up, 1.0 / (1.0 + np.exp(-slope * 0.3 * x))) for slope in np.linspace(2.0, 5.0, 3001))
    assert losses_at_best_slope(timid, up).mean() == pytest.approx(grid, abs=1e-8)
    assert losses_at_best_slope(1.0 - timid, up) == pytest.approx(np.full(4000, math.log(2.0)))


def test_hours_and_rounding():
    assert hourly(np.arange(25.0)).tolist() == [5.5, 17.5, 24.0]
    assert rounded({"a": 0.0123456, "b": 150, "c": 299.96}) == {"a": 0.0123, "b": 150, "c": 300.0}
