"""What pages know besides the journal: heartbeats, the training's progress, models, the HALT file, the time.

Only values; `minhos.assembly.surroundings` reads them.  Passed in, so that every view stays a pure function.
"""

from __future__ import annotations

import msgspec

from minhos.market.types import NANOS_PER_SECOND
from minhos.models.bundle import BundleInfo
from minhos.views.heartbeats import (
    AlertsBeat,
    Heartbeat,
    SupervisorBeat,
    TraderBeat,
    TrainerBeat,
    TrainingProgress,
    WatchdogBeat,
    WebBeat,
)
from minhos.views.training_report import TrainingReport

STALE_AFTER_S = 10.0
"""A process that has not been heard of for this long is not running."""


TRAINER_SILENT_S = 60.0
"""The same of the trainer, whose fits keep it busy."""


class Criterion(msgspec.Struct, frozen=True):
    """Whether one criterion holds (None: it cannot be told), and the words for it."""

    holds: bool | None
    value: str = ""


class SizesCompared(msgspec.Struct, frozen=True):
    """What a comparison of sizes found, by criterion."""

    simulated: bool = False
    checks: dict[str, Criterion] = {}


class DataVerdict(msgspec.Struct, frozen=True):
    """What `check-data` found of the data that were named last."""

    verdict: str = ""


class BackupNote(msgspec.Struct, frozen=True):
    """A backup that was written and verified here, and whether its file is there still."""

    file: str = ""
    time_ns: int = 0
    there: bool = False


class DrillNote(msgspec.Struct, frozen=True):
    """The newest drill: open, kill, the stop rests, flatten."""

    passed: bool = False
    account: str = ""
    time: str = ""


class ScenarioNote(msgspec.Struct, frozen=True):
    """One bad day of `lab scenarios`.  held: the largest position; where that is 0 no limit was put to the test."""

    name: str = ""
    passed: bool = False
    held: int = 0


class ScenariosNote(msgspec.Struct, frozen=True):
    """The newest run of `lab scenarios`; its market is generated."""

    scenarios: tuple[ScenarioNote, ...] = ()


class DayNote(msgspec.Struct, frozen=True):
    """The newest paper day that was compared with its backtest."""

    verdict: str = ""
    trade_date: int = 0
    undecided: int = 0
    bars: int = 0


class SearchNote(msgspec.Struct, frozen=True):
    """The newest `lab search`: parameters of a member against those that are shipped."""

    verdict: str = ""
    member: str = ""


