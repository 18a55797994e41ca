"""The report's sections on size: Kelly against fixed sizes on the same signals, how bad it can get, what settings cost.

Each function takes the report's values and says them; it computes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeVar

from minhos.research.report import figures
from minhos.research.report.section import Chart, Section, Table
from minhos.research.report.values import ResearchReport
from minhos.research.sizing_lab.comparisons import Comparison, Difference
from minhos.research.sizing_lab.contract_figures import ContractFigures
from minhos.research.sizing_lab.contracts import ContractsLab
from minhos.research.sizing_lab.criteria import Criterion, State
from minhos.research.sizing_lab.fraction_figures import PolicyFigures
from minhos.research.sizing_lab.fractions import FractionsLab, RuleLab
from minhos.research.sizing_lab.policies import ENTRY_RULES, FIXED_10, POLICIES, POLICY, SHIPPED
from minhos.research.sizing_lab.setting_costs import SettingCost
from minhos.words import NONE, Interval, chance, compact, count, number, p_value, percent

CONSTRAINED = "kelly_drawdown"
COLORS = (figures.BLUE, figures.ORANGE)
ASKED = "Kelly as shipped against a fixed 10 %"
SHIPPED_ROW = (POLICIES.index(POLICY[SHIPPED]),)
F = TypeVar("F")
CONTRACTS: Mapping[str, Sequence[tuple[str, Callable[[ContractFigures], str]]]] = {
    "what they earned": (
        ("return", lambda f: percent(f.total_return, sign=True, tight=True)),
        ("Sharpe", lambda f: compact(f.deflation.annual)),
        ("P>0", lambda f: chance(f.deflation.probability, tight=True)),
        ("max dd", lambda f: share(f.max_drawdown, 2)),
        ("vol.", lambda f: share(f.volatility)),
        ("win", lambda f: share(f.win_rate)),
    ),
    "how": (
        ("ret/dd", lambda f: compact(f.risk_adjusted, 1)),
        ("Sortino", lambda f: compact(f.sortino_ratio, 1)),
        ("Calmar", lambda f: compact(f.calmar_ratio, 1)),
        ("factor", lambda f: compact(f.profit_factor)),
        ("trades", lambda f: count(f.trades)),
        ("held", lambda f: share(f.exposure)),
    ),
    "size and cost": (
        ("most", lambda f: count(f.largest_position)),
        ("at risk", lambda f: share(f.largest_risk, 2)),
        ("mean", lambda f: share(f.mean_risk, 2)),
        ("fees $", lambda f: number(f.commission_cents / 100, 0)),
        ("slippage $", lambda f: number(f.slippage_cents / 100, 0)),
    ),
}
FRACTIONS: Mapping[str, Sequence[tuple[str, Callable[[PolicyFigures], str]]]] = {
    "what they earned (growth: of log wealth, a year)": (
        ("growth", lambda f: compact(f.growth_a_year)),
        ("Sharpe", lambda f: compact(f.sharpe_ratio)),
        ("P>0", lambda f: chance(f.deflation.probability, tight=True)),
        ("max dd", lambda f: share(f.max_drawdown)),
        ("vol.", lambda f: share(f.volatility, 0)),
        ("win", lambda f: share(f.win_rate)),
        ("mean f", lambda f: share(f.mean_fraction, 2)),
    ),
    "how": (
        ("Sortino", lambda f: compact(f.sortino_ratio, 1)),
        ("factor", lambda f: compact(f.profit_factor)),
        ("held", lambda f: share(f.exposure)),
        ("most f", lambda f: share(f.largest_fraction, 2)),
        ("at limit", lambda f: share(f.days_at_limit)),
    ),
}
RUIN: Mapping[str, Sequence[tuple[str, Callable[[PolicyFigures], str]]]] = {
    "how bad it can get": (
        ("bets", lambda f: count(f.bets)),
        ("dd 50%", lambda f: share(f.ruin.drawdown_median)),
        ("dd 95%", lambda f: share(f.ruin.drawdown_95)),
        ("P<0.8", lambda f: share(f.ruin.below_80)),
        ("P<0.5", lambda f: share(f.ruin.below_50)),
        ("Sharpe 95%", lambda f: _interval(f.ruin.sharpe_interval)),
    ),
}
"""Columns by what they say; every policy has one row."""


def comparison(report: ResearchReport) -> Section:
    """All ways to size, in contracts and in fractions, under both entry rules."""
    title = "Size: Kelly against fixed"
    if report.fractions is None or report.contracts is None:
        return Section("size", title, absent=report.missing.get("sizing", "not measured"))
    lab, contracts = report.fractions, report.contracts
    says = [report.sizing_sentence, *(rule.missing for rule in lab.rules if rule.missing)]
    says += [overlap.sentence for overlap in contracts.overlaps]
    charts = (_sharpe_chart(lab), _drawdown_chart(lab)) if any(rule.policies for rule in lab.rules) else ()
    return Section("size", title, tuple(says), charts, size_tables(report.criteria, contracts, lab))


def size_tables(criteria: tuple[Criterion, ...], contracts: ContractsLab, lab: FractionsLab) -> tuple[Table, ...]:
    """What was asked for, and what every way to size came to in both units."""
    in_contracts = {rule.name: [run for run in contracts.runs if run.rule == rule.name] for rule in ENTRY_RULES}
    known = {rule: runs for rule, runs in in_contracts.items() if not all(run.missing for run in runs)}
    tried = (
        f"P>0: chance that the Sharpe ratio is above zero after {contracts.n_trials:,} trials on these bars.  ret/dd: "
        "return over drawdown.  at risk: largest share of capital."
    )
    limit = "most f: largest fraction of capital on a bet.  at limit: trade dates that end at the day's limit or worse."
    return (
        *_criteria_tables(criteria),
        *_policy_tables(f"Whole contracts of {contracts.order_root}", CONTRACTS, known, tried),
        *_policy_tables("Fractions of capital", FRACTIONS, _by_rule(lab), limit),
    )


def risk_tables(lab: FractionsLab) -> tuple[Table, ...]:
    """How bad it can get, in fractions of capital."""
    more = (
        f"dd 50%, dd 95%: drawdown of {lab.histories:,} resampled histories as long as this one.  P<0.8: chance that "
        "wealth is ever below 80 % of the start."
    )
    tables = [*_policy_tables("Fractions of capital", RUIN, _by_rule(lab), more)]
    for rule in lab.rules:
        if rule.policies:
            tables += [_differences_table(rule), _lower_table(rule), _accounts_table(rule)]
    return tuple(table for table in tables if table.rows)


def _by_rule(lab: FractionsLab) -> dict[str, Sequence[PolicyFigures]]:
    return {rule.rule.name: rule.policies for rule in lab.rules if rule.policies}


def _criteria_tables(criteria: Iterable[Criterion]) -> Iterator[Table]:
    """One row a criterion; one row for all comparisons of which nothing can be told."""
    for (rule, unit), group in groupby(criteria, lambda c: (c.rule, c.unit)):
        lines = list(group)
        known = [c for c in lines if c.state is not State.CANNOT_BE_TOLD]
        rows = [(c.state.value, c.title, c.sentence) for c in lines]
        if not any(c.name != "constraints" for c in known):
            rows = [(State.CANNOT_BE_TOLD.value, "comparisons", lines[0].sentence)]
            rows += [(c.state.value, c.title, c.sentence) for c in known]
        head = ("", "criterion", "Kelly against fixed, 95 % of the difference")
        yield Table(ASKED, head, tuple(rows), text_columns=(0, 1, 2), where=f"{rule}, in {unit}")


def _policy_tables(
    title: str,
    groups: Mapping[str, Sequence[tuple[str, Callable[[F], str]]]],
    by_rule: Mapping[str, Sequence[F]],
    more: str,
) -> Iterator[Table]:
    """One row a policy, one table a group of columns and rule.  more: stands under the last group."""
    last = list(groups)[-1], list(by_rule)[-1:]
    for what, columns in groups.items():
        for rule, runs in by_rule.items():
            rows = tuple(
                (policy.short, *(write(run) for _, write in columns))
                for policy, run in zip(POLICIES, runs, strict=True)
            )
            yield Table(
                f"{title}, {what}",
                ("", *(name for name, _ in columns)),
                rows,
                more if (what, [rule]) == last else "",
                where=rule,
                strong=SHIPPED_ROW,
            )


def _differences_table(rule: RuleLab) -> Table:
    """Every policy against both fixed sizes, and Kelly against the size of its own risk and drawdown."""
    found = [*rule.comparisons, *rule.more_than_size]
    rows = tuple(
        (
            _against(c),
            _difference(c.sharpe_ratio, p=c.sharpe_p_value),
            _difference(c.growth),
            _difference(c.max_drawdown, 100.0, " points"),
        )
        for c in found
    )
    return Table(
        "Is it more than smaller size?  In fractions, 95 % of the difference on the same resampled dates",
        ("", "Sharpe ratio", "growth a year", "drawdown"),
        rows,
        text_columns=(0, 1, 2, 3),
        where=rule.rule.name,
        brief=tuple(
            i
            for i, c in enumerate(found)
            if c.policy == SHIPPED and (c.against == FIXED_10 or c.against_fraction is not None)
        ),
    )


def _against(compared: Comparison) -> str:
    fraction = "" if compared.against_fraction is None else f" ({share(compared.against_fraction, 2)})"
    against = POLICY[compared.against].short if compared.against in POLICY else compared.against
    return f"{POLICY[compared.policy].short} − {against}{fraction}"


def _difference(found: Difference, scale: float = 1.0, unit: str = "", p: float | None = None) -> str:
    if found.value is None or found.interval is None:
        return NONE
    low, high = found.interval
    tested = "" if p is None else f", p {p_value(p)}"
    between = f"{scale * low:+.2f} to {scale * high:+.2f}"
    return f"{scale * found.value:+.2f} ({between}){unit}{tested}: {found.verdict}"


def _interval(pair: Interval | None) -> str:
    return NONE if pair is None else f"{compact(pair[0], 1)} to {compact(pair[1], 1)}"


def share(value: float | None, digits: int = 1) -> str:
    """Percent for a narrow column."""
    return percent(value, digits, tight=True)


def _sharpe_chart(lab: FractionsLab) -> Chart:
    return Chart(
        "Sharpe ratio by way to size",
        f"A year, of returns by {len(lab.trade_dates)} trade dates in fractions of capital, with 95 % intervals of "
        f"{lab.histories:,} resampled histories. A smaller size alone raises it a little: compare with the fixed size "
        "of the same mean risk.",
        _dots(
            lab,
            [[(p.sharpe_ratio, p.ruin.sharpe_interval) for p in rule.policies] for rule in lab.rules],
            "Sharpe ratio a year",
        ),
    )


def _drawdown_chart(lab: FractionsLab) -> Chart:
    return Chart(
        "Drawdown by way to size",
        f"Median of the largest drawdown over {lab.histories:,} resampled histories of {len(lab.trade_dates)} trade "
        "dates; the line reaches to the worst 5 % of them.",
        _dots(
            lab,
            [
                [(p.ruin.drawdown_median, (p.ruin.drawdown_median, p.ruin.drawdown_95)) for p in rule.policies]
                for rule in lab.rules
            ],
            "share of the peak",
            x_axis={"tickformat": ".0%"},
        ),
    )


def _dots(
    lab: FractionsLab,
    values: list[list[tuple[float | None, Interval | None]]],
    x: str,
    x_axis: figures.Trace | None = None,
) -> figures.Figure:
    """One mark a policy and rule, names to the left."""
    traces = []
    for rule, found, color in zip(lab.rules, values, COLORS, strict=True):
        known = [(p, v, i) for p, (v, i) in zip(rule.policies, found, strict=True) if v is not None]
        if known:
            middle = [v for _, v, _ in known]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "orientation": "h",
                    "x": middle,
                    "name": f"entry {rule.rule.name}",
                    "y": [p.title.replace(", ", ",<br>") for p, _, _ in known],
                    "marker": {"color": color, "size": 9},
                    "error_x": figures.error_bars(middle, [i for _, _, i in known], color),
                }
            )
    return figures.figure(
        traces,
        x,
        "",
        height=460,
        showlegend=True,
        scattermode="group",
        scattergap=0.4,
        y_axis={"type": "category", "autorange": "reversed"},
        x_axis=x_axis,
    )


def risk(report: ResearchReport) -> Section:
    """How bad it can get, and what if the edge is smaller than it looks."""
    title = "How bad it can get"
    rules = [rule for rule in report.fractions.rules if rule.policies] if report.fractions else []
    if not rules:
        why = next((rule.missing for rule in report.fractions.rules), "") if report.fractions else ""
        return Section("risk", title, absent=why.rstrip(".") or report.missing.get("sizing", "not measured"))
    assert report.fractions is not None
    charts = [chart for rule in rules for chart in (*_bands_charts(rule), *_histogram_charts(rule))]
    return Section("risk", title, (), tuple(charts), risk_tables(report.fractions))


def _bands_charts(rule: RuleLab) -> list[Chart]:
    found = [p for p in rule.policies if p.policy == SHIPPED and p.ruin.bands]
    charts = []
    for p in found:
        x = [band.trade_dates for band in p.ruin.bands]
        traces = [
            *figures.band(x, [b.low for b in p.ruin.bands], [b.high for b in p.ruin.bands], "90 % of histories"),
            figures.line(x, [b.median for b in p.ruin.bands], "median"),
        ]
        charts.append(
            Chart(
                f"Wealth ahead, entry {rule.rule.name}",
                f"{p.title}: log of wealth over {p.ruin.trade_dates} trade dates in {p.ruin.histories:,} histories of "
                f"the same days; ever below 0.8 of the start in {percent(p.ruin.below_80)}, below one half in "
                f"{percent(p.ruin.below_50)}.",
                figures.figure(traces, "trade dates", "log of wealth"),
            )
        )
    return charts


def _histogram_charts(rule: RuleLab) -> list[Chart]:
    """Fractions as shipped, and drawdown-constrained alone where that differs."""
    by_name = {p.policy: p for p in rule.policies}
    shipped, constrained = by_name[SHIPPED], by_name[CONSTRAINED]
    shown = [shipped] if shipped.histogram == constrained.histogram else [shipped, constrained]
    charts = []
    for p in shown:
        middles = [f"{50 * (b.low + b.high):.2f}" for b in p.histogram]
        charts.append(
            Chart(
                f"{p.title}: fractions at risk, entry {rule.rule.name}",
                f"How many of {count(sum(b.bets for b in p.histogram))} bets risked how much of capital; mean "
                f"{percent(p.mean_fraction, 2)}, at most {percent(p.largest_fraction, 2)}.",
                figures.bars(middles, [b.bets for b in p.histogram], "% of capital at risk", "bets", height=240),
            )
        )
    return charts


def _lower_table(rule: RuleLab) -> Table:
    """What if the true win rate were lower."""
    lower = rule.lower_win_rate
    rows = tuple(
        (
            POLICY[p.policy].short,
            share(p.win_rate),
            compact(p.growth_a_year),
            compact(p.sharpe_ratio),
            share(p.drawdown_median),
            share(p.drawdown_95),
            share(p.below_80),
            share(p.loses, 0),
        )
        for p in (lower.policies if lower else ())
    )
    head = ("", "win", "growth/y", "Sharpe", "median dd", "95 % dd", "P(<80 %)", "loses")
    points = 100 * lower.points if lower else 0.0
    return Table(f"If the true win rate were {points:.0f} points lower", head, rows, where=rule.rule.name)


def _accounts_table(rule: RuleLab) -> Table:
    """Rules of evaluation accounts, under every policy."""
    rows = tuple(
        (
            check.outcome.rules,
            POLICY[check.policy].short,
            share(check.outcome.broken, 0),
            share(check.outcome.met, 0),
            compact(check.outcome.days_to_target, 0),
            share(check.outcome.unfinished, 0),
        )
        for check in rule.accounts
    )
    return Table(
        "Accounts with rules, share of start dates",
        ("rules", "", "broken", "met", "in dates", "unfinished"),
        rows,
        "Broken before the target was met, target met, neither by the end of the record.",
        text_columns=(0, 1),
        where=rule.rule.name,
        brief=tuple(i for i, check in enumerate(rule.accounts) if check.policy in (SHIPPED, FIXED_10)),
    )


def settings_cost(report: ResearchReport) -> Section:
    """For each setting how often it bound and what it cost or saved."""
    title = "What each setting cost"
    if report.contracts is None:
        return Section("cost-of-settings", title, absent=report.missing.get("sizing", "not measured"))
    says = "The same backtest as set, and with one setting off at a time; bars and trade dates on which it bound."
    return Section("cost-of-settings", title, (says,), tables=(settings_table(report.contracts.settings),))


def settings_table(settings: Sequence[SettingCost]) -> Table:
    """How often each setting bound, and what it cost or saved, in points of capital."""
    rows = tuple(
        (
            cost.title,
            count(cost.bound.bars),
            count(len(cost.bound.trade_dates)),
            _cost(cost.cost),
            _cost(None if cost.drawdown_saved is None else -cost.drawdown_saved),
            _sure(cost),
        )
        for cost in settings
    )
    title = "Settings as they stand: how often each bound, and the same days without it (points of capital)"
    return Table(title, ("setting", "bars", "dates", "return", "drawdown", ""), rows, text_columns=(0, 5))


def _cost(value: float | None) -> str:
    """Points that a setting cost; what it saved is said to be saved."""
    if value is None:
        return NONE
    return "0" if value == 0.0 else f"{'cost' if value > 0 else 'saved'} {abs(100 * value):.2f}"


def _sure(cost: SettingCost) -> str:
    if cost.cost is None:
        return "too few bets without it"
    if cost.cost == 0.0 and cost.drawdown_saved == 0.0:
        return "changed nothing"
    return "significant" if cost.difference.verdict in ("better", "worse") else cost.difference.verdict
