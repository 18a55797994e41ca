"""The card at the end of `start --data`: is there an edge, where is break-even, what would have been traded.

Everything on it is out of sample, and every accuracy stands beside its interval, the majority and break-even.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from minhos.assembly.files import write_json
from minhos.assembly.layout import Layout
from minhos.assembly.naming import registry_of, scope_of
from minhos.commands.common import user
from minhos.commands.terminal import console, progress, say_all
from minhos.market.clock import SystemClock
from minhos.research.backtest import BacktestResult
from minhos.risk.evidence import Evidence
from minhos.settings import Settings
from minhos.studies.history import history_of
from minhos.studies.studies import Study, bundle_for, study
from minhos.views.card import ACCURACY_HEAD, Card, accuracy_rows, headline, hour_rows, sentences
from minhos.views.training_report import TrainingReport

BAR_WIDTH = 24
BARS_A_DAY = 276
"""Of a whole session of 23 hours."""
STYLES = {"edge": "green", "no_edge": "yellow", "too_little_data": "cyan"}


def show_card(path: Path, chosen: Settings, place: Layout) -> Card:
    """Judge the data, train, test, and print the card; the bundle is promoted, so that paper trading can begin."""
    place.make()
    history = history_of(path, chosen)
    say_all(history.notes)
    registry = registry_of(history.settings, place)
    with progress("Training") as report:
        bundle, trained = bundle_for(history.bars, history.settings, place, registry, report)
    active = registry.active(scope_of(history.settings))
    if active is None or active.id != bundle.id:
        registry.promote(bundle.id, user(), SystemClock().now_ns())
    with progress("Testing") as report:
        found = study(history.bars, bundle, history.settings, place, report)
    card = make_card(trained, found, history.settings.autonomous.min_confidence)
    write_json(place.card, card, place.disk)
    console.print(render(card))
    return card


def make_card(trained: TrainingReport, found: Study, rule: float) -> Card:
    """The card's values from the training's report and the backtest.  rule: its least confidence."""
    result = found.result
    evidence = result.risk.market(found.bars.instrument.root).evidence
    wanted = [d.recommendation for d in result.decisions if d.recommendation is not None and d.forecast is not None]
    sized = [r for r in wanted if r.target]
    sure = sum(1 for d in result.decisions if d.forecast and d.forecast.p_side >= rule)
    return Card(
        verdict=trained.verdict,
        reason=trained.reason,
        root=found.bars.instrument.root,
        symbol=found.bars.symbol,
        bars=len(found.bars),
        lines=trained.lines,
        break_even_by_hour=tuple((row.hour, row.break_even, row.n) for row in trained.break_even_by_hour),
        rule_bars=sure,
        rule_trades=len(result.trades),
        rule_pnl_cents=sum(trade.trade.pnl_cents for trade in result.trades),
        kelly_bars=len(sized),
        kelly_contracts=dict(sorted(Counter(abs(r.target) for r in sized).items())),
        fraction_median=float(np.median([r.fraction for r in sized])) if sized else 0.0,
        without_slope_bound=sum(1 for r in wanted if r.without_p_low),
        bound_by=dict(
            Counter(d.verdict.bound for d in result.decisions if d.verdict and d.verdict.bound).most_common(5)
        ),
        bets=evidence.bets,
        bets_needed=evidence.bets_from_nothing,
        days_needed=days_needed(evidence, result),
        e_value=evidence.e_value,
        rule=rule,
    )


def days_needed(evidence: Evidence, result: BacktestResult) -> float | None:
    """Trading days of paper until the evidence suffices, at the rate of the backtest; None where no number would do."""
    needed = evidence.bets_from_nothing
    if needed is None:
        return None
    days = max(1.0, len(result.decisions) / BARS_A_DAY)
    return needed / (evidence.bets / days)


def render(card: Card) -> Panel:
    """The card for the terminal."""
    style = STYLES[card.verdict]
    parts: list[RenderableType] = [
        Text(f"{headline(card)}  {card.reason}", style=f"bold {style}"),
        Text(),
        lines_table(card),
        Text(),
    ]
    parts += [Text.assemble((f"{title}: ", "bold"), text) for title, text in sentences(card)]
    parts += [Text(), hours_table(card)]
    return Panel(Group(*parts), title=f"{card.symbol}: {card.bars:,} bars out of sample", border_style=style)


def lines_table(card: Card) -> Table:
    """The three lines of the report."""
    table = Table(*ACCURACY_HEAD)
    for row in accuracy_rows(card):
        table.add_row(*row)
    return table


def hours_table(card: Card) -> Table:
    """Break-even by hour of New York as bars: the shorter, the cheaper it is to be right."""
    table = Table("New York hour", "break-even", "", "bars", title="What p must beat, by hour")
    for (_, share, _), (hour, shown, n) in zip(card.break_even_by_hour, hour_rows(card), strict=True):
        filled = round(BAR_WIDTH * min(1.0, max(0.0, (share - 0.5) / 0.25)))
        table.add_row(hour, shown, "█" * filled, n)
    return table
