"""Each configuration that was judged on some bars counts once, whoever judged it."""

from __future__ import annotations

import numpy as np
import pytest

from minhos.assembly.layout import Layout
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.research.luck.deflation import deflated
from minhos.studies.trials import Tried, enter, enter_and_deflate, tried
from minhos.testing.builders import NQ, ns


@pytest.fixture(scope="module")
def bars():
    model = MarketModel(kind="null", ceiling=0.5, seed=1)
    return simulate(model, NQ, SessionCalendar.load(), ns("2025-09-08T00:00:00"), 600).bars


def test_reruns_do_not_count_and_other_settings_or_kinds_of_bars_do(tmp_path, bars):
    layout = Layout(tmp_path)
    assert tried(layout, bars) == Tried(0)
    assert enter(layout, bars, "a", {"policy": "kelly"}, "lab").n_trials == 1
    assert enter(layout, bars, "a", {"policy": "kelly"}, "backtest").n_trials == 1
    assert enter(layout, bars, "a", {"policy": "fixed"}, "lab").n_trials == 2
    newest = bars.rows(slice(500, None))
    assert enter(layout, newest, "b", {}, "backtest").n_trials == 3
    assert tried(layout, newest).n_trials == 3, "what was tried on the whole looked at its end too"
    assert tried(layout, bars.rows(slice(0, 400))).n_trials == 2


def test_the_spread_of_the_ratios_counts_from_five_trials_on(tmp_path, bars):
    layout, rng = Layout(tmp_path), np.random.default_rng(2)
    records = [rng.normal(0.0005 * i, 0.01, 60) for i in range(6)]
    for i, returns in enumerate(records):
        found = enter_and_deflate(layout, bars, "a", {"z": i}, "lab", returns)
        ratios = [r.mean() / r.std(ddof=1) for r in records[: i + 1]]
        spread = np.var(ratios, ddof=1) if i >= 4 else None
        assert found == deflated(returns, i + 1, spread)


def test_what_has_no_ratio_is_a_trial_all_the_same(tmp_path, bars):
    layout = Layout(tmp_path)
    found = enter_and_deflate(layout, bars, "a", {}, "backtest", np.zeros(30))
    assert (found.n_trials, found.probability) == (1, None)
    assert enter(layout, bars, "b", {}, "train").n_trials == 2
