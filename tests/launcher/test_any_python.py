"""`import minhos` in another Python than the environment's: it works, or one sentence says what to type."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from minhos import _environment

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTED = "from minhos.services.kelly_service import KellyService; import sys; print(KellyService, sys.path)"


def other_pythons() -> list[str]:
    """Pythons of other versions that are installed here."""
    ours = sys.version_info[:2]
    names = [f"python3.{minor}" for minor in range(6, 16) if (3, minor) != ours]
    folders = sorted(Path.home().glob(".pyenv/versions/*/bin"))
    found = [shutil.which(name, path=str(folder)) for folder in folders for name in names]
    found += [path for name in names if (path := shutil.which(name)) and "shims" not in path]
    return sorted({path for path in found if path})


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The package beside an environment, as where it was set up."""
    (tmp_path / "minhos").symlink_to(ROOT / "minhos")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def typed(python: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run([python, *arguments], cwd=folder, env=kept, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="not in an environment")
def test_the_python_of_the_environments_version_finds_its_packages_behind_its_own(checkout: Path):
    answer = typed(getattr(sys, "_base_executable", ""), checkout, "-c", DOCUMENTED)
    assert answer.returncode == 0, answer.stderr
    assert "KellyService" in answer.stdout
    assert answer.stdout.rstrip().endswith("site-packages']")
    assert str(checkout / ".venv") in answer.stdout.rpartition(", ")[2]


@pytest.mark.parametrize("python", other_pythons())
def test_a_python_of_another_version_gets_one_sentence_with_the_command(checkout: Path, python: str):
    answer = typed(python, checkout, "-c", DOCUMENTED)
    *_, last = answer.stderr.strip().splitlines()
    assert last.startswith("ImportError: This is Python 3.")
    assert f"type {checkout}/.venv/bin/python in place of python3" in last
    module = typed(python, checkout, "-m", "minhos.services.trader")
    assert (module.returncode, module.stdout) == (2, "")
    assert module.stderr == f"MinhOS: {last.removeprefix('ImportError: ')}\n"


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (None, "MinhOS is not set up yet: type python3 .*minh.py setup"),
        ("nonsense", "MinhOS is not set up yet: type"),
        ("version = {0}.{1}.9", "packages are not all installed: type python3"),
        ("version = 3.99.1", r"set up for Python 3.99: type .*\.venv"),
        ("version_info = 3.99.1.final.0", r"set up for Python 3.99: type"),
    ],
)
def test_what_is_missing_is_named(monkeypatch, tmp_path: Path, config: str | None, sentence: str):
    monkeypatch.setattr(_environment, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(_environment, "_is_here", lambda: False)
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    if config is not None:
        (tmp_path / ".venv").mkdir()
        (tmp_path / ".venv" / "pyvenv.cfg").write_text(config.format(*sys.version_info), encoding="utf-8")
    with pytest.raises(ImportError, match=sentence):
        _environment.find_packages()


def test_nothing_is_appended_where_the_packages_are_here(monkeypatch):
    before = list(sys.path)
    _environment.find_packages()
    assert sys.path == before


@pytest.mark.parametrize("words", [("--help",), ("--symbol", "NQ"), ("x",)])
def test_a_process_takes_no_words_and_starts_nothing(words: tuple[str, ...], monkeypatch, capsys):
    from minhos.processes.process import begin

    monkeypatch.setattr(sys, "argv", ["trader.py", *words])
    with pytest.raises(SystemExit) as end:
        begin("minhos.services.trader", lambda: pytest.fail("started"))
    said = capsys.readouterr()
    assert end.value.code == (0 if words == ("--help",) else 2)
    assert "takes no arguments" in (said.out if words == ("--help",) else said.err)


@pytest.mark.parametrize("name", ["make_dtc_messages", "make_sessions", "dead_code", "compare_with_backtesting_py"])
def test_a_script_without_arguments_does_nothing_for_a_word(name: str):
    script = ROOT / "scripts" / f"{name}.py"
    helped, refused = (typed(sys.executable, ROOT, str(script), word) for word in ("--help", "--upgrade"))
    assert (helped.returncode, helped.stderr, f"python scripts/{name}.py" in helped.stdout) == (0, "", True)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == f"{name}.py takes no arguments, and '--upgrade' is one.\n"
