"""What training found, for machines (plain JSON) and for people (tables in the terminal).

Every accuracy stands beside its interval, the majority class on the same bars and the break-even after costs; what
comes from a simulated market says SIMULATED.
"""

from __future__ import annotations

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from minhos.training.results.result import Line, TrainResult

LINE_NAMES = {"simulated": "a simulated 58 % market", "all": "your bars, all", "traded": "your bars, those traded"}
STYLES = {"edge": "bold green", "no_edge": "bold yellow", "too_little_data": "bold cyan"}


def report(result: TrainResult) -> dict[str, object]:
    """The object of `train --json`: plain values, `verdict` first."""
    plain: dict[str, object] = msgspec.to_builtins(result)
    return plain


def tables(result: TrainResult) -> Group:
    """The report as it stands in the terminal."""
    style = "bold red" if result.leak_suspected else STYLES[result.verdict]
    verdict = Text(f"{result.verdict}: {result.reason}", style=style)
    history = Text(
        f"{_mark(result.simulated)}{result.symbol}, {result.n_bars} bars, {result.n_sessions} full sessions; "
        f"learnt from {result.n_train}, measured on the newest {result.n_holdout}; recipe {result.recipe_id}"
    )
    if result.leak_suspected:
        return Group(verdict, history, Text("Its figures are no results and nothing was saved."))
    looked = Text(result.canaries.sentence if result.canaries else "Leak canaries: not asked.")
    parts: list[RenderableType] = [verdict, history, looked]
    parts += [_lines(result), _members(result), _calibration(result)]
    if result.weeks:
        parts.append(_weeks(result))
    parts.append(_hours(result))
    return Group(*parts)


def _lines(result: TrainResult) -> Table:
    table = Table("bars", "accuracy", "95 % interval", "majority", "break-even", "n", "share of bars", title="Accuracy")
    rows = [(LINE_NAMES[key], getattr(result.lines, key)) for key in LINE_NAMES]
    rows += [(f"your bars, {line.name}", line) for line in result.thresholds]
    for name, line in rows:
        table.add_row(*_line_cells(name, line))
    return table


def _line_cells(name: str, line: Line | None) -> tuple[str, ...]:
    if line is None:
        return name, "not measured", "", "", "", "", ""
    shown = _mark(line.simulated) + name
    if line.accuracy is None:
        return shown, "no side" if line.silent else "none", "", "", "", _n(line.n, line.silent), f"{line.coverage:.1%}"
    return (
        shown,
        f"{line.accuracy:.2%}",
        _interval(line.interval),
        _percent(line.majority),
        _percent(line.break_even),
        _n(line.n, line.silent),
        f"{line.coverage:.1%}",
    )


def _members(result: TrainResult) -> Table:
    table = Table("member", "vote", "out of fold", "log loss", "newest bars", "trees", "CPU s", title="Members")
    for m in result.members:
        table.add_row(
            m.name,
            f"{m.weight:.0%}",
            _percent(m.out_of_fold_accuracy, "no side"),
            f"{m.out_of_fold_log_loss:.4f}",
            _percent(m.holdout_accuracy, "no side"),
            str(m.rounds or ""),
            f"{m.cpu_s:.1f}",
        )
    for name, why in result.missing.items():
        table.add_row(name, "missing", why, "", "", "", "")
    return table


def _calibration(result: TrainResult) -> Table:
    found = result.calibration
    title = (
        f"Calibration: slope {found.slope:.3f} ± {found.slope_se:.3f} (used for size: {max(found.slope_low, 0):.3f})"
    )
    if found.slope <= 0.0:
        title += "; the score is not believed: p is one half on every bar and nothing can be bet"
    elif found.error is not None:
        title += f", error on the newest bars {found.error:.4f}"
    table = Table("forecast", "came true", "95 % band if calibrated", "n", title=title)
    for row in found.table:
        table.add_row(f"{row.forecast:.3f}", f"{row.observed:.3f}", _interval(row.band), str(row.n))
    return table


def _weeks(result: TrainResult) -> Table:
    table = Table("week", "accuracy", "95 % interval", "majority", "n", title=_mark(result.simulated) + "By week")
    for week in result.weeks:
        accuracy = _percent(week.accuracy, "no side")
        table.add_row(week.week, accuracy, _interval(week.interval), _percent(week.majority), _n(week.n, week.silent))
    return table


def _hours(result: TrainResult) -> Table:
    table = Table("New York hour", "break-even", "n", title="Break-even by hour")
    for row in result.break_even_by_hour:
        table.add_row(f"{row.hour:02d}", f"{row.break_even:.2%}", str(row.n))
    return table


def _mark(simulated: bool) -> str:
    return "SIMULATED: " if simulated else ""


def _percent(value: float | None, unknown: str = "") -> str:
    return unknown if value is None else f"{value:.2%}"


def _n(n: int, silent: int) -> str:
    """Bars that count, and those that were silent where there are any."""
    return f"{n}, {silent} silent" if silent else str(n)


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.2%} to {interval[1]:.2%}"
