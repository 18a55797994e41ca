"""After each close: backtest the paper day that ended and keep what differs, without being asked.

Runs in the trainer's process, which trades nothing; the trader's heartbeat says which trade date is on.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from minhos.assembly import heartbeats
from minhos.assembly.files import write_json
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.layout import Layout
from minhos.errors import MinhosError
from minhos.journal.reader import reader
from minhos.research.compare import CompareReport, compare
from minhos.venues.matching import MatchingParameters

log = structlog.get_logger("trainer")


class AfterClose:
    """Notices a new trade date and compares the one before; one report a day, in `data/reports`."""

    def __init__(self, layout: Layout, matching: MatchingParameters) -> None:
        self.layout = layout
        self._matching = matching
        self._trade_date = 0

    def tend(self) -> CompareReport | None:
        """Call it every second or so; the report of a day that has just ended, else None."""
        beat = heartbeats.read(self.layout, TraderBeat)
        if beat is None:
            return None
        today, before = beat.trade_date, self._trade_date
        self._trade_date = today
        if not 0 < before < today:
            return None
        return self._compare(Path(beat.journal), before)

    def _compare(self, journal: Path, trade_date: int) -> CompareReport | None:
        """A day that cannot be compared is named in the log; nothing else depends on it."""
        try:
            source = reader(journal, self.layout.database)
            try:
                report = compare(source, trade_date, matching=self._matching)
            finally:
                source.close()
        except MinhosError as error:
            log.warning("day not compared", trade_date=trade_date, reason=str(error))
            return None
        write_json(self.layout.reports / f"compare-{trade_date}.json", report)
        log.info("day compared", trade_date=trade_date, verdict=report.verdict, sentence=report.sentence)
        return report
