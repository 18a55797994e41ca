"""Three canaries that die where a run sees the future: labels without meaning, the next bar, and bars that change.

One small LightGBM, on the features, labels and split of the run itself.
1. Permuted labels must score like chance: a bar that is in both parts of the split is recognised.
2. Given the next bar's features as well, the model must improve: if it does not, it sees that bar already.
3. No feature may change when later bars do, bit for bit.
A run that fails one is marked, and its figures are no results.  Not for finding an edge: a canary that lives proves
none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import msgspec
import numpy as np

from minhos.features.pipeline import WARM_UP_BARS, FeatureTable, compute
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars
from minhos.progress import Progress, part_of
from minhos.stats import judge, side_of
from minhos.training.dataset import Dataset
from minhos.training.member import Floats, Ints, Rows, Sample, Values
from minhos.training.members import why_missing
from minhos.training.ours import LIGHTGBM, LightGbm
from minhos.training.results.canaries import Canaries, LaterBars, NextBar, PermutedLabels

LEVEL = 0.99
ROUNDS = 3
MAXIMUM_ROWS = 20_000
"""Newest bars of each part that are used."""
MINIMUM_ROWS = 100
CUTS = 5
BARS_AFTER_CUT = 300
"""More than a session, so that a mean over the day is seen too."""

MODEL: Values = {
    "n_estimators": 100,
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_child_samples": 5,
    "colsample_bytree": 0.7,
    "reg_lambda": 1.0,
}
"""Large enough to learn thousands of labels by heart, which is what makes a bar in both parts show."""

Features = Callable[[Bars, SessionCalendar], FeatureTable]


def check(
    bars: Bars,
    calendar: SessionCalendar,
    data: Dataset,
    fit_rows: Ints,
    unseen_rows: Ints,
    *,
    seed: int = 1,
    features: Features = compute,
    progress: Progress | None = None,
) -> Canaries:
    """All three on one run: its samples, which of them it learns from, and which it is measured on.

    features: what made data.rows of bars.  An honest run fails once in 10,000: the first canary dies by chance once
    in 100 and is then asked again, with other permutations; the others do not die by chance.
    """
    report = part_of(progress, 0.0, 1.0)
    report(0.0, "leak canaries: later bars")
    later = later_bars(bars, calendar, data.rows, np.random.default_rng(seed), features)
    unchecked = _why_unchecked(data, fit_rows, unseen_rows)
    permuted = following = None
    if not unchecked:
        report(0.3, "leak canaries: permuted labels")
        permuted = permuted_labels(data, fit_rows, unseen_rows, seed)
        if permuted is not None and not permuted.passed:
            permuted = permuted_labels(data, fit_rows, unseen_rows, seed + 1)
        if permuted is None:
            unchecked = "after learning permuted labels the forecasts named no side, so that the first says nothing"
        report(0.7, "leak canaries: the next bar")
        following = next_bar(data, fit_rows, unseen_rows, seed)
    report(1.0, "leak canaries asked")
    if later is None:
        unchecked = unchecked or f"{len(bars)} bars are too few to look for features that change"
    return Canaries(permuted, following, later, unchecked)


def permuted_labels(data: Dataset, fit_rows: Ints, unseen_rows: Ints, seed: int) -> PermutedLabels | None:
    """Fit on labels that were permuted among the bars of each part, and forecast the permuted labels of the other.

    None where the forecasts name no side.  A bar that is in both parts keeps one label in both.  Given the forecasts,
    the hits of a round are hypergeometric, whatever the classes' shares.
    """
    fit, unseen = _newest(data, fit_rows), _newest(data, unseen_rows)
    hits = expected = variance = 0.0
    total = 0
    for i in range(ROUNDS):
        shuffled = _shuffled(data, fit, unseen, np.random.default_rng((seed, i)))
        alike = msgspec.structs.replace(data, up=shuffled, weight=np.ones(len(data)))
        learnt, asked = alike.sample(fit), alike.sample(unseen)
        side, is_up = side_of(_forecast(learnt, asked, seed + i)), shuffled[unseen] > 0.5
        judged = judge(side, is_up - 0.5)
        n, up, called_up = judged.n, int(is_up[judged.counted].sum()), int((side > 0.0).sum())
        if n < 2:
            continue
        total += n
        hits += float(judged.hits.sum())
        expected += n - up - called_up + 2.0 * up * called_up / n
        variance += 4.0 * up * (n - up) * called_up * (n - called_up) / (n * n * (n - 1.0))
    if not total:
        return None
    half = _z() * math.sqrt(variance)
    return PermutedLabels(hits / total, ((expected - half) / total, (expected + half) / total), total)


def next_bar(data: Dataset, fit_rows: Ints, unseen_rows: Ints, seed: int) -> NextBar:
    """The same model twice: on the run's features, and on these beside those of the next bar."""
    fit, unseen = _newest(data, fit_rows), _newest(data, unseen_rows)
    is_up = data.up[unseen] > 0.5
    right: list[Floats] = []
    for offsets in ((0,), (0, 1)):
        columns = [data.rows[np.minimum(data.bar + offset, len(data.rows) - 1)] for offset in offsets]
        rows = np.hstack(columns)
        learnt, asked = (Sample.of(rows[part], data.up[part]) for part in (fit, unseen))
        right.append(judge(side_of(_forecast(learnt, asked, seed)), is_up - 0.5).right)
    without, given = right
    difference = given - without
    mean, n = float(difference.mean()), len(unseen)
    half = _z() * math.sqrt(max(float((difference**2).mean()) - mean * mean, 0.0) / n)
    majority = max(float(is_up.mean()), 1.0 - float(is_up.mean()))
    return NextBar(float(without.mean()), float(given.mean()), (mean - half, mean + half), n, majority)


