"""Kelly against fixed sizes on the same unseen signals: the settings' labs, the criteria, one verdict.

Behind `lab sizing`, `kelly-vs-fixed` and the report.  What is measured lies in `minhos.research`; here are the
settings, the trial ledger and the words on top.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from minhos.assembly.layout import Layout
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars
from minhos.models.calibration import Calibrator
from minhos.progress import Progress, part_of
from minhos.research.measures.edge import edge
from minhos.research.out_of_sample import OutOfSample
from minhos.research.sizing_lab.contracts import Contracts, ContractsLab, Runs, deflate
from minhos.research.sizing_lab.criteria import Criterion, State, contract_criteria, fraction_criteria
from minhos.research.sizing_lab.fractions import HISTORIES, Fractions, FractionsLab
from minhos.research.sizing_lab.laboratory import sizing_lab
from minhos.research.sizing_lab.policies import ENTRY_RULES, FIXED_10, SHIPPED, Assumptions
from minhos.research.stage import Stage
from minhos.settings import Settings
from minhos.studies.account_rules import account_rules
from minhos.studies.studies import stage_of
from minhos.studies.trials import Tried, enter
from minhos.training.results import evaluate
from minhos.training.results.result import Bets, Verdict
from minhos.training.train import count_full_sessions
from minhos.words import utc

KIND = "lab sizing"
UNITS = ("contracts", "fractions")
_CONTRACTS_SHARE = 0.7
"""Of the progress: the backtests in whole contracts."""


class Check(msgspec.Struct, frozen=True):
    """One line of the checklist.  holds: None where it cannot be told."""

    holds: bool | None
    value: str


class KellyVsFixed(msgspec.Struct, frozen=True):
    """All ways to size on the same bars, and what was asked of Kelly against a fixed 10 %.

    verdict, reason: on the edge of these forecasts, as training judges it.  sentence: on the sizing.  first, last: UTC.
    criteria: by unit and rule.  checks: what answers the checklist, under the documents' rule: whole contracts, or
    fractions where those cannot tell.
    """

    verdict: Verdict
    reason: str
    sentence: str
    simulated: bool
    schedule: str
    first: str
    last: str
    bars: int
    criteria: tuple[Criterion, ...]
    contracts: ContractsLab
    fractions: FractionsLab
    checks: dict[str, Check]


def kelly_vs_fixed(
    history: Bars,
    study: OutOfSample,
    chosen: Settings,
    layout: Layout,
    progress: Progress,
    *,
    scheduler: str | None = None,
    histories: int = HISTORIES,
) -> KellyVsFixed:
    """Size the study's signals in every way.

    history: all bars, of which the study's are out of sample.  Orders are sent whatever the switches say: what is
    asked is their size.  histories: resampled ones behind each interval in fractions.  Enters each configuration into
    the trial ledger.
    """
    bars = study.bars
    stage = stage_of(study, chosen)
    stage = msgspec.structs.replace(stage, settings=msgspec.structs.replace(stage.settings, auto_trading=True))
    assumptions = Assumptions(capital_cents=stage.cash_cents)
    contracts = Contracts(stage, assumptions, processes=chosen.training.processes, scheduler=scheduler)
    runs = sizing_lab(contracts, part_of(progress, 0.0, _CONTRACTS_SHARE))
    trials = entered(runs, stage, layout, chosen.training.seed)
    fractions = Fractions(
        study,
        stage.settings.sizing,
        assumptions,
        accounts=account_rules(chosen),
        n_paths=histories,
        trials=trials.n_trials,
        sharpe_ratio_variance=trials.sharpe_ratio_variance,
    )
    fraction_lab = sizing_lab(fractions, part_of(progress, _CONTRACTS_SHARE, 1.0))
    criteria = criteria_of(runs, fraction_lab, stage)
    verdict, reason = verdict_of(history, study)
    return KellyVsFixed(
        verdict,
        reason,
        sentence_of(criteria),
        bars.simulated,
        study.schedule,
        utc(int(bars.close_time_ns[0])),
        utc(int(bars.close_time_ns[-1])),
        len(bars),
        criteria,
        deflate(runs.lab, trials.n_trials, trials.sharpe_ratio_variance),
        fraction_lab,
        checks_of(criteria),
    )


def entered(runs: Runs, stage: Stage, layout: Layout, seed: int) -> Tried:
    """Count every distinct configuration of the lab; reruns do not count.  seed: of the training."""
    study = stage.study
    found = Tried(1)
    for record in runs.records:
        settings = {
            "schedule": study.schedule,
            "seed": seed,
            "order_symbol": stage.settings.order_symbol,
            "cash_cents": stage.cash_cents,
            "matching": msgspec.to_builtins(stage.matching),
            "sizing": msgspec.to_builtins(record.way.sizing),
            "risk": msgspec.to_builtins(record.way.risk),
        }
        ratio = record.figures.deflation.sharpe_ratio
        found = enter(layout, study.bars, study.recipe_id, settings, KIND, ratio)
    return found


def criteria_of(runs: Runs, fractions: FractionsLab, stage: Stage) -> tuple[Criterion, ...]:
    """All criteria: under each rule in contracts, then in fractions."""
    sizing = stage.settings.sizing
    found: list[Criterion] = []
    for rule, lab in zip(ENTRY_RULES, fractions.rules, strict=True):
        found += contract_criteria(runs.record(SHIPPED, rule.name), runs.record(FIXED_10, rule.name), sizing)
        found += fraction_criteria(lab, sizing)
    return tuple(found)


def verdict_of(history: Bars, study: OutOfSample) -> tuple[Verdict, str]:
    """Whether these forecasts have an edge, by the rule of training, on the study's bars."""
    signals = study.signals
    book, slope_low = edge(signals, study.recipe_id), study.activations[-1].slope_low
    sessions = count_full_sessions(SessionCalendar.load().trade_dates_of_bars(history.close_time_ns))
    placed = Bets(book.bets, book.mean_net_r, book.interval, book.total_net_r)
    return evaluate.verdict(sessions, int(signals.decided.sum()), Calibrator(slope_low, 0.0, slope_low, 0), placed)


