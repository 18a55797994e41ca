"""Tests of files that start real processes carry the mark `processes`, so that they can be left out or run alone."""

from __future__ import annotations

import pytest

STARTERS = ("subprocess", "child", "gate_holder", "running", "worker_of")
"""What a test file that starts processes has imported or defined."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        module = getattr(item, "module", None)
        if any(hasattr(module, name) for name in STARTERS):
            item.add_marker(pytest.mark.processes)
