"""How good a history is: what is missing, doubled, off the grid, frozen or implausible, and one score.

It describes; `gate` decides whether bars may be used at all.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.market.calendar import SessionCalendar
from minhos.market.coverage import SessionCoverage, coverage, distinct
from minhos.market.types import Bars, Ints

OUTLIER_Z = 20.0
"""A move of that many robust standard deviations is an outlier unless the next bar keeps it."""
STALE_BARS = 3
"""That many bars in a row at one unchanged price are a stale run."""

_WEIGHTS = {
    "missing_bars": 1.0,
    "outside_bars": 2.0,
    "duplicates": 2.0,
    "out_of_order": 2.0,
    "misaligned_bars": 5.0,
    "off_tick": 5.0,
    "outliers": 20.0,
    "inconsistent_bars": 20.0,
    "stale_bars": 2.0,
    "zero_volume_bars": 1.0,
}
"""How much of the score each fault costs: the score is 100 times the product of 1 - weight x share of bars."""

_WORDS = {
    "missing_bars": "missing",
    "outside_bars": "outside the sessions",
    "duplicates": "twice",
    "out_of_order": "out of order",
    "misaligned_bars": "off the time grid",
    "off_tick": "off the tick grid",
    "outliers": "implausible moves",
    "inconsistent_bars": "with open or close beyond high or low",
    "stale_bars": "at a frozen price",
    "zero_volume_bars": "without volume",
}


class Gap(msgspec.Struct, frozen=True):
    """Consecutive bars that are missing within one session: from the close before the first to the last's."""

    start_ns: int
    end_ns: int
    bars: int


class SessionQuality(msgspec.Struct, frozen=True):
    """One trade date: bars that its covered part should have, and how many it lacks."""

    trade_date: int
    expected_bars: int
    missing_bars: int


class QualityReport(msgspec.Struct, frozen=True):
    """Counts are of bars.  off_tick, duplicates and out_of_order also count what the reader already put right.

    misaligned_bars: closes off the interval's grid (a clock that is wrong).  outside_bars: closes in no session
    (a time zone that is wrong).  volume_known: false where the source has none.  score: 0 to 100.
    """

    bars: int
    expected_bars: int
    missing_bars: int
    sessions: tuple[SessionQuality, ...]
    gaps: tuple[Gap, ...]
    duplicates: int
    out_of_order: int
    off_tick: int
    outliers: int
    outlier_times_ns: tuple[int, ...]
    inconsistent_bars: int
    stale_runs: int
    stale_bars: int
    zero_volume_bars: int
    volume_known: bool
    misaligned_bars: int
    outside_bars: int
    score: float
    summary: str


def assess(
    bars: Bars, calendar: SessionCalendar, *, off_tick: int = 0, duplicates: int = 0, out_of_order: int = 0
) -> QualityReport:
    """Judge a history against the calendar and itself.

    off_tick, duplicates, out_of_order: what the reader found and corrected, in bars.  Raises CalendarError for
    times beyond the table.
    """
    covered = coverage(bars, calendar)
    times, steps = bars.close_time_ns, np.diff(bars.close_time_ns)
    outlier_times = _outliers(bars, calendar)
    stale_runs, stale_bars = _stale(bars)
    volume_known = bool((bars.volume > 0).any())
    counts = {
        "missing_bars": sum(len(c.missing) for c in covered),
        "outside_bars": int((calendar.trade_dates_of_bars(times) == 0).sum()),
        "duplicates": duplicates + len(times) - len(distinct(times)),
        "out_of_order": out_of_order + int((steps < 0).sum()),
        "misaligned_bars": int((times % bars.interval_ns != 0).sum()),
        "off_tick": off_tick,
        "outliers": len(outlier_times),
        "inconsistent_bars": int(_inconsistent(bars).sum()),
        "stale_bars": stale_bars,
        "zero_volume_bars": int((bars.volume == 0).sum()) if volume_known else 0,
    }
    expected = sum(len(c.expected) for c in covered)
    score = _score(counts, len(bars), expected)
    return QualityReport(
        bars=len(bars),
        expected_bars=expected,
        sessions=tuple(SessionQuality(c.session.trade_date, len(c.expected), len(c.missing)) for c in covered),
        gaps=tuple(gap for c in covered for gap in _gaps(c, bars.interval_ns)),
        outlier_times_ns=tuple(outlier_times.tolist()),
        stale_runs=stale_runs,
        volume_known=volume_known,
        score=score,
        summary=_summary(score, counts, len(bars), len(covered), volume_known),
        **counts,
    )


