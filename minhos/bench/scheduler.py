"""What a Dask cluster costs: the same fits by two processes of joblib and by two local workers of one thread each.

Both are started and have fitted once before they are timed, as in any run that is long enough to need a cluster; the
bars travel within the time.  The least of several rounds counts, taken in turn, so that a busy machine is fair to both.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np

from minhos.bench.figures import Figure, at_most
from minhos.bench.train import BARS_PER_SESSION, START_NS
from minhos.errors import MinhosError
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.market.instruments import instrument
from minhos.training.dataset import Dataset
from minhos.training.ensemble import fold_jobs
from minhos.training.jobs import Job, Outcome, run_jobs
from minhos.training.recipe import STANDARD
from minhos.training.train import prepare

TARGET_RATIO = 1.15
WORKERS = 2
SESSIONS, QUICK_SESSIONS = 250, 60
ROUNDS, QUICK_ROUNDS = 3, 2


def run(quick: bool = False) -> list[Figure]:
    """Seconds of both, their ratio, and the number of results that differ; quick: shorter history, fewer rounds."""
    from distributed import LocalCluster

    data, jobs = _work(QUICK_SESSIONS if quick else SESSIONS)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    with LocalCluster(  # type: ignore[no-untyped-call]  # distributed has no types
        n_workers=WORKERS, threads_per_worker=1, dashboard_address=":0", silence_logs=logging.CRITICAL
    ) as cluster:
        ways: dict[str, Callable[[list[Job]], list[Outcome]]] = {
            "joblib": lambda some: run_jobs(data, some, processes=WORKERS),
            "dask": lambda some: run_jobs(data, some, scheduler=cluster.scheduler_address),
        }
        found = {name: way(jobs) for name, way in ways.items()}
        seconds = dict.fromkeys(ways, np.inf)
        for _ in range(rounds):
            for name, way in ways.items():
                started = time.perf_counter()
                way(jobs)
                seconds[name] = min(seconds[name], time.perf_counter() - started)
    if failed := [outcome.error for outcomes in found.values() for outcome in outcomes if outcome.error]:
        raise MinhosError(f"a fit failed: {failed[0]}.")
    p_up = {name: [np.asarray(outcome.p_up) for outcome in outcomes] for name, outcomes in found.items()}
    differing = sum(not np.array_equal(one, other) for one, other in zip(p_up["joblib"], p_up["dask"], strict=True))
    ratio = seconds["dask"] / seconds["joblib"]
    return [
        at_most("dask_over_joblib", ratio, "ratio of seconds", TARGET_RATIO, 3),
        at_most("results_that_differ", differing, f"of {len(jobs)} fits", 0),
        Figure("seconds_joblib", round(seconds["joblib"], 2), "s"),
        Figure("seconds_dask", round(seconds["dask"], 2), "s"),
    ]


def _work(sessions: int) -> tuple[Dataset, list[Job]]:
    """Bars of a simulated market and the folds of the four trees on them."""
    calendar = SessionCalendar.load()
    market = simulate(MarketModel(kind="ou"), instrument("NQ"), calendar, START_NS, sessions * BARS_PER_SESSION)
    data, fit_rows, _ = prepare(market.bars, calendar, STANDARD)
    return data, fold_jobs(data, fit_rows, STANDARD, 1, list(STANDARD.of_folds))
