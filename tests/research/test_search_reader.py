"""A search on bars that teach nothing says so, and shows no table of noughts."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from minhos.errors import NotEnoughData
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.research.search.search import search
from minhos.testing.builders import NQ, ns
from minhos.training.recipe import DEMO

CALENDAR = SessionCalendar.load()


@pytest.mark.parametrize(("step", "words"), [(1, "moved up; a direction can only be learnt"), (0, "no bar moved")])
def test_bars_that_move_one_way_cannot_be_searched(step: int, words: str) -> None:
    model = MarketModel(kind="null", ceiling=0.5, seed=1)
    bars = simulate(model, NQ, CALENDAR, ns("2025-09-08T00:00:00"), 16 * 276).bars
    price = 80_000 + step * np.arange(len(bars))
    one_way = msgspec.structs.replace(
        bars, open_ticks=price, low_ticks=price, high_ticks=price + step, close_ticks=price + step
    )
    entered: list[str] = []
    with pytest.raises(NotEnoughData, match=words):
        search(one_way, CALENDAR, DEMO, "lightgbm", trials=1, record=entered.append, processes=1)
    assert entered == []