def later_bars(
    bars: Bars,
    calendar: SessionCalendar,
    rows: Rows,
    rng: np.random.Generator,
    features: Features = compute,
) -> LaterBars | None:
    """Compute features on stretches of the history, with the bars after a random cut and with others in their place.

    rows: features that the run uses, one row a bar; its first ones must come out again from these bars alone.
    None where the history is too short for a warm-up and a bar after it.
    """
    n, before = len(bars), 2 * WARM_UP_BARS
    if n < before + 2:
        return None
    used = min(n - 1, before + BARS_AFTER_CUT)
    stretches = [(_columns(features(bars.rows(slice(0, used)), calendar))[:, : rows.shape[1]], rows[:used], 0)]
    cuts = rng.choice(np.arange(before, n), size=min(CUTS, n - before), replace=False)
    for cut in np.sort(cuts).tolist():
        part = bars.rows(slice(cut - before, cut + BARS_AFTER_CUT))
        real, other = (_columns(features(each, calendar))[:before] for each in (part, _other_end(part, before)))
        stretches.append((real, other, cut - before))
    changed: set[int] = set()
    first: int | None = None
    for one, two, start in stretches:
        differs = np.ascontiguousarray(one).view(np.uint32) != np.ascontiguousarray(two).view(np.uint32)
        if differs.any():
            changed.update(np.flatnonzero(differs.any(axis=0)).tolist())
            at = start + int(np.flatnonzero(differs.any(axis=1))[0])
            first = at if first is None else min(first, at)
    return LaterBars(len(cuts), tuple(sorted(changed)), None if first is None else int(bars.close_time_ns[first]))


def _columns(table: FeatureTable) -> Rows:
    """All that a table says of each bar: its row, whether it is valid, and the state of the market."""
    state = np.column_stack([table.valid, table.atr_ticks, table.volatility_ratio, table.volume_ratio])
    return np.hstack([table.rows, state.astype(np.float32)])


def _other_end(bars: Bars, first: int) -> Bars:
    """The same bars up to row `first`, then a market that moves the other way, three times as far."""
    pivot = int(bars.close_ticks[first - 1])

    def other(column: Ints, turned: Ints) -> Ints:
        return np.concatenate([column[:first], np.maximum(pivot + 1 - 3 * (turned[first:] - pivot), 1)])

    def backwards(column: Ints) -> Ints:
        return np.concatenate([column[:first], column[first:][::-1]])

    low, high = bars.low_ticks, bars.high_ticks
    return msgspec.structs.replace(
        bars,
        open_ticks=other(bars.open_ticks, bars.open_ticks),
        high_ticks=other(high, low),
        low_ticks=other(low, high),
        close_ticks=other(bars.close_ticks, bars.close_ticks),
        volume=backwards(bars.volume),
        bid_volume=backwards(bars.bid_volume),
        ask_volume=backwards(bars.ask_volume),
        trades=backwards(bars.trades),
    )


def _forecast(learnt: Sample, asked: Sample, seed: int) -> Floats:
    """By the small LightGBM, every bar alike: the run's weights say nothing about leaks."""
    model = LightGbm()
    model.fit(learnt, None, MODEL, seed)
    return model.p_up(asked)


def _shuffled(data: Dataset, fit: Ints, unseen: Ints, rng: np.random.Generator) -> Floats:
    """The labels of the unseen bars permuted among these, those of the other bars among the others."""
    _, first, of_bar = np.unique(data.bar, return_index=True, return_inverse=True)
    is_unseen = np.zeros(len(first), dtype=bool)
    is_unseen[of_bar[unseen]] = True
    taken = np.zeros(len(first), dtype=bool)
    taken[of_bar[np.concatenate([fit, unseen])]] = True
    source = np.arange(len(first))
    for part in (taken & is_unseen, taken & ~is_unseen):
        source[part] = rng.permutation(np.flatnonzero(part))
    order = first[source][of_bar]
    return data.up[order]


def _newest(data: Dataset, rows: Ints) -> Ints:
    """Its newest samples that are no tie."""
    return rows[data.decided[rows]][-MAXIMUM_ROWS:]


def _why_unchecked(data: Dataset, fit_rows: Ints, unseen_rows: Ints) -> str:
    """Why no model can be fitted for the first two canaries; empty where one can."""
    if missing := why_missing(LIGHTGBM):
        return f"{missing}, so that only the third was asked"
    for part in (_newest(data, fit_rows), _newest(data, unseen_rows)):
        if len(part) < MINIMUM_ROWS:
            return f"{len(part)} bars with a move are too few for the first two, which need {MINIMUM_ROWS}"
        if len(np.unique(data.up[part])) < 2:
            return f"all {len(part)} bars moved the same way, so that only the third was asked"
    return ""


def _z() -> float:
    return NormalDist().inv_cdf(0.5 + LEVEL / 2.0)
