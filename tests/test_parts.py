"""The doors: what registers, what is refused in which words, and what counts as a change."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from minhos import parts
from minhos.errors import PartsError

LIMIT = '''
from minhos import parts

MOST = 2

def most():
    return MOST

@parts.limits("two_at_most", version="3")
class TwoAtMost:
    """At most two."""

    def cap(self, context):
        return most(), "two at most"  # why not
'''


@pytest.fixture(autouse=True)
def nothing_left():
    yield
    parts.load()


def written(folder: Path, text: str) -> Path:
    file = folder / "my_parts.py"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def digest_with(folder: Path, before: str, after: str) -> str:
    parts.load(written(folder, LIMIT.replace(before, after)))
    return parts.limits.part("two_at_most").digest


def test_a_part_is_known_by_name_version_place_and_digest(tmp_path: Path) -> None:
    file = written(tmp_path, LIMIT)
    parts.load(file)
    (part,) = parts.own()
    assert (part.kind, part.name, part.version, part.where) == ("limit", "two_at_most", "3", f"{file}:9")
    assert part.value().cap(None) == (2, "two at most")
    assert parts.identities() == {"limit two_at_most": f"3+{part.digest}"}


def test_comments_and_docstrings_do_not_count_what_runs_does(tmp_path: Path) -> None:
    first = digest_with(tmp_path, "", "")
    assert digest_with(tmp_path, "# why not", "# because") == first
    assert digest_with(tmp_path, "At most two.", "Never three.") == first
    assert digest_with(tmp_path, "most(), ", "1 + most(), ") != first
    assert digest_with(tmp_path, "MOST = 2", "MOST = 3") != first, "a constant that a helper of it uses"


def test_what_is_taken_out_of_the_file_is_gone(tmp_path: Path) -> None:
    parts.load(written(tmp_path, LIMIT))
    parts.load(written(tmp_path, "pass\n"))
    assert parts.own() == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LIMIT + "\nimport nowhere_at_all\n", r"my_parts\.py:16: .*No module named 'nowhere_at_all'"),
        (LIMIT + "\ndef broken(:\n", r"my_parts\.py:16: .*SyntaxError"),
        (LIMIT + LIMIT, r"my_parts\.py:23: the limit 'two_at_most' exists already \(.*my_parts\.py:9\)"),
        ("from minhos import parts\nparts.feeds.register('my feed', object)\n", r"'my feed' is no name for a feed"),
        ("raise SystemExit(3)\n", r"my_parts\.py:1: .*SystemExit"),
        (LIMIT.replace('"3"', "3"), r"my_parts\.py:9: the version of a limit is a text"),
        (LIMIT.replace('("two_at_most", version="3")', ""), r"my_parts\.py:9: the name of a limit is a text"),
    ],
)
def test_a_file_that_fails_registers_nothing_and_says_where(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PartsError, match=said):
        parts.load(written(tmp_path, text))
    assert parts.own() == ()


def test_what_a_file_prints_is_no_answer_and_a_byte_order_mark_is_nothing(tmp_path: Path, capsys) -> None:
    file = tmp_path / "my_parts.py"
    file.write_bytes(b"\xef\xbb\xbf" + (LIMIT + "print('hello')\n").encode())
    parts.load(file)
    assert [part.name for part in parts.own()] == ["two_at_most"]
    assert capsys.readouterr() == ("", "hello\n")


def test_a_missing_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(PartsError, match=r"none\.py cannot be read .*leave it empty"):
        parts.load(tmp_path / "none.py")


def test_an_unknown_name_gets_a_suggestion(tmp_path: Path) -> None:
    parts.load(written(tmp_path, LIMIT))
    with pytest.raises(PartsError, match="Did you mean 'two_at_most'"):
        parts.limits.part("two_at_mots")


def test_differences_name_both_sides() -> None:
    said = parts.differences(
        {"feature a": "1+x", "feature b": "1+y"},
        {"feature b": "1+z", "limit c": "1+w"},
        made="the model was trained",
        now="this process",
    )
    assert said == [
        "the model was trained with the feature a (1+x), which this process does not have",
        "the model was trained with the feature b in another form (1+y; this process: 1+z)",
        "this process has the limit c (1+w), which the model was trained without",
    ]
