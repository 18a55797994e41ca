"""The launcher on machines where something is wrong: one sentence each time, and the next run goes on."""

from __future__ import annotations

import collections
import importlib.util
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Version = collections.namedtuple("Version", "major minor micro releaselevel serial")
Usage = collections.namedtuple("Usage", "total used free")
SOON = 20.0


@pytest.fixture
def checkout(tmp_path):
    """A folder with the launcher and one package to install, and nothing else."""
    shutil.copy(ROOT / "minh.py", tmp_path)
    folder = tmp_path / "requirements"
    folder.mkdir()
    for group in ("run", "train", "research", "test"):
        (folder / f"{group}.txt").write_text(f"package-of-{group}\n", encoding="utf-8")
    (folder / "torch.txt").write_text("torch==2.0.0\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def minh(checkout):
    """That launcher as a module."""
    spec = importlib.util.spec_from_file_location("minh_under_test", checkout / "minh.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def recorded(minh, monkeypatch):
    """The launcher with an environment that is always sound and a pip that always works; returns what pip was given."""
    calls: list[list[str]] = []

    def make_venv():
        Path(minh.venv_python()).parent.mkdir(parents=True, exist_ok=True)
        Path(minh.venv_python()).touch()

    def pip(arguments, expected, label):
        calls.append(arguments)
        return 0, []

    monkeypatch.setattr(minh, "make_venv", make_venv)
    monkeypatch.setattr(minh, "pip", pip)
    monkeypatch.setattr(minh, "install_torch", lambda: (0, []))
    monkeypatch.setattr(minh, "make_importable", lambda: None)
    return calls


def said(capsys, call, *arguments) -> str:
    """The sentence with which it ends."""
    with pytest.raises(SystemExit) as end:
        call(*arguments)
    assert end.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("version", [(3, 8), (3, 10), (3, 14), (2, 7)])
def test_a_python_that_does_not_fit_is_told_what_to_install(minh, monkeypatch, capsys, version):
    monkeypatch.setattr(minh.sys, "version_info", Version(*version, 0, "final", 0))
    monkeypatch.setattr(minh.shutil, "which", lambda name: None)
    sentence = said(capsys, minh.ensure_python)
    assert f"this is Python {version[0]}.{version[1]}, MinhOS needs 3.11 to 3.13" in sentence


def test_a_python_that_fits_is_looked_for_and_used(minh, monkeypatch):
    calls = []
    monkeypatch.setattr(minh.sys, "version_info", Version(3, 9, 0, "final", 0))
    monkeypatch.setattr(minh.sys, "argv", ["minh.py", "start", "--monitor"])
    monkeypatch.setattr(minh.shutil, "which", lambda name: f"/usr/bin/{name}" if name == "python3.12" else None)
    monkeypatch.setattr(minh.subprocess, "call", lambda command: calls.append(command) or 7)
    with pytest.raises(SystemExit) as end:
        minh.ensure_python()
    assert end.value.code == 7
    assert calls == [["/usr/bin/python3.12", os.path.abspath(minh.__file__), "start", "--monitor"]]


def test_the_launcher_reads_as_old_python():
    """It must run on Pythons that are too old, in order to say so."""
    import ast

    assert ast.parse((ROOT / "minh.py").read_text(encoding="utf-8"), feature_version=(3, 6)).body


def test_an_installation_that_was_broken_off_goes_on_where_it_stopped(minh, recorded):
    minh.install(["run"])
    minh.install(["run", "train"])
    assert [arguments[-1] for arguments in recorded] == [minh.requirements("run"), minh.requirements("train")]
    minh.install(["run", "train"])
    assert len(recorded) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", '{"run": "another pin"}'])
def test_an_install_state_that_cannot_be_read_installs_again(minh, recorded, content):
    minh.install(["run"])
    Path(minh.STATE).write_text(content, encoding="utf-8")
    minh.install(["run"])
    assert len(recorded) == 2
    assert json.loads(Path(minh.STATE).read_text(encoding="utf-8")) == {"run": minh.fingerprint("run")}


def test_another_pin_installs_again(minh, recorded):
    minh.install(["run"])
    Path(minh.requirements("run")).write_text("package-of-run\nanother\n", encoding="utf-8")
    minh.install(["run"])
    assert len(recorded) == 2


def test_the_lock_of_a_dead_process_is_taken_over(minh, recorded):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    Path(minh.LOCK).write_text(str(dead.pid), encoding="utf-8")
    started = time.monotonic()
    minh.install(["run"])
    assert time.monotonic() - started < SOON
    assert recorded
    assert not Path(minh.LOCK).exists()


def test_the_lock_of_a_living_process_is_waited_for(minh, recorded, monkeypatch, capsys):
    Path(minh.LOCK).write_text(str(os.getpid()), encoding="utf-8")
    monkeypatch.setattr(minh.time, "sleep", lambda _: Path(minh.LOCK).unlink())
    minh.install(["run"])
    assert "being installed by another command" in capsys.readouterr().err
    assert recorded


def test_a_full_disk_is_refused_before_anything_is_fetched(minh, recorded, monkeypatch, capsys):
    monkeypatch.setattr(minh.shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 5 * 10**8))
    sentence = said(capsys, minh.install, ["run", "train"])
    assert "0.5 GB are free" in sentence
    assert "3.5 GB" in sentence
    assert not recorded
    assert not Path(minh.LOCK).exists()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"], "disk is full"),
        (
            ["WARNING: Temporary failure in name resolution", "ERROR: No matching distribution"],
            "index cannot be reached",
        ),
        (["ERROR: ConnectionError: refused"], "index cannot be reached"),
        (["ERROR: No matching distribution found for numpy==99"], "numpy==99"),
        ([], "pip said nothing"),
    ],
)
def test_what_pip_says_becomes_a_sentence(minh, recorded, monkeypatch, capsys, lines, words):
    monkeypatch.setattr(minh, "pip", lambda *_: (1, lines))
    sentence = said(capsys, minh.install, ["run"])
    assert words in sentence
    assert "un the same command again" in sentence
    assert not Path(minh.LOCK).exists()


