"""`minh.py parts`: what is loaded, from where; a file that does not load is one sentence with its line."""

from __future__ import annotations

import json

import pytest

from minhos import parts

LIMIT = """from minhos import parts


@parts.limits("never", version="2")
class Never:
    def cap(self, context):
        return None
"""


@pytest.fixture(autouse=True)
def nothing_stays_loaded():
    yield
    parts.load()


def name_file(home, text: str):
    path = home / "my_parts.py"
    path.write_text(text, encoding="utf-8")
    (home / "config" / "minhos.toml").write_text('[user]\nfile = "my_parts.py"\n', encoding="utf-8")
    return path


def test_without_a_file_ours_are_listed_with_what_they_change(minh):
    found = json.loads(minh("parts", "--json").out)
    assert found["file"] == ""
    assert {part["origin"] for part in found["parts"]} == {"minhos"}
    assert {"feed", "venue", "limit", "feature", "member", "alert channel", "file format"} <= set(found["kinds"])
    assert {"simulated", "folder", "paper", "sierra"} <= {part["name"] for part in found["parts"]}


def test_a_part_of_the_users_file_is_listed_with_its_version_and_place(minh, home):
    path = name_file(home, LIMIT)
    own = [part for part in json.loads(minh("parts", "--json").out)["parts"] if part["origin"] == str(path)]
    assert [(part["kind"], part["name"], part["version"], part["where"]) for part in own] == [
        ("limit", "never", "2", f"{path}:4")
    ]
    assert len(own[0]["digest"]) == 12
    assert "never" in minh("parts").out


@pytest.mark.parametrize("command", ["parts", "check-data", "backtest", "train"])
def test_a_file_that_does_not_load_is_one_sentence_with_its_line(minh, home, command):
    path = name_file(home, LIMIT + "\nraise ValueError('oh no')\n")
    done = minh(command)
    assert done.code == 2
    assert f"{path}:9: your parts cannot be loaded" in done.sentence()
    assert "[user] file" in done.sentence()


FEATURE = """from minhos import parts


@parts.features("mine")
class Mine:
    warm_up = 1

    def update(self, seen):
        return 0.0
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FEATURE.replace("mine", "atr_ratio"), "'atr_ratio' is a feature of MinhOS"),
        (FEATURE.replace("warm_up = 1", "warm_up = 999"), "the feature 'mine' warms up over 999 bars"),
        (FEATURE.replace("    warm_up = 1\n", ""), "the feature 'mine' is no class with warm_up and update"),
        (LIMIT.replace("never", "margin"), "A limit of MinhOS is called 'margin'"),
        (LIMIT.replace("def cap(", "def __init__(self): 1 / 0\n    def cap("), "could not be made (ZeroDivisionError"),
    ],
)
def test_a_part_that_does_not_fit_is_one_sentence_with_its_line(minh, home, text, words):
    path = name_file(home, text)
    done = minh("parts")
    assert done.code == 2
    assert f"{path}:{6 if 'made' in words else 4}: " in done.sentence()
    assert words in done.sentence()
