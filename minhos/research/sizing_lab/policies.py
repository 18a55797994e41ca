"""Ways to size the same signals: fixed sizes, a volatility target and Kelly in its forms, under two entry rules.

A policy is a way to fill in the sizing settings; what it risks on a bar comes from the trading path's own pipeline.
Fractions are what a policy wants before the day's stop; what becomes of them is asked by the laboratory (`laboratory`)
in fractions of capital (`fractions`) and in whole contracts (`contracts`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from minhos.errors import SettingsError
from minhos.models.payoff import Payoff
from minhos.research.luck.deflation import SESSIONS_A_YEAR
from minhos.research.out_of_sample import Floats, Ints, Mask, Signals
from minhos.sizing.kelly import Bet, solve_kelly
from minhos.sizing.payoff import Terms
from minhos.sizing.pipeline import Money, size_pipeline
from minhos.sizing.types import SizingParameters

FIXED_SHARE = 0.10
"""The documents' baseline: this share of capital at risk on every bet."""


class EntryRule(NamedTuple):
    """Calibrated p of the side from which a bet is recommended, and executed; break-even holds under every rule."""

    name: str
    recommend_at: float
    execute_at: float


class Policy(NamedTuple):
    """name: for code and JSON.  title: for people.  short: the same for narrow columns."""

    name: str
    title: str
    short: str


ENTRY_RULES = (EntryRule("0.60/0.65", 0.60, 0.65), EntryRule("break-even", 0.5, 0.5))
POLICIES = (
    Policy("fixed_10", "Fixed 10 %", "fixed 10 %"),
    Policy("fixed_1_contract", "Fixed 1 contract", "1 contract"),
    Policy("fixed_same_risk", "Fixed, same mean risk", "fixed same risk"),
    Policy("volatility_target", "Volatility target", "vol. target"),
    Policy("kelly_full", "Kelly, full", "Kelly full"),
    Policy("kelly_half", "Kelly, half", "Kelly half"),
    Policy("kelly_quarter", "Kelly, quarter", "Kelly quarter"),
    Policy("kelly_drawdown", "Kelly, drawdown-constrained", "Kelly drawdown"),
    Policy("kelly_shipped", "Kelly, settings as they stand", "Kelly shipped"),
)
POLICY = {policy.name: policy for policy in POLICIES}
SHIPPED, FIXED_10 = "kelly_shipped", "fixed_10"
"""The two that are held against each other: Kelly as it is set, and the documents' baseline."""
_KELLY_SHARES = {"kelly_full": 1.0, "kelly_half": 0.5, "kelly_quarter": 0.25}


