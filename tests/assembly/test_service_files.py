"""The unit and the task that run MinhOS: what systemd itself says to it, and that no path is read as something else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.assembly.service_files import TASK_SPACE, Service, systemd_unit, windows_task

ODD = '/data/100% "sure" $HOME/a\\b & c'
SERVICE = Service(("/opt/m/.venv/bin/python", "/opt/m/minh.py", "start", "--data", ODD), "/opt/m", {"MINHOS_HOME": ODD})


def _read_back(line: str, *, command: bool, program: bool = False) -> list[str]:
    """Words as systemd.syntax(7) and systemd.service(5) describe them: quotes, backslashes, specifiers, variables.

    program: the first word is one, in whose path $ is no variable.
    """
    words, at = [], 0
    while at < len(line):
        if line[at] == " ":
            at += 1
            continue
        assert line[at] == '"'
        word, at = "", at + 1
        while line[at] != '"':
            if line[at] == "\\":
                at += 1
            elif line[at] == "%" or (command and (words or not program) and line[at] == "$"):
                assert line[at + 1] == line[at], "a specifier or a variable would be put in its place"
                at += 1
            word, at = word + line[at], at + 1
        words.append(word)
        at += 1
    return words


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), min_size=1))
def test_no_word_is_read_as_another(text: str) -> None:
    unit = systemd_unit(Service((f"/bin/{text}", text), "/opt/m", {"MINHOS_HOME": text}))
    lines = dict(line.split("=", 1) for line in unit.split("\n") if "=" in line and not line.startswith("#"))
    program, *arguments = _read_back(lines["ExecStart"], command=True, program=True)
    assert [program, *arguments] == [f"/bin/{text}", text]
    assert _read_back(lines["Environment"], command=False) == [f"MINHOS_HOME={text}"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here to judge the unit")
@pytest.mark.parametrize("user", ["", "daemon"])
def test_systemd_finds_nothing_wrong(tmp_path: Path, user: str) -> None:
    path = tmp_path / "minhos.service"
    path.write_text(systemd_unit(Service((shutil.which("true") or "", ODD), str(tmp_path), {"MINHOS_HOME": ODD}, user)))
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
    assert "minhos.service" not in done.stderr, done.stderr


def test_one_end_of_the_supervisor_ends_no_other() -> None:
    unit = systemd_unit(SERVICE)
    for line in ("Type=notify", "KillMode=process", "Restart=on-failure", "RestartPreventExitStatus=2"):
        assert f"\n{line}\n" in unit


def test_the_task_is_read_as_it_was_meant() -> None:
    content = windows_task(Service(("C:\\m\\python.exe", "C:\\m & n\\minh.py", "start"), "C:\\m & n", {}))
    task = ElementTree.fromstring(content.decode("utf-16"))
    told = {element.tag.removeprefix(f"{{{TASK_SPACE}}}"): element.text for element in task.iter()}
    assert told["Command"] == "C:\\m\\python.exe"
    assert told["Arguments"] == '"C:\\m & n\\minh.py" start'
    assert told["WorkingDirectory"] == "C:\\m & n"
    assert told["ExecutionTimeLimit"] == "PT0S", "a task is ended after three days otherwise"
    assert told["DisallowStartIfOnBatteries"] == "false"


def test_a_home_of_its_own_is_told_through_the_command_line() -> None:
    task = ElementTree.fromstring(windows_task(SERVICE).decode("utf-16"))
    told = {element.tag.removeprefix(f"{{{TASK_SPACE}}}"): element.text or "" for element in task.iter()}
    assert told["Command"].endswith("cmd.exe")
    assert told["Arguments"].startswith(f'/d /c "set "MINHOS_HOME={ODD}" && "/opt/m/.venv/bin/python" "/opt/m/minh.py"')
