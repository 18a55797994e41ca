"""Features that were warmed up before are those of a pipeline of one's own, wherever the bars part."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from minhos.features.pipeline import FeaturePipeline
from minhos.market.instruments import instrument
from minhos.market.types import Bar
from minhos.testing.world import warmed
from minhos.testing.world.market import calendar, history
from minhos.testing.world.plan import START_NS
from minhos.testing.world.warmed import REMEMBERED, WarmedFeatures

NQ = instrument("NQ")
BARS = list(history(NQ, "NQZ25", START_NS, 840))


def other(bar: Bar) -> Bar:
    return msgspec.structs.replace(bar, close_ticks=bar.close_ticks + 1, high_ticks=bar.high_ticks + 1)


@pytest.mark.parametrize("parts_at", [0, 700, REMEMBERED, 820])
def test_they_are_those_of_a_pipeline_of_ones_own(parts_at: int) -> None:
    warmed._trails.clear()
    bars = [*BARS[:parts_at], *map(other, BARS[parts_at:])]
    for taken in (BARS, bars, BARS):
        ours, own = WarmedFeatures(NQ, calendar()), FeaturePipeline(NQ, calendar())
        for bar in taken:
            mine, theirs = ours.update(bar), own.update(bar)
            assert (mine is None) == (theirs is None)
            if mine is not None and theirs is not None:
                assert mine.anchor_time_ns == theirs.anchor_time_ns
                assert mine.state == theirs.state
                np.testing.assert_array_equal(mine.window, theirs.window)


def test_a_start_that_was_broken_off_leaves_nothing_wrong() -> None:
    """The trail of one start is continued by the next, and by two in turn."""
    warmed._trails.clear()
    first, second, own = WarmedFeatures(NQ, calendar()), WarmedFeatures(NQ, calendar()), FeaturePipeline(NQ, calendar())
    for i, bar in enumerate(BARS):
        theirs = own.update(bar)
        made = [ours.update(bar) for ours in ((first, second) if i % 2 else (second, first))]
        if theirs is not None:
            assert all(mine is not None and (mine.window == theirs.window).all() for mine in made)
    assert len(warmed._trails) == 1
