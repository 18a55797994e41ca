"""How often MinhOS is fooled: markets without an edge that are called proven, and leaks that no canary notices.

Every seed is a market without an edge.  A logistic model on the real features bets one contract on every bar, and
evidence looks after each bet: once at NQ's round trip, as the shadow book pays it, and once at no cost, where the
bets are worth exactly nothing.  The canaries are asked on an honest run of the same market, and on two runs that see
one bar ahead.  Everything here is SIMULATED.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from minhos.bench.figures import Figure, at_most
from minhos.features.pipeline import FeatureTable, compute
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.market.instruments import instrument
from minhos.market.types import Bars
from minhos.parallel.calls import run_calls
from minhos.progress import Progress
from minhos.risk.evidence import Evidence, EvidenceState
from minhos.risk.shadow import ShadowResult
from minhos.stats import judge, side_of, wilson_interval
from minhos.testing.builders import ns
from minhos.training.canaries import Features, check, later_bars, next_bar
from minhos.training.dataset import Dataset, build_dataset
from minhos.training.member import Floats, Ints
from minhos.training.results.evaluate import net_r

SEEDS, QUICK_SEEDS = 200, 10
N_BETS = 12_000
N_LEARNT = 4_000
N_BARS = 16_700
"""Enough for both after warming up and session breaks."""
CANARY_BARS = 30 * 276
START_NS = ns("2024-01-02T00:00:00")
STOP_ATR = 3.0
PROVEN_TARGET, ALARM_TARGET = 0.05, 0.01
LEAKING_COLUMN = 0


class Seed(msgspec.Struct, frozen=True):
    """What one market gave.  accuracy: of the logistic model's bets.  proven, proven_free: with and without cost.

    silent_column: no canary noticed one feature that is the next bar's; silent_rows: none noticed rows that are the
    next bar's throughout; silent_alone: the second canary by itself did not notice the column.
    """

    bets: int
    accuracy: float
    proven: bool
    proven_free: bool
    false_alarm: bool
    silent_column: bool
    silent_rows: bool
    silent_alone: bool


def run(
    quick: bool = False, progress: Progress | None = None, processes: int = 2, seeds: Sequence[int] | None = None
) -> list[Figure]:
    """Figures: share of the seeds called proven, share of honest runs that a canary stops, shares of silent leaks."""
    chosen = seeds or range(1, 1 + (QUICK_SEEDS if quick else SEEDS))
    found: list[Seed] = run_calls(
        measure,
        [(seed,) for seed in chosen],
        processes=processes,
        progress=progress,
        describe=lambda argument, result: f"seed {argument[0]}: {'PROVEN' if result.proven else 'not proven'}",
    )
    return [
        _share("proven/null", [seed.proven for seed in found], PROVEN_TARGET),
        _share("proven/null/no_cost", [seed.proven_free for seed in found], PROVEN_TARGET),
        Figure("bets/null", float(np.mean([seed.bets for seed in found])), "a seed"),
        Figure("accuracy/null", round(float(np.mean([seed.accuracy for seed in found])), 4), "of the bets"),
        _share("canaries/false_alarm", [seed.false_alarm for seed in found], ALARM_TARGET),
        _share("canaries/silent/column", [seed.silent_column for seed in found], 0.0),
        _share("canaries/silent/rows", [seed.silent_rows for seed in found], 0.0),
        _share("canaries/silent/column/second_alone", [seed.silent_alone for seed in found], 0.0),
    ]


def measure(seed: int) -> Seed:
    """One market without an edge."""
    calendar = SessionCalendar.load()
    model = MarketModel(kind="null", ceiling=0.5, seed=seed)
    bars = simulate(model, instrument("NQ"), calendar, START_NS, N_BARS).bars
    data = build_dataset(bars, compute(bars, calendar), calendar)
    side, of = _sides(data)
    part = bars.rows(slice(0, CANARY_BARS))
    honest, fit, unseen = _samples(part, calendar, compute)
    column, rows = (
        _living(part, calendar, features, fit, unseen, seed) for features in (_one_column_ahead, _one_row_ahead)
    )
    return Seed(
        bets=len(of),
        accuracy=float(judge(side, data.direction[of]).hits.mean()),
        proven=_proven(data, side, of, bars.instrument.round_trip_cost_ticks()),
        proven_free=_proven(data, side, of, 0.0),
        false_alarm=not check(part, calendar, honest, fit, unseen, seed=seed).passed,
        silent_column=all(column),
        silent_rows=all(rows),
        silent_alone=column[0],
    )


def _living(
    bars: Bars, calendar: SessionCalendar, features: Features, fit: Ints, unseen: Ints, seed: int
) -> tuple[bool, bool]:
    """Whether the second and the third canary live in a run with these features; the first is not there for them."""
    data = _samples(bars, calendar, features)[0]
    later = later_bars(bars, calendar, data.rows, np.random.default_rng(seed), features)
    return next_bar(data, fit, unseen, seed).passed, later is None or later.passed


def _sides(data: Dataset) -> tuple[Floats, Ints]:
    """+1, -1 or 0 of each bet, by a logistic model that learnt from earlier bars, and the bets' samples."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learnt = np.arange(N_LEARNT)[data.decided[:N_LEARNT]]
    bets = np.arange(N_LEARNT + 1, N_LEARNT + 1 + N_BETS)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(data.rows[data.bar[learnt]], data.up[learnt])
    p_up = model.predict_proba(data.rows[data.bar[bets]])[:, 1]
    return side_of(p_up), bets


def _proven(data: Dataset, side: Floats, bets: Ints, cost_ticks: float) -> bool:
    """Whether evidence ever says so while it looks after each of the bets."""
    placed = data.take(bets)
    results = net_r(side, placed.move_ticks, placed.atr_ticks, STOP_ATR, cost_ticks, placed.against(side))
    evidence = Evidence()
    for i, result in enumerate(results.tolist()):
        evidence = evidence.update(ShadowResult(i, int(side[i]), 0.5, 0.5, result, None))
        if evidence.state is not EvidenceState.UNPROVEN:
            return True
    return False


def _samples(bars: Bars, calendar: SessionCalendar, features: Features) -> tuple[Dataset, Ints, Ints]:
    """Samples, those learnt from and those unseen; the last bar before the unseen ones is purged."""
    data = build_dataset(bars, features(bars, calendar), calendar)
    first = round(0.8 * len(data))
    return data, np.arange(first - 1), np.arange(first, len(data))


def _one_column_ahead(bars: Bars, calendar: SessionCalendar) -> FeatureTable:
    """Features of which the newest return is read one bar too early."""
    table = compute(bars, calendar)
    rows = table.rows.copy()
    rows[:-1, LEAKING_COLUMN] = rows[1:, LEAKING_COLUMN]
    return msgspec.structs.replace(table, rows=rows)


def _one_row_ahead(bars: Bars, calendar: SessionCalendar) -> FeatureTable:
    """Features that are all read one bar too early."""
    table = compute(bars, calendar)
    return msgspec.structs.replace(table, rows=np.vstack([table.rows[1:], table.rows[-1:]]))


def _share(name: str, happened: list[bool], target: float) -> Figure:
    n, hits = len(happened), sum(happened)
    low, high = wilson_interval(hits, n)
    return at_most(name, hits / n, f"of {n} seeds (95 %: {low:.1%} to {high:.1%})", target, None)
