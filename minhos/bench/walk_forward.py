"""How long a walk-forward over two years takes, and what it captures: weekly retraining, four trees, two processes.

Everything here is SIMULATED.  Share of edge is scored against the exact forecaster as in `edge`, on the weeks that
were calibrated; CPU time tells what the fits cost where the machine had other work.
"""

from __future__ import annotations

import time

import numpy as np

from minhos.bench.figures import Figure, at_most
from minhos.feeds.simulated.market import MarketModel, SimulatedMarket, simulate
from minhos.feeds.simulated.oracle import edge_share
from minhos.market.calendar import SessionCalendar
from minhos.market.instruments import instrument
from minhos.progress import Progress
from minhos.research.out_of_sample import OutOfSample
from minhos.research.walk_forward.walk import walk_forward
from minhos.testing.builders import ns
from minhos.training.members import of_folds
from minhos.training.recipe import recipe_for

BARS_PER_SESSION = 276
TWO_YEARS, QUICK = 516, 60
START_NS = ns("2022-01-03T00:00:00")
MODEL = MarketModel(kind="regime", ceiling=0.54, seed=1)
TARGET_MINUTES = 25.0


def run(quick: bool = False, progress: Progress | None = None) -> list[Figure]:
    """Figures `minutes_516_sessions` and, beside it, CPU minutes, weeks and the share of edge; quick: 60 sessions."""
    sessions = QUICK if quick else TWO_YEARS
    calendar = SessionCalendar.load()
    market = simulate(MODEL, instrument("NQ"), calendar, START_NS, sessions * BARS_PER_SESSION)
    recipe = recipe_for(len(market.bars), members=of_folds())
    started = time.perf_counter()
    found = walk_forward(market.bars, calendar, recipe, progress=progress)
    minutes = (time.perf_counter() - started) / 60.0
    assert found.notes is not None
    target = None if quick else TARGET_MINUTES
    return [
        at_most(f"minutes_{sessions}_sessions", minutes, "min", target),
        at_most(f"cpu_minutes_{sessions}_sessions", sum(found.notes.cpu_s.values()) / 60.0, "min"),
        at_most("weeks", found.notes.weeks, "trainings"),
        at_most("bars_forecast", found.notes.bars, "bars"),
        at_most(f"share/{MODEL.kind}/{MODEL.ceiling:.2f}/trees", share_of_edge(market, found), "share"),
    ]


def share_of_edge(market: SimulatedMarket, found: OutOfSample) -> float:
    """Of the calibrated weeks' forecasts."""
    signals = found.signals.take(found.signals.side != 0)
    at = np.searchsorted(market.bars.close_time_ns, signals.close_time_ns)
    return edge_share(market.p_up[at], signals.p_up)
