"""`install-service` writes what another start would read, starts nothing, and takes nobody's file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minhos.commands.operate import service


@pytest.fixture(autouse=True)
def linux(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(service.sys, "platform", "linux")
    monkeypatch.setattr(service, "which", lambda _: None)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def test_the_unit_starts_what_was_told(minh, tmp_path: Path) -> None:
    bars = tmp_path / "NQ data"
    bars.mkdir()
    done = minh("install-service", "--data", str(bars), "--port", "8123", "--json")
    told = json.loads(done.out)
    unit = Path(told["file"]).read_text(encoding="utf-8")
    assert Path(told["file"]) == tmp_path / ".config/systemd/user/minhos.service"
    assert f'"start" "--data" "{bars}" "--port" "8123"\n' in unit
    assert f'Environment="MINHOS_HOME={tmp_path / "home"}"\n' in unit
    assert told["then"][1] == "systemctl --user enable --now minhos"


def test_a_second_home_wants_another_name(minh, tmp_path: Path, monkeypatch) -> None:
    assert minh("install-service").code == 0
    assert minh("install-service").code == 0, "the same home writes its own anew"
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path / "hom"))  # a part of the other's name
    done = minh("install-service")
    assert done.code == 2
    assert "runs MinhOS in another folder" in done.sentence()
    assert minh("install-service", "--name", "minhos-other").code == 0


def test_a_file_of_somebody_else_stays(minh, tmp_path: Path) -> None:
    path = tmp_path / "mine.service"
    path.write_text("[Unit]\n")
    done = minh("install-service", "--out", str(path))
    assert done.code == 2
    assert "was not written by this command" in done.sentence()
    assert path.read_text() == "[Unit]\n"
    assert "is a folder; name the file" in minh("install-service", "--out", str(tmp_path)).sentence()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--name", "a b"], "--name 'a b': a service's name has letters, digits"),
        (["--data", "nowhere"], "There is no file or folder nowhere"),
        (["--kind", "windows", "--system"], "--system is for systemd"),
        (["--port", "0"], "--port 0 is too small: give at least 1."),
    ],
)
def test_what_cannot_be_is_refused(minh, words: list[str], sentence: str) -> None:
    done = minh("install-service", *words)
    assert done.code == 2
    assert sentence in done.sentence()


def test_another_system_is_told_what_it_can_do(minh, monkeypatch) -> None:
    monkeypatch.setattr(service.sys, "platform", "darwin")
    done = minh("install-service")
    assert done.code == 2
    assert "MinhOS writes no service file for darwin" in done.sentence()


def test_windows_gets_a_task(minh, tmp_path: Path) -> None:
    told = json.loads(minh("install-service", "--kind", "windows", "--json").out)
    assert Path(told["file"]).read_bytes().startswith(b"\xff\xfe")
    assert told["then"][0].startswith("schtasks /Create")