class Assumptions(msgspec.Struct, frozen=True):
    """What the policies need beside the settings.

    capital_cents: to which one contract is compared; at least one cent.  wealth_floor, breach_probability: of
    "kelly_drawdown", both between 0 and 1.  target_volatility: of "volatility_target", of wealth, a year.  Raises
    SettingsError for other numbers.
    """

    capital_cents: int = 25_000_000
    wealth_floor: float = 0.95
    breach_probability: float = 0.05
    target_volatility: float = 0.20

    def __post_init__(self) -> None:
        if self.capital_cents < 1:
            raise SettingsError(f"The capital is {self.capital_cents} cents; sizing needs at least one.")
        for name in ("wealth_floor", "breach_probability"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise SettingsError(f"{name} is {getattr(self, name)}, and must lie between 0 and 1, exclusively.")
        if not 0.0 < self.target_volatility < math.inf:
            raise SettingsError(f"target_volatility is {self.target_volatility}, and must lie above zero.")


def taken(signals: Signals, rule: EntryRule) -> Mask:
    """Bars that are bet on, shape (n,): confident enough, and better than break-even even at the lower bound of p."""
    confident = signals.p_side >= max(rule.recommend_at, rule.execute_at)
    return confident & signals.bets & (signals.p_low > signals.break_even)


def engine_parameters(
    policy: Policy,
    base: SizingParameters,
    rule: EntryRule,
    *,
    same_risk: float,
    target_risk: float,
    assumptions: Assumptions = Assumptions(),
) -> SizingParameters:
    """The sizing settings that make the engine follow the policy; `rule.execute_at` belongs to the risk settings.

    same_risk: fraction of "fixed_same_risk".  target_risk: mean fraction of "volatility_target", which the engine
    holds constant: the stop follows volatility, so contracts do, too.  Both from `Sizer`.  Bounds on the fraction are
    the policy's own (none but for "kelly_shipped"); the day's budget, margin and the largest position stay as in base.
    """
    entry = msgspec.structs.replace(base, confidence_threshold=rule.recommend_at)
    if policy.name == SHIPPED:
        return entry
    free = msgspec.structs.replace(
        entry,
        kelly_enabled=True,
        max_kelly_fraction=1.0,
        kelly_multiplier=1.0,
        ladder_step=1.0,
        max_capital_risk=1.0,
        drawdown_bound=False,
    )
    if policy.name in _KELLY_SHARES:
        return msgspec.structs.replace(free, kelly_multiplier=_KELLY_SHARES[policy.name])
    if policy.name == "kelly_drawdown":
        return msgspec.structs.replace(
            free,
            drawdown_bound=True,
            wealth_floor=assumptions.wealth_floor,
            breach_probability=assumptions.breach_probability,
        )
    fixed = {
        FIXED_10: FIXED_SHARE,
        "fixed_1_contract": 0.0,
        "fixed_same_risk": same_risk,
        "volatility_target": target_risk,
    }
    return msgspec.structs.replace(free, kelly_enabled=False, fixed_fraction=fixed[policy.name])


def fractions(
    policy: Policy,
    signals: Signals,
    payoffs: Sequence[Payoff],
    rule: EntryRule,
    base: SizingParameters,
    assumptions: Assumptions = Assumptions(),
    *,
    same_risk: float | None = None,
) -> Floats:
    """Share of capital that the policy wants at risk on each bar, shape (n,); 0 where the rule does not bet.

    payoffs: one for each row that `signals.model` names.  For several policies on the same signals build one `Sizer`.
    """
    return Sizer(signals, payoffs, base, assumptions).fractions(policy, rule, same_risk=same_risk)


class Sizer:
    """The fractions of all policies on the same signals; full Kelly is solved once a bar.

    Every fraction is of capital at the time of the bet, in R = stop + cost of that bar, with the payoff's own stop.
    """

    def __init__(
        self,
        signals: Signals,
        payoffs: Sequence[Payoff],
        base: SizingParameters,
        assumptions: Assumptions = Assumptions(),
    ) -> None:
        self.signals = signals
        self._payoffs = payoffs
        self._base = base
        self._assumptions = assumptions

    def fractions(self, policy: Policy, rule: EntryRule, *, same_risk: float | None = None) -> Floats:
        """What the policy wants on each bar, shape (n,).

        same_risk: the constant of "fixed_same_risk"; None takes the mean of "kelly_shipped" over the bars taken.
        "kelly_shipped" holds the day's budget as it stands at the start of the day.
        """
        bets = taken(self.signals, rule)
        if not bets.any():
            return np.zeros(len(bets))
        if policy.name == "fixed_same_risk":
            risk = self.mean_fraction(POLICY[SHIPPED], rule) if same_risk is None else same_risk
            return np.where(bets, risk, 0.0)
        wanted: dict[str, Callable[[], Floats]] = {
            FIXED_10: lambda: np.full(len(bets), FIXED_SHARE),
            "fixed_1_contract": lambda: np.minimum(self._one_contract, 1.0),
            "volatility_target": lambda: self._volatility_target(bets),
            "kelly_drawdown": lambda: self._drawdown,
            SHIPPED: lambda: self._shipped,
        }
        find = wanted.get(policy.name)
        found = find() if find is not None else _KELLY_SHARES[policy.name] * self._kelly
        return np.where(bets, found, 0.0)

    def mean_fraction(self, policy: Policy, rule: EntryRule) -> float:
        """Mean over the bars that the rule takes; 0 where it takes none."""
        bets = taken(self.signals, rule)
        return float(self.fractions(policy, rule)[bets].mean()) if bets.any() else 0.0

    @functools.cached_property
    def _bars(self) -> Ints:
        """Rows on which any rule may bet: those that beat break-even at the lower bound of p."""
        return np.flatnonzero(taken(self.signals, EntryRule("", 0.5, 0.5)))

    @functools.cached_property
    def _bets(self) -> list[Bet]:
        signals, rows = self.signals, self._bars
        p = np.minimum(signals.p_low, signals.p_side)[rows].tolist()
        of_bar = zip(signals.model[rows].tolist(), signals.atr_ticks[rows].tolist(), p, strict=True)
        payoffs, cost, slip = self._payoffs, signals.cost_ticks, signals.instrument.stop_slippage_ticks
        return [
            Terms(payoffs[m], atr, cost, payoffs[m].stop_atr, slip_ticks=slip).bet(p_low) for m, atr, p_low in of_bar
        ]

    @functools.cached_property
    def _kelly(self) -> Floats:
        return self._on_bars([solve_kelly(bet) for bet in self._bets])

    @functools.cached_property
    def _one_contract(self) -> Floats:
        """Share of the capital that one contract risks, shape (n,)."""
        signals = self.signals
        r_ticks = signals.stop_ticks + signals.cost_ticks + signals.instrument.stop_slippage_ticks
        r_cents = r_ticks * signals.instrument.tick_value_cents
        return np.asarray(r_cents / self._assumptions.capital_cents)

    @functools.cached_property
    def _drawdown(self) -> Floats:
        parameters = engine_parameters(
            POLICY["kelly_drawdown"],
            self._base,
            ENTRY_RULES[1],
            same_risk=0.0,
            target_risk=0.0,
            assumptions=self._assumptions,
        )
        return self._through_pipeline(parameters)

    @functools.cached_property
    def _shipped(self) -> Floats:
        base = self._base
        budget = base.daily_loss_limit * (0.5 if base.half_of_remaining_budget else 1.0)
        return np.minimum(self._through_pipeline(base), budget)

    def _through_pipeline(self, parameters: SizingParameters) -> Floats:
        capital = float(self._assumptions.capital_cents)
        r_cents = (self._one_contract[self._bars] * capital).tolist()
        kelly = self._kelly[self._bars].tolist()
        return self._on_bars(
            [
                size_pipeline(bet, Money(capital, r, math.inf, 1.0, math.inf), parameters, kelly=full).fraction
                for bet, r, full in zip(self._bets, r_cents, kelly, strict=True)
            ]
        )

    def _volatility_target(self, bets: Mask) -> Floats:
        """The same standard deviation of wealth on every bet, so that a year of this many bets has the target's."""
        bets_a_day = bets.sum() / len(np.unique(self.signals.trade_date))
        a_bet = self._assumptions.target_volatility / math.sqrt(SESSIONS_A_YEAR * bets_a_day)
        spread = self._on_bars([math.sqrt(bet.second - bet.mean * bet.mean) for bet in self._bets])
        return np.minimum(a_bet / np.where(spread > 0.0, spread, math.inf), 1.0)

    def _on_bars(self, values: list[float]) -> Floats:
        """Those values at the rows that may be bet on, zero elsewhere."""
        found = np.zeros(len(self.signals))
        found[self._bars] = values
        return found
