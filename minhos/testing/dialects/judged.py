"""What the reader made of a file whose bars are known: read, refused for a true reason, or wrong."""

from __future__ import annotations

import enum
import traceback
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minhos.errors import MinhosError
from minhos.feeds.files import load
from minhos.feeds.seen import Seen
from minhos.market.calendar import SessionCalendar
from minhos.market.types import BAR_INTERVAL_NS, Bars
from minhos.testing.dialects.dialect import Dialect, Written, write


class Verdict(enum.StrEnum):
    READ = "read"
    """Every bar as it was written."""
    REFUSED = "refused"
    """With a reason that is true of the file."""
    UNTRUE = "untrue"
    """Refused with another one."""
    DIFFERENT = "different"
    """Accepted, and not what was written."""
    TRACEBACK = "traceback"


class Judged(NamedTuple):
    verdict: Verdict
    sentence: str


def judge(dialect: Dialect, folder: Path, calendar: SessionCalendar) -> Judged:
    """Write a file of that dialect, read it and compare."""
    written = write(dialect, folder, calendar)
    seen: list[Seen] = []
    try:
        bars = load(written.path, timezone=written.zone, stamps=written.stamps, calendar=calendar, see=seen.append).bars
    except MinhosError as error:
        true = any(reason in str(error) for reason in written.true_reasons)
        return Judged(Verdict.REFUSED if true else Verdict.UNTRUE, str(error).replace(f"{folder}/", ""))
    except Exception:
        return Judged(Verdict.TRACEBACK, traceback.format_exc(limit=-3))
    finally:
        written.path.unlink()
    wrong = "accepted, though nobody can read it" if written.never_read else _differs(written, bars, seen)
    return Judged(Verdict.DIFFERENT if wrong else Verdict.READ, wrong)


def _differs(written: Written, bars: Bars, seen: list[Seen]) -> str:
    """What differs first; empty where nothing does."""
    series = written.series
    if set(bars.contracts) != {written.contract}:
        return f"contract {', '.join(bars.contracts)} where {written.contract} was written"
    fives = np.array(series.fives(), np.int64).T
    found = (
        bars.close_time_ns - BAR_INTERVAL_NS,
        bars.open_ticks,
        bars.high_ticks,
        bars.low_ticks,
        bars.close_ticks,
        bars.volume,
    )
    wanted = (*fives[:5], fives[5] + fives[6])
    if wrong := _first("bar", found, wanted):
        return wrong
    (one,) = seen
    rows = np.array(series.rows, np.int64).T
    kept = slice(None) if one.why is None else one.why == ""
    prices = np.rint(one.prices[:, kept] / series.tick).astype(np.int64)
    return _first("row", (one.open_ns[kept], *prices, one.volumes[0][kept]), (*rows[:5], rows[5] + rows[6]))


def _first(what: str, found: tuple[np.ndarray, ...], wanted: tuple[np.ndarray, ...]) -> str:
    if len(found[0]) != len(wanted[0]):
        return f"{len(found[0])} {what}s where {len(wanted[0])} were written"
    for name, got, expected in zip(("time", "open", "high", "low", "close", "volume"), found, wanted, strict=True):
        wrong = np.flatnonzero(got != expected)
        if len(wrong):
            i = int(wrong[0])
            return f"{len(wrong)} {what}s differ in {name}, first the {i}th: {got[i]} where {expected[i]} was written"
    return ""
