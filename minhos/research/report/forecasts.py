"""The report's sections on forecasts: direction, calibration, where confidence pays, edge, costs.

Each function takes the report's values and says them; it computes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from minhos.research.luck.deflation import SESSIONS_A_YEAR
from minhos.research.measures.costs import Costs, Fills
from minhos.research.measures.edge import Edge, Slice
from minhos.research.measures.prediction import Accuracy, Calibration, Pair, Scores
from minhos.research.report import figures
from minhos.research.report.section import Chart, Section, Table
from minhos.research.report.values import ResearchReport
from minhos.risk.evidence import EvidenceState
from minhos.risk.needed import days_on_paper, until_proof
from minhos.stats import annualised
from minhos.words import (
    count,
    date,
    dollars,
    number,
    numbers,
    p_value,
    percent,
    percents,
    power_of_ten,
    signed,
    signeds,
)

SLICE_HEAD = ("", "bars", "right", "95 %", "majority", "break-even", "bets", "net R a bet", "95 %")


def forecasts(report: ResearchReport) -> Section:
    """Direction: accuracy beside everything that comes for free."""
    found = report.prediction
    if found is None or found.accuracy is None:
        return Section("forecasts", "Forecasts", absent=_why(report, "accuracy"))
    right = found.accuracy
    says = [
        f"The models were right on {percent(right.accuracy)} of {count(right.n)} bars ({percents(right.interval)}). "
        f"Always naming the more frequent direction would have been right on {percent(right.majority)}; bets on all of "
        f"them would have paid their costs only from {percent(right.break_even)} on (mean break-even).",
        f"{count(right.ties)} bars did not move and count for no accuracy"
        + (f", nor do {count(right.silent)} on which the score named no side" if right.silent else "")
        + f"; on {count(found.silent)} of "
        f"{count(found.bars)} bars the calibrated p was one half, so nothing could be bet.",
    ]
    return Section("forecasts", "Forecasts", tuple(says), tables=(_accuracy_table(right, found.scores, report),))


def _accuracy_table(right: Accuracy, scores: Scores | None, report: ResearchReport) -> Table:
    rows: list[tuple[str, str, str]] = [
        ("Right", percent(right.accuracy, 2), f"95 %: {percents(right.interval, 2)}, by {right.dates} trade dates"),
        ("Majority class", percent(right.majority, 2), "the same bars"),
        ("Break-even", percent(right.break_even, 2), "mean over the same bars, after costs"),
        ("Pesaran-Timmermann", signed(right.pesaran_timmermann, 2), f"one-sided p {p_value(right.p_value)}"),
        ("Permuted trade dates", p_value(right.permutation_p_value), "one-sided p of the accuracy"),
    ]
    if scores is not None:
        rows += [
            (
                "Log loss",
                f"{scores.log_loss:.5f}",
                f"a coin: 0.69315; skill {signed(100 * scores.log_loss_skill, 3)} %{_skill(scores.skill_interval)}",
            ),
            (
                "Brier score",
                f"{scores.brier:.5f}",
                f"against the base rate: skill {signed(100 * scores.brier_skill, 3)} %",
            ),
            ("– reliability", f"{scores.reliability:.6f}", "the smaller, the better calibrated"),
            ("– resolution", f"{scores.resolution:.6f}", "the larger, the more is told"),
            ("– uncertainty", f"{scores.uncertainty:.6f}", f"of the outcomes; within bins {scores.within_bin:+.6f}"),
        ]
    elif report.prediction is not None:
        rows.append(("Log loss, Brier", "not measured", report.prediction.missing.get("scores", "")))
    return Table("Direction and probability", ("", "value", "beside"), tuple(rows), text_columns=(0, 2))


def _skill(interval: Pair | None) -> str:
    return "" if interval is None else f" (95 %: {100 * interval[0]:+.3f} to {100 * interval[1]:+.3f} %)"


def calibration(report: ResearchReport) -> Section:
    """Do probabilities mean what they say?"""
    found = report.prediction.calibration if report.prediction else None
    if found is None:
        return Section("calibration", "Calibration", absent=_why(report, "calibration"))
    inside = sum(row.band[0] <= row.observed <= row.band[1] for row in found.bins)
    chart = Chart(
        "Reliability",
        f"Share of bars that rose, by forecast: {count(found.n)} bars in {len(found.bins)} groups of "
        f"{count(min(row.n for row in found.bins))} or one more; {inside} of {len(found.bins)} lie in the band that "
        "holds 95 % of them when p means what it says.",
        figures.calibration(found.bins),
    )
    rows = tuple((percent(row.forecast), percent(row.observed), percents(row.band), count(row.n)) for row in found.bins)
    table = Table("Reliability", ("forecast p of up", "rose", "95 % if calibrated", "bars"), rows, text_columns=())
    return Section("calibration", "Calibration", (_calibration_words(found),), (chart,), (table,))


def _calibration_words(found: Calibration) -> str:
    if found.slope is None:
        return f"Every p is the same, so slope and intercept cannot be told; {calibration_error(found)}."
    return (
        f"Slope {found.slope:.2f} (95 %: {numbers(found.slope_interval)}; 1 when p means what it says, below 1 when it "
        f"promises too much), intercept {signed(found.intercept, 3)} (95 %: {signeds(found.intercept_interval, 3)}), "
        f"{calibration_error(found)}, on {count(found.n)} bars."
    )


def calibration_error(found: Calibration) -> str:
    """The debiased error, which is zero where noise alone explains what was seen."""
    return f"debiased error {percent(found.error, 2)}" if found.error > 0.0 else "no error beyond noise"


def selective(report: ResearchReport) -> Section:
    """Accuracy of the surest bars."""
    found, moved = (report.prediction.selective, report.prediction.moved) if report.prediction else ((), 0)
    if not found:
        return Section("selective", "Where confidence pays", absent=_why(report, "selective"))
    paying = [row for row in found if row.interval[0] > row.break_even]
    says = (
        f"From p = {paying[0].threshold:.2f} on, {percent(paying[0].coverage)} of the bars, accuracy lies above their "
        f"break-even beyond its interval, at {len(paying)} of {len(found)} thresholds."
        if paying
        else "At no threshold does accuracy lie above break-even beyond its interval."
    )
    chart = Chart(
        "Accuracy of the surest bars",
        f"Each mark is a threshold of p that {found[-1].n:,} or more of {count(moved)} bars reach. A bet pays where "
        "accuracy lies above break-even.",
        figures.selective(found),
    )
    rows = tuple(
        (
            f"{row.threshold:.2f}",
            count(row.n),
            percent(row.coverage, 2),
            percent(row.accuracy),
            percents(row.interval),
            percent(row.majority),
            percent(row.break_even),
        )
        for row in found
    )
    head = ("p at least", "bars", "share", "right", "95 %", "majority", "break-even")
    return Section(
        "selective", "Where confidence pays", (says,), (chart,), (Table("By threshold", head, rows, text_columns=()),)
    )


def edge(report: ResearchReport) -> Section:
    """What the shadow book earned, and whether that proves anything."""
    found = report.edge
    if found is None:
        return Section("edge", "Edge after costs", absent=_why(report, "edge"))
    says = [_edge_words(found), _evidence_words(found)]
    if report.deflation is not None:
        says.append(f"Of the shadow book by trade date: {report.deflation.sentence.rstrip('.')}.")
        needed = report.deflation.periods_needed
        if needed is not None:
            says.append(
                f"Minimum track record: at this ratio {needed:,.0f} trade dates until it would be told from luck at "
                f"95 %; there are {report.deflation.n_periods}."
            )
    charts = []
    if report.shadow is not None and found.bets:
        charts.append(_shadow_chart(report, found))
    if report.e_values:
        x, y = [pair[0] for pair in report.e_values], [pair[1] for pair in report.e_values]
        charts.append(
            Chart(
                "Evidence",
                f'Wealth of a gambler who bets against "no edge", after each of {count(found.bets)} bets, in powers of '
                "ten; an edge is proven where it crosses the mark at 20.",
                figures.figure(
                    [figures.line(x, y, "e-value"), figures.level(x, 1.30103, "proven at 20")],
                    "bets",
                    "log10 of e-value",
                ),
            )
        )
    return Section("edge", "Edge after costs", tuple(says), tuple(charts))


def _edge_words(found: Edge) -> str:
    if found.mean_net_r is None:
        return f"No bar beat its break-even on {count(found.all_dates)} trade dates, so the shadow book placed no bet."
    return (
        f"The shadow book bet one contract on {count(found.bets)} bars whose p beat break-even, on {found.dates} of "
        f"{found.all_dates} trade dates. {percent(found.hit_rate)} of those that moved were right (break-even "
        f"{percent(found.break_even)}); mean {signed(found.mean_net_r)} R a bet after costs (95 %: "
        f"{signeds(found.interval)}), {signed(found.total_net_r, 2)} R in all. {count(found.ties)} bets did not move "
        f"and lost their cost; {count(found.beyond)} lay beyond 1 R and are clipped in the evidence."
    )


def _evidence_words(found: Edge) -> str:
    highest = "" if found.bets == 0 else f", at most {power_of_ten(found.highest)}"
    begin = f"Evidence: {found.state.upper()}; e-value {power_of_ten(found.log10_e_value)}{highest} (20 proves an edge)"
    since = "; since it was proven the detector of a degrading model has raised its alarm" if degraded(found) else ""
    return (
        f"{begin}; in this test {until_proof(found.bets, found.bets_needed, found.dates_needed)}{since}. Days of paper "
        f"still needed: {days_on_paper(found.bets, found.bets_on_paper, found.dates_on_paper)}."
    )


def degraded(found: Edge) -> bool:
    """Proven once, and no longer as good as its p says."""
    return found.state == EvidenceState.DEGRADED.value


def _shadow_chart(report: ResearchReport, found: Edge) -> Chart:
    curve = report.shadow
    assert curve is not None
    x = [date(day) for day in curve.trade_dates]
    traces = figures.band(x, curve.band_low, curve.band_high, "90 % of resampled histories") if curve.band_low else []
    return Chart(
        "Shadow book",
        f"Sum of net R of {count(found.bets)} bets over {len(x)} trade dates; the band is where 90 % of histories lie "
        "that are resampled from the same days.",
        figures.figure([*traces, figures.line(x, curve.values, "net R")], "trade date", "sum of net R"),
    )


def where(report: ResearchReport) -> Section:
    """By hour, regime, weekday, month."""
    cut = report.slices
    if cut is None:
        return Section("where", "By hour, regime, day and month", absent=_why(report, "slices"))
    above = [row for row in cut.hours if row.interval[0] > row.break_even]
    says = [
        f"In {len(above)} of {len(cut.hours)} hours accuracy lies above break-even beyond its interval; luck alone "
        "puts about one in 40 of the rows below so far above what is true of it."
    ]
    charts = [
        Chart(
            "Accuracy by hour",
            f"Right in each hour of New York, {count(sum(r.n for r in cut.hours))} bars in all.",
            figures.accuracy_of(cut.hours, "hour of New York in which the bar closes"),
        ),
    ]
    if any(row.bets for row in cut.hours):
        bets = sum(row.bets for row in cut.hours)
        charts.append(
            Chart(
                "Edge by hour",
                f"Mean net R of the shadow book's {count(bets)} bets, with 95 % intervals.",
                figures.net_r_of(cut.hours, "hour of New York in which the bar closes"),
            )
        )
    tables = [_slice_table("Hour", cut.hours)]
    if cut.volatility_edges is not None:
        low, high = cut.volatility_edges
        says.append(
            f"Regimes are terciles of volatility against its usual level: calm up to {low:.2f}, wild above {high:.2f}."
        )
        charts.append(
            Chart(
                "Accuracy by regime",
                "Right in calm, usual and wild markets, "
                f"a third of {count(sum(row.n for row in cut.regimes))} bars each.",
                figures.accuracy_of(cut.regimes, "volatility regime"),
            )
        )
        tables.append(_slice_table("Regime", cut.regimes))
    tables += [_slice_table("Weekday of the trade date", cut.weekdays), _slice_table("Month", cut.months)]
    return Section("where", "By hour, regime, day and month", tuple(says), tuple(charts), tuple(tables))


def _slice_table(title: str, rows: Sequence[Slice]) -> Table:
    return Table(
        title,
        SLICE_HEAD,
        tuple(
            (
                row.name,
                count(row.n),
                percent(row.accuracy),
                percents(row.interval),
                percent(row.majority),
                percent(row.break_even),
                count(row.bets),
                signed(row.mean_net_r),
                signeds(row.net_r_interval),
            )
            for row in rows
        ),
    )


def costs(report: ResearchReport) -> Section:
    """What trading takes, as assumed and as it was."""
    found = report.costs
    if found is None:
        return Section("costs", "Costs", absent=_why(report, "costs"))
    names = ["mean<br>move", "round<br>trip costs", "earned,<br>every bar"]
    values: list[float | None] = [found.mean_move_ticks, found.round_trip_ticks, found.gross_all_ticks]
    if found.gross_bet_ticks is not None:
        names.append("earned,<br>bets made")
        values.append(found.gross_bet_ticks)
    bars, bets = count(report.data.unseen), count(report.edge.bets if report.edge else 0)
    chart = Chart(
        "What is earned and what it costs",
        f"Ticks of one contract, means over {bars} bars and {bets} bets; what is earned lies {_against(found)}.",
        figures.bars(names, values, "", "ticks", height=280),
    )
    return Section("costs", "Costs", (_cost_words(found), _fill_words(report)), (chart,), _fill_table(report.fills))


def _against(found: Costs) -> str:
    best = found.gross_bet_ticks if found.gross_bet_ticks is not None else found.gross_all_ticks
    return "above its cost" if best > found.round_trip_ticks else "below its cost"


def _cost_words(found: Costs) -> str:
    share = (
        f"of what the bets earn before costs, {percent(found.share_eaten)} is eaten"
        if found.share_eaten is not None
        else "the bets earn nothing before costs that could be eaten"
        if found.gross_bet_ticks is not None
        else "nothing was bet"
    )
    return (
        f"A round trip of one contract costs {found.round_trip_ticks:.2f} ticks ({dollars(found.round_trip_dollars)}): "
        f"a side {found.commission_ticks:.2f} of commission and {found.slippage_ticks:.2f} of slippage. The mean move "
        f"that is bet on is {found.mean_move_ticks:.1f} ticks; betting every bar on the models' side would earn "
        f"{found.gross_all_ticks:+.2f} ticks a bar before costs; {share}."
    )


def _fill_words(report: ResearchReport) -> str:
    fills = report.fills
    if fills is None:
        return f"Realised fills: {_why(report, 'fills')}."
    return (
        f"{fills.source}: {count(fills.n)} fills of {count(fills.contracts)} contracts slipped "
        f"{fills.slippage_ticks:+.2f} ticks a side (95 %: {signeds(fills.interval, 2)}), assumed are "
        f"{fills.assumed_slippage_ticks:.2f}; commission {dollars(fills.commission_dollars)} a side, assumed "
        f"{dollars(fills.assumed_commission_dollars)}."
    )


def _fill_table(fills: Fills | None) -> tuple[Table, ...]:
    if fills is None:
        return ()
    rows = (
        (
            "slippage, ticks a side",
            number(fills.assumed_slippage_ticks),
            number(fills.slippage_ticks),
            signeds(fills.interval, 2),
        ),
        ("commission a side", dollars(fills.assumed_commission_dollars), dollars(fills.commission_dollars), ""),
    )
    return (Table("Assumed and realised", ("a contract", "assumed", "realised", "95 %"), rows),)


def _why(report: ResearchReport, key: str) -> str:
    inside = report.prediction.missing if report.prediction else {}
    return report.missing.get(key) or inside.get(key) or "not measured"


def annual(per_date: float) -> float:
    """A ratio by trade date as one a year."""
    return annualised(per_date, SESSIONS_A_YEAR)
