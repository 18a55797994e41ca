"""lab sizing and kelly-vs-fixed: one work under two names, readable at 80 columns, one object as JSON."""

from __future__ import annotations

import json
import sys

import msgspec
import pytest

from minhos import cli
from minhos.assembly.layout import Layout
from minhos.commands import terminal
from minhos.commands.lab import sizing as lab_sizing
from minhos.research.report.sizing import risk_tables, size_tables
from minhos.research.sizing_lab.contracts import AS_SET
from minhos.research.sizing_lab.policies import ENTRY_RULES, POLICIES
from minhos.settings import parse
from minhos.studies.history import History
from minhos.studies.kelly_vs_fixed import KIND, kelly_vs_fixed
from minhos.studies.trials import range_of
from minhos.testing.builders import MONDAY_OPEN
from minhos.testing.markets import oracle_study
from minhos.training.ledger import TrialLedger
from minhos.training.results.canaries import Canaries, LaterBars

CRITERIA = {"risk_adjusted", "drawdown", "volatility", "win_rate", "constraints"}


def sized(study, home):
    chosen = parse({"training": {"processes": 1}})
    return kelly_vs_fixed(study.bars, study, chosen, Layout(home).make(), lambda share, text: None, histories=300)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The comparison on five sessions of an easy market, and where its ledger lies."""
    home = tmp_path_factory.mktemp("lab")
    study = oracle_study("ou", 0.58, 5, seed=5)
    return study, home, sized(study, home)


@pytest.fixture(scope="module")
def nothing(tmp_path_factory):
    """The comparison on a market without an edge, made twice."""
    home, study = tmp_path_factory.mktemp("null"), oracle_study("null", 0.5, 2, seed=6)
    return sized(study, home), sized(study, home)


@pytest.fixture
def minh(found, tmp_path, monkeypatch, capsys):
    """`minh.py` with those words, on a study that is made already."""
    study, _, compared = found
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))
    history = History(study.bars, parse({}), ("SIMULATED: this is no market.",))
    asked = []
    monkeypatch.setattr(lab_sizing, "read_history", lambda source, option, **how: asked.append(how) or history)
    monkeypatch.setattr(lab_sizing, "bundle_for", lambda *_, **__: (None, {}))
    monkeypatch.setattr(lab_sizing, "holdout_study", lambda *_, **__: study)
    monkeypatch.setattr(lab_sizing, "compare_sizes", lambda *_, **__: compared)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["minh.py", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code
        return capsys.readouterr().out, asked[-1]

    return call


def test_each_configuration_is_one_trial(found):
    study, home, compared = found
    trials = TrialLedger(Layout(home).ledger).trials(range_of(study.bars))
    assert {trial.kind for trial in trials} == {KIND}
    assert compared.contracts.n_trials == compared.fractions.trials == len(trials) > len(POLICIES)


def test_a_rerun_is_no_trial_and_finds_the_same(nothing):
    first, again = nothing
    assert first.contracts.n_trials == again.contracts.n_trials > 1
    assert first == again


def test_the_verdict_is_that_of_training_and_the_criteria_are_all_there(found):
    _, _, compared = found
    assert compared.verdict == "too_little_data"
    assert "full sessions" in compared.reason
    names = [(c.rule, c.unit, c.name) for c in compared.criteria]
    assert len(names) == len(set(names)) == len(ENTRY_RULES) * 2 * len(CRITERIA)
    assert set(compared.checks) == CRITERIA
    assert compared.contracts.shipped.rule == AS_SET
    for check in compared.checks.values():
        assert check.value.startswith(ENTRY_RULES[0].name)


def test_it_is_one_json_object_under_both_names(found, minh, tmp_path):
    out, asked = minh("lab", "sizing", "--json")
    shown = json.loads(out)
    assert asked["days"] == 30
    assert shown["verdict"] == found[2].verdict
    assert {c["state"] for c in shown["criteria"]} <= {"MET", "NOT MET", "CANNOT BE TOLD"}
    assert len(shown["contracts"]["runs"]) == len(shown["fractions"]["rules"]) * len(POLICIES)
    assert minh("kelly-vs-fixed", "--json")[0] == out
    assert json.loads((tmp_path / "data" / "reports" / lab_sizing.REPORT).read_text()) == shown
    assert minh("kelly-vs-fixed", "--days", "5", "--json")[1]["days"] == 5


def test_a_walk_forward_is_sized_unless_a_canary_dies(found, minh, monkeypatch, capsys):
    alive = Canaries(None, None, LaterBars(cuts=5))
    asked = []
    monkeypatch.setattr(lab_sizing, "walk_forward_study", lambda *_, **how: asked.append(how) or found[0])
    monkeypatch.setattr(lab_sizing, "canaries_of", lambda *_: alive)
    out, _ = minh("lab", "sizing", "--walk-forward", "--scheduler", "tcp://localhost:8786", "--json")
    assert json.loads(out)["verdict"] == found[2].verdict
    assert asked[-1]["scheduler"] == "tcp://localhost:8786"
    dead = Canaries(None, None, LaterBars(cuts=5, changed=(0,), at_ns=MONDAY_OPEN))
    monkeypatch.setattr(lab_sizing, "canaries_of", lambda *_: dead)
    monkeypatch.setattr(sys, "argv", ["minh.py", "lab", "sizing", "--walk-forward"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out, err = capsys.readouterr()
    assert end.value.code == 1
    assert "LEAK SUSPECTED" in err
    assert "criteria" not in out


@pytest.mark.parametrize("width", [80, 120])
def test_every_line_is_marked_and_fits(minh, monkeypatch, width):
    monkeypatch.setattr(terminal.console, "_width", width)
    out, _ = minh("lab", "sizing")
    lines = out.splitlines()
    assert all(line.startswith("SIMULATED") for line in lines if line)
    assert max(map(len, lines)) <= width
    assert "…" not in out
    for words in (
        "criteria met",
        "NOT MET",
        "no significant",
        "P<0.8",
        "Kelly fractions as shipped",
        "win rate were 2 points lower",
        "share of start dates",
        "how often each bound",
        "Kelly shipped −",
    ):
        assert words in out
    beside = any("0.60/0.65 on the left" in line for line in lines)
    assert beside == (width == 120)


def test_the_terminal_shows_the_tables_of_the_page_and_of_long_ones_the_rows_that_matter(found, capsys, monkeypatch):
    monkeypatch.setattr(terminal.console, "_width", 300)
    compared = found[2]
    tables = (*size_tables(compared.criteria, compared.contracts, compared.fractions), *risk_tables(compared.fractions))
    for page in lab_sizing.pages(compared):
        terminal.show(page, simulated=False)
    out = " ".join(capsys.readouterr().out.split())
    for table in tables:
        assert " ".join(table.title.split()) in out
        shown = [i for i in range(len(table.rows)) if table.brief is None or i in table.brief]
        assert shown
        assert all(table.rows[i][0] in out for i in shown)
    differences = next(table for table in tables if table.brief is not None)
    left_out = [row[0] for i, row in enumerate(differences.rows) if i not in differences.brief]
    assert any(name.startswith("Kelly half −") for name in left_out)
    assert "Kelly half −" not in out


def test_switches_that_send_no_orders_do_not_hide_the_sizes(found, tmp_path):
    study, _, _ = found
    chosen = parse({"training": {"processes": 1}, "autonomous": {"auto_trading": False}})
    short = msgspec.structs.replace(study, bars=study.bars.rows(slice(0, 300)))
    shown = kelly_vs_fixed(short.bars, short, chosen, Layout(tmp_path).make(), lambda share, text: None, histories=50)
    assert shown.contracts.run("fixed_1_contract", "break-even").trades > 0


def test_without_bets_there_are_sentences_and_no_table(nothing, capsys):
    for page in lab_sizing.pages(nothing[0]):
        terminal.show(page, simulated=True)
    out = capsys.readouterr().out
    assert "too few bets: 0 bars with a position of the 30 needed" in out
    assert "0 bars are bet on; 30 more are needed" in " ".join(out.replace("SIMULATED", "").split())
    assert "CANNOT BE TOLD" in out
    assert " MET " not in out.replace("NOT MET", "")
    assert "none of them refused or cut a bet" in out
    for words in ("Whole contracts", "Fractions of capital", "Sortino", "dd 95%", "fees $"):
        assert words not in out
    assert {check.holds for check in nothing[0].checks.values()} == {None}
