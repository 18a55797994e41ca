"""What lies on the disk beside the journal: heartbeats, training progress, models, result files, the HALT file.

Reads only; absent or unreadable files are absent facts.  Models are verified again only when their folder changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar, cast

import msgspec

import minhos
from minhos.assembly import heartbeats
from minhos.assembly.files import read_json
from minhos.assembly.heartbeats import AlertsBeat, SupervisorBeat, TraderBeat, TrainerBeat, WatchdogBeat, WebBeat
from minhos.assembly.layout import Layout
from minhos.assembly.naming import ceiling_of, every_registry, finished_data, mode_of, registry_of, scope_of
from minhos.assembly.running import gone
from minhos.errors import ModelError
from minhos.market.clock import Clock
from minhos.models.bundle import BundleInfo, read_manifest
from minhos.models.registry import Registry
from minhos.settings import Settings
from minhos.views.asked_rules import NAMED_FILES
from minhos.views.surroundings import (
    BackupNote,
    DataVerdict,
    DayNote,
    DrillNote,
    ScenariosNote,
    SearchNote,
    SizesCompared,
    Surroundings,
)
from minhos.views.training_report import TrainingReport

Struct = TypeVar("Struct", bound=msgspec.Struct)
BACKUPS_SHOWN = 5
CHECKOUT = Path(minhos.__file__).resolve().parents[1]
ABSENT = tuple(name for name in NAMED_FILES if not (CHECKOUT / name).is_file())


class SurroundingsReader:
    """One for each process that shows something; `read` is cheap enough for five times a second."""

    def __init__(self, settings: Settings, layout: Layout, clock: Clock) -> None:
        self.settings = settings
        self.layout = layout
        self.clock = clock
        self.mode, self.scope = mode_of(settings), scope_of(settings)
        self.ceiling = ceiling_of(settings)
        self.finished_data = finished_data(settings)
        self._seen: tuple[float, ...] = ()
        self._models: tuple[BundleInfo, ...] = ()
        self._problem = ""
        self._report: TrainingReport | None = None
        self._report_id = ""
        self._features: tuple[str, ...] = ()
        self._window = 0
        self._elsewhere: tuple[str, ...] = ()
        self._backups_seen = -1.0
        self._notes: tuple[BackupNote, ...] = ()
        self._results: dict[str, tuple[tuple[Path, float], object]] = {}

    def read(self, journal_error: str = "") -> Surroundings:
        """Everything as it is now."""
        layout = self.layout
        self._read_models()
        trader = heartbeats.read(layout, TraderBeat)
        web, supervisor = heartbeats.read(layout, WebBeat), heartbeats.read(layout, SupervisorBeat)
        alerts, watchdog = heartbeats.read(layout, AlertsBeat), heartbeats.read(layout, WatchdogBeat)
        trainer = heartbeats.read(layout, TrainerBeat)
        others = (web, supervisor, alerts, watchdog, trainer)
        return Surroundings(
            now_ns=self.clock.now_ns(),
            steady_ns=self.clock.monotonic_ns(),
            mode=self.mode,
            trader=trader,
            trader_gone=trader is not None and trader.state != "stopped" and gone(layout, trader),
            trainer=trainer or TrainerBeat(),
            training=heartbeats.read_training(layout),
            halt_file=layout.disk.exists(layout.halt_file),
            journal_error=journal_error,
            ceiling=self.ceiling,
            models=self._models,
            models_error=self._problem,
            report=self._report,
            report_id=self._report_id,
            comparison=self._result("backtest-kelly-vs-fixed.json", SizesCompared),
            data_verdict=self._result("data*.json", DataVerdict),
            finished_data=self.finished_data,
            watchdog=watchdog,
            backups=self._backups(),
            web=web,
            supervisor=supervisor,
            supervisor_gone=supervisor is not None and gone(layout, supervisor),
            alerts=alerts,
            ended=frozenset(beat.PROCESS for beat in others if beat is not None and gone(layout, beat)),
            drill=self._result("drill.json", DrillNote),
            scenarios=self._result("lab-scenarios.json", ScenariosNote),
            compared_day=self._result("compare-*.json", DayNote),
            search=self._result("search.json", SearchNote),
            features=self._features,
            window=self._window,
            elsewhere=self._elsewhere,
            absent_files=ABSENT,
        )

    def _backups(self) -> tuple[BackupNote, ...]:
        """The notes are read again when their folder changed; whether a file is there is looked at every time."""
        folder = self.layout.backups
        if (seen := _changed(folder)) != self._backups_seen:
            self._backups_seen = seen
            notes = [
                converted(read_json(path, self.layout.disk), BackupNote)
                for path in sorted(folder.glob("*.json"), reverse=True)
            ]
            self._notes = tuple(note for note in notes[:BACKUPS_SHOWN] if note is not None)
        return tuple(msgspec.structs.replace(note, there=Path(note.file).is_file()) for note in self._notes)

    def _result(self, pattern: str, kind: type[Struct]) -> Struct | None:
        """The newest result file of that name; read again only when it changed."""
        path = max(self.layout.reports.glob(pattern), key=_changed, default=None)
        if path is None:
            return None
        seen = (path, _changed(path))
        known = self._results.get(pattern)
        if known is None or known[0] != seen:
            known = self._results[pattern] = (seen, converted(read_json(path, self.layout.disk), kind))
        return cast(Struct | None, known[1])

    def _read_models(self) -> None:
        registry = registry_of(self.settings, self.layout)
        seen = tuple(_changed(path) for path in (registry.root / "active.json", registry.bundles))
        if seen == self._seen:
            return
        self._seen, self._problem = seen, ""
        try:
            self._models = tuple(registry.list())
            active = registry.active(self.scope)
            manifest = read_manifest(active.path) if active else None
            report = converted(manifest.report, TrainingReport) if manifest else None
            self._report = report.honest() if report else None
            self._report_id = active.id if active else ""
            self._features = manifest.feature_names if manifest else ()
            self._window = manifest.window if manifest else 0
            own = any(info.scope == self.scope for info in self._models)
            self._elsewhere = () if own else self._others(registry)
        except ModelError as error:
            self._problem = str(error)

    def _others(self, own: Registry) -> tuple[str, ...]:
        """Ids of bundles of other markets, unverified."""
        theirs = [each.ids() for each in every_registry(self.layout) if each.root != own.root]
        return tuple(info.id for info in self._models) + tuple(one for ids in theirs for one in ids)


def journal_in_use(layout: Layout, mode: str, trader: TraderBeat | None) -> Path | None:
    """The journal of this mode that the trader writes or wrote, else the newest; None before the first start."""
    if trader is not None and trader.mode == mode and trader.journal and Path(trader.journal).is_file():
        return Path(trader.journal)
    found = sorted((layout.data / "journal").glob(f"{mode}-*.sqlite"), key=_changed)
    return found[-1] if found else None


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0.0


def converted(value: object, kind: type[Struct]) -> Struct | None:
    """The struct; None for what is none, such as a file of another version."""
    try:
        return msgspec.convert(value, kind, strict=False) if value else None
    except msgspec.ValidationError:
        return None
