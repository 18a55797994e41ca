"""The second canary in markets that mostly go one way: a trend is no leak, and a leak is one in a trend too."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from minhos.training.canaries import next_bar
from minhos.training.dataset import Dataset

N = 3_000


@pytest.fixture(scope="module")
def trend() -> Dataset:
    """Four of five bars rise; a bar's one feature that tells anything is its own move, which is the label before it."""
    rng = np.random.default_rng(5)
    up = (rng.random(N) < 0.8).astype(float)
    rows = rng.normal(size=(N + 1, 3)).astype(np.float32)
    rows[1:, 0] = np.where(up > 0.5, 1.0, -1.0) + rng.normal(0.0, 0.3, N)
    bar, start = np.arange(N), np.arange(N, dtype=np.int64) * 300
    one = np.ones(N)
    return Dataset(rows, bar, one > 0, up, np.where(up > 0.5, 4.0, -4.0), one, one, start, start + 300, start // 80_000)


def test_a_trend_is_no_leak(trend: Dataset) -> None:
    found = next_bar(trend, np.arange(2_000), np.arange(2_001, N), seed=1)
    assert found.without > 0.75
    assert found.given > 0.97
    assert found.passed


def test_a_leak_in_a_trend_is_one(trend: Dataset) -> None:
    ahead = msgspec.structs.replace(trend, rows=np.vstack([trend.rows[1:], trend.rows[-1:]]))
    assert not next_bar(ahead, np.arange(2_000), np.arange(2_001, N), seed=1).passed
