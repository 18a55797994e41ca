"""Studies: forecasts of bars that a model had not seen, from one training or from a walk-forward on the settings."""

from __future__ import annotations

import msgspec
import pytest

from minhos.assembly.layout import Layout
from minhos.errors import NotEnoughData
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars
from minhos.models.bundle import Bundle
from minhos.models.registry import Registry
from minhos.settings import Settings
from minhos.studies import studies
from minhos.studies.studies import holdout_study, stage_of, study, walk_forward_study
from minhos.testing.builders import NQ, bundle_contents, ns
from minhos.training.recipe import DEMO

CALENDAR = SessionCalendar.load()
SETTINGS = Settings(sizing={"drawdown_bound": False})


def silent(_share: float, _text: str) -> None:
    pass


def market(sessions: int) -> Bars:
    model = MarketModel(kind="ou", ceiling=0.62, seed=3)
    return simulate(model, NQ, CALENDAR, ns("2025-09-08T00:00:00"), sessions * 276).bars


@pytest.fixture(scope="module")
def bars() -> Bars:
    return market(5)


def bundle_from(folder, first_unseen_ns: int) -> Bundle:
    contents = bundle_contents(simulated=True, feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION)
    report = {**contents.report, "holdout_start_ns": first_unseen_ns}
    registry = Registry(folder / "models")
    info = registry.save(msgspec.structs.replace(contents, report=report))
    return studies.load_bundle(info.path, feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Layout:
    return Layout(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def bundle(bars, home) -> Bundle:
    return bundle_from(home.home, int(bars.close_time_ns[800]))


def test_a_holdout_study_forecasts_the_bars_after_the_training_and_no_other(bars, bundle, home):
    found = holdout_study(bars, bundle, SETTINGS, home, silent, processes=1)
    assert found.bars.close_time_ns.tolist() == bars.close_time_ns[800:].tolist() == list(found.forecasts)
    assert len(found.table) == len(bars)
    assert {forecast.bundle_id for forecast in found.forecasts.values()} == {bundle.id}
    assert [a.payoff for a in found.activations] == [bundle.manifest.payoff]
    assert set(found.signals.close_time_ns.tolist()) <= set(found.forecasts)
    assert (found.recipe_id, found.notes) == (bundle.manifest.recipe_id, None)
    assert found.schedule == "one training, the newest 42% of the bars"


def test_a_study_is_the_backtest_of_that(bars, bundle, home):
    whole = study(bars, bundle, SETTINGS, home, silent, processes=1)
    unseen = holdout_study(bars, bundle, SETTINGS, home, silent, processes=1)
    assert (whole.bundle, whole.forecasts) == (bundle, unseen.forecasts)
    assert whole.result.fills
    assert whole.result.equity_cents.tolist() == stage_of(unseen, SETTINGS).backtest().equity_cents.tolist()


def test_a_model_that_has_seen_every_bar_has_nothing_to_show(bars, tmp_path, home):
    knows_all = bundle_from(tmp_path, int(bars.close_time_ns[-1]) + 1)
    with pytest.raises(NotEnoughData, match="has learnt from all 1380 bars"):
        holdout_study(bars, knows_all, SETTINGS, home, silent)


SMALL = msgspec.structs.replace(
    DEMO,
    size="test",
    parameters={"lightgbm": {"n_estimators": 8, "learning_rate": 0.1, "num_leaves": 5}},
    members=("lightgbm",),
)


def test_a_walk_forward_study_keeps_the_settings_schedule_and_its_fits(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "recipe_of", lambda settings, n_bars: SMALL)
    long, layout = market(34), Layout(tmp_path)
    settings = Settings(training={"retrain_every_days": 9, "days": 12, "seed": 4})
    found = walk_forward_study(long, settings, layout, silent, members=("lightgbm",), processes=1)
    assert found.schedule == "walk-forward, retrained every 9 days on the last 12 sessions"
    assert found.recipe_id == SMALL.recipe_id
    days = [(b.time_ns - a.time_ns) / 86_400e9 for a, b in zip(found.activations, found.activations[1:], strict=False)]
    assert len(days) == found.notes.weeks - 1 > 0
    assert all(9 <= gap < 12 for gap in days), "nine days, or the next session after them"
    again = walk_forward_study(long, settings, layout, silent, members=("lightgbm",), processes=1)
    assert (found.notes.cached, again.notes.cached) == (False, True)
    assert again.forecasts == found.forecasts
    assert stage_of(again, settings).backtest().time_ns.tolist() == found.bars.close_time_ns.tolist()


def test_a_week_is_too_short_for_a_walk_forward(bars, tmp_path):
    with pytest.raises(NotEnoughData, match="a walk-forward needs 20 to learn from"):
        walk_forward_study(bars, SETTINGS, Layout(tmp_path), silent)
