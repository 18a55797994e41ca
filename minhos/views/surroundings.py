"""What pages know besides the journal: heartbeats, the training's progress, models, the HALT file, the time.

Only values; `minhos.assembly.surroundings` reads them.  Passed in, so that every view stays a pure function.
"""

from __future__ import annotations

from typing import Any

import msgspec

from minhos.market.types import NANOS_PER_SECOND
from minhos.models.bundle import BundleInfo
from minhos.views.heartbeats import TraderBeat, TrainerBeat, TrainingProgress, WatchdogBeat

STALE_AFTER_S = 10.0
"""A process that has not been heard of for this long is not running."""


class Surroundings(msgspec.Struct, frozen=True):
    """now_ns: the machine's time.  report: what training found for the active bundle, as plain JSON.

    backtest, data_report: the newest result files, as plain JSON.  ceiling: best possible accuracy of the simulated
    market.  journal_error: why the journal cannot be followed.
    """

    now_ns: int = 0
    mode: str = ""
    trader: TraderBeat | None = None
    trainer: TrainerBeat = TrainerBeat()
    training: TrainingProgress | None = None
    halt_file: bool = False
    journal_error: str = ""
    ceiling: float | None = None
    models: tuple[BundleInfo, ...] = ()
    models_error: str = ""
    report: dict[str, Any] | None = None
    backtest: dict[str, Any] | None = None
    data_report: dict[str, Any] | None = None
    backups: int = 0
    finished_data: bool = False
    """The configured data are a finished file: trained on and tested, never traded."""
    watchdog: WatchdogBeat | None = None

    @property
    def trader_age_s(self) -> float | None:
        """Seconds since the trader's last heartbeat; None where there never was one."""
        return None if self.trader is None else max(0.0, (self.now_ns - self.trader.time_ns) / NANOS_PER_SECOND)

    @property
    def trader_alive(self) -> bool:
        age = self.trader_age_s
        return age is not None and age < STALE_AFTER_S and self.trader is not None and self.trader.state != "stopped"

    @property
    def trader_lost(self) -> bool:
        """It ran, did not say that it stopped, and is silent."""
        return self.trader is not None and self.trader.state != "stopped" and not self.trader_alive

    @property
    def training_now(self) -> TrainingProgress | None:
        """The training under way, if one is."""
        age_s = (self.now_ns - self.trainer.time_ns) / NANOS_PER_SECOND
        if self.trainer.state != "training" or age_s > 60.0:
            return None
        return self.training if self.training and not self.training.failed else TrainingProgress(message="starting")

    def market_now_ns(self, last_close_ns: int) -> int:
        """The market's time: the trader's where it lives, the last bar's on a simulated market, else the clock's."""
        if self.trader_alive and self.trader is not None and self.trader.market_time_ns:
            return self.trader.market_time_ns
        return last_close_ns if self.mode == "simulated" and last_close_ns else self.now_ns
