"""The base with Sierra Chart's folder: real .scid files that grow, read in place or through the bridge's copy.

By seed the trader follows the folder itself, the bridge alone, or the folder with the copy standing in.  Orders go to
our own venue on paper.  The other bases are in `bases`.
"""

from __future__ import annotations

from pathlib import Path

from minhos import parts
from minhos.feeds.bridge.feed import BridgeFeed
from minhos.feeds.port import FeedRequest
from minhos.market.instruments import instrument
from minhos.processes.trader import Trader
from minhos.settings import Settings, load
from minhos.testing.world.bridge import WorldBridge, WorldCopies
from minhos.testing.world.feed import ScidFiles
from minhos.testing.world.forecasts import GivenForecasts
from minhos.testing.world.home import Loading, MarketTurns, make_home, make_processes, n_ahead
from minhos.testing.world.market import WorldMarket
from minhos.testing.world.market_faults import BridgeDown, MarketFault
from minhos.testing.world.plan import START_NS, Plan
from minhos.testing.world.stage import Stage
from minhos.testing.world.warmed import make_state
from minhos.testing.world.world import World

FEED = "world_copy"
"""What the feed on the copy is called in `[data] feed`."""
TOML = """
[market]
symbol = "NQ"
order_root = "{order_root}"
[data]
source = "{source}"
feed = "{feed}"
flush_interval_ms = 1000
"""


def folder(plan: Plan, home: Path) -> Stage:
    """See the module."""
    world = World(START_NS)
    market = WorldMarket(plan.seed, instrument("NQ"), "NQZ25", START_NS, next_symbol="NQH26")
    files = ScidFiles(home.parent / "SierraChart" / "Data", market)
    forecasts = GivenForecasts(plan.seed, world.machine_clock)
    order_root = "MNQ" if plan.seed % 2 else ""
    copied, own = plan.seed % 3 != 0, plan.seed % 3 != 1
    source, feed = (str(files.folder) if own else ""), (FEED if copied else "")
    make_home(
        world,
        home,
        TOML.format(order_root=order_root, source=source, feed=feed),
        simulated=False,
        ahead=n_ahead(plan.seed),
    )
    loading = Loading(forecasts)

    def trader(settings: Settings) -> Trader:
        return Trader(settings, world.layout, world.machine_clock, world.machine_clock, loading, make_state)

    make_processes(world, trader)
    world.actors = [MarketTurns(world, market)]
    stage = Stage(plan, world, load(home), market=market, forecasts=forecasts)
    stage.on_close.append(files.close)
    if copied:
        _bridge(stage, market, files)
    return stage


def _bridge(stage: Stage, market: WorldMarket, files: ScidFiles) -> None:
    """A bridge beside the files, and a copy of them in each trader."""
    world = stage.world
    bridge = WorldBridge(world.true_clock, world.network, files.folder)
    copies = WorldCopies(world.machine_clock, world.network, lambda: world.acting_pid)
    mirrored = world.layout.data / "bridge"

    def made(request: FeedRequest) -> BridgeFeed:
        return copies.feed(request, mirrored)

    def fault(fault: MarketFault, begins: bool) -> None:
        if isinstance(fault, BridgeDown):
            if begins and not bridge.is_down:
                bridge.stop()
            elif not begins and not any(isinstance(each, BridgeDown) for each in market.active):
                bridge.start()

    parts.feeds.remove(FEED)
    parts.feeds.register(FEED, made)
    market.on_record.append(lambda trade: bridge.written())
    market.on_file.append(fault)
    bridge.start()
    world.actors.append(bridge)
    stage.on_close += [copies.drop, bridge.close, lambda: parts.feeds.remove(FEED)]
