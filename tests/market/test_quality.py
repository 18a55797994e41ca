"""Each fault that is put into a clean history is found, counted and costs score."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from minhos.market.calendar import SessionCalendar
from minhos.market.quality import Gap, assess
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bars
from minhos.testing.builders import session_bars

CLEAN = session_bars(500_000, 500_000)
N = len(CLEAN)


def with_column(name: str, where: int | slice, value: int) -> Bars:
    column = getattr(CLEAN, name).copy()
    column[where] = value
    return msgspec.structs.replace(CLEAN, **{name: column})


def test_a_clean_history(calendar: SessionCalendar) -> None:
    report = assess(CLEAN, calendar)
    assert report.score == 100.0
    assert report.gaps == ()
    assert report.expected_bars == report.bars == N
    assert report.summary == f"{N} bars in 2 sessions, score 100 of 100: nothing missing or wrong."


def test_gaps_are_found_within_sessions(calendar: SessionCalendar) -> None:
    keep = np.ones(N, bool)
    keep[10:13] = keep[275:278] = False  # the second hole spans the break: two gaps
    report = assess(CLEAN.rows(keep), calendar)
    times = CLEAN.close_time_ns
    assert report.gaps == (
        Gap(int(times[9]), int(times[12]), 3),
        Gap(int(times[274]), int(times[275]), 1),
        Gap(int(times[276]) - BAR_INTERVAL_NS, int(times[277]), 2),
    )
    assert report.missing_bars == 6
    assert [(s.trade_date, s.expected_bars, s.missing_bars) for s in report.sessions] == [
        (20251020, 276, 4),
        (20251021, 276, 2),
    ]
    assert report.score == pytest.approx(100 * (1 - 6 / N), abs=0.05)


def test_the_ends_of_an_export_are_not_missing(calendar: SessionCalendar) -> None:
    report = assess(CLEAN.rows(slice(100, 400)), calendar)
    assert (report.expected_bars, report.missing_bars) == (300, 0)


def test_duplicates_and_disorder_also_those_already_put_right(calendar: SessionCalendar) -> None:
    order = np.arange(N)
    order[[50, 51]] = order[[51, 50]]
    report = assess(CLEAN.rows(np.append(order, N - 1)), calendar, duplicates=2, out_of_order=3, off_tick=4)
    assert (report.duplicates, report.out_of_order, report.off_tick) == (1 + 2, 1 + 3, 4)
    assert report.score < 100


def test_an_outlier_is_a_move_that_the_next_bar_takes_back(calendar: SessionCalendar) -> None:
    spike = with_column("close_ticks", 100, int(CLEAN.close_ticks[99]) + 5000)
    report = assess(spike, calendar)
    assert report.outlier_times_ns == (int(CLEAN.close_time_ns[100]),)
    assert "1 implausible moves" in report.summary


def test_a_move_that_stays_is_news_and_no_outlier(calendar: SessionCalendar) -> None:
    closes = CLEAN.close_ticks.copy()
    closes[100:] += 5000
    assert assess(msgspec.structs.replace(CLEAN, close_ticks=closes), calendar).outliers == 0


def test_stale_runs(calendar: SessionCalendar) -> None:
    frozen = CLEAN
    for name in ("open_ticks", "high_ticks", "low_ticks", "close_ticks"):
        column = getattr(frozen, name).copy()
        column[20:24] = column[40:42] = 80_000  # four bars are a run, two are not
        frozen = msgspec.structs.replace(frozen, **{name: column})
    report = assess(frozen, calendar)
    assert (report.stale_runs, report.stale_bars) == (1, 4)


@pytest.mark.parametrize(
    ("column", "value", "field"),
    [
        ("high_ticks", 0, "inconsistent_bars"),
        ("low_ticks", 10**6, "inconsistent_bars"),
        ("volume", 0, "zero_volume_bars"),
    ],
)
def test_bars_that_contradict_themselves(calendar: SessionCalendar, column: str, value: int, field: str) -> None:
    report = assess(with_column(column, slice(5, 8), value), calendar)
    assert getattr(report, field) == 3
    assert report.score < 100


def test_a_wrong_zone_and_a_wrong_clock(calendar: SessionCalendar) -> None:
    hours = 3600 * NANOS_PER_SECOND
    shifted = msgspec.structs.replace(CLEAN, close_time_ns=CLEAN.close_time_ns + 4 * hours)
    assert assess(shifted, calendar).outside_bars == 2 * 12
    skewed = msgspec.structs.replace(CLEAN, close_time_ns=CLEAN.close_time_ns - NANOS_PER_SECOND)
    assert assess(skewed, calendar).misaligned_bars == N
    assert assess(skewed, calendar).score == 0.0


@pytest.mark.parametrize("volume", [0, -1])
def test_a_source_without_volume_says_so(calendar: SessionCalendar, volume: int) -> None:
    report = assess(with_column("volume", slice(None), volume), calendar)
    assert not report.volume_known
    assert report.zero_volume_bars == 0
    assert "no volume in the source" in report.summary


def test_nothing_at_all(calendar: SessionCalendar) -> None:
    report = assess(CLEAN.rows(slice(0, 0)), calendar)
    assert (report.score, report.summary) == (0.0, "No bars: score 0.")
