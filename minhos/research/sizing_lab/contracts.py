"""The sizing lab in whole contracts: every policy under both entry rules through the engine that trades.

The same bars, signals, limits and venue for all; only the size differs.  Beside the policies: whether Kelly and the
documents' fixed 10 % are different trades at all.  What each setting did is in `contracts_settings`, the criteria in
`contracts_criteria`; in fractions of capital the same question is asked by `sizing_lab`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from minhos.research.luck.deflation import deflated
from minhos.research.sizing_lab.contract_figures import FIXED_10, SHIPPED, ContractFigures, Record, unknown
from minhos.research.sizing_lab.contract_runs import Stage, Way, run_ways
from minhos.research.sizing_lab.policies import (
    ENTRY_RULES,
    POLICIES,
    POLICY,
    Assumptions,
    EntryRule,
    Policy,
    Sizer,
    engine_parameters,
)
from minhos.research.sizing_lab.setting_costs import SettingCost, setting_costs, ways_off

Progress = Callable[[float, str], None]
AS_SET = "as set"
"""Rule of the run with both thresholds as the settings have them."""
_NOTHING = 1e-12
"""A fixed fraction that holds nothing; zero would mean one contract."""
_RISK_SHARE = 0.1
"""Of the progress: the two runs that must come first, because others are sized after their mean risk."""


class Overlap(msgspec.Struct, frozen=True):
    """How far Kelly as shipped and a fixed 10 % are the same trades under one rule.

    bars: at whose close at least one of both held something.  same: those with the same position.  sentence: what
    that means for the comparison.
    """

    rule: str
    bars: int
    same: int
    sentence: str


class ContractsLab(msgspec.Struct, frozen=True):
    """All ways to size in whole contracts.  Money in cents, times in UTC ns.

    runs: one for each policy and rule, in their order.  shipped: the settings as they stand, thresholds included; its
    rule is "as set".  cash_cents: what each began with.  order_root: what was traded.  n_trials: by which the Sharpe
    ratios are deflated.
    """

    simulated: bool
    schedule: str
    order_root: str
    bars: int
    trade_dates: int
    first_ns: int
    last_ns: int
    cash_cents: int
    n_trials: int
    runs: tuple[ContractFigures, ...]
    shipped: ContractFigures
    overlaps: tuple[Overlap, ...]
    settings: tuple[SettingCost, ...]

    def run(self, policy: str, rule: str) -> ContractFigures:
        """That run.  Raises KeyError where there is none."""
        for figures in self.runs:
            if (figures.policy, figures.rule) == (policy, rule):
                return figures
        raise KeyError((policy, rule))


class Runs(msgspec.Struct, frozen=True, eq=False):
    """The lab with what it rests on, for criteria and charts.

    ways, records: of every run, the settings that were switched off included, in the same order.
    """

    lab: ContractsLab
    ways: tuple[Way, ...]
    records: tuple[Record, ...]

    def record(self, policy: str, rule: str) -> Record:
        """That run bar by bar.  Raises KeyError where there is none."""
        for way, record in zip(self.ways, self.records, strict=True):
            if (way.policy, way.rule) == (policy, rule):
                return record
        raise KeyError((policy, rule))


def contracts_lab(
    stage: Stage,
    assumptions: Assumptions = Assumptions(),
    *,
    processes: int = 2,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Runs:
    """Run every policy under both rules, and the settings as they stand with each of them off.

    processes, scheduler: as in `parallel.run_calls`.  Raises TrainingError where workers cannot be used.
    """
    tell: Progress = progress or (lambda share, text: None)
    shipped = [shipped_way(stage, rule) for rule in ENTRY_RULES]
    first = run_ways(
        stage,
        shipped,
        processes=processes,
        scheduler=scheduler,
        progress=lambda share, text: tell(_RISK_SHARE * share, text),
    )
    risks = {rule.name: record.figures.mean_risk or _NOTHING for rule, record in zip(ENTRY_RULES, first, strict=True)}
    ways = [*policy_ways(stage, assumptions, risks), as_set(stage)]
    n_policies = len(ways)
    ways += ways_off(stage.settings)
    records = run_ways(
        stage,
        ways,
        list(zip(shipped, first, strict=True)),
        processes=processes,
        scheduler=scheduler,
        progress=lambda share, text: tell(_RISK_SHARE + (1.0 - _RISK_SHARE) * share, text),
    )
    return Runs(_lab(stage, records, n_policies), tuple(ways), tuple(records))


def shipped_way(stage: Stage, rule: EntryRule) -> Way:
    """The settings as they stand under that rule."""
    return _way(stage, POLICY[SHIPPED], rule, 0.0, 0.0, Assumptions())


def policy_ways(stage: Stage, assumptions: Assumptions, same_risk: dict[str, float]) -> list[Way]:
    """Every policy under every rule.  same_risk: by rule, what Kelly as shipped had at risk on average."""
    study = stage.study
    payoffs = [activation.payoff for activation in study.activations]
    assumptions = msgspec.structs.replace(assumptions, capital_cents=stage.cash_cents)
    sizer = Sizer(study.signals, payoffs, stage.settings.sizing, assumptions)
    target = {rule.name: sizer.mean_fraction(POLICY["volatility_target"], rule) or _NOTHING for rule in ENTRY_RULES}
    return [
        _way(stage, policy, rule, same_risk[rule.name], target[rule.name], assumptions)
        for rule in ENTRY_RULES
        for policy in POLICIES
    ]


def _way(
    stage: Stage, policy: Policy, rule: EntryRule, same_risk: float, target_risk: float, assumptions: Assumptions
) -> Way:
    base = stage.settings
    sizing = engine_parameters(
        policy, base.sizing, rule, same_risk=same_risk, target_risk=target_risk, assumptions=assumptions
    )
    risk = msgspec.structs.replace(base.risk, min_confidence=rule.execute_at)
    return Way(policy.name, policy.title, rule.name, sizing, risk)


def as_set(stage: Stage) -> Way:
    """The settings as they stand, thresholds included."""
    return Way(SHIPPED, POLICY[SHIPPED].title, AS_SET, stage.settings.sizing, stage.settings.risk)


def _lab(stage: Stage, records: list[Record], n_policies: int) -> ContractsLab:
    study, kept = stage.study, records[n_policies - 1]
    closes = study.bars.close_time_ns
    by_name = {(record.figures.policy, record.figures.rule): record for record in records[:n_policies]}
    return ContractsLab(
        simulated=study.bars.simulated,
        schedule=study.schedule,
        order_root=stage.settings.instruments[stage.settings.order_symbol].root,
        bars=len(closes),
        trade_dates=len(kept.figures.trade_dates),
        first_ns=int(closes[0]),
        last_ns=int(closes[-1]),
        cash_cents=stage.cash_cents,
        n_trials=1,
        runs=tuple(record.figures for record in records[: n_policies - 1]),
        shipped=kept.figures,
        overlaps=tuple(
            overlap(
                rule.name,
                by_name[SHIPPED, rule.name],
                by_name[FIXED_10, rule.name],
                stage.settings.sizing.max_position_size,
            )
            for rule in ENTRY_RULES
        ),
        settings=setting_costs(stage.settings, kept, records[n_policies:]),
    )


def overlap(rule: str, kelly: Record, fixed: Record, cap: int) -> Overlap:
    """How far both held the same.  cap: `max_position_size`."""
    held = (kelly.target != 0) | (fixed.target != 0)
    same = int((kelly.target == fixed.target)[held].sum())
    bars = int(held.sum())
    at_cap = int(((np.abs(kelly.target) == cap) & (kelly.target == fixed.target)).sum())
    return Overlap(rule, bars, same, _overlap_sentence(rule, bars, same, at_cap, cap, fixed.figures.largest_risk))


def _overlap_sentence(rule: str, bars: int, same: int, at_cap: int, cap: int, risked: float) -> str:
    if bars == 0:
        return f"{rule}: neither Kelly nor a fixed 10 % held anything."
    text = f"{rule}: Kelly and a fixed 10 % held the same contracts on {same:,} of {bars:,} bars"
    if same == bars:
        text += ": they are the same trades"
    if at_cap > 0.5 * bars:
        text += f", on {at_cap:,} of them the {cap} that are allowed"
    if same > 0.5 * bars:
        text += "; only the fractions can tell them apart"
    return f"{text}. The limits let a fixed 10 % risk {risked:.2%} at most."


def deflate(lab: ContractsLab, n_trials: int, sharpe_ratio_variance: float | None) -> ContractsLab:
    """The same with every Sharpe ratio deflated by that many trials."""

    def one(figures: ContractFigures) -> ContractFigures:
        worth = deflated(figures.daily_returns, n_trials, sharpe_ratio_variance)
        if figures.missing:
            worth = unknown(worth, figures.missing)
        return msgspec.structs.replace(figures, deflation=worth)

    return msgspec.structs.replace(lab, runs=tuple(map(one, lab.runs)), shipped=one(lab.shipped), n_trials=n_trials)
