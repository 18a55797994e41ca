"""The whole training on a small simulated market: what it may see, what it ships, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from minhos.errors import NotEnoughData, TrainingError
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION, FeaturePipeline
from minhos.feeds.simulated.market import SimulatedMarket
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.models.bundle import load_bundle
from minhos.models.registry import Registry
from minhos.models.serving import Forecaster
from minhos.training import ensemble as ensembles
from minhos.training.dataset import Dataset
from minhos.training.ensemble import fit_ensemble
from minhos.training.forecasts import calibrated, combine_columns
from minhos.training.recipe import Recipe
from minhos.training.results.report import report, tables
from minhos.training.train import count_full_sessions, data_hash, measure, prepare, train

NOW = 1_760_000_000_000_000_000


def fit(data: Dataset, fit_rows, holdout_rows, recipe: Recipe):
    return fit_ensemble(data, fit_rows, holdout_rows, recipe, 1, processes=1)


def test_a_bundle_of_five_members_serves_what_training_measured(
    market: SimulatedMarket, calendar: SessionCalendar, small_recipe: Recipe, tmp_path: Path
):
    told: list[float] = []
    registry = Registry(tmp_path)
    result = train(
        market.bars,
        calendar,
        small_recipe,
        registry,
        processes=1,
        clock=SimulatedClock(NOW),
        progress=lambda share, sentence: told.append(share),
    )
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert result.missing == {}
    info = registry.list()[0]
    assert (info.id, info.verdict, info.recipe_id) == (result.bundle_id, result.verdict, small_recipe.recipe_id)

    bundle = load_bundle(info.path, feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION)
    assert set(bundle.members) == set(small_recipe.members)
    data, fit_rows, holdout_rows = prepare(market.bars, calendar, small_recipe)
    fitted = fit(data, fit_rows, holdout_rows, small_recipe)
    p_up = calibrated(fitted.calibrator, combine_columns(fitted.holdout, fitted.weights))
    forecaster = Forecaster(bundle)
    pipeline = FeaturePipeline(market.bars.instrument, calendar)
    served = {}
    for i, bar in enumerate(market.bars):
        observation = pipeline.update(bar)
        if observation is not None and i in set(data.bar[holdout_rows[-40:]].tolist()):
            served[i] = forecaster.forecast(observation).p_up
    assert len(served) == 40
    assert list(served.values()) == pytest.approx(p_up[-40:].tolist(), abs=1e-5)


def test_the_newest_fifth_decides_nothing(market, calendar, two_trees):
    data, fit_rows, holdout_rows = prepare(market.bars, calendar, two_trees)
    shuffled = np.random.default_rng(5).permutation(len(holdout_rows))
    other = {name: np.array(getattr(data, name)) for name in ("up", "move_ticks", "weight", "atr_ticks", "decided")}
    for column in other.values():
        column[holdout_rows] = column[holdout_rows][shuffled]
    rows = data.rows.copy()
    rows[data.bar[holdout_rows[0]] :] = rows[data.bar[holdout_rows[0]] :][::-1]
    first = fit(data, fit_rows, holdout_rows, two_trees)
    second = fit(msgspec.structs.replace(data, rows=rows, **other), fit_rows, holdout_rows, two_trees)
    assert first.files == second.files
    assert (first.weights, first.calibrator, first.payoff) == (second.weights, second.calibrator, second.payoff)


def test_the_newest_fifth_is_purged_against_what_is_learnt(market, calendar, two_trees):
    data, fit_rows, holdout_rows = prepare(market.bars, calendar, two_trees)
    assert data.end_ns[fit_rows].max() < data.start_ns[holdout_rows].min()
    assert len(holdout_rows) / len(data) == pytest.approx(0.2, abs=0.001)


def test_an_edge_is_found_where_there_is_one(market, calendar, two_trees):
    result, _ = measure(market.bars, calendar, two_trees, processes=1)
    assert result.calibrator.slope_low > 0
    assert result.lines.all.accuracy > 0.57
    assert result.lines.all.interval[0] > 0.5


def test_labels_that_mean_nothing_are_not_learnt(market, calendar, two_trees):
    data, fit_rows, holdout_rows = prepare(market.bars, calendar, two_trees)
    up = np.random.default_rng(8).integers(0, 2, len(data)).astype(float)
    fitted = fit(
        msgspec.structs.replace(data, up=up, decided=np.ones(len(data), bool)), fit_rows, holdout_rows, two_trees
    )
    p = combine_columns(fitted.out_of_fold, fitted.weights)
    n, hits = len(fit_rows), int(((p > 0.5) == (up[fit_rows] > 0.5)).sum())
    assert abs(hits / n - 0.5) < 2.576 * 0.5 / n**0.5


def test_a_member_that_fails_is_named_and_the_rest_goes_on(market, calendar, two_trees):
    broken = msgspec.structs.replace(two_trees, parameters={**two_trees.parameters, "xgboost": {"max_depth": -3}})
    result, fitted = measure(market.bars, calendar, broken, processes=1)
    assert list(fitted.files) == ["lightgbm"]
    assert "xgboost" in result.missing
    assert "failed" in result.missing["xgboost"]
    assert fitted.weights == {"lightgbm": 1.0}
    with pytest.raises(TrainingError, match="No member could be trained"):
        measure(market.bars, calendar, msgspec.structs.replace(broken, members=("xgboost",)), processes=1)


def test_a_library_that_is_absent_is_named_in_the_bundle(market, calendar, two_trees, tmp_path, monkeypatch):
    monkeypatch.setattr(ensembles, "why_missing", lambda name: "not installed" if name == "lightgbm" else "")
    registry = Registry(tmp_path)
    result = train(market.bars, calendar, two_trees, registry, processes=1, clock=SimulatedClock(NOW))
    assert result.missing == {"lightgbm": "not installed"}
    bundle = load_bundle(registry.list()[0].path, feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION)
    assert bundle.manifest.weights == {"xgboost": 1.0, "lightgbm": 0.0}


def test_a_graph_that_disagrees_is_not_shipped(market, calendar, two_trees, monkeypatch):
    monkeypatch.setattr("minhos.training.export_check.TOLERANCE", -1.0)
    with pytest.raises(TrainingError, match="its ONNX file differs"):
        measure(market.bars, calendar, two_trees, processes=1)


def test_the_report_is_plain_json_and_names_what_is_simulated(market, calendar, two_trees, tmp_path):
    result = train(market.bars, calendar, two_trees, Registry(tmp_path), processes=1, clock=SimulatedClock(NOW))
    plain = json.loads(json.dumps(report(result)))
    assert plain["verdict"] in {"edge", "no_edge", "too_little_data"}
    assert set(plain["lines"]) == {"simulated", "all", "traded"}
    for line in (plain["lines"]["all"], *plain["weeks"]):
        assert {"accuracy", "interval", "n", "majority"} <= set(line)
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(tables(result))
    shown = console.export_text()
    assert "SIMULATED: your bars, all" in shown
    assert "SIMULATED: your bars, p >= 0.60" in shown
    assert result.reason[:40] in shown


def test_the_simulated_line_is_measured_once(market, calendar, two_trees, tmp_path, monkeypatch):
    monkeypatch.setattr("minhos.training.recipe.DEMO", two_trees)
    arguments = {"processes": 1, "reference": market.bars, "cache": tmp_path / "cache", "clock": SimulatedClock(NOW)}
    first = train(market.bars, calendar, two_trees, Registry(tmp_path), **arguments)
    kept = list((tmp_path / "cache").iterdir())
    assert len(kept) == 1
    line = first.lines.simulated
    assert (line.name, line.simulated, line.accuracy) == ("simulated", True, first.lines.all.accuracy)
    kept[0].write_bytes(msgspec.json.encode(msgspec.structs.replace(line, accuracy=0.123)))
    assert train(market.bars, calendar, two_trees, Registry(tmp_path), **arguments).lines.simulated.accuracy == 0.123


def test_too_short_a_history_says_how_much_is_missing(market, calendar, two_trees):
    with pytest.raises(NotEnoughData, match=r"training needs 600, so add about \d+ more days"):
        measure(market.bars.rows(slice(0, 1000)), calendar, two_trees, processes=1)


def test_the_data_hash_is_of_every_value(market):
    bars = market.bars
    volume = bars.volume.copy()
    volume[7] += 1
    assert data_hash(bars) == data_hash(bars.rows(slice(None)))
    assert data_hash(bars) != data_hash(msgspec.structs.replace(bars, volume=volume))


def test_a_session_is_full_with_nine_tenths_of_the_usual_bars():
    dates = np.repeat([0, 20251006, 20251007, 20251008, 20251009, 20251010], [500, 276, 276, 276, 249, 248])
    assert count_full_sessions(dates) == 4
    assert count_full_sessions(np.zeros(5, dtype=np.int64)) == 0
