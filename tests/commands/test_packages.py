"""What is installed, against what is locked; and that an index that did not answer is never "none"."""

from __future__ import annotations

import json
import subprocess
from email.message import Message

import msgspec
import pytest

from minhos.commands.operate import packages
from minhos.errors import MinhosError
from minhos.settings import ROOT


def said_by(fields: list[tuple[str, str]]) -> str:
    metadata = Message()
    for key, value in fields:
        metadata[key] = value
    return packages.licence_of(metadata)


def test_a_licence_is_read_from_the_best_place_that_states_it() -> None:
    classifier = ("Classifier", "License :: OSI Approved :: MIT License")
    assert said_by([("License-Expression", "MIT"), classifier]) == "MIT"
    assert said_by([("License", "a whole text\nof many lines"), classifier]) == "MIT License"
    assert said_by([("License", "BSD\nRedistribution and use")]) == "BSD"
    assert said_by([]) == "not stated"


def test_every_package_that_is_needed_is_locked_with_hashes() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        if path.name == "torch.txt":
            continue
        pinned = [line for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))]
        assert pinned
        assert all(line.rstrip().endswith("\\") for line in pinned), f"a package of {path.name} has no hash"
    locked = packages.locks(ROOT / "requirements")
    for path in sorted((ROOT / "requirements").glob("*.in")):
        wanted = [line.split(";")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
        missing = [name for name in wanted if name and name[0] != "#" and packages._plain(name) not in locked]
        assert missing == []


def test_what_runs_here_is_what_is_locked() -> None:
    found = {each.name.lower(): each for each in packages.installed(packages.locks(ROOT / "requirements"))}
    assert found["numpy"].version == found["numpy"].locked
    assert found["msgspec"].licence != "not stated"


@pytest.mark.parametrize(
    ("dependency", "known"),
    [
        ({"name": "Some_Package", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": []}]}, ("CVE-1",)),
        ({"name": "some.package", "version": "1", "vulns": []}, ()),
        ({"name": "some-package", "skip_reason": "not found"}, None),
    ],
)
def test_unknown_is_not_none(monkeypatch, dependency, known) -> None:
    answer = subprocess.CompletedProcess([], 0, json.dumps({"dependencies": [dependency]}), "")
    monkeypatch.setattr(packages.subprocess, "run", lambda *_, **__: answer)
    assert packages.audited() == {"some-package": known}


def test_an_index_that_is_away_is_a_sentence(monkeypatch) -> None:
    answer = subprocess.CompletedProcess([], 1, "", "noise\nConnectionError: refused")
    monkeypatch.setattr(packages.subprocess, "run", lambda *_, **__: answer)
    with pytest.raises(MinhosError, match=r"could not be asked \(ConnectionError: refused\)"):
        packages.audited()


def test_folders_without_locks_are_refused(tmp_path) -> None:
    with pytest.raises(MinhosError, match="has no locks"):
        packages.locks(tmp_path)


def test_packages_are_plain_values() -> None:
    one = packages.Package("a", "1", "MIT", "1")
    assert msgspec.json.decode(msgspec.json.encode(one))["vulnerabilities"] is None
