"""lab scenarios: eight bad days through the engine under your own settings, and whether the limits held."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from minhos.assembly.files import write_json
from minhos.commands.common import JsonOption, layout, print_json, settings_with_parts
from minhos.commands.terminal import progress, show
from minhos.errors import CheckFailed
from minhos.research.scenarios.suite import SCENARIOS, ScenarioResult
from minhos.studies.scenarios import RiskScenarios, risk_scenarios

REPORT = "lab-scenarios.json"
NAMES = ", ".join(scenario.name for scenario in SCENARIOS)


def scenarios(
    name: Annotated[list[str] | None, typer.Option("--name", help=f"Only this one, repeatable: {NAMES}.")] = None,
    size: Annotated[str, typer.Option("--size", help="Root to trade, as NQ or MNQ; default: your settings'.")] = "",
    cash: Annotated[
        float | None, typer.Option("--cash", help="Dollars at the start; default: the paper account's.")
    ] = None,
    timeline: Annotated[bool, typer.Option("--timeline", help="Also what happened, row by row.")] = False,
    as_json: JsonOption = False,
) -> None:
    """What your settings would do on eight bad days.  Example: minh.py lab scenarios --name flash-crash --size MNQ."""
    with progress("Scenarios", quiet=as_json) as report:
        found = risk_scenarios(settings_with_parts(), names=name or (), size=size, cash=cash, progress=report)
    place = layout().make()
    write_json(place.reports / REPORT, found, place.disk)
    if as_json:
        print_json(found)
    else:
        for result in found.scenarios:
            show(_narrative(result, timeline), simulated=True)
        show(_summary(found), simulated=True)
    broken = [
        f"{result.name}: {check.name}" for result in found.scenarios for check in result.checks if not check.holds
    ]
    if broken:
        raise CheckFailed(f"{len(broken)} of the checks do not hold: {'; '.join(broken)}.")


def _narrative(result: ScenarioResult, timeline: bool) -> RenderableType:
    """Title, story, and the checks in one line unless one is broken."""
    parts: list[RenderableType] = [Text(result.title, style="bold"), Text(" ".join(result.story))]
    parts += [
        Text(f"DOES NOT HOLD: {check.name}: {check.value}; {check.limit}.", style="bold red")
        for check in result.checks
        if not check.holds
    ]
    if timeline:
        parts.append(_timeline(result))
    return Group(*parts, Text(""))


def _timeline(result: ScenarioResult) -> Table:
    table = Table("New York", "price", "held", "equity", "level", "what", box=None, header_style="dim")
    for row in result.timeline:
        table.add_row(row.time, f"{row.price:,.2f}", f"{row.contracts:+d}", f"{row.equity:,.0f}", row.level, row.what)
    return table


def _summary(found: RiskScenarios) -> RenderableType:
    """One row a scenario, and the verdict."""
    table = Table("scenario", "limits", "worst day", "gap", "at risk", "drawdown", box=None, header_style="dim")
    for column in table.columns[2:]:
        column.justify = "right"
    for result in found.scenarios:
        figures = result.figures
        word = Text("hold", style="green") if result.held else Text("nothing held", style="yellow")
        word = word if result.passed else Text("BROKEN", style="bold red")
        table.add_row(
            result.name,
            word,
            f"{figures['worst_day_loss']:.1%}",
            f"${figures['gap_dollars']:,.0f}",
            f"{figures['capital_at_risk']:.1%}",
            f"{figures['drawdown']:.1%}",
        )
    tested = [result for result in found.scenarios if result.held or not result.passed]
    passed, idle = sum(result.passed for result in tested), len(found.scenarios) - len(tested)
    empty = f" In {idle} nothing was held, so no limit was put to the test." if idle else ""
    verdict = (
        f"{passed} of {len(tested)} scenarios hold with ${found.cash_dollars:,.0f} in {found.size}.{empty} The gap "
        "is what was lost beyond stop prices, where the market jumped or nothing filled: no limit can hold that."
    )
    if not tested:
        verdict = (
            f"Nothing was held with ${found.cash_dollars:,.0f} in {found.size}, so no limit was put to the test; take "
            "more --cash, or a smaller contract with --size."
        )
    return Group(table, Text(verdict, style="bold"))
