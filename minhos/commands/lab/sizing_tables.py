"""The sizing comparison on a terminal: verdict first, then criteria, tables, bars.  Words and layout, no arithmetic.

From 116 columns on, both entry rules stand side by side, below that one under the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from minhos.research.sizing_lab.comparisons import Comparison, Difference
from minhos.research.sizing_lab.criteria import Criterion, State
from minhos.research.sizing_lab.fraction_figures import HistogramBin, PolicyFigures
from minhos.research.sizing_lab.fractions import RuleLab
from minhos.research.sizing_lab.policies import ENTRY_RULES, FIXED_10, SHIPPED
from minhos.research.sizing_lab.setting_costs import SettingCost
from minhos.studies.kelly_vs_fixed import KellyVsFixed

SHORT = {
    "fixed_10": "fixed 10 %",
    "fixed_1_contract": "1 contract",
    "fixed_same_risk": "fixed same risk",
    "volatility_target": "vol. target",
    "kelly_full": "Kelly full",
    "kelly_half": "Kelly half",
    "kelly_quarter": "Kelly quarter",
    "kelly_drawdown": "Kelly drawdown",
    "kelly_shipped": "Kelly shipped",
}
SIDE_BY_SIDE = 106
"""Columns, without the mark of a simulated market, from which two rules fit beside each other."""
STYLES = {State.MET: "green", State.NOT_MET: "red", State.CANNOT_BE_TOLD: "yellow"}
BAR_WIDTH, BARS = 30, 10
Column = tuple[str, Callable[[Any], str]]


def share(value: float | None, digits: int = 1, sign: str = "") -> str:
    """A share as a percentage; a dash where it is not known."""
    return "–" if value is None else f"{value:{sign}.{digits}%}"


def number(value: float | None, digits: int = 2) -> str:
    """With fewer digits the larger it is; a dash where it is not known."""
    if value is None:
        return "–"
    size = abs(value)
    return f"{value:.0e}" if size >= 1e5 else f"{value:,.0f}" if size >= 100 else f"{value:,.{digits}f}"


def chance(value: float | None) -> str:
    """Whole percent, but never certain."""
    if value is None:
        return "–"
    return ">99%" if value > 0.995 else "<1%" if value < 0.005 else f"{value:.0%}"


def interval(pair: tuple[float, float] | None) -> str:
    """Both ends; a dash where they are not known."""
    return "–" if pair is None else f"{number(pair[0], 1)} to {number(pair[1], 1)}"


CONTRACTS: dict[str, tuple[Column, ...]] = {
    "what they earned": (
        ("return", lambda f: share(f.total_return, 1, "+")),
        ("Sharpe", lambda f: number(f.deflation.annual)),
        ("P>0", lambda f: chance(f.deflation.probability)),
        ("max dd", lambda f: share(f.max_drawdown, 2)),
        ("vol.", lambda f: share(f.volatility)),
        ("win", lambda f: share(f.win_rate)),
    ),
    "how": (
        ("ret/dd", lambda f: number(f.risk_adjusted, 1)),
        ("Sortino", lambda f: number(f.sortino_ratio, 1)),
        ("Calmar", lambda f: number(f.calmar_ratio, 1)),
        ("factor", lambda f: number(f.profit_factor)),
        ("trades", lambda f: f"{f.trades:,}"),
        ("held", lambda f: share(f.exposure)),
    ),
    "size and cost": (
        ("most", lambda f: str(f.largest_position)),
        ("at risk", lambda f: share(f.largest_risk, 2)),
        ("mean", lambda f: share(f.mean_risk, 2)),
        ("fees $", lambda f: f"{f.commission_cents / 100:,.0f}"),
        ("slippage $", lambda f: f"{f.slippage_cents / 100:,.0f}"),
    ),
}
FRACTIONS: dict[str, tuple[Column, ...]] = {
    "what they earned (growth: of log wealth, a year)": (
        ("growth", lambda f: number(f.growth_a_year)),
        ("Sharpe", lambda f: number(f.sharpe_ratio)),
        ("max dd", lambda f: share(f.max_drawdown)),
        ("vol.", lambda f: share(f.volatility, 0)),
        ("win", lambda f: share(f.win_rate)),
        ("mean f", lambda f: share(f.mean_fraction, 2)),
    ),
    "how bad it can get": (
        ("bets", lambda f: f"{f.bets:,}"),
        ("dd 50%", lambda f: share(f.ruin.drawdown_median)),
        ("dd 95%", lambda f: share(f.ruin.drawdown_95)),
        ("P<0.8", lambda f: share(f.ruin.below_80)),
        ("P<0.5", lambda f: share(f.ruin.below_50)),
        ("Sharpe 95%", lambda f: interval(f.ruin.sharpe_interval)),
    ),
}


def pages(found: KellyVsFixed) -> Iterator[RenderableType]:
    """What is printed, in order."""
    yield Group(
        Text(f"{found.verdict}: {found.reason}"),
        Text(found.sentence, style="bold"),
        Text(f"{found.bars:,} bars out of sample, {found.first[:16]} to {found.last[:16]} UTC; {found.schedule}."),
        *(Text(overlap.sentence) for overlap in found.contracts.overlaps),
    )
    yield criteria_table(found.criteria)
    yield from _contracts(found)
    yield from _fractions(found)
    yield settings_table(found.contracts.settings)


def criteria_table(criteria: Sequence[Criterion]) -> Table:
    """One line a criterion, grouped by rule and unit; one line a group of which nothing can be told."""
    table = Table(box=None, padding=(0, 1), title="Kelly as shipped against a fixed 10 %", title_justify="left")
    for name in ("", "criterion", "Kelly against fixed, 95 % of the difference"):
        table.add_column(name, overflow="fold")
    for (rule, unit), group in groupby(criteria, lambda c: (c.rule, c.unit)):
        lines = list(group)
        told = [c for c in lines if c.state is not State.CANNOT_BE_TOLD]
        table.add_row("", Text(f"{rule}, in {unit}", style="bold"), "")
        if not any(c.name != "constraints" for c in told):
            table.add_row(_word(State.CANNOT_BE_TOLD), "comparisons", lines[0].sentence)
            lines = told
        for criterion in lines:
            table.add_row(_word(criterion.state), criterion.title, criterion.sentence)
    return table


def _word(state: State) -> Text:
    return Text(state, style=STYLES[state])


def _contracts(found: KellyVsFixed) -> Iterator[RenderableType]:
    lab = found.contracts
    by_rule = {rule.name: [f for f in lab.runs if f.rule == rule.name] for rule in ENTRY_RULES}
    told = {name: figures for name, figures in by_rule.items() if not all(f.missing for f in figures)}
    if not told:
        return
    for what, columns in CONTRACTS.items():
        yield SideBySide(f"Whole contracts of {lab.order_root}, {what}", told, columns)
    yield Text(
        f"P>0: chance that the Sharpe ratio is above zero after {lab.n_trials:,} trials on these bars.  ret/dd: return "
        "over drawdown.  at risk: largest share of capital."
    )


def _fractions(found: KellyVsFixed) -> Iterator[RenderableType]:
    told = {lab.rule.name: lab for lab in found.fractions.rules if not lab.missing}
    if not told:
        return
    figures = {name: lab.policies for name, lab in told.items()}
    for what, columns in FRACTIONS.items():
        yield SideBySide(f"Fractions of capital, {what}", figures, columns)
    yield Text(
        f"dd 50%, dd 95%: drawdown of {found.fractions.histories:,} resampled histories as long as this one.  P<0.8: "
        "chance that wealth is ever below 80 % of the start."
    )
    for lab in told.values():
        yield comparisons_table(lab)
        yield histogram(lab)
        yield lower_table(lab)
        yield accounts_table(lab)


class SideBySide:
    """The same columns for each rule: beside each other where there is room, else one table a rule."""

    def __init__(self, title: str, by_rule: Mapping[str, Sequence[Any]], columns: Sequence[Column]) -> None:
        self._title = title
        self._by_rule = by_rule
        self._columns = columns

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.max_width >= SIDE_BY_SIDE:
            yield self._table(list(self._by_rule))
            return
        for rule in self._by_rule:
            yield self._table([rule])

    def _table(self, rules: list[str]) -> Table:
        where = f"{rules[0]} on the left, {rules[1]} on the right" if len(rules) > 1 else rules[0]
        table = _table(f"{self._title}: {where}")
        table.add_column("", no_wrap=True)
        for i in range(len(rules)):
            for name, _ in self._columns:
                table.add_column(name, justify="right", no_wrap=True)
            if i + 1 < len(rules):
                table.add_column("│")
        for rows in zip(*(self._by_rule[rule] for rule in rules), strict=True):
            cells = [SHORT[rows[0].policy]]
            for i, row in enumerate(rows):
                cells += ["│"] if i else []
                cells += [value(row) for _, value in self._columns]
            table.add_row(*cells, style="bold" if rows[0].policy == SHIPPED else "")
        return table


def comparisons_table(lab: RuleLab) -> Table:
    """Kelly against the fixed sizes, on the same resampled dates."""
    table = _table(f"Is it more than smaller size?  In fractions, {lab.rule.name}, 95 % of the difference")
    for name in ("", "Sharpe ratio", "growth a year", "drawdown"):
        table.add_column(name, overflow="fold")
    kelly = [c for c in lab.comparisons if c.against == FIXED_10] + list(lab.more_than_size)
    shipped = [c for c in kelly if c.policy == SHIPPED]
    other = [c for c in kelly if c.policy == "kelly_drawdown"]
    same = [c.sharpe_ratio for c in shipped] == [c.sharpe_ratio for c in other]
    for compared in shipped if same else shipped + other:
        table.add_row(
            _against(compared),
            _difference(compared.sharpe_ratio),
            _difference(compared.growth),
            _difference(compared.max_drawdown, 100.0, " points"),
        )
    return table


def histogram(lab: RuleLab) -> Group:
    """Kelly's fractions as text bars."""
    kelly = _policy(lab, SHIPPED)
    lines = [Text(f"Kelly fractions as shipped, {lab.rule.name}: {kelly.bets:,} bets", style="italic")]
    bins = merged(kelly.histogram)
    most = max((b.bets for b in bins), default=0)
    for b in bins:
        bar = "█" * round(BAR_WIDTH * b.bets / most) if most else ""
        lines.append(Text(f"{b.low:7.2%} to {b.high:7.2%} {bar} {b.bets:,}"))
    return Group(*lines)


