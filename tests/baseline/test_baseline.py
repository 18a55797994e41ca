"""The code at hand against what users saw of 0.1.0: the same, but for the differences that `wanted.py` names.

Run through the command line and the web application (`surface`, `record`); old journals and an old bundle are read
by the parts inside (`reading`).  What takes long is compared by `record.py OUT --compare`, not here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reading
import record
import surface
from differences import Wanted, differences, unexplained
from wanted import WANTED

PARTS = ("openapi", "help", "settings", *record.GROUPED)
JOURNALS = ("demo", "sierra", "sierra_restarted", "sierra_halted")
STORED = surface.RECORDED
PROBABILITY, ARITHMETIC = 1e-6, 1e-9
"""Networks and trees round as the processor does; calibrating is a few steps of double precision."""


@pytest.fixture(scope="module")
def before() -> dict[str, Any]:
    return record.read()


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    quick = record.quick(tmp_path_factory.mktemp("baseline"), STORED)
    return json.loads(json.dumps(quick))


@pytest.mark.parametrize("part", PARTS)
def test_users_see_the_same(part: str, before: dict[str, Any], now: dict[str, Any]) -> None:
    found, compared = record.compared(before, now)
    own = [each for each in found if each.what.split(" > ")[0] == part]
    entries = [entry for entry in WANTED if entry.what.split(" > ")[0] == part]
    lines = unexplained(own, entries, compared)
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize("name", JOURNALS)
def test_an_old_journal_says_the_same(name: str, tmp_path: Path) -> None:
    stored = _json(STORED / "journals" / f"{name}.json")
    home = surface.new_home(tmp_path / "home", toml="")
    again = reading.read_journal(STORED / "journals" / f"{name}.sqlite.xz", home)
    what = f"journals > {name}"
    found = list(differences(stored, json.loads(json.dumps(again)), what))
    lines = unexplained(found, [entry for entry in WANTED if entry.what.startswith(what + " > ")])
    assert not lines, "\n".join(lines)


def test_an_old_bundle_forecasts_the_same(tmp_path: Path) -> None:
    stored = _json(STORED / "bundle" / "forecasts.json")
    bundle = reading.bundle_in(surface.recorded_home(tmp_path / "home"))
    again = reading.forecasts(bundle, np.load(STORED / "bundle" / "rows.npy"))
    np.testing.assert_allclose(again["calibrated"], stored["calibrated"], rtol=0, atol=ARITHMETIC)
    for old, new in zip(stored["forecasts"], again["forecasts"], strict=True):
        assert (new["side"], new["missing"]) == (old["side"], old["missing"])
        assert new["members"] == pytest.approx(old["members"], rel=0, abs=PROBABILITY)
        figures = ("score", "p_up", "p_low", "agreement")
        np.testing.assert_allclose([new[f] for f in figures], [old[f] for f in figures], rtol=0, atol=PROBABILITY)


def test_the_table_is_about_parts_that_are_compared() -> None:
    heads = {entry.what.split(" > ")[0] for entry in WANTED}
    assert heads <= {*PARTS, "journals"}
    journals = {entry.what.split(" > ")[1] for entry in WANTED if entry.what.startswith("journals")}
    assert journals <= set(JOURNALS)


def test_a_difference_must_be_in_the_table_and_an_entry_must_be_a_difference() -> None:
    found = list(differences({"help": {"run": ["a", "b"], "go": ["x"]}}, {"help": {"run": ["a", "c"]}}))
    told = [(each.what, each.before, each.after) for each in found]
    assert told == [("help > run", "b", None), ("help > run", None, "c"), ("help > go", ["x"], None)]
    table = [Wanted(*each, reason="so") for each in told]
    assert unexplained(found, table) == []
    assert len(unexplained(found, table[1:])) == 1
    assert len(unexplained(found[1:], table)) == 1
    assert unexplained(found[1:], table, parts={"help > go", "openapi"}) == []


@pytest.mark.parametrize(
    ("before", "after"), [(1, True), (0.1, 0.2), ([1.0], [2.0]), ("a", "b"), (None, 0), ([], ["a"])]
)
def test_values_differ(before: Any, after: Any) -> None:
    assert len(list(differences({"x": before}, {"x": after}))) == 1


@pytest.mark.parametrize("value", [1, 0.1, [1.0, {"a": 1}], "a", None, [], {}])
def test_values_are_the_same(value: Any) -> None:
    assert list(differences({"x": value}, {"x": json.loads(json.dumps(value))})) == []


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_each_wanted_difference_is_a_line_of_the_changelog() -> None:
    changelog = " ".join((Path(__file__).parents[2] / "CHANGELOG.md").read_text(encoding="utf-8").split())
    assert [entry.reason for entry in WANTED if " ".join(entry.reason.split()) not in changelog] == []


def test_each_wanted_difference_stands_once() -> None:
    said = [str((entry.what, entry.before, entry.after)) for entry in WANTED if entry.after != ""]
    assert sorted(set(said)) == sorted(said)
