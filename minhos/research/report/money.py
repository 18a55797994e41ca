"""The report's sections on money, bad days and how it was made: account, trades, settings, trials, data.

Each function takes the report's values and says them; it computes nothing.
"""

from __future__ import annotations

from minhos.research.report import figures
from minhos.research.report.forecasts import annual
from minhos.research.report.section import Chart, Section, Table
from minhos.research.report.values import Money, ResearchReport
from minhos.research.scenarios.suite import ScenarioResult
from minhos.words import count, date, dollars, gain, minute, number, percent, signed

TRADES_SHOWN = 200
DAYS_HEAD = ("", "limits", "contracts", "worst day", "beyond stops", "at risk", "drawdown", "ended with")


def account(report: ResearchReport) -> Section:
    """The settings as they stand, in whole contracts through the engine."""
    money = report.money
    title = "Account: the settings as they stand"
    if money is None:
        return Section("account", title, absent=report.missing.get("account", "not measured"))
    says = (_account_words(money), f"{money.deflation.sentence.rstrip('.')}.")
    charts: tuple[Chart, ...] = ()
    if money.trades:
        charts = (_equity_chart(money), _drawdown_chart(money))
    tables = (
        Table("Why it held what it held", ("decisions", "bars"), _counts(money.outcomes)),
        Table("Which limit bound", ("limit", "bars"), _counts(money.bound_by)),
    )
    return Section("account", title, says, charts, tuple(table for table in tables if table.rows))


def _account_words(money: Money) -> str:
    if not money.trades:
        return f"From {dollars(money.start_dollars)}: nothing was traded."
    return (
        f"From {dollars(money.start_dollars)}: {gain(money.total_return)} in {count(len(money.trades))} "
        f"trades over {count(len(money.curve.trade_dates))} trade dates, {percent(money.win_rate)} of them won, "
        f"profit factor {number(money.profit_factor)}, largest drawdown {percent(money.max_drawdown, 2)}, in the "
        f"market on {percent(money.exposure)} of the bars; commissions {dollars(money.commission_dollars)}, slippage "
        f"{dollars(money.slippage_dollars)}."
    )


def _counts(counted: dict[str, int]) -> tuple[tuple[str, str], ...]:
    return tuple((name.replace("_", " "), count(times)) for name, times in counted.items())


def _equity_chart(money: Money) -> Chart:
    curve = money.curve
    x = [date(day) for day in curve.trade_dates]
    traces = figures.band(x, curve.band_low, curve.band_high, "90 % of resampled histories") if curve.band_low else []
    traces += [figures.level(x, money.start_dollars, "start", figures.GREY), figures.line(x, curve.values, "equity")]
    return Chart(
        "Equity",
        f"Equity at the end of {len(x)} trade dates, {count(len(money.trades))} trades; the band is where 90 % of "
        "histories lie that are resampled from the same days.",
        figures.figure(traces, "trade date", "dollars"),
    )


def _drawdown_chart(money: Money) -> Chart:
    x = [date(day) for day in money.curve.trade_dates]
    trace = {**figures.line(x, [-d for d in money.curve.drawdown], "drawdown", figures.PINK), "fill": "tozeroy"}
    return Chart(
        "Drawdown",
        f"Share of the highest equity so far that was lost, at the end of {len(x)} trade dates; at most "
        f"{percent(max(money.curve.drawdown), 2)} there and {percent(money.max_drawdown, 2)} at any bar's close.",
        figures.figure([trace], "trade date", "share of the peak", height=220, y_axis={"tickformat": ".1%"}),
    )


def months(report: ResearchReport) -> Section:
    """By calendar month."""
    found = report.money.months if report.money else ()
    if not found or report.money is None or not report.money.trades:
        return Section("months", "Months", absent="nothing was traded" if found else "not measured")
    chart = Chart(
        "Result by month",
        f"Share of equity gained in each of {len(found)} months; the first and last may be parts.",
        figures.bars(
            [m.month for m in found],
            [m.result for m in found],
            "month",
            "share of equity",
            x_axis={"type": "category"},
            y_axis={"tickformat": ".1%"},
            height=260,
        ),
    )
    rows = tuple(
        (m.month, gain(m.result), dollars(m.dollars, sign=True), count(m.trades), count(m.trade_dates)) for m in found
    )
    head = ("month", "result", "dollars", "trades", "trade dates")
    return Section("months", "Months", charts=(chart,), tables=(Table("By month", head, rows),))