def merged(bins: Sequence[HistogramBin]) -> list[HistogramBin]:
    """At most `BARS` of them, neighbours put together."""
    step = -(-len(bins) // BARS) or 1
    groups = [bins[i : i + step] for i in range(0, len(bins), step)]
    return [HistogramBin(group[0].low, group[-1].high, sum(b.bets for b in group)) for group in groups]


def lower_table(lab: RuleLab) -> RenderableType:
    """What if the true win rate were lower."""
    lower = lab.lower_win_rate
    if lower is None:
        return Text("")
    table = _table(f"If the true win rate were {100 * lower.points:.0f} points lower, {lab.rule.name}")
    columns: tuple[Column, ...] = (
        ("win", lambda f: share(f.win_rate)),
        ("growth/y", lambda f: number(f.growth_a_year)),
        ("Sharpe", lambda f: number(f.sharpe_ratio)),
        ("median dd", lambda f: share(f.drawdown_median)),
        ("95 % dd", lambda f: share(f.drawdown_95)),
        ("P(<80 %)", lambda f: share(f.below_80)),
        ("loses", lambda f: share(f.loses, 0)),
    )
    table.add_column("", no_wrap=True)
    for name, _ in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for figures in lower.policies:
        table.add_row(SHORT[figures.policy], *(value(figures) for _, value in columns))
    return table


def accounts_table(lab: RuleLab) -> Table:
    """Rules of evaluation accounts, for Kelly as shipped and a fixed 10 %."""
    table = _table(f"Accounts with rules, share of start dates, {lab.rule.name}")
    for name in ("rules", "", "broken", "met", "unfinished"):
        table.add_column(name, justify="right" if name in ("broken", "met", "unfinished") else "left")
    for check in lab.accounts:
        if check.policy in (SHIPPED, FIXED_10):
            found = check.outcome
            table.add_row(
                found.rules,
                SHORT[check.policy],
                share(found.broken, 0),
                share(found.met, 0),
                share(found.unfinished, 0),
            )
    return table


def settings_table(settings: Sequence[SettingCost]) -> RenderableType:
    """How often each setting bound, and what it cost or saved, in points of capital."""
    if not any(cost.bound.bars or cost.cost for cost in settings):
        return Text("Settings: none of them refused or cut a bet.")
    table = _table("Settings as they stand: how often each bound, and the same days without it (points of capital)")
    for name in ("setting", "bars", "dates", "return", "drawdown", ""):
        table.add_column(name, justify="right" if name in ("bars", "dates", "return", "drawdown") else "left")
    for cost in settings:
        table.add_row(
            cost.title,
            f"{cost.bound.bars:,}",
            str(len(cost.bound.trade_dates)),
            _cost(cost.cost),
            _cost(None if cost.drawdown_saved is None else -cost.drawdown_saved),
            _sure(cost),
        )
    return table


def _cost(value: float | None) -> str:
    """Points that a setting cost; what it saved is said to be saved."""
    if value is None:
        return "–"
    return "0" if value == 0.0 else f"{'cost' if value > 0 else 'saved'} {abs(100 * value):.2f}"


def _sure(cost: SettingCost) -> str:
    if cost.cost is None:
        return "too few bets without it"
    if cost.cost == 0.0 and cost.drawdown_saved == 0.0:
        return "changed nothing"
    return "significant" if cost.difference.verdict in ("better", "worse") else cost.difference.verdict


def _against(compared: Comparison) -> str:
    fraction = "" if compared.against_fraction is None else f" ({compared.against_fraction:.2%})"
    return f"{SHORT[compared.policy]} − {SHORT.get(compared.against, compared.against)}{fraction}"


def _difference(found: Difference, scale: float = 1.0, unit: str = "") -> str:
    if found.value is None or found.interval is None:
        return "–"
    low, high = found.interval
    words = f": {found.verdict}" if found.verdict == "no significant difference" else ""
    return f"{scale * found.value:+.2f} ({scale * low:+.2f} to {scale * high:+.2f}){unit}{words}"


def _policy(lab: RuleLab, name: str) -> PolicyFigures:
    return next(figures for figures in lab.policies if figures.policy == name)


def _table(title: str) -> Table:
    return Table(box=None, padding=(0, 1, 0, 0), title=title, title_justify="left", title_style="italic")
