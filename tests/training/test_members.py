"""The four trees: each learns, is reproducible, stops early, and is named when its library is absent."""

from __future__ import annotations

import importlib.util

import msgspec
import numpy as np
import pytest

from minhos.training.dataset import Dataset
from minhos.training.jobs import Job, run_jobs
from minhos.training.member import Member, Sample
from minhos.training.members import member, names, of_folds, searchable, why_missing
from minhos.training.recipe import DEMO, STANDARD, Recipe, recipe_for

NOTHING = np.zeros(0, dtype=np.int64)


def sample(n: int, seed: int) -> Sample:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, 6)).astype(np.float32)
    return Sample.of(rows, (rows[:, 0] + rng.standard_normal(n) > 0).astype(float))


def fitted(name: str, parameters: dict, train: Sample, validation: Sample | None = None) -> Member:
    one = member(name)
    one.fit(train, validation, parameters, 7)
    return one


def test_the_members_are_ours_slowest_first():
    assert names() == ("lstm", "random_forest", "catboost", "xgboost", "lightgbm")
    assert of_folds() == names()[1:]
    assert searchable() == ("lightgbm", "xgboost", "catboost", "random_forest")


@pytest.mark.parametrize("name", of_folds())
def test_each_tree_learns_and_is_reproducible(name, small_recipe: Recipe):
    train, unseen = sample(2000, 1), sample(1000, 2)
    first, again = (fitted(name, small_recipe.parameters[name], train) for _ in range(2))
    p_up = first.p_up(unseen)
    assert ((p_up > 0.5) == (unseen.up > 0.5)).mean() > 0.65
    assert (p_up == again.p_up(unseen)).all()


@pytest.mark.parametrize("name", [name for name in of_folds() if member(name).stops_early])
def test_boosting_stops_early_on_noise(name, small_recipe: Recipe):
    rng = np.random.default_rng(3)
    train, validation = (
        msgspec.structs.replace(sample(800, s), up=rng.integers(0, 2, 800).astype(float)) for s in (4, 5)
    )
    parameters = {**small_recipe.parameters[name], member(name).rounds_parameter: 400}
    one = fitted(name, parameters, train, validation)
    assert one.rounds < 300
    assert np.isfinite(one.p_up(validation)).all()


def test_a_library_that_is_absent_is_named(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "catboost" else found(name))
    assert why_missing("catboost") == "the library catboost is not installed"
    assert why_missing("lightgbm") == ""
    assert "no member that MinhOS knows" in why_missing("oracle")


def dataset(n: int = 400) -> Dataset:
    one, time = sample(n, 6), np.arange(n, dtype=np.int64) * 10
    return Dataset(
        rows=one.rows,
        bar=np.arange(n),
        decided=np.ones(n, bool),
        up=one.up,
        move_ticks=one.up * 2 - 1,
        atr_ticks=np.full(n, 40.0),
        weight=one.weight,
        start_ns=time,
        end_ns=time + 10,
        trade_date=np.full(n, 20251006),
    )


def test_a_job_that_fails_says_so_and_the_others_go_on(small_recipe: Recipe):
    rows = np.arange(400)
    good = Job("lightgbm", "fold 1", small_recipe.parameters["lightgbm"], 1, rows[:300], NOTHING, rows[300:])
    bad = msgspec.structs.replace(good, parameters={"n_estimators": -1})
    told: list[str] = []
    outcomes = run_jobs(dataset(), [bad, good], processes=1, progress=lambda share, sentence: told.append(sentence))
    assert outcomes[0].p_up is None
    assert outcomes[0].error
    assert outcomes[1].error == ""
    assert len(outcomes[1].p_up) == 100
    assert told[-1] == "lightgbm, fold 1: done"


def test_recipes_have_an_id_of_everything_that_decides_a_fit():
    ids = {
        DEMO.recipe_id,
        STANDARD.recipe_id,
        recipe_for(10_000, z=2.0).recipe_id,
        msgspec.structs.replace(DEMO, dead_zone=0.25).recipe_id,
        msgspec.structs.replace(DEMO, members=("lstm",)).recipe_id,
    }
    assert len(ids) == 5
    assert recipe_for(10_000).recipe_id == DEMO.recipe_id
    assert recipe_for(140_000).recipe_id == STANDARD.recipe_id
    assert len(DEMO.recipe_id) == 12
