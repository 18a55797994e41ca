"""`minh.py` with words, in this process and in a home of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from minhos import cli


class Done(NamedTuple):
    code: int
    out: str
    err: str

    def sentence(self) -> str:
        """What a user reads of a mistake, on one line; never a traceback."""
        assert "Traceback" not in self.err
        return " ".join(self.err.replace("│", " ").split())


@pytest.fixture
def minh(tmp_path, monkeypatch, capsys) -> Callable[..., Done]:
    """`minh.py` with those words, in a home of its own."""
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SIERRACHART_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "home" / "config").mkdir(parents=True)

    def call(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["minh.py", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return Done(end.value.code or 0, out, err)

    return call


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"
