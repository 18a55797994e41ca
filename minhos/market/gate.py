"""The gate against thin contracts: which trade dates of a history are liquid enough to learn from and test on.

A back-month contract, or the tail of one after its roll, prints prices that nobody could have traded.  The
gate cuts such dates off both ends and refuses what is bad in the middle.  It does not repair; see `quality`
for what is wrong with single bars.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.errors import DataRefused
from minhos.market.calendar import FULL_SESSION_NS, Session, SessionCalendar
from minhos.market.coverage import SessionCoverage, coverage
from minhos.market.types import UNKNOWN, Bars, Ints

MIN_VOLUME: Mapping[str, int] = {
    "NQ": 100_000,
    "MNQ": 100_000,
    "ES": 300_000,
    "MES": 100_000,
    "RTY": 40_000,
    "M2K": 15_000,
    "YM": 40_000,
    "MYM": 15_000,
}
"""Contracts a full trade date, by root: between a thin back month and the front month's quiet days."""


REGULAR = "; judged by regular hours alone, as the night is not there"


class GateParameters(msgspec.Struct, frozen=True):
    """What a trade date must have.

    min_volume: contracts on a full trade date; 0 takes MIN_VOLUME of the root.  min_share_of_typical: share of
    the median volume of those dates that pass min_volume; it finds the roll inside a contract's own history.
    max_missing_share: of the bars that a date should have.  max_failing_share: of the dates that are kept.
    max_outside_share: bars outside every session, of all.  min_full_sessions: whole passing dates kept.
    """

    min_volume: int = 0
    min_share_of_typical: float = 0.25
    max_missing_share: float = 0.10
    max_failing_share: float = 0.20
    max_outside_share: float = 0.01
    min_full_sessions: int = 1


class DateJudgement(msgspec.Struct, frozen=True):
    """One trade date.  expected_volume: the least it had to trade, in proportion to the bars that are expected.

    volume is -1 where it cannot be judged; full: the history covers the whole session; reason: why it failed.
    """

    trade_date: int
    volume: int
    expected_volume: int
    bars: int
    expected_bars: int
    full: bool
    passed: bool
    reason: str


class GateReport(msgspec.Struct, frozen=True):
    """verdict: "accepted" or "refused".  dates: every trade date in the history, also those cut.

    cut_start and cut_end: trade dates cut off each end.  kept_start_ns and kept_end_ns: the stretch
    (start, end] that holds the closes of all kept bars; both 0 where nothing remains.
    """

    verdict: str
    reason: str
    dates: tuple[DateJudgement, ...]
    cut_start: tuple[int, ...]
    cut_end: tuple[int, ...]
    kept_start_ns: int
    kept_end_ns: int
    volume_judged: bool
    outside_bars: int

    @property
    def accepted(self) -> bool:
        return self.verdict == "accepted"

    @property
    def kept(self) -> tuple[DateJudgement, ...]:
        """The dates between the two cuts."""
        return self.dates[len(self.cut_start) : len(self.dates) - len(self.cut_end)]


def judge(bars: Bars, calendar: SessionCalendar, parameters: GateParameters | None = None) -> GateReport:
    """What the gate says of a history, without raising for a bad one.  Raises CalendarError beyond the table.

    Failing dates that are contiguous with an end are cut; what remains is refused when more than
    max_failing_share of it fails.  A simulated market, or a source without volume, is judged by its bars alone.
    """
    limits = parameters or GateParameters()
    covered = coverage(bars, calendar)
    by_volume = not bars.simulated and bool((bars.volume > 0).any())
    dates = _judge_dates(bars, covered, limits, by_volume)
    start = next((i for i, date in enumerate(dates) if date.passed), len(dates))
    end = next((i for i in range(len(dates), start, -1) if dates[i - 1].passed), start)
    outside = int((calendar.trade_dates_of_bars(bars.close_time_ns) == 0).sum())
    kept = dates[start:end]
    refusal = _refusal(dates, kept, limits, outside, len(bars))
    return GateReport(
        verdict="refused" if refusal else "accepted",
        reason=refusal
        or _acceptance(dates[:start], kept, dates[end:], by_volume, bars.simulated)
        + (REGULAR if covered and covered[0].regular else ""),
        dates=tuple(dates),
        cut_start=tuple(date.trade_date for date in dates[:start]),
        cut_end=tuple(date.trade_date for date in dates[end:]),
        kept_start_ns=covered[start].session.open_ns if kept else 0,
        kept_end_ns=covered[end - 1].session.close_ns if kept else 0,
        volume_judged=by_volume,
        outside_bars=outside,
    )


def accept(bars: Bars, calendar: SessionCalendar, parameters: GateParameters | None = None) -> tuple[Bars, GateReport]:
    """The bars that may be used, with thin ends cut off, and why.  Raises DataRefused with the report's reason."""
    report = judge(bars, calendar, parameters)
    if not report.accepted:
        raise DataRefused(report.reason)
    times = bars.close_time_ns
    return bars.rows((times > report.kept_start_ns) & (times <= report.kept_end_ns)), report


