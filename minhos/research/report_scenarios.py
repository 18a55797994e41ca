"""The report's section on bad days: the risk scenarios under the report's own settings.

It takes results and says them; it computes nothing.  Not part of what bars can tell: the market of the scenarios is
generated and their forecasts are made up.
"""

from __future__ import annotations

from minhos.research.report.section import Section, Table
from minhos.research.report.values import ResearchReport
from minhos.research.scenarios.suite import ScenarioResult
from minhos.words import count, dollars, percent

HEAD = ("", "limits", "contracts", "worst day", "beyond stops", "at risk", "drawdown", "ended with")


def scenarios(report: ResearchReport) -> Section:
    """One row a scenario and its story."""
    title, results = "Bad days: what these settings would do", report.scenarios
    if not results:
        return Section("scenarios", title, absent=report.missing.get("scenarios", "not measured"))
    tested = [result for result in results if result.held or not result.passed]
    passed, idle = sum(result.passed for result in tested), len(results) - len(tested)
    empty = f" On {idle} nothing was held, so no limit was put to the test." if idle else ""
    says = [
        f"SIMULATED: {passed} of {len(tested)} bad days held every limit.{empty} What was lost beyond stop prices, "
        "because the market jumped over them or nothing filled there, no limit can hold: only a smaller size does.",
        *(f"{result.title}. {' '.join(result.story)}" for result in results),
    ]
    rows = tuple(
        (
            result.title,
            _word(result),
            count(result.held),
            percent(result.figures["worst_day_loss"]),
            dollars(result.figures["gap_dollars"]),
            percent(result.figures["capital_at_risk"]),
            percent(result.figures["drawdown"]),
            dollars(result.figures["final_equity_dollars"]),
        )
        for result in results
    )
    broken = tuple(
        (result.title, check.name, check.limit, check.value)
        for result in results
        for check in result.checks
        if not check.holds
    )
    tables = [Table("Bad days", HEAD, rows, text_columns=(0, 1))]
    if broken:
        tables.append(Table("What did not hold", ("", "check", "may", "did"), broken, text_columns=(0, 1, 2, 3)))
    return Section("scenarios", title, tuple(says), tables=tuple(tables))


def _word(result: ScenarioResult) -> str:
    if not result.passed:
        return "BROKEN"
    return "hold" if result.held else "nothing held"
