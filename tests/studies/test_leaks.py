"""A training in which a leak is suspected: nothing is promoted, nothing is concluded, and everyone is told why."""

from __future__ import annotations

import pytest

from minhos.assembly.files import read_json
from minhos.assembly.layout import Layout
from minhos.commands import models
from minhos.errors import LeakSuspected
from minhos.processes import trainer
from minhos.settings import load
from minhos.studies import studies
from minhos.testing.builders import random_bars

REASON = "LEAK SUSPECTED: Features change when later bars do."


@pytest.fixture
def leaking(monkeypatch):
    """Every training finds a leak."""
    for module in (studies, trainer, models):
        monkeypatch.setattr(module, "run_training", lambda *_, **__: {"bundle_id": "", "reason": REASON, "trials": 1})


def test_no_study_begins_with_it(tmp_path, leaking):
    chosen, layout = load(tmp_path), Layout(tmp_path).make()
    registry = studies.Registry(layout.models)
    with pytest.raises(LeakSuspected, match="Features change when later bars do") as caught:
        studies.bundle_for(random_bars(300), chosen, layout, registry, lambda share, text: None)
    assert caught.value.exit_code == 1


def test_the_trainer_keeps_the_model_in_use_and_says_why(tmp_path, leaking, monkeypatch):
    layout = Layout(tmp_path).make()
    one = trainer.Trainer(load(tmp_path), layout)
    monkeypatch.setattr(one, "history", lambda: random_bars(300))
    one.train("it was asked for")
    assert one.last_error == REASON
    assert one.registry.history(one.scope) == ()
    assert not list(layout.training.glob("report-*.json"))
    assert REASON in read_json(layout.training / "progress.json")["message"]


def test_the_command_promotes_nothing(tmp_path, leaking):
    layout = Layout(tmp_path).make()
    result = models.train_and_promote(random_bars(300), load(tmp_path), layout, as_json=True)
    assert result["bundle_id"] == ""
    assert not (layout.models / "active.json").exists()
