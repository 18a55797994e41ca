"""Serving: right numbers, always the same bits, failed members named, and a history that equals the live calls."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from minhos.errors import ModelError
from minhos.features.pipeline import FeatureTable
from minhos.features.types import Observation
from minhos.models.batch import FeatureHistory, ForecastCache, forecast_all
from minhos.models.bundle import Bundle, BundleContents, load_bundle, write_bundle
from minhos.models.calibration import sigmoid
from minhos.models.combine import combine
from minhos.models.forecast import Forecast
from minhos.models.serving import Forecaster
from minhos.testing.builders import (
    BAR_INTERVAL_NS,
    MONDAY_OPEN,
    bundle_contents,
    linear_member,
    market_state,
    random_bars,
)

ROOT = Path(__file__).resolve().parents[2]
WINDOW, FEATURES = 5, ("momentum", "volume", "hour")
CONTENTS = bundle_contents(window=WINDOW, feature_names=FEATURES)


def bundle_of(contents: BundleContents, folder: Path) -> Bundle:
    path = write_bundle(contents, folder).path
    return load_bundle(path, feature_names=contents.feature_names, feature_version=contents.feature_version)


def with_members(**changes: bytes) -> BundleContents:
    return msgspec.structs.replace(CONTENTS, members={**CONTENTS.members, **changes})


def observation(window: np.ndarray, close_time_ns: int = MONDAY_OPEN) -> Observation:
    return Observation("NQZ25", close_time_ns, MONDAY_OPEN, window[-1], window, market_state())


def random_rows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, len(FEATURES))).astype(np.float32)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return bundle_of(CONTENTS, tmp_path)


def test_a_forecast_by_hand(tmp_path: Path) -> None:
    weights = {"lstm": (1.0, 0.0, 0.0), "xgboost": (0.0, 2.0, 0.0)}
    members = {"lstm": linear_member(weights["lstm"], window=WINDOW), "xgboost": linear_member(weights["xgboost"])}
    contents = msgspec.structs.replace(CONTENTS, members=members, weights={"lstm": 3.0, "xgboost": 1.0})
    window = random_rows(WINDOW)
    forecast = Forecaster(bundle_of(contents, tmp_path)).forecast(observation(window))
    lstm, xgboost = sigmoid(float(window[:, 0].mean())), sigmoid(2 * float(window[-1, 1]))
    assert forecast.members == pytest.approx({"lstm": lstm, "xgboost": xgboost}, abs=1e-6)
    score = combine(forecast.members, {"lstm": 3.0, "xgboost": 1.0})
    calibrator = contents.calibrator
    assert forecast == Forecast(
        "NQZ25",
        MONDAY_OPEN,
        forecast.members,
        score,
        calibrator.p_up(score),
        calibrator.p_low(score),
        forecast.side,
        forecast.agreement,
        forecast.bundle_id,
        (),
    )
    assert forecast.side == (1 if score > 0.5 else -1)
    assert forecast.agreement == sum((p - 0.5) * forecast.side > 0 for p in (lstm, xgboost)) / 2


def test_two_loads_forecast_the_same_bits(bundle: Bundle) -> None:
    one, two = Forecaster(bundle), Forecaster(bundle)
    one.warm()
    for seed in range(20):
        window = random_rows(WINDOW, seed)
        assert one.forecast(observation(window)) == two.forecast(observation(window))


def test_no_proven_edge_means_no_side(tmp_path: Path) -> None:
    contents = bundle_contents(window=WINDOW, feature_names=FEATURES, slope=-0.1, slope_low=-0.3)
    forecast = Forecaster(bundle_of(contents, tmp_path)).forecast(observation(random_rows(WINDOW)))
    assert (forecast.p_up, forecast.p_low, forecast.side, forecast.agreement) == (0.5, 0.5, 0, 0.0)


@pytest.mark.parametrize(
    ("onnx", "reason"),
    [
        (b"not a model", "cannot be loaded"),
        (linear_member((1.0, 1.0)), "not float rows of 3 features"),
        (linear_member((1.0, 1.0, 1.0), window=WINDOW + 1), "not float rows of 3 features"),
        (linear_member((float("nan"), 0.0, 0.0)), "answered nan"),
    ],
)
def test_a_member_that_fails_is_named_and_the_rest_goes_on(tmp_path: Path, onnx: bytes, reason: str) -> None:
    window = random_rows(WINDOW)
    whole = Forecaster(bundle_of(CONTENTS, tmp_path)).forecast(observation(window))
    forecaster = Forecaster(bundle_of(with_members(catboost=onnx), tmp_path))
    forecast = forecaster.forecast(observation(window))
    assert forecast.missing == ("catboost",)
    assert reason in forecaster.failures["catboost"]
    assert forecast.members == {name: p for name, p in whole.members.items() if name != "catboost"}
    assert forecast.score == combine(forecast.members, CONTENTS.weights)


def test_a_member_that_raises_is_named(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    forecaster = Forecaster(bundle)

    def fail(row: object, window: object) -> float:
        raise RuntimeError("out of memory")

    broken = next(member for member in forecaster._members if member.name == "lstm")
    monkeypatch.setattr(broken, "p_up", fail)
    assert forecaster.forecast(observation(random_rows(WINDOW))).missing == ("lstm",)
    assert "out of memory" in forecaster.failures["lstm"]


def test_a_member_of_the_recipe_without_a_file_is_missing(tmp_path: Path) -> None:
    members = {name: onnx for name, onnx in CONTENTS.members.items() if name != "lightgbm"}
    forecaster = Forecaster(bundle_of(msgspec.structs.replace(CONTENTS, members=members), tmp_path))
    assert forecaster.forecast(observation(random_rows(WINDOW))).missing == ("lightgbm",)
    assert forecaster.failures == {"lightgbm": "it is not in the bundle"}


def test_a_bundle_without_one_usable_member_is_refused(tmp_path: Path) -> None:
    broken = bundle_of(with_members(**dict.fromkeys(CONTENTS.members, b"nothing")), tmp_path)
    with pytest.raises(ModelError, match="No model of bundle"):
        Forecaster(broken)
    silent = bundle_of(with_members(**dict.fromkeys(CONTENTS.members, linear_member((float("nan"),) * 3))), tmp_path)
    with pytest.raises(ModelError, match="no forecast"):
        Forecaster(silent).forecast(observation(random_rows(WINDOW)))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("row", [0, WINDOW - 1])
def test_a_value_that_is_not_finite_never_reaches_a_model(bundle: Bundle, value: float, row: int) -> None:
    window = random_rows(WINDOW)
    window[row, 1] = value
    with pytest.raises(ModelError, match="not finite: volume; no forecast"):
        Forecaster(bundle).forecast(observation(window))


def test_another_shape_is_refused(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match=r"needs windows of \(5, 3\)"):
        Forecaster(bundle).forecast(observation(random_rows(WINDOW + 1)))


def history(n: int = 40) -> FeatureHistory:
    rows = random_rows(n)
    rows[20] = np.nan
    valid = np.arange(n) >= 3
    times = MONDAY_OPEN + np.arange(n, dtype=np.int64) * BAR_INTERVAL_NS
    return FeatureHistory(rows, valid, times, ("NQU25", "NQZ25"), (np.arange(n) >= 30).astype(np.int64))


@pytest.mark.parametrize("processes", [1, 2])
def test_a_history_equals_the_live_calls(bundle: Bundle, processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minhos.models.batch.CHUNK_BARS", 9)
    past, told = history(), []
    table = forecast_all(bundle, past, processes=processes, progress=lambda share, _: told.append(share))
    live = Forecaster(bundle)
    for i in range(len(past.rows)):
        whole = i >= 3 + WINDOW - 1 and not 20 <= i < 20 + WINDOW
        expected = None
        if whole:
            symbol, window = ("NQZ25" if i >= 30 else "NQU25"), past.rows[i - WINDOW + 1 : i + 1]
            expected = live.predict(symbol, int(past.close_time_ns[i]), window[-1], window)
        assert table.forecast(i) == expected
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_forecasts_are_computed_once_per_bundle_and_bars(bundle: Bundle, tmp_path: Path) -> None:
    cache, past = ForecastCache(tmp_path / "cache"), history()
    first = cache.forecasts(bundle, past, processes=1)
    (file,) = cache.root.iterdir()

    def never(share: float, sentence: str) -> None:
        raise AssertionError("computed again")

    again = cache.forecasts(bundle, past, processes=1, progress=never)
    assert [again.forecast(i) for i in range(len(again))] == [first.forecast(i) for i in range(len(first))]
    other = msgspec.structs.replace(past, close_time_ns=past.close_time_ns + 1)
    cache.forecasts(bundle, other, processes=1)
    assert len(list(cache.root.iterdir())) == 2
    file.write_bytes(file.read_bytes()[:100])
    told: list[float] = []
    repaired = cache.forecasts(bundle, past, processes=1, progress=lambda share, _: told.append(share))
    assert told
    assert repaired.forecast(10) == first.forecast(10)


def test_serving_brings_no_training_library_into_the_process() -> None:
    heavy = "{'torch', 'sklearn', 'lightgbm', 'xgboost', 'catboost', 'pandas', 'polars', 'scipy', 'onnx', 'joblib'}"
    modules = "minhos.models.serving, minhos.models.registry, minhos.models.batch"
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_forecasts_by_close_hold_every_bar_with_a_whole_window(bundle: Bundle) -> None:
    bars = random_bars(20)
    n = len(bars)
    table = FeatureTable(bars.close_time_ns, random_rows(n), np.arange(n) >= 2, *np.ones((3, n)), MONDAY_OPEN)
    forecasts = forecast_all(bundle, FeatureHistory.of(bars, table), processes=1).by_close()
    assert list(forecasts) == bars.close_time_ns[2 + WINDOW - 1 :].tolist()
    assert all(forecast.symbol == bars.symbol and forecast.bundle_id == bundle.id for forecast in forecasts.values())


def test_onnx_runtime_leaves_nothing_in_the_home_and_has_nothing_to_report_with(tmp_path):
    """Before any session: it makes a device id and an uploader when it is loaded."""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "XDG_CACHE_HOME": ""}
    subprocess.run([sys.executable, "-c", "import minhos.models.serving"], check=True, env=environment, cwd=ROOT)
    assert list(tmp_path.rglob("*")) == []
