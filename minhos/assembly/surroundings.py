"""What lies on the disk beside the journal: heartbeats, training progress, models, result files, the HALT file.

Reads only; absent or unreadable files are absent facts.  Models are verified again only when their folder changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from minhos.assembly import heartbeats
from minhos.assembly.files import read_json
from minhos.assembly.heartbeats import SupervisorBeat, TraderBeat, TrainerBeat, WatchdogBeat
from minhos.assembly.layout import Layout
from minhos.assembly.naming import finished_data, mode_of, registry_of, scope_of
from minhos.assembly.running import gone
from minhos.errors import ModelError
from minhos.market.clock import Clock
from minhos.models.bundle import BundleInfo, read_manifest
from minhos.settings import Settings
from minhos.views.surroundings import DataVerdict, SizesCompared, Surroundings
from minhos.views.training_report import TrainingReport

Struct = TypeVar("Struct", bound=msgspec.Struct)


class SurroundingsReader:
    """One for each process that shows something; `read` is cheap enough for five times a second."""

    def __init__(self, settings: Settings, layout: Layout, clock: Clock) -> None:
        self.settings = settings
        self.layout = layout
        self.clock = clock
        self.mode, self.scope = mode_of(settings), scope_of(settings)
        self.ceiling = _ceiling(settings)
        self.finished_data = finished_data(settings)
        self._seen: tuple[float, ...] = ()
        self._models: tuple[BundleInfo, ...] = ()
        self._problem = ""
        self._report: TrainingReport | None = None

    def read(self, journal_error: str = "") -> Surroundings:
        """Everything as it is now."""
        layout = self.layout
        self._read_models()
        trader, supervisor = heartbeats.read(layout, TraderBeat), heartbeats.read(layout, SupervisorBeat)
        return Surroundings(
            now_ns=self.clock.now_ns(),
            mode=self.mode,
            trader=trader,
            trader_gone=trader is not None and trader.state != "stopped" and gone(layout, trader),
            trainer=heartbeats.read(layout, TrainerBeat) or TrainerBeat(),
            training=heartbeats.read_training(layout),
            halt_file=layout.disk.exists(layout.halt_file),
            journal_error=journal_error,
            ceiling=self.ceiling,
            models=self._models,
            models_error=self._problem,
            report=self._report,
            comparison=_newest(layout.reports, "backtest-kelly-vs-fixed.json", SizesCompared),
            data_verdict=_newest(layout.reports, "data*.json", DataVerdict),
            finished_data=self.finished_data,
            watchdog=heartbeats.read(layout, WatchdogBeat),
            supervisor=supervisor,
            supervisor_gone=supervisor is not None and gone(layout, supervisor),
            backups=sum(1 for _ in layout.backups.glob("*.json")),
        )

    def _read_models(self) -> None:
        registry = registry_of(self.settings, self.layout)
        seen = tuple(_changed(path) for path in (registry.root / "active.json", registry.bundles))
        if seen == self._seen:
            return
        self._seen, self._problem = seen, ""
        try:
            self._models = tuple(registry.list())
            active = registry.active(self.scope)
            report = converted(read_manifest(active.path).report, TrainingReport) if active else None
            self._report = report.honest() if report else None
        except ModelError as error:
            self._problem = str(error)


def journal_in_use(layout: Layout, mode: str, trader: TraderBeat | None) -> Path | None:
    """The journal of this mode that the trader writes or wrote, else the newest; None before the first start."""
    if trader is not None and trader.mode == mode and trader.journal and Path(trader.journal).is_file():
        return Path(trader.journal)
    found = sorted((layout.data / "journal").glob(f"{mode}-*.sqlite"), key=_changed)
    return found[-1] if found else None


def _ceiling(settings: Settings) -> float | None:
    """Best possible accuracy of the simulated market; None on real data."""
    if not settings.simulated:
        return None
    return 0.5 if settings.simulation.kind == "null" else settings.simulation.ceiling


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0.0


def _newest(folder: Path, pattern: str, kind: type[Struct]) -> Struct | None:
    found = sorted(folder.glob(pattern), key=_changed)
    return converted(read_json(found[-1]), kind) if found else None


def converted(value: object, kind: type[Struct]) -> Struct | None:
    """The struct; None for what is none, such as a file of another version."""
    try:
        return msgspec.convert(value, kind, strict=False) if value else None
    except msgspec.ValidationError:
        return None
