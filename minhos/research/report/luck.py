"""The report's sections on what would make figures worthless: leaks, and luck after everything that was tried.

Each function takes the report's values and says them; it computes nothing.
"""

from __future__ import annotations

from minhos.research.report import figures
from minhos.research.report.section import Chart, Section, Table
from minhos.research.report.values import ResearchReport
from minhos.research.walk_forward.combinatorial import PathDistribution
from minhos.training.results.canaries import Canaries
from minhos.words import count, percent, percents, signed


def leaks(report: ResearchReport) -> Section:
    """Whether the run could see the future."""
    found = report.canaries
    if found is None:
        return Section("leaks", "Leak canaries", absent=report.missing.get("canaries", "not measured"))
    return Section("leaks", "Leak canaries", (found.sentence,), tables=(_canary_table(found),))


def _canary_table(found: Canaries) -> Table:
    rows = []
    permuted, following, later = found.permuted_labels, found.next_bar, found.later_bars
    if permuted is not None:
        rows.append(
            (
                "Permuted labels score like chance",
                _alive(permuted.passed),
                f"right on {percent(permuted.accuracy, 2)} of {count(permuted.n)} bars; chance gives "
                f"{percents(permuted.interval, 2)}",
            )
        )
    if following is not None:
        rows.append(
            (
                "Told the next bar, the model improves",
                _alive(following.passed),
                f"right on {percent(following.given, 2)} of {count(following.n)} bars with it, "
                f"{percent(following.without, 2)} without; 99 % of the difference: {percents(following.interval)}",
            )
        )
    if later is not None:
        rows.append(
            (
                "No feature changes when later bars do",
                _alive(later.passed),
                f"{later.cuts} cuts of the history; {len(later.changed)} columns changed",
            )
        )
    return Table("Canaries", ("canary", "", "found"), tuple(rows), text_columns=(0, 1, 2))


def _alive(passed: bool) -> str:
    return "lives" if passed else "DIED"


def luck(report: ResearchReport) -> Section:
    """Order of the bars, the best of what was tried, and the number of trials."""
    says: list[str] = []
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    if report.deflation is not None and report.deflation.annual is not None:
        says.append(f"Shadow book by trade date: {report.deflation.sentence.rstrip('.')}.")
    if report.paths is not None:
        says.append(_path_words(report.paths))
        charts = (_path_chart(report.paths),)
        tables = (_path_table(report.paths),)
    best = report.tried
    if best is not None:
        says += [
            f"{title}: {found.sentence}"
            for title, found in (("Members against a coin", best.members), ("Sizes against not trading", best.sizes))
            if found is not None
        ]
        if best.overfitting is not None:
            says.append(
                f"Had one chosen the way to size by its Sharpe ratio on half of the trade dates, it would have done "
                f"worse than the median on the other half in {percent(best.overfitting, 0)} of the ways to cut them "
                "(probability of backtest overfitting)."
            )
    if not says:
        return Section("luck", "Luck", absent=report.missing.get("paths", "not measured"))
    return Section("luck", "Luck", tuple(says), charts, tables)


def _path_words(found: PathDistribution) -> str:
    right = found.accuracy
    said = (
        "a path names no side"
        if right is None
        else f"right on {percent(right.low)} to {percent(right.high)}, middle {percent(right.median)}"
    )
    earned = found.mean_net_r
    money = (
        f"mean net R a bet {signed(earned.low)} to {signed(earned.high)}, middle {signed(earned.median)}"
        if earned is not None
        else f"mean net R a bet is not told ({found.reason[:1].lower()}{found.reason[1:].rstrip('.')})"
    )
    return (
        f"{len(found.paths)} paths through the whole history (combinatorial purged cross-validation of one small "
        f"LightGBM, {found.fits} fits): {said}; {money}. What holds on one path and "
        "not on the others was luck. Later bars teach about earlier ones here, so this is no record of what could have "
        "been traded."
    )


def _path_chart(found: PathDistribution) -> Chart:
    names = [f"path {i}" for i in range(1, len(found.paths) + 1)]
    return Chart(
        "Accuracy of each path",
        f"Right on each of {len(names)} paths, {count(found.paths[0].n)} bars each; the line is a coin.",
        figures.figure(
            [
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": names,
                    "y": [path.accuracy for path in found.paths],
                    "name": "accuracy",
                    "marker": {"color": figures.BLUE, "size": 10},
                },
                figures.level(names, 0.5, "a coin", figures.GREY),
            ],
            "",
            "right",
            height=240,
            y_axis={"tickformat": ".1%"},
        ),
    )


def _path_table(found: PathDistribution) -> Table:
    rows = tuple(
        (str(i), percent(path.accuracy, 2), count(path.n), count(path.bets), signed(path.mean_net_r))
        for i, path in enumerate(found.paths, start=1)
    )
    return Table("Paths", ("path", "right", "bars", "bets", "net R a bet"), rows)
