"""Where a search looks for each tree member: one literal table, wide about the shipped recipes.

The number of trees is not searched: early stopping finds it.  How the table is searched is `search`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from minhos.training.recipe import Values

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DIGITS = 3
"""Significant digits of a value: more would be noise, and nobody would copy them."""


class Range(msgspec.Struct, frozen=True):
    """Of one parameter, ends included.  log: equal ratios are equally likely.  whole: integers."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


RATE = Range(0.005, 0.2, log=True)
SHARE = Range(0.3, 1.0)
PENALTY = Range(1.0, 300.0, log=True)

SPACES: dict[str, dict[str, Range]] = {
    "lightgbm": {
        "learning_rate": RATE,
        "num_leaves": Range(4, 64, log=True, whole=True),
        "min_child_samples": Range(20, 2000, log=True, whole=True),
        "subsample": SHARE,
        "colsample_bytree": SHARE,
        "reg_lambda": PENALTY,
    },
    "xgboost": {
        "learning_rate": RATE,
        "max_depth": Range(2, 7, whole=True),
        "min_child_weight": Range(5.0, 500.0, log=True),
        "subsample": SHARE,
        "colsample_bytree": SHARE,
        "reg_lambda": PENALTY,
    },
    "catboost": {
        "learning_rate": RATE,
        "depth": Range(2, 7, whole=True),
        "l2_leaf_reg": PENALTY,
        "subsample": SHARE,
    },
    "random_forest": {
        "max_depth": Range(3, 10, whole=True),
        "min_samples_leaf": Range(20, 1000, log=True, whole=True),
        "max_features": Range(0.1, 1.0),
        "max_samples": Range(0.1, 0.9),
    },
}


def distributions(member: str) -> dict[str, BaseDistribution]:
    """The member's ranges as Optuna's distributions."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        name: IntDistribution(int(r.low), int(r.high), log=r.log)
        if r.whole
        else FloatDistribution(r.low, r.high, r.log)
        for name, r in SPACES[member].items()
    }


def rounded(found: Mapping[str, float | int]) -> Values:
    """Values as they are fitted, entered into the ledger and shown."""
    return {name: v if isinstance(v, int) else float(f"{v:.{DIGITS}g}") for name, v in found.items()}