@pytest.mark.skipif(
    os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_that_may_not_be_written_to_is_named(minh, checkout, capsys):
    checkout.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert str(checkout) in said(capsys, minh.install, ["run"])
    finally:
        checkout.chmod(stat.S_IRWXU)


def test_no_permission_is_a_sentence(minh, monkeypatch, capsys):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(minh.os, "open", refuse)
    sentence = said(capsys, minh.install, ["run"])
    assert f"cannot write to {minh.ROOT} (Permission denied)" in sentence


def test_a_broken_environment_is_made_again(minh, capsys):
    python = Path(minh.venv_python())
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)
    minh.make_venv()
    assert "damaged or of another Python; making it again" in capsys.readouterr().err
    answer = subprocess.run([str(python), "-c", "import pip; print(1)"], capture_output=True, text=True, check=True)
    assert answer.stdout == "1\n"


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for Python is a shell script")
def test_a_whole_run_with_an_unreachable_index_ends_with_a_sentence(checkout):
    """The launcher as a process; its environment's Python is a stand-in whose pip finds no network."""
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in\n*"import sys, pip"*) echo {version};;\n'
        '*install*) echo "Temporary failure in name resolution"; exit 1;;\nesac\n',
        encoding="utf-8",
    )
    python.chmod(0o755)
    done = subprocess.run(
        [sys.executable, str(checkout / "minh.py"), "start"], capture_output=True, text=True, timeout=60
    )
    if "GB are free" in done.stderr:
        pytest.skip("this disk is too full for the check before it")
    assert done.returncode == 2
    assert "the package index cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_script_started_with_another_python_goes_on_in_the_environment(checkout, tmp_path):
    """The environment here is a stand-in that only tells what it was asked to run."""
    if os.name == "nt":
        pytest.skip("the stand-in for Python is a shell script")
    shutil.copytree(ROOT / "scripts", checkout / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "environment: $@"\n', encoding="utf-8")
    python.chmod(0o755)
    script = checkout / "scripts" / "train_ml_models.py"
    done = subprocess.run([sys.executable, str(script), "--days", "30"], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"environment: {script} --days 30\n"
