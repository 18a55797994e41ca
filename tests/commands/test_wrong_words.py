"""Every option of every command with a wrong value of its kind: one sentence, exit code 2, and nothing was done.

The commands are asked what they take, so that a new option is in here the day that it is written.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import os
import shlex
import typing
from pathlib import Path

import pytest

from minhos.cli import TABLES, command_of
from minhos.commands.operate import config
from minhos.settings import OVERRIDES

NOWHERE = "/dev/null/at/all"
NEEDS = {"config set": {"key": "paper.initial_cash", "value": "100000"}, "bench": {"name": "world"}}
"""Arguments that the others are tried beside."""
WORDS = {"--why", "--accept-unproven", "--host", "--password"}
"""Options that take any words, and hosts that only the network knows."""
WRONG_WORDS = {
    "--day": ("tomorrow", "20251305", "06.10.2025", "20251130", "20991231", "-1"),
    "--for": ("3x", "soon", ""),
    "install-service --name": ("a b", "../x", ""),
}
WRONG_ARGUMENTS = {
    "bench name": ("nothing", "decison"),
    "models promote bundle": ("nothing",),
    "config set key": ("foo", "paper.initial_csh", "nosuch.thing", "."),
    "config set value": ("100,000", "many", "nan", "-5"),
}


class Taken(typing.NamedTuple):
    """One option or argument of a command.  option: its long name; empty for an argument."""

    command: str
    name: str
    kind: type
    option: str
    low: float | None
    high: float | None


def taken() -> list[Taken]:
    """All of them, by the signatures of the commands' functions."""
    found = []
    for group, table in TABLES.items():
        for word, entry in table.items():
            module, _, function = entry.target.partition(":")
            call = getattr(importlib.import_module(f"minhos.commands.{module}"), function)
            options = {each.name: max(each.opts, key=len) for each in command_of(word, entry).params}
            for name, hint in typing.get_type_hints(call, include_extras=True).items():
                if name != "return":
                    kind, info = typing.get_args(hint)[:2]
                    option = options[name] if options[name].startswith("--") else ""
                    found.append(Taken(f"{group} {word}".strip(), name, kind, option, info.min, info.max))
    return found


def wrong(one: Taken) -> list[str]:
    """Values of its kind that it must refuse."""
    bare = [kind for kind in (one.kind, *typing.get_args(one.kind)) if inspect.isclass(kind) and kind is not type(None)]
    kind = next((each for each in bare if each is not list), str)
    low, high = one.low, one.high
    if f"{one.command} {one.name}" in WRONG_ARGUMENTS:
        return list(WRONG_ARGUMENTS[f"{one.command} {one.name}"])
    if kind is bool or one.option in WORDS:
        return []
    if kind in (int, float):
        bounds = [] if low is None else [str(kind(low) - 1)]
        bounds += [] if high is None else [str(kind(high) + 1)]
        return ["two", "1,000", "", *bounds, *(["nan", "inf", "1e999"] if kind is float else ["1.5"])]
    if issubclass(kind, Path):
        return [NOWHERE, f"{NOWHERE}/x.zip", ""]
    if issubclass(kind, enum.Enum):
        return ["nothing", ""]
    return list(WRONG_WORDS.get(f"{one.command} {one.option}", WRONG_WORDS.get(one.option, ("nothing-such",))))


CASES = [
    pytest.param(one, value, id=f"{one.command} {one.option or one.name} {value!r}")
    for one in taken()
    for value in wrong(one)
]


def everything(home: Path) -> dict[str, bytes]:
    """Files of a home and what is in them; a folder that is made on the way is no effect."""
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def said_as(value: str) -> tuple[str, ...]:
    """How a sentence may name it: whole, as the number or the folder that it is, or the half of a key that is wrong."""
    return value, value.replace("1e999", "inf"), *([str(Path(value).parent)] if "/" in value else value.split("."))


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """Nothing that a wrong value lets through may start, wait, measure or reach the outside."""
    monkeypatch.setenv(OVERRIDES, "")
    monkeypatch.delenv(OVERRIDES)
    monkeypatch.chdir(tmp_path)
    before = os.environ.copy()
    yield
    for key in os.environ.keys() - before.keys():
        monkeypatch.delenv(key)


def test_every_option_is_tried_or_takes_any_words():
    asked = {(each.command, each.name) for each in taken()}
    tried = {(case.values[0].command, case.values[0].name) for case in CASES}
    left = {each for each in taken() if (each.command, each.name) in asked - tried}
    assert len(tried) > 60
    assert {each.option for each in left if each.kind is not bool} <= WORDS


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("one", "value"), CASES)
def test_a_wrong_value_is_one_sentence_that_names_it_and_nothing_is_done(minh, home, one, value):
    arguments = {**NEEDS.get(one.command, {}), **({one.name: value} if not one.option else {})}
    words = [*one.command.split(), *arguments.values(), *([f"{one.option}={value}"] if one.option else [])]
    before = everything(home)
    done = minh(*words)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("MinhOS: ")
    assert done.err.count("\n") == 1
    assert any(part in done.err for part in said_as(value))
    assert everything(home) == before


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("group", "word"), [(group, word) for group, table in TABLES.items() for word in table])
def test_a_wrong_option_or_a_word_too_many_is_one_sentence(minh, home, group, word):
    command = f"{group} {word}".strip()
    needed = {
        each.name: "x" for each in taken() if each.command == command and not each.option and command not in SOURCED
    }
    for extra in ("--no-such-option", "--hepl", "too-many"):
        extras = [extra, "too-many"] if command in SOURCED and extra == "too-many" else [extra]
        if command == "config set":
            continue  # it takes any number of words, and a value may begin with a dash
        done = minh(*command.split(), *needed.values(), *extras)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"MinhOS: minh.py {command} ")
        assert done.err.count("\n") == 1
        assert extra in done.err
    assert everything(home) == {}


