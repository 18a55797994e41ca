"""Five paths through one history: what an easy market shows on all of them, and noise on none."""

from __future__ import annotations

import numpy as np
import pytest

from minhos.errors import NotEnoughData, TrainingError
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars
from minhos.research.walk_forward import combinatorial
from minhos.research.walk_forward.combinatorial import MINIMUM_BETS, PathDistribution, path_distribution, path_result
from minhos.testing.builders import NQ, ns, random_bars, session_bars
from minhos.training.dataset import Dataset
from minhos.training.jobs import Outcome

CALENDAR = SessionCalendar.load()


def paths_of(kind: str, ceiling: float, seed: int = 1) -> PathDistribution:
    model = MarketModel(kind=kind, ceiling=ceiling, seed=seed)
    bars = simulate(model, NQ, CALENDAR, ns("2025-09-08T00:00:00"), 20 * 276).bars
    return path_distribution(bars, CALENDAR, processes=1)


@pytest.fixture(scope="module")
def easy() -> PathDistribution:
    return paths_of("ou", 0.62)


def test_an_easy_market_is_forecast_on_every_path(easy):
    assert (easy.fits, len(easy.paths), easy.n_groups, easy.n_test) == (15, 5, 6, 2)
    assert easy.simulated
    assert len({path.n for path in easy.paths}) == 1, "each path covers the whole history once"
    accuracies = sorted(path.accuracy for path in easy.paths)
    assert (easy.accuracy.low, easy.accuracy.median, easy.accuracy.high) == (*accuracies[::2],)
    assert easy.accuracy.low > 0.5 + 4 * 0.5 / np.sqrt(easy.paths[0].n)
    assert easy.mean_net_r.low > 0
    assert easy.cpu_s > 0


def test_pure_noise_is_a_coin_on_every_path():
    noise = paths_of("null", 0.5)
    three_errors = 3 * 0.5 / np.sqrt(noise.paths[0].n)
    assert noise.accuracy.low == pytest.approx(0.5, abs=three_errors)
    assert noise.accuracy.high == pytest.approx(0.5, abs=three_errors)


def samples(n: int = 4000, p: float = 0.6, seed: int = 0) -> tuple[Dataset, np.ndarray]:
    """Moves of one ATR of 40 ticks, up with probability p or 1 - p, and the score that says so."""
    rng = np.random.default_rng(seed)
    score = np.where(rng.random(n) < 0.5, p, 1 - p)
    up = (rng.random(n) < score).astype(float)
    time_ns = np.arange(n, dtype=np.int64)
    data = Dataset(
        np.zeros((n, 1), dtype=np.float32),
        np.arange(n),
        np.ones(n, dtype=bool),
        up,
        np.where(up > 0, 40.0, -40.0),
        np.full(n, 40.0),
        np.ones(n),
        time_ns,
        time_ns,
        20250000 + time_ns // 276,
    )
    return data, score


def test_a_path_by_hand():
    data, score = samples()
    found = path_result(data, score, cost_ticks=2.0)
    accuracy = float(((score > 0.5) == (data.up > 0.5)).mean())
    assert (found.accuracy, found.n, found.bets) == (accuracy, 4000, 4000)
    stop_and_cost = 3 * 40 + 2.0
    assert found.mean_net_r == pytest.approx(((2 * accuracy - 1) * 40 - 2.0) / stop_and_cost)


def test_where_cost_eats_the_edge_there_is_no_bet_and_no_mean():
    data, score = samples()
    found = path_result(data, score, cost_ticks=30.0)
    assert (found.bets, found.mean_net_r) == (0, None)


def test_a_path_with_few_bets_has_its_reason_in_words(monkeypatch, easy):
    few = combinatorial.PathResult(0.5, 1000, MINIMUM_BETS - 1, None)
    monkeypatch.setattr(combinatorial, "path_result", lambda *_: few)
    found = paths_of("ou", 0.62)
    assert found.mean_net_r is None
    assert found.reason == "A path has only 29 bets; their mean says something from 30 on."
    assert easy.reason == ""


def rising(n: int) -> Bars:
    bars = session_bars(*[400_000] * (n // 276 + 2)).rows(slice(0, n))
    ticks = 80_000 + np.arange(n)
    columns = {"open_ticks": ticks, "high_ticks": ticks + 1, "low_ticks": ticks - 1, "close_ticks": ticks}
    return Bars(**{name: columns.get(name, getattr(bars, name)) for name in bars.__struct_fields__})


def test_what_cannot_be_measured_is_refused(monkeypatch):
    with pytest.raises(NotEnoughData, match="training needs 600"):
        path_distribution(random_bars(200), CALENDAR)
    with pytest.raises(NotEnoughData, match="none of them against the others"):
        path_distribution(rising(1600), CALENDAR)
    failed = "ImportError: no lightgbm"
    monkeypatch.setattr(combinatorial, "run_jobs", lambda data, jobs, **_: [Outcome(job, error=failed) for job in jobs])
    with pytest.raises(TrainingError, match="lightgbm could not be trained for split 1: ImportError"):
        paths_of("ou", 0.62)
