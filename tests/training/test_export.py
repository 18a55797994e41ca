"""Every member's ONNX graph answers what the library that trained it answers, in one uniform shape."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from minhos.errors import TrainingError
from minhos.training.export import lstm_to_onnx, tree_to_onnx
from minhos.training.lstm import LstmParameters, fit_lstm, predict_lstm

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


def forest(n_trees: int):
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_trees, max_depth=6, random_state=0, n_jobs=1)


def lightgbm(n_trees: int, **more):
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=n_trees, n_jobs=1, verbosity=-1, **more)


def xgboost(n_trees: int, **more):
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=n_trees, n_jobs=1, **more)


def catboost(n_trees: int):
    from catboost import CatBoostClassifier

    return CatBoostClassifier(iterations=n_trees, depth=4, thread_count=1, verbose=False, allow_writing_files=False)


TREES = {"random_forest": forest, "lightgbm": lightgbm, "xgboost": xgboost, "catboost": catboost}


@pytest.mark.parametrize("kind", TREES)
def test_a_tree_answers_the_same_as_its_library(kind: str) -> None:
    rows, up = sample()
    model = TREES[kind](40).fit(rows, up)
    unseen, _ = sample(300, seed=1)
    onnx = tree_to_onnx(kind, model, N_FEATURES)
    assert np.abs(answer(onnx, unseen) - model.predict_proba(unseen)[:, 1]).max() <= TOLERANCE
    assert answer(onnx, unseen[:1])[0] == answer(onnx, unseen)[0]


def test_early_stopping_exports_the_trees_that_are_used() -> None:
    rows, up = sample()
    unseen, labels = sample(300, seed=1)
    from lightgbm import early_stopping

    light = lightgbm(200, learning_rate=0.3)
    light.fit(rows, up, eval_set=[(unseen, labels)], callbacks=[early_stopping(5, verbose=False)])
    extreme = xgboost(200, early_stopping_rounds=5)
    extreme.fit(rows, up, eval_set=[(unseen, labels)], verbose=False)
    assert light.best_iteration_ < 200
    assert extreme.best_iteration < 199
    for kind, model in (("lightgbm", light), ("xgboost", extreme)):
        p_up = answer(tree_to_onnx(kind, model, N_FEATURES), unseen)
        assert np.abs(p_up - model.predict_proba(unseen)[:, 1]).max() <= TOLERANCE


def test_what_a_converter_gets_wrong_is_refused() -> None:
    rows, up = sample()
    model = lightgbm(20, boosting_type="rf", subsample=0.5, subsample_freq=1).fit(rows, up)
    with pytest.raises(TrainingError, match="gbdt"):
        tree_to_onnx("lightgbm", model, N_FEATURES)


def test_a_market_that_only_rose_and_unknown_kinds_are_refused() -> None:
    rows, up = sample()
    with pytest.raises(TrainingError, match="class \\[1\\]"):
        tree_to_onnx("random_forest", forest(3).fit(rows, np.ones_like(up)), N_FEATURES)
    with pytest.raises(TrainingError, match="random_forest, lightgbm"):
        tree_to_onnx("svm", None, N_FEATURES)


def test_the_lstm_answers_the_same_as_torch() -> None:
    rows, up = sample(500)
    ends = np.arange(59, 500)
    parameters = LstmParameters(hidden=16, max_epochs=3)
    fit = fit_lstm(rows, ends, up[ends], np.ones(len(ends)), ends[:0], up[:0], 0, parameters)
    windows = np.stack([rows[end - 59 : end + 1] for end in ends])
    p_up = answer(lstm_to_onnx(fit), windows)
    expected = predict_lstm(fit, rows, ends)
    assert np.ptp(expected) > 0.01
    assert np.abs(p_up - expected).max() <= TOLERANCE