SOURCED = {each.command for each in taken() if each.name == "source_option"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("pause --reason lunch", "minh.py pause has no --reason: did you mean --why?"),
        ("compare --date 20251006", "minh.py compare has no --date: did you mean --day?"),
        ("halt the market", "minh.py halt does not take 'the market': words belong in quotes, as in --why"),
        ("statsu", "minh.py has no command 'statsu': did you mean status?"),
        ("models promot x", "minh.py models has no command 'promot': did you mean promote?"),
        ("setup", "'setup' is the launcher's: type python3 minh.py setup."),
        ("train --days 1,000", "--days '1,000' is not an integer: write --days 1000."),
        ("train --days -3", "--days -3 is too small: give at least 1."),
        ("train --target other", "--target 'other' is not one: kelly_integration is the only target"),
        ("train --timezone Europe/Belrin", "'Europe/Belrin' is not a zone that is known: did you mean Europe/Berlin?"),
        ("config set paper.initial_cash 100,000", "write 100000."),
        (
            "compare --day 20251129",
            "closed on Saturday, 2025-11-29; the trade dates beside it are 20251128 and 20251201",
        ),
        ("restore", "minh.py restore needs SOURCE (a zip file of `backup`)"),
        ("restore missing.zip", "missing.zip"),
        ("start --symbol ZZZ", "'ZZZ' is not a symbol MinhOS knows"),
        ("start --seconds-per-bar nan", "--seconds-per-bar nan is not a number that can be meant"),
        ("start --data", "--data of minh.py start needs a value; `minh.py start --help` shows an example"),
        ("backup ''", "TARGET is empty: give the path of a file or folder."),
        ("check-data --source=", "--source is empty: give the path of a file or folder."),
        ("check-data /dev/null", "/dev/null is a pipe or a device; copy the bars into a file"),
        ("config set risk.max_consecutive_losses 1.5", "[risk] max_consecutive_losses = 1.5: give a whole number;"),
        ("config set risk.stale_after_s.live soon", "[risk] stale_after_s.live = 'soon': give a number;"),
        ("config set sizing.kelly_enabled 3", "[sizing] kelly_enabled = 3: give true or false;"),
    ],
)
@pytest.mark.usefixtures("alone")
def test_the_way_out_is_named(minh, words, sentence):
    done = minh(*shlex.split(words))
    assert done.code == 2
    assert sentence in done.err
    assert done.out == ""


@pytest.mark.parametrize("name", ["minhos.toml", "kelly_risk_parameters.json", "events.csv"])
@pytest.mark.parametrize("words", ["status", "start", "config show", "config set web.port 8001", "backup b.zip"])
@pytest.mark.usefixtures("alone")
def test_settings_that_are_no_text_are_one_sentence(minh, home, name, words):
    path = home / "config" / name
    path.write_bytes(b"\x00\xb1\xff" * 90)
    done = minh(*words.split())
    if words.startswith("backup") and name != "minhos.toml":
        assert done.code == 0, "it is packed as it is; only passwords are looked for, and they are in minhos.toml"
        return
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"MinhOS: {path} cannot be read: it is no text in UTF-8 from byte 1 on; save it")
    path.unlink()
    path.mkdir()
    assert "Is a directory; make it a file that you may read, or move it away" in minh("status").err


@pytest.mark.skipif(os.name == "nt", reason="named pipes of POSIX")
def test_a_pipe_is_not_waited_for(minh, tmp_path):
    os.mkfifo(tmp_path / "NQZ25.csv")
    for command in ("check-data", "train", "backtest"):
        assert "is a pipe or a device" in minh(command, str(tmp_path / "NQZ25.csv")).err


def test_settings_that_cannot_be_written_name_the_file_and_the_way_out(minh, home, monkeypatch):
    def refused(path, data):
        raise PermissionError(13, "Permission denied", f"{path.parent}/.partial-1")

    monkeypatch.setattr(config, "replace_file", refused)
    done = minh("config", "set", "web.port", "8001")
    where = home / "config" / "minhos.toml"
    assert f"{where} cannot be written (Permission denied); choose a home" in done.err


@pytest.mark.parametrize("text", ["20251006", "2025-10-06", "2025/10/06", " 20251006 "])
def test_a_date_is_understood_in_the_forms_that_cannot_be_mistaken(text):
    from minhos.commands.study.journal import trade_date_named
    from minhos.market.calendar import SessionCalendar

    assert trade_date_named(text, SessionCalendar.load()) == 20251006
