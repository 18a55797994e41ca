"""The report in short: its sections in order, and the ten lines that matter most, for page and terminal alike."""

from __future__ import annotations

from collections.abc import Iterator

from minhos.research.report import forecasts, luck, money, sizing
from minhos.research.report.section import Section
from minhos.research.report.values import ResearchReport
from minhos.risk.needed import sum_of_bets
from minhos.words import NONE, count, gain, number, numbers, p_value, percent, percents, power_of_ten, signed

BANNER = "SIMULATED: these bars come from a generated market, far easier than any real one (50 to 52.5 %)."
SECTIONS = (
    luck.leaks,
    forecasts.forecasts,
    forecasts.edge,
    luck.luck,
    forecasts.selective,
    forecasts.calibration,
    forecasts.where,
    forecasts.costs,
    money.account,
    sizing.comparison,
    sizing.risk,
    sizing.settings_cost,
    money.bad_days,
    money.months,
    money.trades,
    money.data,
    money.settings,
    money.trials,
    money.absent,
)
LEAKING = (luck.leaks, money.data, money.settings, money.trials, money.absent)
"""What is shown of a run in which a canary died."""


def sections(report: ResearchReport) -> tuple[Section, ...]:
    """Everything, in the order in which it is read."""
    dead = report.canaries is not None and not report.canaries.passed
    return tuple(section(report) for section in (LEAKING if dead else SECTIONS))


def highlights(report: ResearchReport) -> tuple[tuple[str, str], ...]:
    """Name and value of the lines that matter most; what was not measured is left out."""
    return tuple(_highlights(report))


def _highlights(report: ResearchReport) -> Iterator[tuple[str, str]]:
    if report.canaries is not None:
        yield "Leaks", report.canaries.sentence
    right = report.prediction.accuracy if report.prediction else None
    if right is not None:
        yield "Right", f"{percent(right.accuracy)} of {count(right.n)} bars (95 %: {percents(right.interval)})"
        yield "Majority, break-even", f"{percent(right.majority)}, {percent(right.break_even)}"
        if report.verdict != "too_little_data":
            tests = f"p {p_value(right.p_value)} (Pesaran-Timmermann), {p_value(right.permutation_p_value)}"
            yield "Could luck do it?", f"{tests} (permuted dates)"
    calibrated = report.prediction.calibration if report.prediction else None
    if calibrated is not None:
        slope = NONE if calibrated.slope is None else f"{calibrated.slope:.2f}"
        yield (
            "Calibration",
            f"slope {slope} (95 %: {numbers(calibrated.slope_interval)}), {forecasts.calibration_error(calibrated)}",
        )
    bets = report.edge
    if bets is not None:
        mean = f", {signed(bets.mean_net_r)} R each after costs" if bets.bets else ""
        yield "Shadow book", f"{count(bets.bets)} bets{mean}"
        yield (
            "Evidence",
            (
                f"{bets.state.upper()}, e-value {power_of_ten(bets.log10_e_value)} (20 proves an edge); bets so far / "
                f"needed: {count(bets.bets)} / {sum_of_bets(bets.bets, bets.bets_needed)}"
            ),
        )
    if report.deflation is not None and report.deflation.annual is not None:
        yield "After all trials", report.deflation.sentence
    account = report.money
    if account is not None:
        yield (
            "Settings as they stand",
            (
                f"{gain(account.total_return)}, drawdown {percent(account.max_drawdown, 2)}, "
                f"{count(len(account.trades))} trades"
            ),
        )
    taken = report.costs
    if taken is not None:
        yield (
            "Cost of a round trip",
            (f"{number(taken.round_trip_ticks)} ticks of a mean move of {number(taken.mean_move_ticks, 1)}"),
        )
