"""A model that is at hand is not judged by what a round trip used to cost."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from minhos.assembly.layout import Layout
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.models.registry import Registry
from minhos.settings import Settings
from minhos.studies import studies
from minhos.studies.training_runs import recipe_of
from minhos.testing.builders import NQ, bundle_contents, ns
from minhos.training.train import data_hash


class TrainedAnewError(Exception):
    """Raised in the place of a training."""


def refuse(*_: object, **__: object) -> None:
    raise TrainedAnewError


def test_another_commission_is_another_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = MarketModel(kind="ou", ceiling=0.62, seed=3)
    bars = simulate(model, NQ, SessionCalendar.load(), ns("2025-09-08T00:00:00"), 600).bars
    dear = msgspec.structs.replace(
        bars, instrument=msgspec.structs.replace(NQ, commission_cents=10 * NQ.commission_cents + 1_000)
    )
    assert data_hash(dear) == data_hash(bars)
    contents = bundle_contents(simulated=True, feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION)
    report = {
        **contents.report,
        "canaries": {},
        "cost_ticks": bars.instrument.round_trip_cost_ticks(),
        "verdict": "edge",
        "reason": "as it was judged",
    }
    registry = Registry(tmp_path / "models")
    registry.save(
        msgspec.structs.replace(
            contents, report=report, data_hash=data_hash(bars), recipe_id=recipe_of(Settings(), len(bars)).recipe_id
        )
    )
    monkeypatch.setattr(studies, "run_training", refuse)

    def found(of: object) -> str:
        _, judged = studies.bundle_for(of, Settings(), Layout(tmp_path), registry, lambda share, text: None)
        return str(judged.verdict)

    assert found(bars) == "edge"
    with pytest.raises(TrainedAnewError):
        found(dear)


def test_an_accuracy_that_only_counts_falling_bars_is_measured_anew(tmp_path: Path, monkeypatch) -> None:
    model = MarketModel(kind="ou", ceiling=0.62, seed=3)
    bars = simulate(model, NQ, SessionCalendar.load(), ns("2025-09-08T00:00:00"), 600).bars
    contents = bundle_contents(simulated=True, feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION)
    report = {
        "canaries": {},
        "cost_ticks": bars.instrument.round_trip_cost_ticks(),
        "lines": {"all": {"accuracy": 0.52, "n": 900}},
        "calibration": {"slope": 0.0},
    }
    registry = Registry(tmp_path / "models")
    registry.save(
        msgspec.structs.replace(
            contents, report=report, data_hash=data_hash(bars), recipe_id=recipe_of(Settings(), len(bars)).recipe_id
        )
    )
    monkeypatch.setattr(studies, "run_training", refuse)
    with pytest.raises(TrainedAnewError):
        studies.bundle_for(bars, Settings(), Layout(tmp_path), registry, lambda share, text: None)
