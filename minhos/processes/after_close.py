"""After each close: backtest the paper day that ended and keep what differs, without being asked.

Runs in the trainer's process, which trades nothing; the trader's heartbeat says which trade date is on.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from pathlib import Path

import structlog

from minhos.assembly import heartbeats
from minhos.assembly.files import write_json
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.layout import Layout
from minhos.errors import MinhosError, NotEnoughData
from minhos.journal.reader import reader
from minhos.market.calendar import SessionCalendar
from minhos.research.compare import CompareReport, compare, newest_date
from minhos.venues.matching import MatchingParameters

log = structlog.get_logger("trainer")


class AfterClose:
    """Notices a new trade date and compares the one before; one report a day, in `data/reports`.

    A close that nobody saw, because this process was away, is made good: the date before the first one seen is compared
    where it has no report yet.
    """

    def __init__(self, layout: Layout, matching: MatchingParameters) -> None:
        self.layout = layout
        self._matching = matching
        self._calendar = SessionCalendar.load()
        self._seen = ("", 0)

    def tend(self) -> CompareReport | None:
        """Call it every second or so; the report of a day that has just ended, else None."""
        ended = self.ended()
        return ended() if ended is not None else None

    def ended(self) -> Callable[[], CompareReport | None] | None:
        """What makes the report of a day that has just ended, and may take a while; None where none has."""
        beat = heartbeats.read(self.layout, TraderBeat)
        if beat is None or not beat.trade_date or (beat.journal, beat.trade_date) == self._seen:
            return None
        missed = self._seen[0] != beat.journal
        self._seen = beat.journal, beat.trade_date
        return functools.partial(self._compare, Path(beat.journal), beat.trade_date, missed=missed)

    def _compare(self, journal: Path, today: int, *, missed: bool) -> CompareReport | None:
        """A day that cannot be compared is named in the log; nothing else depends on it."""
        try:
            source = reader(journal, self.layout.database)
            try:
                trade_date = newest_date(source, self._calendar, before=today)
                if missed and self.layout.disk.exists(self._file(trade_date)):
                    return None
                report = compare(source, trade_date, matching=self._matching)
            finally:
                source.close()
                gc.collect()  # features hold big arrays in cycles of few objects, which Python would let lie for days
        except NotEnoughData:
            return None
        except MinhosError as error:
            log.warning("day not compared", before=today, reason=str(error))
            return None
        write_json(self._file(trade_date), report, self.layout.disk)
        log.info("day compared", trade_date=trade_date, verdict=report.verdict, sentence=report.sentence)
        return report

    def _file(self, trade_date: int) -> Path:
        return self.layout.reports / f"compare-{trade_date}.json"
