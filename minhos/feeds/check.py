"""May these data be trained and tested on?  What the command `check-data` reports.

Reads, measures and judges; repairs nothing.  The rules are in `minhos.market.quality` and `minhos.market.gate`.
"""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from minhos.errors import CalendarError, DataError, DataRefused
from minhos.feeds.export import Judged, check_target, write_seen
from minhos.feeds.files import Loaded, load, refusal_of_adjusted, refuse_no_file
from minhos.feeds.seen import Seen
from minhos.market.calendar import SessionCalendar
from minhos.market.gate import DateJudgement, GateParameters, GateReport, judge
from minhos.market.quality import QualityReport, assess
from minhos.market.types import Bars
from minhos.words import utc


class DataReport(msgspec.Struct, frozen=True):
    """What was read, and whether it may be used."""

    verdict: str
    """"accepted" or "refused"."""
    reason: str
    """One sentence."""
    sources: tuple[str, ...]
    contracts: tuple[str, ...]
    bars: int
    """Read."""
    kept_bars: int
    """That may be used."""
    first: str
    last: str
    """Closes of the first and the last bar that were read, ISO 8601."""
    notes: tuple[str, ...]
    """How the files were read."""
    quality: QualityReport
    """Of the kept bars, or of all where nothing may be used."""
    gate: GateReport
    dates: tuple[DateJudgement, ...]
    """Every trade date and why it failed."""

    @property
    def accepted(self) -> bool:
        return self.verdict == "accepted"


def check_data(
    source: Path,
    *,
    symbol: str | None = None,
    timezone: str | None = None,
    stamps: str | None = None,
    days: int | None = None,
    calendar: SessionCalendar | None = None,
    parameters: GateParameters | None = None,
    export: Path | None = None,
    adjusted: bool = False,
) -> DataReport:
    """Read a file or folder as `load` does and judge it.

    export: a new .csv or .parquet file for what was read; written also where the data are refused, if their stamps
    are known.  adjusted: whether prices that were adjusted over rolls may be trained on.  Bad data give a report with
    the verdict "refused"; data that cannot be read raise DataError (or SymbolError for an unknown symbol), those that
    must not be used DataRefused.
    """
    if export is not None:
        check_target(export)
    refuse_no_file(source)
    sessions = calendar or SessionCalendar.load()
    seen: list[Seen] = []
    see = seen.append if export is not None else None
    try:
        loaded = load(source, symbol=symbol, timezone=timezone, stamps=stamps, days=days, calendar=sessions, see=see)
        report = _heeding_adjustment(report_of(loaded, sessions, parameters), loaded.bars, allowed=adjusted)
    except (CalendarError, DataError) as error:
        refusal = DataError(f"{source}: {error}") if isinstance(error, CalendarError) else error
        if export is not None and seen:
            write_seen(export, seen, sessions, None, str(refusal))
            refusal = DataRefused(str(refusal))
        raise refusal from None
    if export is not None:
        reason = "" if report.accepted else report.reason
        write_seen(export, seen, sessions, Judged(loaded.bars, report.gate), reason)
    return report


def _heeding_adjustment(report: DataReport, bars: Bars, *, allowed: bool) -> DataReport:
    """Adjusted prices are refused, or accepted for training alone."""
    if not bars.adjusted or not report.accepted:
        return report
    if allowed:
        return msgspec.structs.replace(report, reason=f"{report.reason}; {bars.adjusted}: for training alone")
    return msgspec.structs.replace(report, verdict="refused", reason=f"refused: {refusal_of_adjusted(bars)}")


def report_of(loaded: Loaded, calendar: SessionCalendar, parameters: GateParameters | None = None) -> DataReport:
    """The report on bars that have been read.  Raises CalendarError for times beyond the table of sessions."""
    bars = loaded.bars
    gate = judge(bars, calendar, parameters)
    times = bars.close_time_ns
    kept = bars.rows(gate.accepted & (times > gate.kept_start_ns) & (times <= gate.kept_end_ns))
    return DataReport(
        verdict=gate.verdict,
        reason=gate.reason,
        sources=tuple(str(path) for path in loaded.sources),
        contracts=bars.contracts,
        bars=len(bars),
        kept_bars=len(kept),
        first=utc(int(times[0])),
        last=utc(int(times[-1])),
        notes=tuple(loaded.sentences()),
        quality=_quality(loaded, kept if len(kept) else bars, calendar),
        gate=gate,
        dates=gate.dates,
    )


def _quality(loaded: Loaded, bars: Bars, calendar: SessionCalendar) -> QualityReport:
    """What the readers put right counts in proportion: a record out of order among ticks is no bar out of order."""
    rows = sum(notes.rows for notes in loaded.notes)
    share = len(bars) / max(rows, len(bars))
    counts = {
        name: math.ceil(share * sum(getattr(notes, name) for notes in loaded.notes))
        for name in ("duplicates", "out_of_order")
    }
    off_tick = min(len(bars), sum(notes.off_tick for notes in loaded.notes))
    return assess(bars, calendar, off_tick=off_tick, **counts)
