"""Secrets, names and negative numbers, as they are typed on a machine that others use as well."""

from __future__ import annotations

import getpass
import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from minhos import cli
from minhos.settings import load

WORDS = ("sierra-word", "bridge-word", "page-word")
PASSWORDS = ("sierra.password", "data.bridge_password", "web.password")


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "home"


@pytest.fixture
def minh(home, monkeypatch, capsys):
    """The exit code of `minh.py` with those words, and all that it printed."""

    def call(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["minh.py", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return end.value.code or 0, " ".join((out + err).split())

    return call


def nameless() -> str:
    raise KeyError("getpwuid(): uid not found: 12345")


def test_no_password_is_shown_by_show_or_set(minh, home):
    printed = [minh("config", "set", key, word) for key, word in zip(PASSWORDS, WORDS, strict=True)]
    printed += [minh("config", "show"), minh("config", "show", "--json")]
    assert [code for code, _ in printed] == [0] * 5
    assert not any(word in text for _, text in printed for word in WORDS)
    assert (load(home).sierra.password, load(home).data.bridge_password) == WORDS[:2]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_only_their_owner_reads_settings_and_backup(minh, home, tmp_path):
    assert minh("config", "set", "sierra.password", "sierra-word")[0] == 0
    assert minh("backup", str(tmp_path / "b.zip"))[0] == 0
    assert "config/minhos.toml" in zipfile.ZipFile(tmp_path / "b.zip").namelist()
    paths = (home / "config" / "minhos.toml", tmp_path / "b.zip")
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600, 0o600]
    paths[0].unlink()
    assert minh("restore", str(paths[1]))[0] == 0
    assert stat.S_IMODE(paths[0].stat().st_mode) == 0o600


def test_a_negative_number_is_a_value_and_not_an_option(minh, home):
    code, said = minh("config", "set", "sierra.port", "-1")
    assert (code, "sierra.port = -1" in said) == (2, True)


def test_a_user_without_a_name_can_halt(minh, home, monkeypatch):
    monkeypatch.setattr(getpass, "getuser", nameless)
    code, said = minh("halt")
    assert (code, "The HALT file is written" in said) == (0, True)
    assert (home / "data" / "HALT").read_text(encoding="utf-8").startswith("unknown: halt")


def test_resume_without_a_trader_says_that_the_halt_file_is_gone(minh, home):
    minh("halt")
    code, said = minh("resume")
    assert (code, "the HALT file is removed, but no trader answered" in said) == (1, True)
    assert "HALT file" not in minh("resume")[1]


def test_an_address_of_an_alert_channel_is_shown_by_no_command(minh, tmp_path) -> None:
    path = tmp_path / "home" / "config" / "minhos.toml"
    text = '[alert.mail]\nurls = ["mailto://me:SECRETPW@example.com"]\n[alert.alive]\nping = "https://example.com/SECRETID"\n'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    for words in (
        ("show",),
        ("show", "--json"),
        ("get", "alert"),
        ("get", "alert.mail"),
        ("get", "alert.mail.urls"),
        ("set", "alert.alive.ping", "https://hc-ping.com/SECRETID2"),
    ):
        _, printed = minh("config", *words)
        assert "SECRET" not in printed, words
