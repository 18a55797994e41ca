"""The three homes of the world: the demo on paper, Sierra Chart's simulated account, and a folder of files that grow.

A base writes the settings, promotes a ready bundle and says how each process is made, as the `main` of the real one
does; forecasts are given, and a training is over at once.
"""

from __future__ import annotations

from pathlib import Path

from minhos.market.clock import SimulatedClock
from minhos.market.instruments import instrument
from minhos.processes.trader import Trader
from minhos.settings import Settings, load
from minhos.testing.world import folder_base
from minhos.testing.world.broker import WorldBroker
from minhos.testing.world.faults import join
from minhos.testing.world.feed import register
from minhos.testing.world.forecasts import GivenForecasts
from minhos.testing.world.home import Loading, MarketTurns, make_home, make_processes, n_ahead
from minhos.testing.world.market import WorldMarket
from minhos.testing.world.plan import START_NS, Plan
from minhos.testing.world.stage import Stage
from minhos.testing.world.warmed import make_state
from minhos.testing.world.world import World

PACE_S = 2.0
HEARTBEAT_S = 240
"""Of the connection to the broker: a line that is silent is found by requests before."""
HISTORY_DAYS = 3
"""Calendar days of generated history: enough to warm the features up."""
SIERRA = """
[market]
symbol = "NQZ25"
order_root = "{order_root}"
[data]
feed = "world"
[sierra]
host = "127.0.0.1"
port = 11099
account = "Sim1"
heartbeat_s = 60
reconcile_every_s = 300
"""
DEMO = """
[simulation]
seconds_per_bar = {pace}
seed = {seed}
"""


def build(plan: Plan, folder: Path) -> Stage:
    """The world of a plan's base, with everything in its place and nothing begun."""
    return {"demo": demo, "sierra": sierra, "folder": folder_base.folder}[plan.base](plan, folder)


def sierra(plan: Plan, folder: Path) -> Stage:
    """Sierra Chart's simulated account at a broker that may lie, with bars of a market that may be hard.

    Every second seed trades the micro contract, so that several contracts are held.
    """
    world = World(START_NS)
    market = WorldMarket(plan.seed, instrument("NQ"), "NQZ25", START_NS, next_symbol="NQH26")
    names = {f"{root}{month}-CME": f"NQ{month}" for root in ("NQ", "MNQ", "ES") for month in ("Z25", "H26")}
    broker = WorldBroker(world.true_clock, world.network, {name: instrument(name.split("-")[0]) for name in names})
    forecasts = GivenForecasts(plan.seed, world.machine_clock)
    join(broker, market, names)
    register(market)
    order_root = "MNQ" if plan.seed % 2 else ""
    broker.traded = f"{order_root or 'NQ'}Z25-CME"
    make_home(world, folder, SIERRA.format(order_root=order_root), simulated=False, ahead=n_ahead(plan.seed))
    loading = Loading(forecasts)

    def trader(settings: Settings) -> Trader:
        quiet = settings.sierra.model_copy(update={"heartbeat_s": HEARTBEAT_S})  # more than a person may set
        settings = settings.model_copy(update={"sierra": quiet})
        return Trader(settings, world.layout, world.machine_clock, world.machine_clock, loading, make_state)

    make_processes(world, trader)
    broker.start()
    world.actors = [BrokerTurns(world, broker), MarketTurns(world, market)]
    return Stage(plan, world, load(folder), broker=broker, market=market, forecasts=forecasts)


class BrokerTurns:
    """The broker as an actor of the world."""

    def __init__(self, world: World, broker: WorldBroker) -> None:
        self._world, self._broker, self._changes = world, broker, 0
        self.due_ns = broker.due_ns

    def turn(self, now_ns: int) -> None:
        self._broker.turn()
        self._world.connection_wakes()
        if self._broker.truth.changes != self._changes:
            self._changes = self._broker.truth.changes
            self._world.stir_one("trader")


def demo(plan: Plan, folder: Path) -> Stage:
    """The generated market on paper, as `start` without settings runs it."""
    world = World(START_NS, most_gap_s=PACE_S)
    wall, forecasts = world.machine_clock, GivenForecasts(plan.seed, world.machine_clock)
    make_home(world, folder, DEMO.format(pace=PACE_S, seed=plan.seed), simulated=True)
    loading = Loading(forecasts)

    def trader(settings: Settings) -> Trader:
        short = settings.simulation.model_copy(update={"history_days": HISTORY_DAYS})  # less than a person may set
        settings = settings.model_copy(update={"simulation": short})
        return Trader(settings, world.layout, SimulatedClock(wall=wall), wall, loading, make_state)

    make_processes(world, trader)
    return Stage(plan, world, load(folder), forecasts=forecasts)
