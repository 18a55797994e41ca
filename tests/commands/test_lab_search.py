"""lab search and --scheduler: one table or one object, the ledger grows by each trial, mistakes in a sentence."""

from __future__ import annotations

import json
import sys

import msgspec
import pytest

from minhos import cli
from minhos.commands import terminal
from minhos.commands.lab import search as lab_search
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.research.search import search
from minhos.settings import parse
from minhos.studies.history import History
from minhos.testing.builders import NQ, ns
from minhos.training.recipe import DEMO


@pytest.fixture
def minh(tmp_path, monkeypatch, capsys):
    """`minh.py` with those words, on a small simulated market; returns exit code, stdout and stderr."""
    calendar = SessionCalendar.load()
    market = simulate(MarketModel(kind="ou", ceiling=0.62, seed=3), NQ, calendar, ns("2025-09-08T00:00:00"), 15 * 276)
    history = History(market.bars, parse({"training": {"processes": 1}}), ())
    trees = {**DEMO.parameters["lightgbm"], "n_estimators": 10}
    recipe = msgspec.structs.replace(DEMO, parameters={**DEMO.parameters, "lightgbm": trees}, n_folds=2)
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))
    monkeypatch.setattr(lab_search, "read_history", lambda *_, **__: history)
    monkeypatch.setattr(lab_search, "recipe_of", lambda *_: recipe)
    monkeypatch.setattr(search, "_refuse_leaks", lambda *_: None)  # the canaries have tests of their own

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["minh.py", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return call


def test_json_has_the_verdict_and_the_ledger_counts_no_rerun(minh):
    code, out, _ = minh("lab", "search", "--trials", "2", "--json")
    first = json.loads(out)
    assert code == 0
    assert first["verdict"] in ("better", "no_better")
    assert first["trials"] == 1 + first["n_tried"] == 3
    assert first["simulated"]
    assert json.loads(minh("lab", "search", "--trials", "2", "--json")[1]) == first


def test_the_table_marks_each_line_as_simulated_and_shows_the_line_to_copy(minh, monkeypatch):
    monkeypatch.setattr(terminal.console, "_width", 120)
    code, out, _ = minh("lab", "search", "--trials", "2")
    assert code == 0
    assert all(line.startswith("SIMULATED") for line in out.splitlines())
    for words in ("shipped", "gain, mnat a bar", "3 configurations have now been tried", '"lightgbm": {"n_estimators"'):
        assert words in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["lab", "search", "--member", "lightgm"], "did you mean lightgbm?"),
        (["lab", "search", "--member", "lstm"], "known are lightgbm, xgboost"),
        (["lab", "search", "--scheduler", "localhost:8786"], "it looks like tcp://192.168.1.5:8786."),
        (["train", "--scheduler", "here"], "is no address of a Dask scheduler"),
        (["backtest", "--scheduler", "http://here:80"], "is no address of a Dask scheduler"),
        (["lab", "search", "--trials", "0"], "--trials"),
    ],
)
def test_mistakes_end_in_a_sentence(minh, words, sentence):
    code, out, err = minh(*words)
    assert code == 2
    assert sentence in err
    assert out == ""
