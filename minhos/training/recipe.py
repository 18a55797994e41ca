"""The recipe: everything that decides how a model is trained, and the id under which its evidence is kept.

Two sizes, chosen by the number of bars.  Seeds and data are not part of it: retraining the same recipe on newer bars
keeps its evidence; changing a parameter starts anew.
"""

from __future__ import annotations

import hashlib

import msgspec

from minhos.errors import SettingsError
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION
from minhos.training.dataset import WINDOW_BARS
from minhos.training.members import LSTM, REQUIRED, TREES

Values = dict[str, float | int | str | bool]

DEMO_BELOW_BARS = 40_000
ID_DIGITS = 12


class Recipe(msgspec.Struct, frozen=True):
    """How to train.

    members: by name, the LSTM and the trees.  parameters: of each member, for its library.  n_folds, embargo_bars:
    purged cross-validation of the trees.  holdout: share of the newest bars that is only reported.
    early_stopping: share of a fit's newest bars that validates it.  lstm_fits: networks trained for the bundle, of
    which the best by validation log loss is kept.  dead_zone: in volatilities, in training alone.  stop_atr: of the
    payoff.  z: standard errors taken off the calibration slope.
    """

    size: str
    parameters: dict[str, Values]
    members: tuple[str, ...] = tuple(REQUIRED)
    features: tuple[str, ...] = FEATURE_NAMES
    feature_version: str | int = FEATURE_VERSION
    n_folds: int = 5
    embargo_bars: int = WINDOW_BARS
    holdout: float = 0.2
    early_stopping: float = 0.1
    lstm_fits: int = 3
    dead_zone: float = 0.0
    stop_atr: float = 3.0
    z: float = 1.0

    def __post_init__(self) -> None:
        if unknown := set(self.members) - set(REQUIRED):
            raise SettingsError(f"{', '.join(sorted(unknown))} is no member; choose from {', '.join(REQUIRED)}.")
        if not self.members:
            raise SettingsError("A recipe needs at least one member.")
        if not 0.0 < self.holdout < 1.0 or not 0.0 < self.early_stopping < 1.0:
            raise SettingsError(f"holdout {self.holdout} and early_stopping {self.early_stopping} must lie in (0, 1).")
        if self.n_folds < 2 or self.embargo_bars < 0 or self.lstm_fits < 1:
            raise SettingsError("A recipe needs at least two folds, an embargo of zero or more and one LSTM.")

    @property
    def recipe_id(self) -> str:
        """First 12 hex digits of the SHA-256 of all of it."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:ID_DIGITS]

    @property
    def trees(self) -> tuple[str, ...]:
        """Its tree members, slowest first."""
        return tuple(name for name in TREES if name in self.members)


LSTM_PARAMETERS: Values = {
    "hidden": 32,
    "span": 10,
    "learning_rate": 1e-2,
    "weight_decay": 1e-2,
    "dropout": 0.3,
    "max_epochs": 8,
    "patience": 3,
}

DEMO = Recipe(
    "demo",
    {
        LSTM: LSTM_PARAMETERS,
        "random_forest": {
            "n_estimators": 80,
            "max_depth": 5,
            "min_samples_leaf": 60,
            "max_features": 0.3,
            "max_samples": 0.4,
        },
        "catboost": {"iterations": 300, "learning_rate": 0.03, "depth": 3, "l2_leaf_reg": 30.0, "subsample": 0.7},
        "xgboost": {
            "n_estimators": 300,
            "learning_rate": 0.03,
            "max_depth": 3,
            "min_child_weight": 50.0,
            "subsample": 0.7,
            "colsample_bytree": 0.5,
            "reg_lambda": 30.0,
        },
        "lightgbm": {
            "n_estimators": 300,
            "learning_rate": 0.03,
            "num_leaves": 8,
            "min_child_samples": 150,
            "subsample": 0.7,
            "colsample_bytree": 0.5,
            "reg_lambda": 30.0,
        },
    },
    lstm_fits=2,
)
"""Up to 40,000 bars, about 145 sessions: under a minute on two cores.

Small, slow trees: the features carry the filters, so what is left to learn is smooth, and depth only learns noise.
"""

STANDARD = Recipe(
    "standard",
    {
        LSTM: LSTM_PARAMETERS,
        "random_forest": {
            "n_estimators": 100,
            "max_depth": 6,
            "min_samples_leaf": 200,
            "max_features": 0.3,
            "max_samples": 0.2,
        },
        "catboost": {"iterations": 1000, "learning_rate": 0.03, "depth": 4, "l2_leaf_reg": 30.0, "subsample": 0.7},
        "xgboost": {
            "n_estimators": 1000,
            "learning_rate": 0.03,
            "max_depth": 3,
            "min_child_weight": 100.0,
            "subsample": 0.7,
            "colsample_bytree": 0.5,
            "reg_lambda": 30.0,
        },
        "lightgbm": {
            "n_estimators": 1000,
            "learning_rate": 0.03,
            "num_leaves": 8,
            "min_child_samples": 500,
            "subsample": 0.7,
            "colsample_bytree": 0.5,
            "reg_lambda": 30.0,
        },
    },
    lstm_fits=3,
)


def recipe_for(n_bars: int, *, z: float = 1.0, members: tuple[str, ...] = tuple(REQUIRED)) -> Recipe:
    """The recipe for a history of that length."""
    base = DEMO if n_bars < DEMO_BELOW_BARS else STANDARD
    return msgspec.structs.replace(base, z=z, members=members)
