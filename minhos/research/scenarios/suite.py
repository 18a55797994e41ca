"""Risk scenarios: eight bad days through the engine, with given forecasts that always bet, and what held.

The market is generated and the forecasts are made up, so that nothing here says anything of an edge: it says what the
settings would do.  Sizing, limits, engine and paper venue are those of trading; orders are sent also where
`auto_trading` is off.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

import msgspec

from minhos.errors import SettingsError
from minhos.market.types import Instrument
from minhos.progress import Progress
from minhos.research.scenarios.checks import Check, capital_at_risk, checks
from minhos.research.scenarios.play import Run, play
from minhos.research.scenarios.scenario import Played, Scenario
from minhos.research.scenarios.scene import SURE, Scene, simulated_symbol
from minhos.research.scenarios.shocks import SHOCKS
from minhos.research.scenarios.strains import STRAINS
from minhos.research.scenarios.words import Row, idle_sentence, timeline, worst_day
from minhos.trading.events import TradingSettings
from minhos.venues.matching import MatchingParameters

SCENARIOS: tuple[Scenario, ...] = (*SHOCKS, *STRAINS)


class ScenarioResult(msgspec.Struct, frozen=True):
    """What came of one scenario.  passed: every check holds.  story: sentences for a trader; times are New York's.

    held: the largest position, in contracts; where that is 0 no limit was put to the test.

    figures: shares 0 to 1, dollars where the name says so; those of every scenario are "worst_day_loss" (share of the
    day's start), "gap_dollars" (of that loss, beyond stops and limit), "capital_at_risk" (largest share after a
    decision), "trades", "final_equity_dollars" and "drawdown" (largest share of the peak); the rest are its own.
    """

    name: str
    title: str
    passed: bool
    held: int
    checks: tuple[Check, ...]
    story: tuple[str, ...]
    timeline: tuple[Row, ...]
    figures: dict[str, float]


def scenario_named(name: str) -> Scenario:
    """The scenario of that name.  Raises SettingsError for another, with the likely one."""
    known = {scenario.name: scenario for scenario in SCENARIOS}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
    raise SettingsError(f"There is no scenario {name!r}: {hint}")


def run_scenarios(
    signal: Instrument,
    settings_for: Callable[[str], TradingSettings],
    *,
    cash_cents: int,
    matching: MatchingParameters = MatchingParameters(),
    names: Sequence[str] = (),
    progress: Progress | None = None,
) -> tuple[ScenarioResult, ...]:
    """Those scenarios, all where none is named, in their order.

    signal: whose bars the scene is made of.  settings_for: the settings to judge, given the scene's symbol as the
    signal's contract.  matching: of the paper venue.  Raises SettingsError for an unknown name.
    """
    chosen = [scenario_named(name) for name in names] or list(SCENARIOS)
    results = []
    for i, scenario in enumerate(chosen):
        if progress is not None:
            progress(i / len(chosen), scenario.title)
        results.append(run_scenario(scenario, signal, settings_for, cash_cents=cash_cents, matching=matching))
    return tuple(results)


def run_scenario(
    scenario: Scenario,
    signal: Instrument,
    settings_for: Callable[[str], TradingSettings],
    *,
    cash_cents: int,
    matching: MatchingParameters = MatchingParameters(),
) -> ScenarioResult:
    """Draw, play, judge and narrate one scenario; see `run_scenarios`."""
    given = msgspec.structs.replace(settings_for(simulated_symbol(signal)), auto_trading=True)
    scene = Scene(signal, scenario.sessions, most_steps=scenario.most_steps, sure=_sure(given))
    scenario.draw(scene)
    settings = scenario.adjust(given)
    run = play(scene, settings, cash_cents=cash_cents, matching=matching)
    as_set = play(scene, given, cash_cents=cash_cents, matching=matching) if settings != given else None
    narrative = scenario.narrate(Played(scene, run, as_set))
    judged, held = (*checks(run), *narrative.checks), max(abs(mark.contracts) for mark in run.marks)
    story = narrative.story if held else (narrative.story[0], idle_sentence(run))
    return ScenarioResult(
        scenario.name,
        scenario.title,
        all(check.holds for check in judged),
        held,
        judged,
        story,
        timeline(run),
        {**_figures(run), **narrative.figures},
    )


def _sure(settings: TradingSettings) -> float:
    """A p that passes both thresholds."""
    asked = max(settings.sizing.confidence_threshold, settings.risk.min_confidence)
    return min(0.99, max(SURE, asked + 0.05))


def _figures(run: Run) -> dict[str, float]:
    day = worst_day(run)
    return {
        "worst_day_loss": day.share,
        "gap_dollars": day.gap_cents / 100.0,
        "capital_at_risk": capital_at_risk(run),
        "trades": float(len(run.trades)),
        "final_equity_dollars": run.account.equity_cents / 100.0,
        "drawdown": max(mark.account.drawdown for mark in run.marks),
    }