def _gaps(covered: SessionCoverage, interval_ns: int) -> list[Gap]:
    """Runs of missing closes that are neighbours among those expected."""
    if not len(covered.missing):
        return []
    places = np.searchsorted(covered.expected, covered.missing)
    runs = np.split(covered.missing, np.flatnonzero(np.diff(places) > 1) + 1)
    return [Gap(int(run[0]) - interval_ns, int(run[-1]), len(run)) for run in runs]


def _outliers(bars: Bars, calendar: SessionCalendar) -> Ints:
    """Closes of bars whose move is beyond OUTLIER_Z and of which the next bar takes back more than half.

    The scale is 1.4826 x the median absolute move, at least one tick; moves over a gap, a session break or a
    roll do not count.
    """
    if len(bars) < 3:
        return bars.close_time_ns[:0]
    move = np.diff(bars.close_ticks)
    dates = calendar.trade_dates_of_bars(bars.close_time_ns)
    joined = (np.diff(bars.close_time_ns) == bars.interval_ns) & (np.diff(bars.contract) == 0) & (np.diff(dates) == 0)
    if not joined.any():
        return bars.close_time_ns[:0]
    scale = max(1.0, 1.4826 * float(np.median(np.abs(move[joined]))))
    far = joined[:-1] & joined[1:] & (np.abs(move[:-1]) > OUTLIER_Z * scale)
    taken_back = np.abs(move[:-1] + move[1:]) < 0.5 * np.abs(move[:-1])
    times: Ints = bars.close_time_ns[1:-1][far & taken_back]
    return times


def _inconsistent(bars: Bars) -> npt.NDArray[np.bool_]:
    body_high = np.maximum(bars.open_ticks, bars.close_ticks)
    body_low = np.minimum(bars.open_ticks, bars.close_ticks)
    return (bars.high_ticks < body_high) | (bars.low_ticks > body_low)


def _stale(bars: Bars) -> tuple[int, int]:
    """(runs, bars in them): STALE_BARS or more bars in a row without range at one price."""
    flat = bars.high_ticks == bars.low_ticks
    same = flat[1:] & flat[:-1] & (np.diff(bars.close_ticks) == 0)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], same.astype(np.int8), [0]))))
    lengths = edges[1::2] - edges[::2] + 1
    long = lengths[lengths >= STALE_BARS]
    return len(long), int(long.sum())


def _score(counts: dict[str, int], n_bars: int, expected: int) -> float:
    if not n_bars:
        return 0.0
    score = 100.0
    for fault, weight in _WEIGHTS.items():
        of = max(expected, 1) if fault == "missing_bars" else n_bars
        score *= 1.0 - min(1.0, weight * counts[fault] / of)
    return round(score, 1)


def _summary(score: float, counts: dict[str, int], n_bars: int, sessions: int, volume_known: bool) -> str:
    if not n_bars:
        return "No bars: score 0."
    faults = [f"{counts[fault]:,} {_WORDS[fault]}" for fault in _WEIGHTS if counts[fault]]
    if not volume_known:
        faults.append("no volume in the source")
    found = ", ".join(faults) if faults else "nothing missing or wrong"
    return f"{n_bars:,} bars in {sessions} sessions, score {score:g} of 100: {found}."
