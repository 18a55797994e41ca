"""Bars to learn from where a feed of the user's own is the only source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from market_days import CALENDAR, days, wall, write

from minhos import parts
from minhos.errors import DataError
from minhos.settings import Settings, parse
from minhos.studies.history import history_of

MONTH = days(20250908, 25)
EXAMPLE = Path(__file__).parents[2] / "examples/feed_csv.py"


@pytest.fixture(autouse=True)
def the_example_is_loaded() -> Iterator[None]:
    parts.load(EXAMPLE)
    yield
    parts.load()


def settings_of(path: Path, source: str = "") -> Settings:
    options = {"file": str(path), "contract": "NQZ25"}
    return parse({"data": {"feed": "growing_csv", "source": source}, "feed": {"growing_csv": options}})


def iso(time_ns: int) -> str:
    return wall(time_ns, "UTC", "%Y-%m-%dT%H:%M:%SZ")


def test_the_feed_s_history_is_learnt_from_and_judged(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.csv", MONTH, iso, header="time,open,high,low,close,volume")
    history = history_of(None, settings_of(path))
    assert not history.simulated
    assert len(history.bars) == len(MONTH)
    assert "bars from the feed 'growing_csv'" in history.notes[0]
    assert len(history.notes) == 2
    last = history_of(None, settings_of(path), days=3).bars
    assert len(np.unique(CALENDAR.trade_dates_of_bars(last.close_time_ns))) == 3


def test_a_named_source_counts_before_the_feed(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.csv", MONTH[:10], iso, header="time,open,high,low,close,volume")
    source = write(tmp_path / "NQZ25.csv", MONTH, iso)
    assert len(history_of(None, settings_of(path, str(source))).bars) == len(MONTH)


def test_a_feed_without_a_past_says_so(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("time,open,high,low,close,volume\n")
    with pytest.raises(DataError, match="'growing_csv' has no history"):
        history_of(None, settings_of(tmp_path / "mine.csv"))
