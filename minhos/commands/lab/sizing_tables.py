"""The sizing comparison on a terminal: verdict first, then the report's own tables, Kelly's fractions as bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from minhos.commands.study.tables import drawn
from minhos.research.report.sizing import risk_tables, settings_table, size_tables
from minhos.research.sizing_lab.fraction_figures import HistogramBin
from minhos.research.sizing_lab.fractions import RuleLab
from minhos.research.sizing_lab.policies import SHIPPED
from minhos.studies.kelly_vs_fixed import KellyVsFixed
from minhos.words import percent

BAR_WIDTH, BARS = 30, 10


def pages(found: KellyVsFixed) -> Iterator[RenderableType]:
    """What is printed, in order."""
    yield Group(
        Text(f"{found.verdict}: {found.reason}"),
        Text(found.sentence, style="bold"),
        Text(f"{found.bars:,} bars out of sample, {found.first[:16]} to {found.last[:16]} UTC; {found.schedule}."),
        *(Text(overlap.sentence) for overlap in found.contracts.overlaps),
    )
    yield from drawn(size_tables(found.criteria, found.contracts, found.fractions))
    yield from drawn(risk_tables(found.fractions))
    yield from (histogram(rule) for rule in found.fractions.rules if rule.policies)
    settings = found.contracts.settings
    if any(cost.bound.bars or cost.cost for cost in settings):
        yield from drawn([settings_table(settings)])
    else:
        yield Text("Settings: none of them refused or cut a bet.")


def histogram(lab: RuleLab) -> Group:
    """Kelly's fractions as text bars."""
    kelly = next(figures for figures in lab.policies if figures.policy == SHIPPED)
    lines = [Text(f"Kelly fractions as shipped, {lab.rule.name}: {kelly.bets:,} bets", style="italic")]
    bins = merged(kelly.histogram)
    most = max((b.bets for b in bins), default=0)
    for b in bins:
        bar = "█" * round(BAR_WIDTH * b.bets / most) if most else ""
        lines.append(Text(f"{_edge(b.low)} to {_edge(b.high)} {bar} {b.bets:,}"))
    return Group(*lines)


def merged(bins: Sequence[HistogramBin]) -> list[HistogramBin]:
    """At most `BARS` of them, neighbours put together."""
    step = -(-len(bins) // BARS) or 1
    groups = [bins[i : i + step] for i in range(0, len(bins), step)]
    return [HistogramBin(group[0].low, group[-1].high, sum(b.bets for b in group)) for group in groups]


def _edge(share: float) -> str:
    return percent(share, 2, tight=True).rjust(7)
