"""A home of the world: its settings and ready bundles on the disk, and how each process of it is made.

A training is over at once and promotes the bundle that lies there; forecasts are given.  Which home it is, is said in
`bases` and `folder_base`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from minhos.assembly.layout import Layout
from minhos.assembly.naming import registry_of
from minhos.assembly.trading import MembersOff
from minhos.errors import TrainingError
from minhos.features.pipeline import feature_set
from minhos.models.bundle import BundleInfo
from minhos.models.registry import Registry
from minhos.processes.process import Process
from minhos.processes.supervisor import Supervisor
from minhos.processes.trader import Trader
from minhos.processes.trainer import Trainer
from minhos.processes.watchdog import Watchdog
from minhos.settings import Settings, load
from minhos.testing.builders import MONDAY_OPEN, bundle_contents, payoff
from minhos.testing.world.market import WorldMarket
from minhos.testing.world.plan import START_NS
from minhos.testing.world.world import World
from minhos.trading import events as ev
from minhos.trading.engine import Forecasts

SERVED = ("trader", "trainer", "watchdog")
"""What the supervisor of a world keeps running."""
SNAPSHOT_RECORDS = 40
"""A snapshot so often: a world has some hundreds of records, and starts lie between them."""
MADE_BEFORE_NS = 60 * 10**9
"""So long before the start the bundles were made: a clock that is set back stands before them."""


AHEAD_NS = 30 * 24 * 3_600 * 10**9
"""So far in the future a clock stood when bundles were made that are stamped ahead."""


def n_ahead(seed: int) -> int:
    """How many of the two bundles are stamped ahead: the active one in one of fifty seeds, both in another."""
    return {24: 2, 49: 1}.get(seed % 50, 0)


class Done:
    """A call that was over when it began."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.problem = ""
        try:
            call()
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"

    def done(self) -> bool:
        return True


class QuickRegistry(Registry):
    """A registry that reads its files again only where the pointer file is another one."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._stamp: tuple[int, int] = (0, 0)
        self._active: dict[str, BundleInfo | None] = {}

    def active(self, scope: str) -> BundleInfo | None:
        try:
            stat = (self.root / "active.json").stat()
        except OSError:
            return super().active(scope)
        if (stat.st_ino, stat.st_mtime_ns) != self._stamp:
            self._stamp, self._active = (stat.st_ino, stat.st_mtime_ns), {}
        if scope not in self._active:
            self._active[scope] = super().active(scope)
        return self._active[scope]


class ReadyTrainer(Trainer):
    """A trainer whose fit is ready: it promotes the bundle that lies there."""

    trained = 0
    """How often, since it was started."""

    def train(self, why: str) -> None:
        self.trained += 1
        bundles = [info for info in self.registry.list() if info.status != "damaged"]
        active = self.registry.active(self.scope)
        others = [info.id for info in bundles if active is None or info.id != active.id]
        if all(info.created_ns > self.clock.now_ns() + AHEAD_NS // 2 for info in bundles):
            raise TrainingError("the world has no model of today.")
        if others:
            self.registry.promote(others[0], "trainer", self.clock.now_ns())


class Loading:
    """How bundles come to serve in a world: their payoff, and forecasts that are given."""

    def __init__(self, forecasts: Forecasts) -> None:
        self._forecasts = forecasts

    def __call__(self, info: BundleInfo, time_ns: int, members_off: MembersOff) -> tuple[ev.ModelActivated, Forecasts]:
        activation = ev.ModelActivated(
            time_ns, info.id, "recipe-test", payoff(), "edge", 0.6, info.simulated, info.created_ns
        )
        return activation, self._forecasts


class MarketTurns:
    """The market as an actor of the world: at a bar's close the trader is awake, at trades where something is held."""

    def __init__(self, world: World, market: WorldMarket) -> None:
        self._world, self._market = world, market
        self.due_ns = market.due_ns
        market.on_record.append(lambda trade: world.poke("trader"))
        market.on_close.append(lambda close_ns: world.poke("trader"))

    def turn(self, now_ns: int) -> None:
        self._market.turn(now_ns)
        self._world.connection_wakes()


def make_home(world: World, folder: Path, toml: str, *, simulated: bool, ahead: int = 0) -> None:
    """ahead: so many of its bundles are stamped in the future, the active one first."""
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "minhos.toml").write_text(toml, encoding="utf-8")
    layout = Layout(folder, world.disk, world, world.disk.database, world.network).make()
    world.layout = layout
    shutil.copytree(_ready_models(simulated, ahead), registry_of(load(folder), layout).root, dirs_exist_ok=True)


def make_processes(world: World, trader: Callable[[Settings], Trader]) -> None:
    clock = world.machine_clock

    def make(name: str) -> Process:
        settings = load(world.layout.home) if name == "supervisor" else _as_started(world)
        registry = QuickRegistry(registry_of(settings, world.layout).root)
        if name == "trader":
            made = trader(settings)
            made.registry = registry
            made.snapshot_records = SNAPSHOT_RECORDS
            return made
        if name == "watchdog":
            return Watchdog(settings, world.layout, clock)
        if name == "trainer":
            trainer = ReadyTrainer(settings, world.layout, clock, Done)
            trainer.registry = registry
            return trainer
        return Supervisor(world.layout, SERVED, clock)

    world.make = make


def _as_started(world: World) -> Settings:
    """As a child of `start` reads them: by the copy that its supervisor made, where there is one."""
    content = world.disk.read(world.layout.settings_copy)
    if content is None:
        return load(world.layout.home)
    copy = world.layout.home / "as-started.json"  # the world's small files lie in memory
    copy.write_bytes(content)
    return load(world.layout.home, copy=copy)


@cache
def _ready_models(simulated: bool, ahead: int) -> Path:
    """A registry with two bundles, the first promoted; made once, copied into each home."""
    registry = Registry(Path(tempfile.mkdtemp(prefix="minhos-world-")))
    features = feature_set()
    for seed in (1, 0):  # the last that is promoted is the active one
        contents = bundle_contents(
            simulated=simulated,
            feature_names=features.names,
            feature_version=features.version,
            seed=seed,
            created_ns=START_NS - MADE_BEFORE_NS + seed + (AHEAD_NS if seed < ahead else 0),
        )
        info = registry.save(contents)
        registry.promote(info.id, "world", MONDAY_OPEN)
    return registry.root
