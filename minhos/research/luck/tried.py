"""Is the best of what was tried on these bars more than the luckiest?  For members and for ways to size.

Members are held against a coin (share of wrong forecasts by trade date), ways to size against not trading at all
(growth by trade date).  The tests are `snooping` and `minhos.stats.overfitting`; here is only what goes into them.
"""

from __future__ import annotations

import msgspec
import numpy as np

from minhos.errors import NotEnoughData
from minhos.research.luck.snooping import SuperiorAbility, superior_ability
from minhos.research.out_of_sample import Floats, OutOfSample
from minhos.stats import judge, probability_of_backtest_overfitting, side_of

PBO_BLOCKS = 8
PBO_DATES = 10 * PBO_BLOCKS


class Tried(msgspec.Struct, frozen=True):
    """members, sizes: the test for superior predictive ability, over both entry rules.

    overfitting: probability that the way to size with the best Sharpe ratio on one half of the trade dates does worse
    than the median on the other half.  missing: why one of them is None.
    """

    members: SuperiorAbility | None
    sizes: SuperiorAbility | None
    overfitting: float | None
    missing: dict[str, str]


def tried(study: OutOfSample, growth: Floats, titles: list[str]) -> Tried:
    """Both tests, on the study's members and on ways to size.

    growth: log growth of each way on each trade date, (n_dates, n); titles: the ways' names, empty where nothing was
    sized.
    """
    missing: dict[str, str] = {}
    members = sizes = overfitting = None
    try:
        wrong, names = wrong_by_date(study)
        members = superior_ability(np.full(len(wrong), 0.5), wrong, names)
    except NotEnoughData as error:
        missing["test of the best member"] = str(error)
    if not titles:
        missing["test of the best size"] = "nothing was sized"
        return Tried(members, None, None, missing)
    try:
        sizes = superior_ability(np.zeros(len(growth)), -growth, titles)
    except NotEnoughData as error:
        missing["test of the best size"] = str(error)
    if len(growth) >= PBO_DATES:
        overfitting = float(probability_of_backtest_overfitting(growth, PBO_BLOCKS))
    else:
        missing["probability of overfitting"] = f"{len(growth)} trade dates; {PBO_DATES} are needed"
    return Tried(members, sizes, overfitting, missing)


def wrong_by_date(study: OutOfSample) -> tuple[Floats, list[str]]:
    """Share of wrong forecasts of each member and of all together on each trade date, (n_dates, n), and their names.

    Only bars that moved and that every member forecast.
    """
    signals = study.signals.take(study.signals.decided)
    made = [study.forecasts[close] for close in signals.close_time_ns.tolist()]
    names = sorted(set.intersection(*(set(forecast.members) for forecast in made))) if made else []
    p = np.array([[*(forecast.members[name] for name in names), forecast.score] for forecast in made])
    p = p.reshape(len(made), len(names) + 1)
    wrong = np.column_stack([1.0 - judge(side_of(said), signals.move_ticks).right for said in p.T])
    _, day = np.unique(signals.trade_date, return_inverse=True)
    counts = np.bincount(day)
    by_date = np.column_stack([np.bincount(day, weights=column) / counts for column in wrong.T])
    return by_date, [*names, "all together"]
