"""A small simulated market and a recipe that trains on it in a second or two."""

from __future__ import annotations

import msgspec
import pytest

from minhos.feeds.simulated.market import MarketModel, SimulatedMarket, simulate
from minhos.market.calendar import SessionCalendar
from minhos.testing.builders import NQ, ns
from minhos.training.recipe import DEMO, Recipe

SMALL_TREES = {
    "random_forest": {"n_estimators": 10, "max_depth": 4, "min_samples_leaf": 20},
    "catboost": {"iterations": 20, "learning_rate": 0.1, "depth": 3},
    "xgboost": {"n_estimators": 20, "learning_rate": 0.1, "max_depth": 3},
    "lightgbm": {"n_estimators": 20, "learning_rate": 0.1, "num_leaves": 7},
}
SMALL_LSTM = {"hidden": 8, "max_epochs": 1, "patience": 1}


@pytest.fixture(scope="session")
def calendar() -> SessionCalendar:
    return SessionCalendar.load()


@pytest.fixture(scope="session")
def market(calendar: SessionCalendar) -> SimulatedMarket:
    return simulated_market(calendar)


@pytest.fixture(scope="session")
def small_recipe() -> Recipe:
    """All five members, small."""
    return msgspec.structs.replace(DEMO, size="test", parameters={"lstm": SMALL_LSTM, **SMALL_TREES}, lstm_fits=2)


@pytest.fixture(scope="session")
def two_trees(small_recipe: Recipe) -> Recipe:
    return msgspec.structs.replace(small_recipe, members=("xgboost", "lightgbm"), n_folds=3)


def simulated_market(
    calendar: SessionCalendar, *, kind: str = "ou", sessions: int = 22, seed: int = 1
) -> SimulatedMarket:
    model = MarketModel(kind=kind, ceiling=0.5 if kind == "null" else 0.62, seed=seed)
    return simulate(model, NQ, calendar, ns("2025-09-08T00:00:00"), sessions * 276)
