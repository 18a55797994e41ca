"""TA-Lib is loaded without the dataframes that it would pull in."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = "pandas polars numba torch sklearn scipy"


@pytest.mark.parametrize("module", ["minhos.features.talib_guard", "minhos.features.pipeline"])
def test_nothing_heavy_is_imported(module):
    program = f"import sys, {module}; print([m for m in '{HEAVY}'.split() if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_dataframes_can_be_imported_afterwards():
    pytest.importorskip("polars")
    program = "import minhos.features.talib_guard, polars; print(polars.Series([1, 2]).sum())"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "3"
