"""Files that take longest begin first; those that start real processes carry the mark `processes`, to be left out."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
STARTERS = ("subprocess", "child", "gate_holder", "running", "worker_of")
"""What a test file that starts processes has imported or defined."""

LONGEST = (
    "testing/world/test_seeds.py",
    "training/test_train.py",
    "processes/test_trader.py",
    "web/test_api.py",
    "safety/test_arming_run.py",
    "sierra_check/test_walk.py",
    "processes/test_take_over.py",
    "processes/test_store_away.py",
    "training/test_canaries.py",
    "training/test_parallel.py",
    "training/test_user_parts.py",
    "processes/test_live_folder.py",
    "parallel/test_calls.py",
    "processes/test_journal_watch.py",
    "training/test_process.py",
    "studies/test_report.py",
    "baseline/test_baseline.py",
    "bench/test_kills.py",
    "trading/test_week.py",
)
"""Over fifteen seconds each, the longest first: begun last, one would work on while the others have nothing left."""
assert all((HERE / name).is_file() for name in LONGEST)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.relative_to(HERE).as_posix(), len(LONGEST)))
    for item in items:
        module = getattr(item, "module", None)
        if any(hasattr(module, name) for name in STARTERS):
            item.add_marker(pytest.mark.processes)
