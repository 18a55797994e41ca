"""How long a training takes: five members on 30 sessions of simulated bars, two processes of one thread."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from minhos.bench.figures import Figure, at_most
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.market.instruments import instrument
from minhos.models.registry import Registry
from minhos.testing.builders import ns
from minhos.training.recipe import recipe_for
from minhos.training.train import train

TARGET_S = 120.0
BARS_PER_SESSION = 276
START_NS = ns("2025-06-02T00:00:00")


def run(quick: bool = False) -> list[Figure]:
    """The figure `seconds_30_days`; quick makes no difference, a shorter history would be another figure."""
    calendar = SessionCalendar.load()
    market = simulate(MarketModel(kind="ou", ceiling=0.58), instrument("NQ"), calendar, START_NS, 30 * BARS_PER_SESSION)
    recipe = recipe_for(len(market.bars))
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        train(market.bars, calendar, recipe, Registry(Path(folder)))
        seconds = time.perf_counter() - started
    return [at_most("seconds_30_days", seconds, "s", TARGET_S, 1)]
