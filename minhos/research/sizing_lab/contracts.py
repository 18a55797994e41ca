"""The unit of whole contracts: every way to size is a backtest through the engine that trades.

The same bars, signals, limits and venue for all; sizing and risk settings are all that differs.  Beside the policies:
whether Kelly and the documents' fixed 10 % are different trades at all, and what each setting did (`setting_costs`).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import msgspec
import numpy as np

from minhos.parallel.calls import run_calls
from minhos.progress import Progress
from minhos.research.luck.deflation import deflated
from minhos.research.sizing_lab.contract_figures import ContractFigures, Record, Way, record_of, unknown
from minhos.research.sizing_lab.laboratory import Sized
from minhos.research.sizing_lab.policies import (
    ENTRY_RULES,
    FIXED_10,
    POLICY,
    SHIPPED,
    Assumptions,
    Sizer,
    engine_parameters,
)
from minhos.research.sizing_lab.setting_costs import SettingCost, setting_costs, ways_off
from minhos.research.stage import Stage

AS_SET = "as set"
"""Rule of the run with both thresholds as the settings have them."""
_NOTHING = 1e-12
"""A fixed fraction that holds nothing; zero would mean one contract."""


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
    """The lab with the records that it rests on, those with a setting switched off included."""

    lab: ContractsLab
    records: tuple[Record, ...]

    def record(self, policy: str, rule: str) -> Record:
        """That run bar by bar.  Raises KeyError where there is none."""
        for record in self.records:
            if (record.way.policy, record.way.rule) == (policy, rule):
                return record
        raise KeyError((policy, rule))


class Contracts:
    """The unit.  processes, scheduler: as in `parallel.run_calls`; `run` raises TrainingError where workers cannot be
    used."""

    rules = ENTRY_RULES

    def __init__(
        self,
        stage: Stage,
        assumptions: Assumptions = Assumptions(),
        *,
        processes: int = 2,
        scheduler: str | None = None,
    ) -> None:
        self._stage = stage
        self._assumptions = msgspec.structs.replace(assumptions, capital_cents=stage.cash_cents)
        self._processes, self._scheduler = processes, scheduler
        self._known: dict[bytes, Record] = {}

    def run(self, ways: Sequence[Sized], progress: Progress) -> list[Record]:
        """One backtest a way."""
        return self.run_ways([self.way(sized) for sized in ways], progress)

    def mean_risk(self, run: Record) -> float:
        return run.figures.mean_risk or _NOTHING

    def lab(self, runs: Sequence[Record], progress: Progress) -> Runs:
        """With the settings as they stand, and with each of them off."""
        base = self._stage.settings
        as_set = Way(SHIPPED, POLICY[SHIPPED].title, AS_SET, base.sizing, base.risk)
        kept, *without = self.run_ways([as_set, *ways_off(base)], progress)
        return Runs(self._lab(runs, kept, without), (*runs, kept, *without))

    def way(self, sized: Sized) -> Way:
        """The settings that make the engine follow the policy."""
        policy, rule, base = sized.policy, sized.rule, self._stage.settings
        sizing = engine_parameters(
            policy,
            base.sizing,
            rule,
            same_risk=sized.same_risk,
            target_risk=self._target_risks[rule.name] if policy.name == "volatility_target" else 0.0,
            assumptions=self._assumptions,
        )
        risk = msgspec.structs.replace(base.risk, min_confidence=rule.execute_at)
        return Way(policy.name, policy.title, rule.name, sizing, risk)

    @functools.cached_property
    def _target_risks(self) -> dict[str, float]:
        """By rule, what the volatility target has at risk on average."""
        study = self._stage.study
        payoffs = [activation.payoff for activation in study.activations]
        sizer = Sizer(study.signals, payoffs, self._stage.settings.sizing, self._assumptions)
        target = POLICY["volatility_target"]
        return {rule.name: sizer.mean_fraction(target, rule) or _NOTHING for rule in ENTRY_RULES}

    def run_ways(self, ways: Sequence[Way], progress: Progress) -> list[Record]:
        """One record a way, in order; ways with the same settings are run once."""
        distinct: dict[bytes, Way] = {}
        for way in ways:
            if _key(way) not in self._known:
                distinct.setdefault(_key(way), way)
        left = list(distinct.values())
        records = run_calls(
            run_way,
            [(way,) for way in left],
            processes=self._processes,
            scheduler=self._scheduler,
            shared=slim(self._stage),
            progress=progress,
            describe=_described,
        )
        self._known |= dict(zip(distinct, records, strict=True))
        return [_renamed(self._known[_key(way)], way) for way in ways]

    def _lab(self, runs: Sequence[Record], kept: Record, without: Sequence[Record]) -> ContractsLab:
        study, settings = self._stage.study, self._stage.settings
        closes = study.bars.close_time_ns
        by_name = {(record.way.policy, record.way.rule): record for record in runs}
        most = settings.sizing.max_position_size
        return ContractsLab(
            simulated=study.bars.simulated,
            schedule=study.schedule,
            order_root=settings.instruments[settings.order_symbol].root,
            bars=len(closes),
            trade_dates=len(kept.figures.trade_dates),
            first_ns=int(closes[0]),
            last_ns=int(closes[-1]),
            cash_cents=self._stage.cash_cents,
            n_trials=1,
            runs=tuple(record.figures for record in runs),
            shipped=kept.figures,
            overlaps=tuple(
                overlap(rule.name, by_name[SHIPPED, rule.name], by_name[FIXED_10, rule.name], most)
                for rule in ENTRY_RULES
            ),
            settings=setting_costs(settings, kept, without),
        )


def _key(way: Way) -> bytes:
    """What the run depends on: two ways with the same key are the same run under two names."""
    return msgspec.json.encode((way.sizing, way.risk))


def run_way(stage: Stage, way: Way) -> Record:
    """One backtest."""
    settings = msgspec.structs.replace(stage.settings, sizing=way.sizing, risk=way.risk)
    return record_of(msgspec.structs.replace(stage, settings=settings).backtest(), way)


def _described(call: tuple[Way], record: Record) -> str:
    return f"{call[0].title}, {call[0].rule}: {record.figures.trades} trades"


def _renamed(record: Record, way: Way) -> Record:
    """The same record under that way's names."""
    figures = msgspec.structs.replace(record.figures, policy=way.policy, title=way.title, rule=way.rule)
    return msgspec.structs.replace(record, way=way, figures=figures)


def slim(stage: Stage) -> Stage:
    """The same without the features' rows, which no backtest with given forecasts reads: less to send."""
    table = msgspec.structs.replace(stage.study.table, rows=np.zeros((0, 0), dtype=np.float32))
    return msgspec.structs.replace(stage, study=msgspec.structs.replace(stage.study, table=table))


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
