"""What a backtest of given forecasts is run with, as one value: a study, the settings, the money and the venue.

Not for forecasts themselves: those come with the study (`out_of_sample`).
"""

from __future__ import annotations

import msgspec

from minhos.market.calendar import SessionCalendar
from minhos.progress import Progress
from minhos.research.backtest import BacktestResult, run_backtest
from minhos.research.out_of_sample import OutOfSample
from minhos.trading.events import TradingSettings
from minhos.venues.matching import MatchingParameters


class Stage(msgspec.Struct, frozen=True, eq=False):
    study: OutOfSample
    settings: TradingSettings
    cash_cents: int
    matching: MatchingParameters = MatchingParameters()

    def backtest(self, progress: Progress | None = None) -> BacktestResult:
        """The live engine over the study's bars."""
        study = self.study
        return run_backtest(
            study.bars,
            study.forecasts,
            study.table,
            study.activations,
            self.settings,
            SessionCalendar.load(),
            cash_cents=self.cash_cents,
            matching=self.matching,
            progress=progress,
        )
