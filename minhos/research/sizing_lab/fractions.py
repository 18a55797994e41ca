"""The unit of fractions of capital: every bar that is bet on is a bet of its own, for one bar, with a full round trip
paid, as in the shadow book.

The day's loss limit stops a date as live; the other limits of live trading need contracts (`contracts`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from minhos.progress import Progress
from minhos.research.out_of_sample import Floats, Ints, OutOfSample
from minhos.research.sizing_lab.bootstrap import drawn_dates, histories, observed
from minhos.research.sizing_lab.comparisons import Comparison, Side, compare, fixed_side, fraction_of_equal_drawdown
from minhos.research.sizing_lab.days import Played, budget_share, day_grid, flipped, play
from minhos.research.sizing_lab.fraction_figures import Context, PolicyFigures, figures_of
from minhos.research.sizing_lab.laboratory import Sized
from minhos.research.sizing_lab.policies import (
    ENTRY_RULES,
    FIXED_10,
    SHIPPED,
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

HISTORIES = 10_000
"""Resampled ones behind each interval."""
MINIMUM_BETS = 30
MINIMUM_DATES = 5
BASELINES = (FIXED_10, "fixed_same_risk")
VARIED = ("kelly_drawdown", SHIPPED)
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


class FractionsLab(msgspec.Struct, frozen=True):
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


def growth_by_date(lab: FractionsLab | None) -> tuple[Floats, list[str]]:
    """Log growth of every policy under both rules on each trade date, (n_dates, n), and their names."""
    figures = [policy for rule in lab.rules for policy in rule.policies] if lab is not None else []
    whole = [policy for policy in figures if None not in policy.daily_growth]
    columns = [np.array(policy.daily_growth, dtype=np.float64) for policy in whole]
    return (np.column_stack(columns) if columns else np.zeros((0, 0))), [f"{p.title} ({p.rule})" for p in whole]


class FractionRun(msgspec.Struct, frozen=True, eq=False):
    """One policy under one rule.  wanted: (1, n); played: one row; side: for comparisons with others."""

    policy: Policy
    rule: EntryRule
    wanted: Floats
    played: Played
    side: Side


class Fractions:
    """The unit.  The same seed gives the same figures.

    base: the settings as they stand.  rules: those under which there are enough bets are sized, of the others the lab
    says why not.  n_paths: resampled histories.  trials, sharpe_ratio_variance: from the ledger.
    """

    def __init__(
        self,
        study: OutOfSample,
        base: SizingParameters,
        assumptions: Assumptions = Assumptions(),
        *,
        rules: Sequence[EntryRule] = ENTRY_RULES,
        accounts: Sequence[AccountRules] = RULE_SETS,
        n_paths: int = HISTORIES,
        seed: int = 1,
        trials: int = 1,
        sharpe_ratio_variance: float | None = None,
    ) -> None:
        signals = study.signals
        self._study, self._signals, self._base, self._assumptions = study, signals, base, assumptions
        self._grid = day_grid(signals.trade_date)
        self._sizer = Sizer(signals, [activation.payoff for activation in study.activations], base, assumptions)
        self._dates = drawn_dates(self._grid.n_days, n_paths, seed)
        self._accounts, self._seed = tuple(accounts), seed
        self._trials, self._sharpe_ratio_variance = trials, sharpe_ratio_variance
        self._bets = {rule: np.flatnonzero(taken(signals, rule)) for rule in rules}
        self._missing = {rule: _missing(rule, len(bets), self._grid.n_days) for rule, bets in self._bets.items()}
        self._known: dict[Sized, FractionRun] = {}

    @property
    def rules(self) -> Sequence[EntryRule]:
        return [rule for rule, missing in self._missing.items() if not missing]

    def run(self, ways: Sequence[Sized], progress: Progress) -> list[FractionRun]:
        """Bet by bet, and over all drawn histories."""
        found = []
        for i, sized in enumerate(ways):
            progress(i / len(ways), f"entry rule {sized.rule.name}: {sized.policy.title}")
            key = sized if sized.policy.name == "fixed_same_risk" else sized._replace(same_risk=0.0)
            if key not in self._known:
                self._known[key] = self._run(sized)
            found.append(self._known[key])
        return found

    def _run(self, sized: Sized) -> FractionRun:
        policy, rule = sized.policy, sized.rule
        wanted = self._sizer.fractions(policy, rule, same_risk=sized.same_risk)[None]
        played = self._play(policy, wanted, self._signals.net_r)
        drawn = histories(played.days, self._dates, with_bands=True)
        return FractionRun(policy, rule, wanted, played, Side(policy.name, played.days, observed(played.days), drawn))

    def _play(self, policy: Policy, wanted: Floats, net_r: Floats) -> Played:
        share = budget_share(self._base.half_of_remaining_budget, policy.name == SHIPPED)
        return play(wanted, net_r, self._grid, self._base.daily_loss_limit, [share])

    def mean_risk(self, run: FractionRun) -> float:
        return float(run.played.fraction[0, self._bets[run.rule]].mean())

    def lab(self, runs: Sequence[FractionRun], progress: Progress) -> FractionsLab:
        """Figures, comparisons, a lower win rate and account rules, rule by rule."""
        found = []
        for i, (rule, missing) in enumerate(self._missing.items()):
            progress(i / len(self._missing), f"entry rule {rule.name}: equal risk, equal drawdown, a lower win rate")
            under = {run.policy.name: run for run in runs if run.rule == rule}
            found.append(RuleLab(rule, len(self._bets[rule]), missing) if missing else self._rule_lab(rule, under))
        return FractionsLab(
            self._signals.simulated,
            self._study.schedule,
            len(self._signals),
            tuple(self._grid.trade_date.tolist()),
            self._assumptions,
            self._base.daily_loss_limit,
            self._dates.shape[1],
            self._trials,
            tuple(found),
        )

    def _rule_lab(self, rule: EntryRule, runs: dict[str, FractionRun]) -> RuleLab:
        context = self._context(rule, self._signals.net_r)
        return RuleLab(
            rule,
            len(self._bets[rule]),
            same_risk=self.mean_risk(runs[SHIPPED]),
            policies=tuple(figures_of(run.policy, context, run.played, run.side) for run in runs.values()),
            comparisons=tuple(
                compare(run.side, runs[baseline].side)
                for run in runs.values()
                for baseline in BASELINES
                if run.policy.name not in BASELINES
            ),
            more_than_size=self._more_than_size(rule, runs),
            lower_win_rate=self._lower_win_rate(rule, [runs[SHIPPED], runs[FIXED_10]]),
            accounts=self._account_checks(runs),
        )

    def _context(self, rule: EntryRule, net_r: Floats) -> Context:
        return Context(
            rule.name,
            self._grid,
            net_r,
            self._bets[rule],
            len(self._signals),
            self._base.daily_loss_limit,
            self._trials,
            self._sharpe_ratio_variance,
        )

    def _more_than_size(self, rule: EntryRule, runs: dict[str, FractionRun]) -> tuple[Comparison, ...]:
        """Kelly against fixed fractions that risk as much, and that fall as deep, on the same bets."""
        terms = self._bets[rule], self._signals.net_r, self._grid, self._base.daily_loss_limit
        found = []
        for run in (runs[name] for name in VARIED):
            matching = self._dates[:, :MATCHING_PATHS]
            median = float(np.median(run.side.drawn.drawdown[0, :MATCHING_PATHS]))
            deep = fraction_of_equal_drawdown(median, *terms, matching)
            for title, fraction in (
                ("fixed, same mean risk", self.mean_risk(run)),
                ("fixed, same median drawdown", deep),
            ):
                found.append(compare(run.side, fixed_side(title, fraction, *terms, self._dates)))
        return tuple(found)

    def _lower_win_rate(self, rule: EntryRule, runs: Sequence[FractionRun]) -> LowerWinRate:
        """Those policies on outcomes drawn with a lower win rate; the sizes do not know of it."""
        rng = np.random.default_rng(self._seed)
        draws: list[list[PolicyFigures]] = []
        share_of_paths = max(1, self._dates.shape[1] // LOWER_DRAWS)
        for draw in range(LOWER_DRAWS):
            net_r = flipped(self._signals, self._bets[rule], LOWER_BY, rng)
            some = self._dates[:, draw * share_of_paths : (draw + 1) * share_of_paths]
            dates, context = some if some.shape[1] else self._dates, self._context(rule, net_r)
            draws.append([self._drawn_lower(run, context, dates) for run in runs])
        means = tuple(_mean_figures(list(of_policy)) for of_policy in zip(*draws, strict=True))
        return LowerWinRate(LOWER_BY, LOWER_DRAWS, means)

    def _drawn_lower(self, run: FractionRun, context: Context, dates: Ints) -> PolicyFigures:
        played = self._play(run.policy, run.wanted, context.net_r)
        side = Side(run.policy.name, played.days, observed(played.days), histories(played.days, dates))
        return figures_of(run.policy, context, played, side)

    def _account_checks(self, runs: dict[str, FractionRun]) -> tuple[AccountCheck, ...]:
        """Every policy under every set of account rules, its fractions taken of that account."""
        found = []
        for run in runs.values():
            traded = run.played.fraction[0] > 0.0
            for rules in self._accounts:
                profit = money_of_fractions(run.played.growth[0], self._grid, rules.account)
                money = day_money(profit, traded, self._grid)
                found.append(AccountCheck(run.policy.name, outcome_of(rules, money)))
        return tuple(found)


def _missing(rule: EntryRule, n_bets: int, n_dates: int) -> str:
    if n_bets < MINIMUM_BETS:
        return (
            f"Under the entry rule {rule.name} {n_bets} bars are bet on; {MINIMUM_BETS - n_bets} more are needed for "
            "figures."
        )
    if n_dates < MINIMUM_DATES:
        return f"{n_dates} trade dates are out of sample; {MINIMUM_DATES - n_dates} more are needed for figures."
    return ""


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
