"""What a home holds is its owner's alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from minhos.assembly.layout import Layout
from minhos.assembly.privacy import close_to_others
from minhos.journal.inbox import Inbox
from minhos.journal.store import Journal

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")


def modes(*paths: Path) -> list[int]:
    return [stat.S_IMODE(path.stat().st_mode) for path in paths]


def test_what_is_made_is_the_owners_alone(tmp_path):
    layout = Layout(tmp_path).make()
    path = layout.journal("paper", "sim")
    Journal.open(path, {"mode": "paper", "account": "sim"}).close()
    Inbox(layout.inbox).close()
    assert modes(layout.data, layout.logs, path.parent, layout.run) == [0o700] * 4
    assert modes(path, layout.inbox) == [0o600] * 2
    assert close_to_others(layout) == ""


def test_what_was_open_is_closed_and_said_once_in_one_line(tmp_path):
    layout = Layout(tmp_path).make()
    layout.config.mkdir()
    opened = [layout.config / "minhos.toml", layout.run / "trader.json", layout.logs / "trader.log"]
    for path in opened:
        path.write_text("x", encoding="utf-8")
        path.chmod(0o644)
    for folder in (layout.data, layout.logs, layout.run):
        folder.chmod(0o755)
    said = close_to_others(layout)
    assert "could read 6 files and folders" in said
    assert "\n" not in said
    assert modes(*opened) == [0o600] * 3
    assert modes(layout.data, layout.logs, layout.run) == [0o700] * 3
    assert close_to_others(layout) == ""


def test_what_cannot_be_closed_is_said(tmp_path, monkeypatch):
    layout = Layout(tmp_path).make()
    layout.data.chmod(0o755)
    monkeypatch.setattr(Path, "chmod", lambda *_: (_ for _ in ()).throw(OSError(1, "Operation not permitted")))
    assert f"may read {layout.data} (Operation not permitted)" in close_to_others(layout)
