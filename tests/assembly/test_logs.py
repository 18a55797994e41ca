"""Where the log cannot be written, a process ends with one sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from minhos.processes import alerts, trader, trainer, watchdog
from minhos.web import __main__ as web


@pytest.mark.parametrize(
    ("name", "main"),
    [
        ("trader", trader.main),
        ("trainer", trainer.main),
        ("watchdog", watchdog.main),
        ("alerts", alerts.main),
        ("web", lambda: web.main([])),
    ],
)
def test_a_log_that_cannot_be_written_is_one_sentence_and_exit_code_2(
    tmp_path: Path, monkeypatch, capsys, name: str, main: Callable[[], int]
):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers)
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))
    (tmp_path / "logs").write_text("no folder")
    assert main() == 2
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors.startswith(f"MinhOS {name}: The log {tmp_path / 'logs' / name}.log cannot be written (")
    assert errors.endswith("or set MINHOS_HOME to one that is.\n")
    assert errors.count("\n") == 1
