"""The five members of MinhOS: an LSTM over the last 60 bars, and four kinds of trees on the last one.

Each class is all that is known of its member.  One thread each, because two processes of one thread beat one of two
here; float32, because that is what serving feeds.  Small, slow trees: the features carry the filters, so what is left
to learn is smooth, and depth only learns noise.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from minhos import parts
from minhos.errors import TrainingError
from minhos.models.forecast import LSTM
from minhos.training.member import Floats, Member, Parameters, Range, Rows, Sample, Values

if TYPE_CHECKING:
    from minhos.training.lstm import LstmFit

LIGHTGBM = "lightgbm"

RATE = Range(0.005, 0.2, log=True)
SHARE = Range(0.3, 1.0)
PENALTY = Range(1.0, 300.0, log=True)
PATIENCE = 50
"""Rounds without a better validation log loss after which boosting stops."""


class Classifier(Protocol):
    """What the four libraries have in common."""

    classes_: Sequence[int]

    def fit(self, rows: Rows, up: object, **options: object) -> object: ...

    def predict_proba(self, rows: Rows) -> Floats: ...


@parts.members(LSTM)
class Lstm(Member):
    """Two layers over the last 60 bars; see `lstm`."""

    library = "torch"
    takes = "window"
    stops_early = True
    n_blocks = 2
    demo: Values = {
        "hidden": 32,
        "span": 10,
        "learning_rate": 1e-2,
        "weight_decay": 1e-2,
        "dropout": 0.3,
        "max_epochs": 8,
        "patience": 3,
    }
    standard = demo
    _fit: LstmFit

    def fit(self, train: Sample, validation: Sample | None, parameters: Parameters, seed: int) -> None:
        from minhos.training.lstm import LstmParameters, fit_lstm

        self._fit = fit_lstm(train, validation, seed, msgspec.convert(dict(parameters), LstmParameters))
        self.validation_loss = self._fit.validation_log_loss

    def p_up(self, sample: Sample) -> Floats:
        from minhos.training.lstm import predict_lstm

        return predict_lstm(self._fit, sample.history, sample.bar)

    def export(self, n_features: int) -> bytes:
        from minhos.training.export import lstm_to_onnx

        return lstm_to_onnx(self._fit)


class Tree(Member):
    """What the four trees share: the model, its forecast, and a market that moved both ways."""

    rounds_parameter = "n_estimators"
    model: Classifier

    def _learn(self, model: Classifier, train: Sample, **options: object) -> None:
        model.fit(train.rows, train.up.astype(np.int32), sample_weight=train.weight, **options)
        self.model = model

    def p_up(self, sample: Sample) -> Floats:
        return np.asarray(self.model.predict_proba(sample.rows), dtype=float)[:, 1]

    def export(self, n_features: int) -> bytes:
        classes = [int(c) for c in self.model.classes_]
        if classes != [0, 1]:
            raise TrainingError(f"it saw only bars of class {classes} in training; it needs moves up and down")
        return self._convert(n_features)

    def _convert(self, n_features: int) -> bytes:
        raise NotImplementedError


@parts.members("random_forest")
class RandomForest(Tree):
    """Its ONNX file answers NaN with a wrong number, which is why serving refuses NaN before any model."""

    library = "sklearn"
    demo: Values = {
        "n_estimators": 80,
        "max_depth": 5,
        "min_samples_leaf": 60,
        "max_features": 0.3,
        "max_samples": 0.4,
    }
    standard: Values = {
        "n_estimators": 100,
        "max_depth": 6,
        "min_samples_leaf": 200,
        "max_features": 0.3,
        "max_samples": 0.2,
    }
    space = {
        "max_depth": Range(3, 10, whole=True),
        "min_samples_leaf": Range(20, 1000, log=True, whole=True),
        "max_features": Range(0.1, 1.0),
        "max_samples": Range(0.1, 0.9),
    }

    def fit(self, train: Sample, validation: Sample | None, parameters: Parameters, seed: int) -> None:
        from sklearn.ensemble import RandomForestClassifier

        fixed = {"n_jobs": 1, "criterion": "log_loss"}
        self._learn(RandomForestClassifier(**{**fixed, **parameters}, random_state=seed), train)
        self.rounds = int(parameters[self.rounds_parameter])

    def _convert(self, n_features: int) -> bytes:
        from skl2onnx import to_onnx

        options = {id(self.model): {"zipmap": False}}
        rows = np.zeros((1, n_features), dtype=np.float32)
        return bytes(to_onnx(self.model, rows, options=options).SerializeToString())


@parts.members("catboost")
class CatBoost(Tree):
    library = "catboost"
    stops_early = True
    rounds_parameter = "iterations"
    demo: Values = {"iterations": 300, "learning_rate": 0.03, "depth": 3, "l2_leaf_reg": 30.0, "subsample": 0.7}
    standard: Values = {**demo, "iterations": 1000, "depth": 4}
    space = {
        "learning_rate": RATE,
        "depth": Range(2, 7, whole=True),
        "l2_leaf_reg": PENALTY,
        "subsample": SHARE,
    }

    def fit(self, train: Sample, validation: Sample | None, parameters: Parameters, seed: int) -> None:
        from catboost import CatBoostClassifier

        fixed = {"thread_count": 1, "verbose": False, "allow_writing_files": False, "bootstrap_type": "Bernoulli"}
        self._catboost = model = CatBoostClassifier(**{**fixed, **parameters}, random_seed=seed)
        if validation is None:
            self._learn(model, train)
        else:
            newest = (validation.rows, validation.up.astype(np.int32))
            self._learn(model, train, eval_set=newest, early_stopping_rounds=PATIENCE)
        self.rounds = int(model.tree_count_)

    def _convert(self, n_features: int) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "catboost.onnx"
            self._catboost.save_model(str(path), format="onnx")
            return path.read_bytes()


@parts.members("xgboost")
class XgBoost(Tree):
    library = "xgboost"
    stops_early = True
    demo: Values = {
        "n_estimators": 300,
        "learning_rate": 0.03,
        "max_depth": 3,
        "min_child_weight": 50.0,
        "subsample": 0.7,
        "colsample_bytree": 0.5,
        "reg_lambda": 30.0,
    }
    standard: Values = {**demo, "n_estimators": 1000, "min_child_weight": 100.0}
    space = {
        "learning_rate": RATE,
        "max_depth": Range(2, 7, whole=True),
        "min_child_weight": Range(5.0, 500.0, log=True),
        "subsample": SHARE,
        "colsample_bytree": SHARE,
        "reg_lambda": PENALTY,
    }

    def fit(self, train: Sample, validation: Sample | None, parameters: Parameters, seed: int) -> None:
        from xgboost import XGBClassifier

        fixed = {"n_jobs": 1, "tree_method": "hist", "eval_metric": "logloss", "verbosity": 0}
        if validation is None:
            model = XGBClassifier(**{**fixed, **parameters}, random_state=seed)
            self._learn(model, train)
            self.rounds = int(parameters[self.rounds_parameter])
        else:
            model = XGBClassifier(**{**fixed, **parameters}, random_state=seed, early_stopping_rounds=PATIENCE)
            newest = (validation.rows, validation.up.astype(np.int32))
            self._learn(model, train, eval_set=[newest], verbose=False)
            self.rounds = int(model.best_iteration) + 1

    def _convert(self, n_features: int) -> bytes:
        from onnxmltools import convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType

        shape = [("row", FloatTensorType([None, n_features]))]
        return bytes(convert_xgboost(self.model, initial_types=shape).SerializeToString())


@parts.members(LIGHTGBM)
class LightGbm(Tree):
    library = "lightgbm"
    stops_early = True
    demo: Values = {
        "n_estimators": 300,
        "learning_rate": 0.03,
        "num_leaves": 8,
        "min_child_samples": 150,
        "subsample": 0.7,
        "colsample_bytree": 0.5,
        "reg_lambda": 30.0,
    }
    standard: Values = {**demo, "n_estimators": 1000, "min_child_samples": 500}
    space = {
        "learning_rate": RATE,
        "num_leaves": Range(4, 64, log=True, whole=True),
        "min_child_samples": Range(20, 2000, log=True, whole=True),
        "subsample": SHARE,
        "colsample_bytree": SHARE,
        "reg_lambda": PENALTY,
    }

    def fit(self, train: Sample, validation: Sample | None, parameters: Parameters, seed: int) -> None:
        from lightgbm import LGBMClassifier, early_stopping

        fixed = {"n_jobs": 1, "verbosity": -1, "deterministic": True, "force_row_wise": True, "subsample_freq": 1}
        make: Callable[..., LGBMClassifier] = LGBMClassifier  # its signature says nothing of parameters by name
        model = make(**{**fixed, **parameters}, random_state=seed)
        if validation is None:
            self._learn(model, train)
        else:
            self._learn(
                model,
                train,
                eval_X=validation.rows,
                eval_y=validation.up.astype(np.int32),
                eval_metric="logloss",
                callbacks=[early_stopping(PATIENCE, verbose=False)],
            )
        self.rounds = int(model.best_iteration_ or parameters[self.rounds_parameter])

    def _convert(self, n_features: int) -> bytes:
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        shape = [("row", FloatTensorType([None, n_features]))]
        return bytes(convert_lightgbm(self.model, initial_types=shape, zipmap=False).SerializeToString())
