"""The four trees of the ensemble: one literal table, one fit, one prediction.

Each library is optional: a member whose library is absent is named, and the rest goes on.  One thread each, because
two processes of one thread beat one of two here; float32, because that is what serving feeds.  The LSTM is
`training.lstm`; which parameters a recipe takes is `training.recipe`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Parameters = Mapping[str, float | int | str | bool]

LSTM = "lstm"


class Tree(msgspec.Struct, frozen=True):
    """How one library is called.

    rounds, seed: its words for the number of trees and for the seed.  patience: rounds without a better validation
    log loss after which it stops; 0 where more trees never hurt.  fixed: what no recipe changes.
    """

    module: str
    constructor: str
    rounds: str
    seed: str
    patience: int
    fixed: dict[str, Any]


TREES: dict[str, Tree] = {
    "random_forest": Tree(
        "sklearn.ensemble",
        "RandomForestClassifier",
        "n_estimators",
        "random_state",
        0,
        {"n_jobs": 1, "criterion": "log_loss"},
    ),
    "catboost": Tree(
        "catboost",
        "CatBoostClassifier",
        "iterations",
        "random_seed",
        50,
        {"thread_count": 1, "verbose": False, "allow_writing_files": False, "bootstrap_type": "Bernoulli"},
    ),
    "xgboost": Tree(
        "xgboost",
        "XGBClassifier",
        "n_estimators",
        "random_state",
        50,
        {"n_jobs": 1, "tree_method": "hist", "eval_metric": "logloss", "verbosity": 0},
    ),
    "lightgbm": Tree(
        "lightgbm",
        "LGBMClassifier",
        "n_estimators",
        "random_state",
        50,
        {"n_jobs": 1, "verbosity": -1, "deterministic": True, "force_row_wise": True, "subsample_freq": 1},
    ),
}
"""Slowest first: jobs start in this order."""

REQUIRED = {LSTM: "torch", **{name: tree.module.split(".")[0] for name, tree in TREES.items()}}


class FittedTree(msgspec.Struct, frozen=True, eq=False):
    """A fitted classifier of the library `name`, and the number of trees that it uses."""

    name: str
    model: Any
    rounds: int


class Sample(msgspec.Struct, frozen=True, eq=False):
    """Rows to learn from: features (n, n_features), labels 0 or 1 and weights (n,)."""

    rows: Rows
    up: Floats
    weight: Floats


def why_missing(name: str) -> str:
    """The reason why the member `name` cannot be trained here; empty when it can."""
    library = REQUIRED.get(name)
    if library is None:
        return f"{name} is no member that MinhOS knows ({', '.join(REQUIRED)})"
    if importlib.util.find_spec(library) is None:
        return f"the library {library} is not installed"
    return ""


def fit_tree(name: str, parameters: Parameters, seed: int, train: Sample, validation: Sample | None) -> FittedTree:
    """Fit one member; with validation rows it stops early and keeps the best number of trees.

    Raises ImportError without the library, and whatever the library raises.
    """
    tree = TREES[name]
    constructor = getattr(importlib.import_module(tree.module), tree.constructor)
    arguments = {**tree.fixed, **parameters, tree.seed: seed}
    fit_arguments: dict[str, Any] = {"sample_weight": train.weight}
    if validation is not None and tree.patience:
        stopping = _early_stopping(name, tree.patience, validation)
        arguments |= stopping["constructor"]
        fit_arguments |= stopping["fit"]
    model = constructor(**arguments)
    model.fit(train.rows, train.up.astype(np.int32), **fit_arguments)
    return FittedTree(name, model, _rounds(name, model, int(arguments[tree.rounds])))


def predict_tree(fitted: FittedTree, rows: Rows) -> Floats:
    """Probability of "up" for each row, shape (n,)."""
    return np.asarray(fitted.model.predict_proba(rows), dtype=float)[:, 1]


def _early_stopping(name: str, patience: int, validation: Sample) -> dict[str, dict[str, Any]]:
    """Arguments for the constructor and for fit; the validation loss is unweighted."""
    rows, up = validation.rows, validation.up.astype(np.int32)
    if name == "lightgbm":
        from lightgbm import early_stopping

        stop = early_stopping(patience, verbose=False)
        return {"constructor": {}, "fit": {"eval_X": rows, "eval_y": up, "eval_metric": "logloss", "callbacks": [stop]}}
    if name == "xgboost":
        return {"constructor": {"early_stopping_rounds": patience}, "fit": {"eval_set": [(rows, up)], "verbose": False}}
    return {"constructor": {}, "fit": {"eval_set": (rows, up), "early_stopping_rounds": patience}}


def _rounds(name: str, model: Any, asked: int) -> int:
    """How many trees the fitted model predicts with."""
    if name == "lightgbm":
        return int(model.best_iteration_ or asked)
    if name == "xgboost":
        best = getattr(model, "best_iteration", None)
        return asked if best is None else int(best) + 1
    if name == "catboost":
        return int(model.tree_count_)
    return asked
