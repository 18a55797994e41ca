"""The sizing lab in fractional units: all policies on the same unseen signals, under two entry rules side by side.

Every bar that is bet on is a bet of its own, for one bar, with a full round trip paid: the shadow book's rule.  The
day's loss limit stops a date as live; the other limits of live trading need contracts and are in `contracts_lab`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from minhos.research.out_of_sample import Floats, Ints, OutOfSample, Signals
from minhos.research.sizing_lab.bootstrap import Histories, drawn_dates, histories, observed
from minhos.research.sizing_lab.comparisons import Comparison, Side, compare, fixed_side, fraction_of_equal_drawdown
from minhos.research.sizing_lab.days import DayGrid, Played, budget_share, day_grid, flipped, play
from minhos.research.sizing_lab.fraction_figures import Context, PolicyFigures, figures_of
from minhos.research.sizing_lab.policies import (
    ENTRY_RULES,
    POLICIES,
    POLICY,
    Assumptions,
    EntryRule,
    Policy,
    Sizer,
    taken,
)
from minhos.research.sizing_lab.prop_firm import (
    RULE_SETS,
    AccountRules,
    RuleOutcome,
    day_money,
    money_of_fractions,
    outcome_of,
)
from minhos.sizing.types import SizingParameters

Progress = Callable[[float, str], None]
MINIMUM_BETS = 30
MINIMUM_DATES = 5
BASELINES = ("fixed_10", "fixed_same_risk")
VARIED = ("kelly_drawdown", "kelly_shipped")
"""Policies that are asked whether they are more than smaller size."""
LOWER_BY = 0.02
LOWER_DRAWS = 20
MATCHING_PATHS = 1_000
"""Histories on which the fraction of equal drawdown is looked for."""


class LowerFigures(msgspec.Struct, frozen=True):
    """Means over the draws, each figure as in `PolicyFigures` and `Ruin`.  loses: share of draws that shrank wealth."""

    policy: str
    title: str
    win_rate: float | None
    growth_a_year: float | None
    sharpe_ratio: float | None
    max_drawdown: float
    drawdown_median: float
    drawdown_95: float
    below_80: float
    below_50: float
    days_at_limit: float
    loses: float


class LowerWinRate(msgspec.Struct, frozen=True):
    """What if the true win rate were lower: outcomes drawn anew, right ones turned wrong at random.

    points: by how much, as a share.  draws: how often drawn.
    """

    points: float
    draws: int
    policies: tuple[LowerFigures, ...]


class AccountCheck(msgspec.Struct, frozen=True):
    """What became of accounts with those rules under one policy."""

    policy: str
    outcome: RuleOutcome


class RuleLab(msgspec.Struct, frozen=True):
    """One entry rule.  missing: why there are no figures, as a sentence; then all else is empty.

    taken: bars that the rule bets on.  same_risk: the constant of "fixed_same_risk".  comparisons: each policy against
    both baselines.  more_than_size: Kelly against the fixed fraction of its own mean risk, and of its own median
    drawdown.
    """

    rule: EntryRule
    taken: int
    missing: str = ""
    same_risk: float = 0.0
    policies: tuple[PolicyFigures, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    more_than_size: tuple[Comparison, ...] = ()
    lower_win_rate: LowerWinRate | None = None
    accounts: tuple[AccountCheck, ...] = ()


class SizingLab(msgspec.Struct, frozen=True):
    """All policies in fractional units on the same signals; JSON as it is.

    bars: with a forecast and an outcome.  trade_dates: yyyymmdd, those of each policy's `daily_growth`.  histories:
    resampled ones behind each interval.  trials: configurations by which Sharpe ratios are deflated.
    """

    simulated: bool
    schedule: str
    bars: int
    trade_dates: tuple[int, ...]
    assumptions: Assumptions
    daily_loss_limit: float
    histories: int
    trials: int
    rules: tuple[RuleLab, ...]


def growth_by_date(lab: SizingLab | None) -> tuple[Floats, list[str]]:
    """Log growth of every policy under both rules on each trade date, (n_dates, n), and their names."""
    figures = [policy for rule in lab.rules for policy in rule.policies] if lab is not None else []
    whole = [policy for policy in figures if None not in policy.daily_growth]
    columns = [np.array(policy.daily_growth, dtype=np.float64) for policy in whole]
    return (np.column_stack(columns) if columns else np.zeros((0, 0))), [f"{p.title} ({p.rule})" for p in whole]


def sizing_lab(
    study: OutOfSample,
    base: SizingParameters,
    assumptions: Assumptions = Assumptions(),
    *,
    rules: Sequence[EntryRule] = ENTRY_RULES,
    accounts: Sequence[AccountRules] = RULE_SETS,
    n_paths: int = 10_000,
    seed: int = 1,
    trials: int = 1,
    sharpe_ratio_variance: float | None = None,
    progress: Progress | None = None,
) -> SizingLab:
    """Size the study's signals in all ways.  The same seed gives the same figures.

    base: the settings as they stand.  n_paths: resampled histories.  trials, sharpe_ratio_variance: from the ledger.
    """
    signals = study.signals
    grid = day_grid(signals.trade_date)
    bench = _Bench(
        signals,
        grid,
        base,
        Sizer(signals, [activation.payoff for activation in study.activations], base, assumptions),
        drawn_dates(grid.n_days, n_paths, seed),
        tuple(accounts),
        seed,
        trials,
        sharpe_ratio_variance,
    )
    found = []
    for i, rule in enumerate(rules):

        def tell(share: float, text: str, done: int = i, name: str = rule.name) -> None:
            if progress is not None:
                progress((done + share) / len(rules), f"entry rule {name}: {text}")

        found.append(_rule_lab(bench, rule, tell))
    return SizingLab(
        signals.simulated,
        study.schedule,
        len(signals),
        tuple(grid.trade_date.tolist()),
        assumptions,
        base.daily_loss_limit,
        n_paths,
        trials,
        tuple(found),
    )


class _Bench(msgspec.Struct, frozen=True, eq=False):
    """What both entry rules share."""

    signals: Signals
    grid: DayGrid
    base: SizingParameters
    sizer: Sizer
    dates: Ints
    accounts: tuple[AccountRules, ...]
    seed: int
    trials: int
    sharpe_ratio_variance: float | None

    def play(self, wanted: Floats, policies: Sequence[Policy], net_r: Floats) -> Played:
        half = self.base.half_of_remaining_budget
        shares = [budget_share(half, policy.name == "kelly_shipped") for policy in policies]
        return play(wanted, net_r, self.grid, self.base.daily_loss_limit, shares)

    def context(self, rule: EntryRule, bets: Ints, net_r: Floats) -> Context:
        return Context(
            rule.name,
            self.grid,
            net_r,
            bets,
            len(self.signals),
            self.base.daily_loss_limit,
            self.trials,
            self.sharpe_ratio_variance,
        )


class _Result(msgspec.Struct, frozen=True, eq=False):
    """All policies under one rule, played."""

    bets: Ints
    wanted: Floats
    played: Played
    real: Histories
    drawn: Histories

    def side(self, name: str) -> Side:
        row = [policy.name for policy in POLICIES].index(name)
        return Side(name, row, self.played.days, self.real, self.drawn)


def _rule_lab(bench: _Bench, rule: EntryRule, tell: Progress) -> RuleLab:
    bets = np.flatnonzero(taken(bench.signals, rule))
    if missing := _missing(rule, len(bets), bench.grid.n_days):
        return RuleLab(rule, len(bets), missing)
    tell(0.0, f"{len(bets)} bets in {len(POLICIES)} ways")
    result, same_risk = _play_all(bench, rule, bets)
    tell(0.6, "equal risk, equal drawdown, a lower win rate")
    context = bench.context(rule, bets, bench.signals.net_r)
    figures = tuple(
        figures_of(policy, context, result.played, row, result.real, result.drawn)
        for row, policy in enumerate(POLICIES)
    )
    comparisons = tuple(
        compare(result.side(policy.name), result.side(baseline))
        for policy in POLICIES
        for baseline in BASELINES
        if policy.name not in BASELINES
    )
    return RuleLab(
        rule,
        len(bets),
        "",
        same_risk,
        figures,
        comparisons,
        _more_than_size(bench, result),
        _lower_win_rate(bench, rule, result),
        _account_checks(bench, result),
    )


def _missing(rule: EntryRule, n_bets: int, n_dates: int) -> str:
    if n_bets < MINIMUM_BETS:
        return (
            f"Under the entry rule {rule.name} {n_bets} bars are bet on; {MINIMUM_BETS - n_bets} more are needed for "
            "figures."
        )
    if n_dates < MINIMUM_DATES:
        return f"{n_dates} trade dates are out of sample; {MINIMUM_DATES - n_dates} more are needed for figures."
    return ""


def _play_all(bench: _Bench, rule: EntryRule, bets: Ints) -> tuple[_Result, float]:
    """Every policy played; the fixed fraction of the same risk is what the shipped policy really risked on average."""
    shipped = POLICY["kelly_shipped"]
    alone = bench.play(bench.sizer.fractions(shipped, rule)[None], [shipped], bench.signals.net_r)
    same_risk = float(alone.fraction[0, bets].mean())
    wanted = np.array([bench.sizer.fractions(policy, rule, same_risk=same_risk) for policy in POLICIES])
    played = bench.play(wanted, POLICIES, bench.signals.net_r)
    drawn = histories(played.days, bench.dates, with_bands=True)
    return _Result(bets, wanted, played, observed(played.days), drawn), same_risk


def _more_than_size(bench: _Bench, result: _Result) -> tuple[Comparison, ...]:
    """Kelly against fixed fractions that risk as much, and that fall as deep, on the same bets."""
    terms = result.bets, bench.signals.net_r, bench.grid, bench.base.daily_loss_limit
    found = []
    for name in VARIED:
        side = result.side(name)
        risk = float(result.played.fraction[side.row, result.bets].mean())
        matching = bench.dates[:, :MATCHING_PATHS]
        median = float(np.median(result.drawn.drawdown[side.row, :MATCHING_PATHS]))
        deep = fraction_of_equal_drawdown(median, *terms, matching)
        for title, fraction in (("fixed, same mean risk", risk), ("fixed, same median drawdown", deep)):
            found.append(compare(side, fixed_side(title, fraction, *terms, bench.dates)))
    return tuple(found)


def _lower_win_rate(bench: _Bench, rule: EntryRule, result: _Result) -> LowerWinRate:
    """The shipped policy and fixed 10 % on outcomes drawn with a lower win rate; the sizes do not know of it."""
    policies = [POLICY["kelly_shipped"], POLICY["fixed_10"]]
    wanted = result.wanted[[POLICIES.index(policy) for policy in policies]]
    rng = np.random.default_rng(bench.seed)
    draws: list[tuple[PolicyFigures, ...]] = []
    share_of_paths = max(1, bench.dates.shape[1] // LOWER_DRAWS)
    for draw in range(LOWER_DRAWS):
        net_r = flipped(bench.signals, result.bets, LOWER_BY, rng)
        played = bench.play(wanted, policies, net_r)
        some = bench.dates[:, draw * share_of_paths : (draw + 1) * share_of_paths]
        drawn = histories(played.days, some if some.shape[1] else bench.dates)
        context, real = bench.context(rule, result.bets, net_r), observed(played.days)
        draws.append(tuple(figures_of(p, context, played, row, real, drawn) for row, p in enumerate(policies)))
    means = tuple(_mean_figures([draw[row] for draw in draws]) for row in range(len(policies)))
    return LowerWinRate(LOWER_BY, LOWER_DRAWS, means)


def _mean_figures(draws: list[PolicyFigures]) -> LowerFigures:
    return LowerFigures(
        draws[0].policy,
        draws[0].title,
        win_rate=_mean([d.win_rate for d in draws]),
        growth_a_year=_mean([d.growth_a_year for d in draws]),
        sharpe_ratio=_mean([d.sharpe_ratio for d in draws]),
        max_drawdown=math.fsum(d.max_drawdown for d in draws) / len(draws),
        drawdown_median=math.fsum(d.ruin.drawdown_median for d in draws) / len(draws),
        drawdown_95=math.fsum(d.ruin.drawdown_95 for d in draws) / len(draws),
        below_80=math.fsum(d.ruin.below_80 for d in draws) / len(draws),
        below_50=math.fsum(d.ruin.below_50 for d in draws) / len(draws),
        days_at_limit=math.fsum(d.days_at_limit for d in draws) / len(draws),
        loses=sum(d.growth is None or d.growth < 0.0 for d in draws) / len(draws),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """None where one of them is unknown."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None


def _account_checks(bench: _Bench, result: _Result) -> tuple[AccountCheck, ...]:
    """Every policy under every set of account rules, its fractions taken of that account."""
    found = []
    for row, policy in enumerate(POLICIES):
        traded = result.played.fraction[row] > 0.0
        for rules in bench.accounts:
            profit = money_of_fractions(result.played.growth[row], bench.grid, rules.account)
            money = day_money(profit, traded, bench.grid)
            found.append(AccountCheck(policy.name, outcome_of(rules, money)))
    return tuple(found)
