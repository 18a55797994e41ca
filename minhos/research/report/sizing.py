"""The report's sections on size: Kelly against fixed sizes on the same signals, how bad it can get, what settings cost.

Each function takes the report's values and says them; it computes nothing.
"""

from __future__ import annotations

from minhos.research.report import figures
from minhos.research.report.section import Chart, Section, Table
from minhos.research.report.values import ResearchReport
from minhos.research.sizing_lab.comparisons import Difference
from minhos.research.sizing_lab.contract_figures import ContractFigures
from minhos.research.sizing_lab.contracts import ContractsLab
from minhos.research.sizing_lab.criteria import TITLES, Criterion
from minhos.research.sizing_lab.fraction_figures import PolicyFigures
from minhos.research.sizing_lab.fractions import FractionsLab, RuleLab
from minhos.research.sizing_lab.policies import POLICIES, POLICY, SHIPPED
from minhos.research.sizing_lab.prop_firm import RuleOutcome
from minhos.words import Interval, chance, count, gain, number, numbers, p_value, percent, signed, signeds

CONSTRAINED = "kelly_drawdown"
COLORS = (figures.BLUE, figures.ORANGE)
FRACTION_HEAD = (
    "",
    "bets",
    "at risk",
    "result",
    "Sharpe",
    "95 %",
    "after trials",
    "won",
    "drawdown",
    "median",
    "worst 5 %",
    "below 0.8",
    "days at limit",
)
CONTRACT_HEAD = (
    "",
    "trades",
    "result",
    "Sharpe",
    "after trials",
    "drawdown",
    "won",
    "profit factor",
    "contracts",
    "at risk",
    "costs",
)


def comparison(report: ResearchReport) -> Section:
    """All ways to size, in fractions and in contracts, under both entry rules."""
    title = "Size: Kelly against fixed"
    if report.fractions is None or report.contracts is None:
        return Section("size", title, absent=report.missing.get("sizing", "not measured"))
    lab, contracts = report.fractions, report.contracts
    says = [report.sizing_sentence, *(rule.missing for rule in lab.rules if rule.missing)]
    says += [overlap.sentence for overlap in contracts.overlaps]
    tables = [_criteria_table(report.criteria)]
    for rule in lab.rules:
        tables += [_fraction_table(rule), _against_table(rule)] if rule.policies else []
    tables += [_contract_table(contracts, rule.rule.name) for rule in lab.rules]
    charts = (_sharpe_chart(lab), _drawdown_chart(lab)) if any(rule.policies for rule in lab.rules) else ()
    return Section("size", title, tuple(says), charts, tuple(tables))


def _criteria_table(criteria: tuple[Criterion, ...]) -> Table:
    """One row a criterion; one column a rule and unit."""
    columns = list(dict.fromkeys((c.rule, c.unit) for c in criteria))
    by = {(c.name, c.rule, c.unit): c for c in criteria}
    rows = tuple(
        (title, *(_criterion(by[name, rule, unit]) for rule, unit in columns)) for name, title in TITLES.items()
    )
    head = ("Kelly as shipped against fixed 10 %", *(f"{rule}, {unit}" for rule, unit in columns))
    return Table("What was asked for", head, rows, text_columns=tuple(range(len(head))))


def _criterion(criterion: Criterion) -> str:
    return f"{criterion.state.value}: {criterion.sentence}"


def _fraction_table(rule: RuleLab) -> Table:
    title = f"In fractions of capital, entry {rule.rule.name}: {count(rule.taken)} bars bet on"
    more = (
        "After trials: chance that the Sharpe ratio lies above zero, after everything that was tried. Median and worst "
        "5 %: of the largest drawdown over resampled histories; below 0.8: share of them ever below 0.8 of the start."
    )
    return Table(title, FRACTION_HEAD, tuple(_fraction_row(p) for p in rule.policies), more)


def _fraction_row(p: PolicyFigures) -> tuple[str, ...]:
    return (
        p.title,
        count(p.bets),
        percent(p.mean_fraction, 2),
        gain(p.total_return),
        number(p.sharpe_ratio),
        numbers(p.ruin.sharpe_interval),
        chance(p.deflation.probability),
        percent(p.win_rate),
        percent(p.max_drawdown),
        percent(p.ruin.drawdown_median),
        percent(p.ruin.drawdown_95),
        percent(p.ruin.below_80),
        percent(p.days_at_limit),
    )


def _against_table(rule: RuleLab) -> Table:
    """Every policy against both baselines, on the same resampled days."""
    rows = tuple(
        (
            POLICY[c.policy].title,
            POLICY[c.against].title,
            *_difference(c.growth),
            *_difference(c.sharpe_ratio),
            p_value(c.sharpe_p_value),
        )
        for c in rule.comparisons
    )
    head = ("", "against", "log growth a year", "95 %", "", "Sharpe", "95 %", "", "p")
    return Table(f"Differences on the same days, entry {rule.rule.name}", head, rows, text_columns=(0, 1, 4, 7))


