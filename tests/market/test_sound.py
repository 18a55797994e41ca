"""A number that can be no price reaches neither the journal nor a stop, and no bar that is none is decided on."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from minhos.market.instruments import instrument
from minhos.market.sound import (
    RISING,
    LiveChecks,
    fault_of_bar,
    fault_of_price,
    fault_of_stamp,
    without_unsound_rows,
)
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_MINUTE, Bar, Bars, Price, Slice
from minhos.testing.builders import MONDAY_OPEN, bar
from minhos.views.truth import NO_WORDS

NQ = instrument("NQ")
GOOD = bar(0, 80_000, 80_010, 79_990, 80_005)
NOW = GOOD.close_time_ns
YEARS_NS = 6 * 366 * 86_400 * 10**9


@pytest.mark.parametrize(
    "ticks", [math.nan, math.inf, 80_000.0, True, None, "80000", 0, -1, 39_999, 160_001, 8_000_000]
)
def test_what_is_no_price(ticks: object) -> None:
    assert fault_of_price(Price("NQZ25", MONDAY_OPEN, ticks), 80_000)  # type: ignore[arg-type]
    bad = msgspec.structs.replace(GOOD, high_ticks=ticks, close_ticks=80_000)
    assert fault_of_bar(bad, 80_000)


@pytest.mark.parametrize("ticks", [40_000, 79_999, 80_000, 96_000, 160_000])
def test_what_may_be_one(ticks: int) -> None:
    assert fault_of_price(Price("NQZ25", MONDAY_OPEN, ticks), 80_000, NQ) == ""
    assert fault_of_price(Price("NQZ25", MONDAY_OPEN, ticks), 0, NQ) == ""


@pytest.mark.parametrize(("ticks", "power"), [(8_000_000, -2), (800_000, -1), (800, 1), (80 * 10**9, -6)])
def test_a_first_price_a_power_of_ten_away(ticks: int, power: int) -> None:
    fault = fault_of_price(Price("NQZ25", MONDAY_OPEN, ticks), 0, NQ)
    assert fault.endswith(f"is no price of NQ, and times 10^{power} is one")
    assert fault_of_price(Price("NQZ25", MONDAY_OPEN, ticks)) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"low_ticks": 80_001},
        {"high_ticks": 80_001},
        {"volume": 1.5},
        {"volume": -7},
        {"close_time_ns": math.nan},
        {"interval_ns": 15 * NANOS_PER_MINUTE},
        {"close_time_ns": NOW + NANOS_PER_MINUTE},
    ],
)
def test_a_bar_that_contradicts_itself(changes: dict[str, object]) -> None:
    assert fault_of_bar(msgspec.structs.replace(GOOD, **changes))
    assert fault_of_bar(GOOD) == ""


@pytest.mark.parametrize("stamp", [math.nan, 0, NOW - YEARS_NS, NOW + YEARS_NS, NOW + 2 * 3600 * 10**9, 10**30])
def test_a_stamp_that_is_none(stamp: int) -> None:
    assert fault_of_stamp(stamp, NOW)
    assert LiveChecks().sift(Slice(stamp, (), ("NQZ25",)), {}, NOW)[0] is None
    assert fault_of_stamp(NOW, NOW) == ""


def test_an_unsound_bar_is_missing_and_the_others_stay() -> None:
    other = msgspec.structs.replace(GOOD, symbol="MNQZ25")
    bad = msgspec.structs.replace(GOOD, open_ticks=0)
    kept, faults = LiveChecks().sift(Slice(NOW, (bad, other)), {}, NOW)
    assert kept is not None
    assert (kept.bars, kept.missing, faults) == ((other,), ("NQZ25",), {"NQZ25": "0 ticks are no price"})
    assert kept.faults == ("the bar of NQZ25 was passed over, as 0 ticks are no price",)
    whole = Slice(NOW, (GOOD, other))
    assert LiveChecks().sift(whole, {"NQZ25": 80_000}, NOW)[0] is whole


def given(bars: list[Bar]) -> list[str]:
    """The fault of each, empty where it was taken in; one slice each."""
    checks, said = LiveChecks(), []
    for each in bars:
        _, faults = checks.sift(Slice(each.close_time_ns, (each,)), {}, each.close_time_ns, NQ)
        said.append(faults.get(each.symbol, ""))
    return said


def every(minutes: int, n: int, interval_ns: int = BAR_INTERVAL_NS) -> list[Bar]:
    step_ns = minutes * NANOS_PER_MINUTE
    times = (MONDAY_OPEN + (i + 1) * step_ns for i in range(n))
    return [msgspec.structs.replace(GOOD, close_time_ns=time_ns, interval_ns=interval_ns) for time_ns in times]


def test_bars_of_their_own_length_pass() -> None:
    assert not any(given(every(5, 80)))
    holes = every(5, 80)
    del holes[7], holes[30:42]
    assert not any(given(holes))


@pytest.mark.parametrize("minutes", [1, 2, 3])
def test_shorter_bars_are_not_taken_for_longer_ones(minutes: int) -> None:
    said = given(every(minutes, 60))
    assert all(said)
    assert all("bars of another length" in fault or "beside the grid" in fault for fault in said)


@pytest.mark.parametrize("minutes", [10, 15, 60, 1440])
def test_longer_bars_are_found_by_their_distance(minutes: int) -> None:
    said = given(every(minutes, 12))
    assert not any(said[:4])
    assert all("bars of another length" in fault for fault in said[5:])


def test_what_came_before_is_decided_on_once() -> None:
    checks, closed = LiveChecks(), Slice(NOW, (GOOD,))
    assert checks.sift(closed, {}, NOW)[0] is closed
    again, faults = checks.sift(closed, {}, NOW + BAR_INTERVAL_NS)
    assert again is None
    assert "came before" in faults["NQZ25"]
    both, _ = checks.sift(Slice(NOW, (GOOD, msgspec.structs.replace(GOOD, symbol="MNQZ25"))), {}, NOW)
    assert both is not None
    assert [bar.symbol for bar in both.bars] == ["MNQZ25"]


def test_a_running_total_is_no_volume() -> None:
    days = [every(5, 3 * RISING), [], []]
    for day in (1, 2):
        days[day] = [
            msgspec.structs.replace(each, close_time_ns=each.close_time_ns + day * 86_400 * 10**9) for each in days[0]
        ]
    rising = [msgspec.structs.replace(each, volume=50 * (i + 1)) for day in days for i, each in enumerate(day)]
    said = given(rising)
    assert not any(said[: 4 * RISING])
    assert "running total" in said[-1]
    wild = np.random.default_rng(1).integers(1, 900, len(rising)).tolist()
    assert not any(given([msgspec.structs.replace(each, volume=v) for each, v in zip(rising, wild, strict=True)]))


def test_the_history_of_a_feed_is_looked_at_too() -> None:
    sound = every(5, 40)
    bars = Bars.from_bars(NQ, sound)
    assert without_unsound_rows(bars)[0] is bars
    bad = [
        msgspec.structs.replace(sound[3], low_ticks=80_002),
        msgspec.structs.replace(sound[5], open_ticks=800, high_ticks=800, low_ticks=800, close_ticks=800),
    ]
    kept, fault = without_unsound_rows(Bars.from_bars(NQ, [*sound[:3], bad[0], sound[4], bad[1], *sound[6:]]))
    assert len(kept) == 38
    assert fault.startswith("2 of 40 bars of NQZ25's history were passed over, first at 2025-10-06T")
    assert fault.endswith("its low 80002 and high 80010 do not hold its open and close")
    assert without_unsound_rows(kept)[0] is kept


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "80000", 1.5])
def test_what_is_no_price_is_said_in_words(value):
    """A page shows the sentence: it holds no value that means nothing to who reads it."""
    said = fault_of_price(Price("NQZ25", MONDAY_OPEN, value))
    assert said
    assert not NO_WORDS.search(said)
