"""A seed that no library takes is refused where it is typed, not by a library's traceback."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from minhos import cli
from minhos.errors import SettingsError
from minhos.settings import LARGEST_SEED, load


@pytest.mark.parametrize("seed", ["-1", str(LARGEST_SEED + 1)])
def test_a_seed_on_the_command_line(
    seed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["minh.py", "lab", "search", "--trials", "1", f"--seed={seed}"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert "--seed" in capsys.readouterr().err


@pytest.mark.parametrize("seed", [-1, LARGEST_SEED + 1])
def test_a_seed_in_the_settings(seed: int, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="seed"):
        load(tmp_path, {"training": {"seed": seed}})
