"""Every member's ONNX graph answers what the library that trained it answers, in one uniform shape."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from minhos.errors import TrainingError
from minhos.training.export import lstm_to_onnx, uniform
from minhos.training.lstm import LstmParameters, fit_lstm, predict_lstm
from minhos.training.member import Member, Sample
from minhos.training.members import member, of_folds

N_FEATURES = 7
TOLERANCE = 1e-6


def sample(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows with heavy tails and labels that lean on the first feature."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_t(3, size=(n, N_FEATURES)).astype(np.float32)
    return rows, (rows[:, 0] + rng.normal(size=n) > 0).astype(np.int32)


def answer(onnx: bytes, values: np.ndarray) -> np.ndarray:
    """What ONNX Runtime says; checks the shape that serving relies on."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    assert len(session.get_inputs()) == 1
    assert [o.name for o in session.get_outputs()] == ["p_up"]
    out = session.run(["p_up"], {session.get_inputs()[0].name: values})[0]
    assert out.shape == (len(values), 1)
    assert out.dtype == np.float32
    return out[:, 0]


SMALL = {
    "random_forest": {"n_estimators": 40, "max_depth": 6},
    "lightgbm": {"n_estimators": 40},
    "xgboost": {"n_estimators": 40},
    "catboost": {"iterations": 40, "depth": 4},
}


def fitted(kind: str, rows: np.ndarray, up: np.ndarray, validation: Sample | None = None, **parameters) -> Member:
    one = member(kind)
    one.fit(Sample.of(rows, up.astype(float)), validation, {**SMALL[kind], **parameters}, 0)
    return one


def test_every_member_of_folds_is_looked_at() -> None:
    assert set(SMALL) == set(of_folds())


@pytest.mark.parametrize("kind", of_folds())
def test_a_tree_answers_the_same_as_its_library(kind: str) -> None:
    one = fitted(kind, *sample())
    unseen, _ = sample(300, seed=1)
    onnx = uniform(one.export(N_FEATURES), N_FEATURES)
    assert np.abs(answer(onnx, unseen) - one.p_up(Sample.of(unseen, np.zeros(300)))).max() <= TOLERANCE
    assert answer(onnx, unseen[:1])[0] == answer(onnx, unseen)[0]
    assert uniform(onnx, N_FEATURES) == onnx


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
def test_early_stopping_exports_the_trees_that_are_used(kind: str) -> None:
    unseen, labels = sample(300, seed=1)
    newest = Sample.of(unseen, labels.astype(float))
    one = fitted(kind, *sample(), newest, n_estimators=300, learning_rate=0.3)
    assert one.rounds < 250
    onnx = uniform(one.export(N_FEATURES), N_FEATURES)
    assert np.abs(answer(onnx, unseen) - one.p_up(newest)).max() <= TOLERANCE


def test_a_market_that_only_rose_is_refused() -> None:
    rows, up = sample()
    with pytest.raises(TrainingError, match=r"it saw only bars of class \[1\]"):
        fitted("random_forest", rows, np.ones_like(up)).export(N_FEATURES)


def test_the_lstm_answers_the_same_as_torch() -> None:
    rows, up = sample(500)
    ends = np.arange(59, 500)
    parameters = LstmParameters(hidden=16, max_epochs=3)
    windows = Sample(rows, ends, up[ends].astype(float), np.ones(len(ends)))
    fit = fit_lstm(windows, None, 0, parameters)
    p_up = answer(lstm_to_onnx(fit), windows.windows)
    expected = predict_lstm(fit, rows, ends)
    assert np.ptp(expected) > 0.01
    assert np.abs(p_up - expected).max() <= TOLERANCE