def _difference(found: Difference) -> tuple[str, str, str]:
    return signed(found.value, 2), signeds(found.interval, 2), found.verdict


def _contract_table(lab: ContractsLab, rule: str) -> Table:
    rows = tuple(_contract_row(run) for run in lab.runs if run.rule == rule)
    missing = next((run.missing for run in lab.runs if run.rule == rule and run.missing), "")
    return Table(f"In whole contracts of {lab.order_root}, entry {rule}", CONTRACT_HEAD, rows, missing)


def _contract_row(run: ContractFigures) -> tuple[str, ...]:
    luck = run.deflation
    return (
        run.title,
        count(run.trades),
        gain(run.total_return),
        number(luck.annual),
        chance(luck.probability),
        percent(run.max_drawdown, 2),
        percent(run.win_rate),
        number(run.profit_factor),
        count(run.largest_position),
        percent(run.largest_risk, 2),
        f"${(run.commission_cents + run.slippage_cents) / 100:,.0f}",
    )


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
    charts, tables = [], []
    for rule in rules:
        charts += _bands_charts(rule)
        charts += _histogram_charts(rule)
        tables += [table for table in (_more_table(rule), _lower_table(rule), _account_table(rule)) if table.rows]
    return Section("risk", title, (), tuple(charts), tuple(tables))


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


def _more_table(rule: RuleLab) -> Table:
    rows = tuple(
        (
            POLICY[c.policy].title,
            c.against,
            percent(c.against_fraction, 2),
            signed(c.growth.value, 2),
            numbers(c.growth.interval),
            c.growth.verdict,
            signed(c.sharpe_ratio.value, 2),
            c.sharpe_ratio.verdict,
        )
        for c in rule.more_than_size
    )
    head = ("", "against", "its fraction", "growth a year", "95 %", "", "Sharpe", "")
    return Table(f"Is it more than a smaller size?  Entry {rule.rule.name}", head, rows, text_columns=(0, 1, 5, 7))


def _lower_table(rule: RuleLab) -> Table:
    lower = rule.lower_win_rate
    rows = (
        ()
        if lower is None
        else tuple(
            (
                p.title,
                percent(p.win_rate),
                signed(p.growth_a_year, 2),
                percent(p.drawdown_median),
                percent(p.below_80),
                percent(p.loses, 0),
            )
            for p in lower.policies
        )
    )
    head = ("", "won", "log growth a year", "median drawdown", "below 0.8", "draws that lose")
    points = 100 * lower.points if lower else 0.0
    return Table(f"If the true win rate were {points:.0f} points lower, entry {rule.rule.name}", head, rows)


def _account_table(rule: RuleLab) -> Table:
    """One row a policy, one column a set of rules."""
    names = list(dict.fromkeys(a.outcome.rules for a in rule.accounts))
    found = {(a.policy, a.outcome.rules): a.outcome for a in rule.accounts}
    rows = tuple(
        (policy.title, *(_account(found[policy.name, name]) for name in names))
        for policy in POLICIES
        if names and (policy.name, names[0]) in found
    )
    starts = rule.accounts[0].outcome.starts if rule.accounts else 0
    more = f"Shares of {count(starts)} start dates: rules broken before the target was met, target met, neither yet."
    title = f"Evaluation accounts, entry {rule.rule.name}"
    return Table(title, ("", *names), rows, more, tuple(range(len(names) + 1)))


def _account(found: RuleOutcome) -> str:
    met = f", {number(found.days_to_target, 0)} dates" if found.days_to_target is not None else ""
    return (
        f"broken {percent(found.broken, 0)}, met {percent(found.met, 0)}{met}, neither {percent(found.unfinished, 0)}"
    )


def settings_cost(report: ResearchReport) -> Section:
    """For each setting how often it bound and what it cost or saved."""
    title = "What each setting cost"
    if report.contracts is None:
        return Section("cost-of-settings", title, absent=report.missing.get("sizing", "not measured"))
    found = report.contracts.settings
    rows = tuple(
        (
            s.title,
            count(s.bound.bars),
            count(len(s.bound.trade_dates)),
            gain(s.return_without),
            gain(s.cost),
            gain(s.drawdown_saved),
            s.difference.verdict,
        )
        for s in found
    )
    head = ("setting", "bars", "trade dates", "result without it", "cost it", "drawdown saved", "")
    says = "The same backtest as set, and with one setting off at a time; bars and trade dates on which it bound."
    return Section("cost-of-settings", title, (says,), tables=(Table("Settings", head, rows, text_columns=(0, 6)),))
