"""lab scenarios: bad days under one's own settings, as sentences, as JSON, and as an exit code."""

import json
import sys

import msgspec
import pytest

from minhos import cli
from minhos.commands.lab import scenarios as lab_scenarios
from minhos.research.scenarios.checks import Check
from minhos.research.scenarios.suite import run_scenarios

NAME = "flash-crash"


@pytest.fixture
def minh(tmp_path, monkeypatch, capsys):
    """`minh.py` with those words, in a home of its own: what it printed, what it complained of, its exit code."""
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["minh.py", "lab", "scenarios", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capsys.readouterr()
        return said.out, said.err, end.value.code or 0

    return call


def test_the_story_is_told_line_by_line_as_simulated(minh):
    out, _, code = minh("--name", NAME, "--size", "NQ")
    assert code == 0
    assert all(line.startswith("SIMULATED") for line in out.splitlines())
    assert "the market fell 5 %" in " ".join(line.removeprefix("SIMULATED ").strip() for line in out.splitlines())
    assert "1 of 1 scenarios hold with $250,000 in NQ" in out
    assert "New York" not in out


def test_where_nothing_was_held_no_limit_held_either(minh):
    out, _, code = minh("--name", NAME, "--size", "NQ", "--cash", "1000")
    said = " ".join(line.removeprefix("SIMULATED ").strip() for line in out.splitlines())
    assert code == 0
    assert "Nothing was held with $1,000 in NQ, so no limit was put to the test" in said
    assert "scenarios hold" not in said


def test_the_timeline_is_shown_on_request(minh):
    assert "bought 3 NQ contracts (entry)" in minh("--name", NAME, "--timeline")[0]


def test_json_is_one_object_and_is_kept_among_the_reports(minh, tmp_path):
    out, _, code = minh("--name", NAME, "--size", "MNQ", "--cash", "25000", "--json")
    shown = json.loads(out)
    assert code == 0
    assert (shown["verdict"], shown["size"], shown["cash_dollars"], shown["simulated"]) == ("holds", "MNQ", 25000, True)
    (scenario,) = shown["scenarios"]
    assert scenario["name"] == NAME
    assert {"name", "limit", "value", "holds"} == set(scenario["checks"][0])
    assert json.loads((tmp_path / "data" / "reports" / lab_scenarios.REPORT).read_text()) == shown


def test_own_settings_count(minh, tmp_path):
    (tmp_path / "config").mkdir()
    own = (
        '[market]\norder_root = "MES"\nsymbol = "ES"',
        "[autonomous]\nmax_position_size = 2",
        "[paper]\ninitial_cash = 80000",
    )
    (tmp_path / "config" / "minhos.toml").write_text("\n".join(own))
    shown = json.loads(minh("--name", NAME, "--json")[0])
    assert (shown["size"], shown["cash_dollars"]) == ("MES", 80_000)
    assert shown["scenarios"][0]["held"] == 2


def test_a_check_that_does_not_hold_ends_with_exit_code_1(minh, monkeypatch):
    def broken(*args, **how):
        results = run_scenarios(*args, **how)
        bad = Check("the day's loss", "at most 5%", "9%", False)
        return tuple(msgspec.structs.replace(r, passed=False, checks=(*r.checks, bad)) for r in results)

    monkeypatch.setattr("minhos.studies.scenarios.run_scenarios", broken)
    out, complaint, code = minh("--name", NAME)
    assert code == 1
    assert "DOES NOT HOLD: the day's loss: 9%; at most 5%." in out
    assert "flash-crash: the day's loss" in complaint


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--name", "flash"), "did you mean flash-crash"),
        (("--size", "CL"), "CL"),
        (("--cash", "0"), "no amount"),
        (("--cash", "nan"), "no amount"),
        (("--cash", "-5"), "no amount"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(minh, words, says):
    out, complaint, code = minh(*words)
    assert code == 2
    assert not out
    assert says in complaint
    assert "Traceback" not in complaint
