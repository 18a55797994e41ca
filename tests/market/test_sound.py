"""A number that can be no price reaches neither the journal nor a stop."""

from __future__ import annotations

import math

import msgspec
import pytest

from minhos.market.sound import fault_of_bar, fault_of_price, without_unsound
from minhos.market.types import Price, Slice
from minhos.testing.builders import MONDAY_OPEN, bar

GOOD = bar(0, 80_000, 80_010, 79_990, 80_005)


@pytest.mark.parametrize(
    "ticks", [math.nan, math.inf, 80_000.0, True, None, "80000", 0, -1, 39_999, 160_001, 8_000_000]
)
def test_what_is_no_price(ticks: object) -> None:
    assert fault_of_price(Price("NQZ25", MONDAY_OPEN, ticks), 80_000)  # type: ignore[arg-type]
    bad = msgspec.structs.replace(GOOD, high_ticks=ticks, close_ticks=80_000)
    assert fault_of_bar(bad, 80_000)


@pytest.mark.parametrize("ticks", [40_000, 79_999, 80_000, 96_000, 160_000])
def test_what_may_be_one(ticks: int) -> None:
    assert fault_of_price(Price("NQZ25", MONDAY_OPEN, ticks), 80_000) == ""
    assert fault_of_price(Price("NQZ25", MONDAY_OPEN, ticks)) == ""


@pytest.mark.parametrize(
    "changes", [{"low_ticks": 80_001}, {"high_ticks": 80_001}, {"volume": 1.5}, {"close_time_ns": math.nan}]
)
def test_a_bar_that_contradicts_itself(changes: dict[str, object]) -> None:
    assert fault_of_bar(msgspec.structs.replace(GOOD, **changes))
    assert fault_of_bar(GOOD) == ""


def test_an_unsound_bar_is_missing_and_the_others_stay() -> None:
    other = msgspec.structs.replace(GOOD, symbol="MNQZ25")
    bad = msgspec.structs.replace(GOOD, open_ticks=0)
    kept, faults = without_unsound(Slice(GOOD.close_time_ns, (bad, other)), {})
    assert (kept.bars, kept.missing, faults) == ((other,), ("NQZ25",), {"NQZ25": "0 ticks are no price"})
    whole = Slice(GOOD.close_time_ns, (GOOD, other))
    assert without_unsound(whole, {"NQZ25": 80_000})[0] is whole