def trades(report: ResearchReport) -> Section:
    """The first two hundred."""
    found = report.money.trades if report.money else ()
    if not found:
        return Section("trades", "Trades", absent="nothing was traded" if report.money else "not measured")
    rows = tuple(
        (
            t.opened,
            t.closed[11:],
            t.side,
            count(t.contracts),
            f"{t.p:.3f}",
            f"{t.p_low:.3f}",
            f"{t.break_even:.3f}",
            percent(t.fraction),
            t.bound.replace("_", " "),
            t.exit,
            signed(t.r, 2),
            dollars(t.pnl, sign=True),
        )
        for t in found[:TRADES_SHOWN]
    )
    head = (
        "opened (New York)",
        "closed",
        "side",
        "contracts",
        "p",
        "p_low",
        "break-even",
        "Kelly",
        "bound by",
        "exit",
        "R",
        "net",
    )
    left = len(found) - len(rows)
    more = f"{count(left)} more are in report.json." if left else ""
    says = f"{count(len(found))} trades from flat to flat, in whole contracts, net of commission and slippage."
    return Section("trades", "Trades", (says,), tables=(Table("Trades", head, rows, more, (0, 1, 2, 8, 9)),))


def bad_days(report: ResearchReport) -> Section:
    """The risk scenarios under the report's own settings: one row a scenario and its story.

    Not part of what bars can tell: the market of the scenarios is generated and their forecasts are made up.
    """
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
            _held(result),
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
    tables = [Table("Bad days", DAYS_HEAD, rows, text_columns=(0, 1))]
    if broken:
        tables.append(Table("What did not hold", ("", "check", "may", "did"), broken, text_columns=(0, 1, 2, 3)))
    return Section("scenarios", title, tuple(says), tables=tuple(tables))


def _held(result: ScenarioResult) -> str:
    if not result.passed:
        return "BROKEN"
    return "hold" if result.held else "nothing held"


def trials(report: ResearchReport) -> Section:
    """Everything that was ever tried on these bars."""
    says = (
        f"{count(len(report.trials))} distinct configurations were tried on bars that overlap these; each makes a good "
        "figure likelier by luck, and every Sharpe ratio here is deflated by their number.",
    )
    rows = tuple(
        (t.at, t.kind, t.configuration, "–" if t.sharpe_ratio is None else f"{annual(t.sharpe_ratio):.2f}")
        for t in report.trials[-50:]
    )
    more = f"The newest 50 of {count(len(report.trials))}." if len(report.trials) > 50 else ""
    head = ("first tried (UTC)", "by", "configuration", "Sharpe ratio a year")
    return Section("trials", "Trial ledger", says, tables=(Table("Trials", head, rows, more, (0, 1, 2)),))


def settings(report: ResearchReport) -> Section:
    """What everything was done with."""
    tables = tuple(
        Table(f"[{name}]", ("setting", "value"), tuple(values.items()), text_columns=(0, 1))
        for name, values in report.settings.items()
        if values
    )
    return Section("settings", "Settings", tables=tables)


def data(report: ResearchReport) -> Section:
    """Which bars, which models."""
    found = report.data
    missing = f" (absent: {', '.join(found.missing_members)})" if found.missing_members else ""
    rows = (
        ("Contracts", ", ".join(found.contracts)),
        ("Bars", f"{count(found.bars)}, {count(found.unseen)} of them out of sample"),
        ("Out of sample", f"{minute(found.first)} to {minute(found.last)}"),
        ("Full sessions", count(found.sessions)),
        ("Forecasts", found.schedule),
        *_walk_rows(report),
        ("Members", f"{', '.join(found.members)}{missing}"),
        ("Recipe", found.recipe_id),
        ("Lower slope of the newest calibrator", f"{found.slope_low:.3f} (above zero: the score is believed)"),
        ("Made", f"{minute(report.made)} by MinhOS {report.version}"),
        *((f"{name}, seconds", number(seconds, 1)) for name, seconds in report.seconds.items()),
    )
    table = Table("Data and models", ("", ""), rows, text_columns=(0, 1))
    return Section("data", "Data and models", found.notes, tables=(table,))


def _walk_rows(report: ResearchReport) -> tuple[tuple[str, str], ...]:
    """How the walk-forward came about; nothing for one training."""
    notes = report.walk_forward
    if notes is None:
        return ()
    cached = ", read from disk" if notes.cached else ""
    return (
        ("Trainings", f"{count(notes.weeks)}, {count(notes.fits)} fits{cached}"),
        ("Not calibrated yet, so nothing is bet", f"the first {count(notes.uncalibrated_bars)} bars out of sample"),
        ("Behind the newest calibration", f"{count(notes.calibration_bars)} earlier forecasts"),
        *((f"{name} was missing", why) for name, why in notes.missing.items()),
    )


def absent(report: ResearchReport) -> Section:
    """What was not measured, and why."""
    inside = report.prediction.missing if report.prediction else {}
    rows = tuple((name, why) for name, why in {**inside, **report.missing}.items())
    if not rows:
        return Section("absent", "What was not measured", says=("Everything was measured.",))
    table = Table("Not measured", ("what", "why"), rows, text_columns=(0, 1))
    return Section("absent", "What was not measured", tables=(table,))
