"""A training in which a leak is suspected: nothing is promoted, nothing is concluded, and everyone is told why."""

from __future__ import annotations

import json

import pytest

from minhos.assembly.files import read_json
from minhos.assembly.layout import Layout
from minhos.commands.study import history, train
from minhos.errors import LeakSuspected
from minhos.models.calibration import Calibrator
from minhos.processes import trainer
from minhos.settings import load
from minhos.studies import studies
from minhos.testing.builders import MONDAY_OPEN, payoff, random_bars
from minhos.training.results.canaries import Canaries, LaterBars
from minhos.training.results.result import Bets, CalibrationReport, Line, Lines, TrainResult


@pytest.fixture
def leaking(monkeypatch):
    """Every training finds a leak."""
    canaries = Canaries(None, None, LaterBars(cuts=5, changed=(0,), at_ns=MONDAY_OPEN))
    result = TrainResult(
        "edge",
        "",
        "",
        "recipe",
        "NQZ25",
        True,
        *(0, 0, 300, 1, 200, 100),
        Lines(None, Line("all", 0.9, None, 9, None, None), Line("traded", None, None, 0, None, None)),
        (),
        Bets(0, None, None),
        CalibrationReport(0.0, 0.0, 0.0, 0, None, None, None),
        (),
        (),
        (),
        {},
        None,
        payoff(),
        Calibrator(0.0, 0.0, 0.0, 0),
        (1,),
        canaries=canaries,
    ).withheld()
    assert result.reason == canaries.sentence
    for module in (studies, trainer, train):
        monkeypatch.setattr(module, "run_training", lambda *_, **__: result)
    return result


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
    assert one.last_error == leaking.reason
    assert one.registry.history(one.scope) == ()
    assert not list(layout.training.glob("report-*.json"))
    assert leaking.reason in read_json(layout.training / "progress.json")["message"]


def test_the_command_promotes_nothing(tmp_path, leaking, monkeypatch, capsys):
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))
    bars = random_bars(300)
    monkeypatch.setattr(train, "read_history", lambda *_, **__: history.History(bars, load(tmp_path), ()))
    with pytest.raises(LeakSuspected):
        train.train(as_json=True, seed=None, promote=True)
    assert json.loads(capsys.readouterr().out)["bundle_id"] == ""
    assert not (Layout(tmp_path).models / "active.json").exists()
