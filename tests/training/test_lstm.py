"""The LSTM learns what can be learnt, the same way each time, and only from the windows that it is given."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import TrainingError
from minhos.training.lstm import LstmParameters, _segments, fit_lstm, predict_lstm
from minhos.training.member import Sample

SMALL = LstmParameters(hidden=8, window=10, span=5, max_epochs=3, patience=3)


def momentum(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose first feature three bars ago decides the label; the last row alone knows nothing of it."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 4)).astype(np.float32)
    return rows, (np.roll(rows[:, 0], 3) > 0).astype(np.float32)


def sample(rows: np.ndarray, ends: np.ndarray, up: np.ndarray, weight: np.ndarray | None = None) -> Sample:
    return Sample(rows, ends, up[ends].astype(float), np.ones(len(ends)) if weight is None else weight)


def small_fit(seed: int = 0, rows: np.ndarray | None = None, up: np.ndarray | None = None, **changes):
    if rows is None:
        rows, up = momentum(600)
    ends = np.arange(9, 400)
    validation = np.arange(420, 600)
    parameters = LstmParameters(**{**{f: getattr(SMALL, f) for f in SMALL.__struct_fields__}, **changes})
    return fit_lstm(sample(rows, ends, up), sample(rows, validation, up), seed, parameters)


def test_it_learns_a_rule_that_needs_memory() -> None:
    rows, up = momentum(3000)
    train, validation, test = np.arange(9, 2000), np.arange(2010, 2400), np.arange(2410, 3000)
    parameters = LstmParameters(hidden=16, window=10, batch=8, max_steps=100, span=5, dropout=0.0, max_epochs=12)
    fit = fit_lstm(sample(rows, train, up), sample(rows, validation, up), 0, parameters)
    accuracy = ((predict_lstm(fit, rows, test) > 0.5) == up[test]).mean()
    assert accuracy > 0.9
    assert fit.validation_log_loss < 0.5 * math.log(2)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    one, two, other = small_fit(3), small_fit(3), small_fit(4)
    assert one.weights.keys() == two.weights.keys()
    assert all(np.array_equal(one.weights[name], two.weights[name]) for name in one.weights)
    assert not all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)
    assert one.validation_log_loss == two.validation_log_loss


def test_validation_log_loss_is_that_of_its_forecasts() -> None:
    rows, up = momentum(600)
    fit = small_fit()
    validation = np.arange(420, 600)
    p, y = predict_lstm(fit, rows, validation), up[validation]
    assert fit.validation_log_loss == pytest.approx(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())


def test_standardisation_sees_training_windows_only() -> None:
    rows, up = momentum(600)
    shifted = rows.copy()
    shifted[400:] += 100.0
    assert np.array_equal(small_fit(rows=rows, up=up).mean, rows[:400].mean(axis=0, dtype=float).astype(np.float32))
    assert np.array_equal(small_fit(rows=shifted, up=up).mean, small_fit(rows=rows, up=up).mean)


def test_rows_outside_every_window_change_nothing() -> None:
    rows, up = momentum(600)
    holes = rows.copy()
    holes[405:408] = np.nan
    one, two = small_fit(rows=rows, up=up), small_fit(rows=holes, up=up)
    assert all(np.array_equal(one.weights[name], two.weights[name]) for name in one.weights)


def test_weight_zero_means_not_learnt_from() -> None:
    rows, up = momentum(600)
    ends, weight = np.arange(9, 400), np.ones(391)
    weight[100:] = 0.0
    wrong = up.copy()
    wrong[ends[100:]] = 1.0 - wrong[ends[100:]]
    one, two = (fit_lstm(sample(rows, ends, y, weight), None, 0, SMALL) for y in (up, wrong))
    assert all(np.array_equal(one.weights[name], two.weights[name]) for name in one.weights)


def test_a_constant_feature_and_far_outliers_do_no_harm() -> None:
    rows, up = momentum(600)
    rows[:, 3] = 5.0
    rows[50, 1] = 1e6
    assert np.isfinite(predict_lstm(small_fit(rows=rows, up=up), rows, np.arange(420, 600))).all()


def test_no_epoch_starts_after_the_time_budget() -> None:
    rows, up = momentum(600)
    ends = np.arange(9, 400)
    parameters = LstmParameters(hidden=8, window=10, span=5, max_epochs=50, time_budget_s=0.0)
    fit = fit_lstm(sample(rows, ends, up), None, 0, parameters)
    assert fit.epochs == 1
    assert math.isnan(fit.validation_log_loss)


@pytest.mark.parametrize(
    ("ends", "words"), [([8], "windows of 10 rows"), ([600], "600 that there are"), ([52], "finite")]
)
def test_windows_that_cannot_be_are_refused(ends: list[int], words: str) -> None:
    rows, _ = momentum(600)
    rows[50] = np.nan
    with pytest.raises(TrainingError, match=words):
        fit_lstm(Sample(rows, np.array(ends), np.ones(1), np.ones(1)), None, 0, SMALL)


def test_cuda_is_refused_in_words_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(TrainingError, match="device cpu"):
        small_fit(device="cuda")


@given(st.sets(st.integers(0, 300), min_size=1), st.integers(1, 20), st.integers(0, 19))
@settings(deadline=None, max_examples=50)
def test_every_end_is_learnt_from_once_an_epoch(ends: set[int], span: int, offset: int) -> None:
    segments = _segments(np.array(sorted(ends)), span, offset)
    seen = [e for s in segments for e in ends if s - span < e <= s and (e + offset) // span == (s + offset) // span]
    assert sorted(seen) == sorted(ends)