def _judge_dates(
    bars: Bars, covered: list[SessionCoverage], limits: GateParameters, by_volume: bool
) -> list[DateJudgement]:
    if not by_volume:
        return [_judge_date(c, 0, limits.max_missing_share, by_volume) for c in covered]
    least = limits.min_volume or MIN_VOLUME.get(bars.instrument.root, 0)
    liquid = [c for c in covered if c.full and not c.session.early and c.volume >= least]
    profile = _volume_profile(bars, liquid)
    if liquid:
        least = max(least, round(limits.min_share_of_typical * statistics.median(c.volume for c in liquid)))
    return [
        _judge_date(
            c,
            round(least * float(profile[_places(c.expected, c.session, bars.interval_ns)].sum())),
            limits.max_missing_share,
            by_volume,
        )
        for c in covered
    ]


def _volume_profile(bars: Bars, liquid: list[SessionCoverage]) -> npt.NDArray[np.float64]:
    """Share of a full day's volume in each bar of the session, shape (n,): of the liquid days, else even."""
    n = FULL_SESSION_NS // bars.interval_ns
    total = np.zeros(n)
    for c in liquid:
        lo, hi = np.searchsorted(bars.close_time_ns, [c.session.open_ns + 1, c.session.close_ns + 1])
        places = _places(bars.close_time_ns[lo:hi], c.session, bars.interval_ns)
        np.add.at(total, places, np.maximum(bars.volume[lo:hi], 0))
    return total / total.sum() if total.any() else np.full(n, 1.0 / n)


def _places(closes: Ints, session: Session, interval_ns: int) -> Ints:
    """Position of bars in their session, counted from the open."""
    return np.minimum((closes - session.open_ns - 1) // interval_ns, FULL_SESSION_NS // interval_ns - 1)


def _judge_date(c: SessionCoverage, least: int, max_missing_share: float, by_volume: bool) -> DateJudgement:
    expected, present = len(c.expected), len(c.expected) - len(c.missing)
    faults = []
    if by_volume and c.volume < least:
        faults.append(f"thin: {c.volume:,} contracts where {least:,} are the least")
    if len(c.missing) > max_missing_share * expected:
        faults.append(f"{len(c.missing)} of {expected} bars are missing")
    return DateJudgement(
        trade_date=c.session.trade_date,
        volume=c.volume if by_volume else UNKNOWN,
        expected_volume=least,
        bars=present,
        expected_bars=expected,
        full=c.full,
        passed=not faults,
        reason="; ".join(faults),
    )


def _refusal(
    dates: list[DateJudgement], kept: list[DateJudgement], limits: GateParameters, outside: int, n_bars: int
) -> str:
    """Why the history is refused, or nothing."""
    if not n_bars:
        return "refused: there are no bars"
    if outside > limits.max_outside_share * n_bars:
        return (
            f"refused: {outside:,} of {n_bars:,} bars lie outside every session; "
            "the time zone is probably wrong, name the right one"
        )
    if not kept:
        best = max(dates, key=lambda date: date.volume)
        return (
            f"refused: none of the {len(dates)} trade dates from {dates[0].trade_date} to {dates[-1].trade_date} "
            f"can be used, not even {best.trade_date} ({best.reason}); use the contract that is in front on those dates"
        )
    failing = [date for date in kept if not date.passed]
    if len(failing) > limits.max_failing_share * len(kept):
        return (
            f"refused: {len(failing)} of the {len(kept)} trade dates from {kept[0].trade_date} to "
            f"{kept[-1].trade_date} fail, first {failing[0].trade_date} ({failing[0].reason}); "
            f"at most {limits.max_failing_share:.0%} may: get the contract that is in front, or fill the holes"
        )
    full = sum(date.full and date.passed for date in kept)
    if full < limits.min_full_sessions:
        return f"refused: {full} whole sessions remain where {limits.min_full_sessions} are needed; get more history"
    return ""


def _acceptance(
    before: list[DateJudgement], kept: list[DateJudgement], after: list[DateJudgement], by_volume: bool, simulated: bool
) -> str:
    failing = [date for date in kept if not date.passed]
    parts = [f"accepted: {len(kept)} trade dates from {kept[0].trade_date} to {kept[-1].trade_date}"]
    if before:
        parts.append(f"{_range(before)} cut off the start ({before[-1].reason})")
    if after:
        parts.append(f"{_range(after)} cut off the end ({after[0].reason})")
    if failing:
        parts.append(f"{len(failing)} fail inside, first {failing[0].trade_date} ({failing[0].reason})")
    if simulated:
        parts.append("SIMULATED, so volume was not judged")
    elif not by_volume:
        parts.append("no volume in the source, so only missing bars were judged")
    return "; ".join(parts)


def _range(dates: list[DateJudgement]) -> str:
    if len(dates) == 1:
        return str(dates[0].trade_date)
    return f"{dates[0].trade_date} to {dates[-1].trade_date}"