def checks_of(criteria: Sequence[Criterion]) -> dict[str, Check]:
    """By name of the criterion, under the documents' entry rule."""
    holds = {State.MET: True, State.NOT_MET: False, State.CANNOT_BE_TOLD: None}
    checks: dict[str, Check] = {}
    for criterion in criteria:
        known = criterion.name in checks and checks[criterion.name].holds is not None
        if criterion.rule == ENTRY_RULES[0].name and not known:
            value = f"{criterion.rule}, in {criterion.unit}: {criterion.sentence}"
            checks[criterion.name] = Check(holds[criterion.state], value)
    return checks


def sentence_of(criteria: Sequence[Criterion]) -> str:
    """How many criteria were met under each rule and in each unit, of those that can be told."""
    if all(c.state is State.CANNOT_BE_TOLD for c in criteria):
        return f"Kelly as shipped against a fixed 10 %: nothing can be told, {criteria[0].sentence}."
    by_rule = []
    for rule in ENTRY_RULES:
        parts = [_counted([c for c in criteria if (c.rule, c.unit) == (rule.name, unit)], unit) for unit in UNITS]
        by_rule.append(f"{rule.name} {', '.join(parts)}")
    return f"Kelly as shipped against a fixed 10 %, criteria met: {'; '.join(by_rule)}."


def _counted(criteria: Sequence[Criterion], unit: str) -> str:
    judged = [c for c in criteria if c.state is not State.CANNOT_BE_TOLD]
    met = sum(c.state is State.MET for c in judged)
    return f"{met} of {len(judged)} in {unit}" if judged else f"none can be told in {unit}"
