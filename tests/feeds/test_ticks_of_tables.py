"""Ticks that stand in a file twice are trades once: a stretch that is repeated, not two trades that are alike."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from market_days import wall

from minhos.errors import DataError, DataRefused
from minhos.feeds.tables import ticks
from minhos.feeds.tables.tables import read_file
from minhos.testing.builders import ns

START = ns("2025-10-06T14:00:00")
SECOND = 10**9


def trades(n: int) -> list[str]:
    rng, lines, at = random.Random(1), [], START
    for _ in range(n):
        at += rng.choice((0, 0, SECOND, 3 * SECOND))
        lines.append(
            f"{wall(at, 'UTC', '%Y-%m-%dT%H:%M:%SZ')},{25000 + rng.randint(-8, 8) / 4:.2f},{rng.randint(1, 3)}"
        )
    return lines


TRADES = trades(2000)
VOLUME = sum(int(line.rpartition(",")[2]) for line in TRADES)


def read(path: Path, lines: list[str]) -> tuple[int, tuple[str, ...]]:
    path.write_text("\n".join(["time,price,size", *lines]) + "\n")
    (bars,), notes = read_file(path)
    return int(bars.volume.sum()), notes.lines


@pytest.mark.parametrize(
    "lines",
    [TRADES, TRADES[::-1], TRADES + TRADES, TRADES[:1200] + TRADES[700:], (TRADES[:1200] + TRADES[700:])[::-1]],
    ids=["once", "newest first", "all again", "an overlap", "an overlap, newest first"],
)
def test_each_trade_counts_once(tmp_path: Path, lines: list[str]) -> None:
    volume, notes = read(tmp_path / "NQZ25.csv", lines)
    assert volume == VOLUME
    again = len(lines) - len(TRADES)
    assert any("ticks that stand in it a second time left out" in note for note in notes) == bool(again)


def test_stretches_that_differ_are_refused(tmp_path: Path) -> None:
    other = [line for i, line in enumerate(TRADES[700:]) if i != 300]
    with pytest.raises(DataError, match=r"ticks from 2025-10-06T14:.* stand in it twice, .* and differ: two exports"):
        read(tmp_path / "NQZ25.csv", TRADES[:1500] + other)


def test_every_tick_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"each of its 2,000 ticks stands twice"):
        read(tmp_path / "NQZ25.csv", [line for line in TRADES for _ in range(2)])


def stretches(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Times and prices of so many stretches of 15 ticks, each twice in a row."""
    times = [START + (k * 200 + np.repeat(np.arange(0, 150, 10)[None], 2, 0).ravel()) * SECOND for k in range(n)]
    prices = [100_000 + k + np.repeat(np.arange(15)[None], 2, 0).ravel() for k in range(n)]
    return np.concatenate(times), np.concatenate(prices)


def test_every_stretch_counts_once_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    times, prices = stretches(1200)
    assert ticks.repeated(times, [prices], "x.csv").sum() == len(times) // 2
    monkeypatch.setattr(ticks, "MOST_LOOKS", 10**7)
    with pytest.raises(DataRefused, match=r"go back in time by more than 60 s in 1,200 places, too many"):
        ticks.repeated(times, [prices], "x.csv")