class Surroundings(msgspec.Struct, frozen=True):
    """All that is known at one moment; every field is optional, for a home in which nothing has happened yet."""

    now_ns: int = 0
    """The machine's time."""
    steady_ns: int = 0
    """Its clock that never goes back; 0 where it was not asked."""
    mode: str = ""
    trader: TraderBeat | None = None
    trader_gone: bool = False
    """The process that wrote the trader's heartbeat does not exist any more, however fresh it is."""
    trainer: TrainerBeat = TrainerBeat()
    training: TrainingProgress | None = None
    halt_file: bool = False
    journal_error: str = ""
    """Why the journal cannot be followed."""
    ceiling: float | None = None
    """Best possible accuracy of the simulated market."""
    models: tuple[BundleInfo, ...] = ()
    models_error: str = ""
    report: TrainingReport | None = None
    """What training found for the active bundle."""
    report_id: str = ""
    """Which bundle that is; the one that serves may still be another."""
    comparison: SizesCompared | None = None
    """The newest result of `kelly-vs-fixed`."""
    data_verdict: DataVerdict | None = None
    """The newest result of `check-data`."""
    backups: tuple[BackupNote, ...] = ()
    """Newest first."""
    finished_data: bool = False
    """The configured data are a finished file: trained on and tested, never traded."""
    watchdog: WatchdogBeat | None = None
    web: WebBeat | None = None
    supervisor: SupervisorBeat | None = None
    """Of a `start` that did not end in order, or runs; None where none was, or it ended."""
    supervisor_gone: bool = False
    """The process that wrote the supervisor's heartbeat does not exist any more."""
    alerts: AlertsBeat | None = None
    ended: frozenset[str] = frozenset()
    """Names of processes whose heartbeat is there and whose process is not."""
    drill: DrillNote | None = None
    scenarios: ScenariosNote | None = None
    compared_day: DayNote | None = None
    search: SearchNote | None = None
    features: tuple[str, ...] = ()
    """Of the active bundle."""
    window: int = 0
    """Bars that its LSTM sees at once."""
    elsewhere: tuple[str, ...] = ()
    """Bundles of other markets, where this one has none: a training of them is no training of this one."""
    absent_files: tuple[str, ...] = ()
    """Of the files that were named by those who asked, those that are not where they were named."""

    def heard_s(self, beat: Heartbeat) -> float:
        """Seconds since that process was heard of."""
        return beat.age_s(self.now_ns, self.steady_ns)

    @property
    def trader_age_s(self) -> float | None:
        """Seconds since the trader's last heartbeat; None where there never was one."""
        return None if self.trader is None else self.heard_s(self.trader)

    @property
    def trader_alive(self) -> bool:
        """It was heard of within the last seconds, did not say that it stopped, and its process exists."""
        age = self.trader_age_s
        if age is None or self.trader is None or self.trader_gone:
            return False
        return age < STALE_AFTER_S and self.trader.state != "stopped"

    @property
    def watchdog_alive(self) -> bool:
        """It was heard of within the last seconds, and its process exists."""
        if self.watchdog is None or self.is_gone(self.watchdog):
            return False
        return self.heard_s(self.watchdog) < STALE_AFTER_S

    @property
    def trainer_alive(self) -> bool:
        """It was heard of within the last minute, and its process exists."""
        return self.heard_s(self.trainer) < TRAINER_SILENT_S and not self.is_gone(self.trainer)

    def is_gone(self, beat: Heartbeat) -> bool:
        """The process that wrote this heartbeat does not exist any more, however fresh it is."""
        known = {"trader": self.trader_gone, "supervisor": self.supervisor_gone}
        return beat.PROCESS in self.ended or known.get(beat.PROCESS, False)

    def unheard(self, beat: Heartbeat | None) -> bool:
        """Its process exists and has said nothing for long: it hangs, or nothing can be written to the disk."""
        if beat is None or beat.pid <= 0 or beat.state == "stopped" or self.is_gone(beat):
            return False
        return self.heard_s(beat) >= STALE_AFTER_S

    def runs(self, beat: Heartbeat | None) -> bool:
        """Whether that process was heard of within the last seconds, did not say that it stopped, and exists."""
        if beat is None or beat.state == "stopped" or beat.PROCESS in self.ended:
            return False
        return self.heard_s(beat) < STALE_AFTER_S

    @property
    def training_now(self) -> TrainingProgress | None:
        """The training under way, if one is."""
        if self.trainer.state != "training" or not self.trainer_alive:
            return None
        return self.training if self.training and not self.training.failed else TrainingProgress(message="starting")

    def age_s(self, time_ns: int, last_close_ns: int) -> float:
        """How old something of that market time is.

        A simulated market stands while its trader is away, but what it said last gets older all the same.
        """
        age_s = (self.market_now_ns(last_close_ns) - time_ns) / NANOS_PER_SECOND
        away = self.mode == "simulated" and not self.trader_alive and self.trader is not None
        return max(0.0, age_s) + ((self.trader_age_s or 0.0) if away else 0.0)

    def report_on(self, bundle_id: str) -> TrainingReport | None:
        """The report of the training, where it is of that bundle; of the active one where none serves."""
        return self.report if not bundle_id or self.report_id in ("", bundle_id) else None

    def market_now_ns(self, last_close_ns: int) -> int:
        """The market's time: the trader's where it lives, the last bar's on a simulated market, else the clock's."""
        if self.trader_alive and self.trader is not None and self.trader.market_time_ns:
            return self.trader.market_time_ns
        return last_close_ns if self.mode == "simulated" and last_close_ns else self.now_ns
