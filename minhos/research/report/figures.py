"""The report's charts as plotly figures: plain dictionaries, drawn by the copy of plotly.js inside the page.

Colours are of the house and can be told apart by the colour-blind; every axis has its unit.  What a chart says in
words, and the same numbers as a table, belong to the sections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict, TypeVar

import numpy as np
import numpy.typing as npt

from minhos.research.measures.edge import Slice
from minhos.research.measures.prediction import Bin, Pair, Selective

Trace = Mapping[str, object]
X = TypeVar("X")
Floats = npt.NDArray[np.float64]

BLUE, ORANGE, TEAL, PINK, GREY = "#4c9be8", "#e69f00", "#2ab7a9", "#cc79a7", "#8b98a5"
BAND = "rgba(76,155,232,0.22)"
GRID, INK = "rgba(139,152,165,0.28)", "#9aa7b4"
MOST_POINTS = 2_000


class Figure(TypedDict):
    """What plotly.js draws."""

    data: list[dict[str, object]]
    layout: dict[str, object]


def figure(
    traces: Sequence[Trace],
    x: str,
    y: str,
    *,
    height: int = 320,
    x_axis: Trace | None = None,
    y_axis: Trace | None = None,
    **layout: object,
) -> Figure:
    """Traces in the report's style; x and y are the axes' titles, with units."""
    axis = {"gridcolor": GRID, "linecolor": GRID, "zerolinecolor": GRID, "automargin": True, "fixedrange": True}
    return {
        "data": [dict(trace) for trace in traces],
        "layout": {
            "height": height,
            "margin": {"l": 56, "r": 14, "t": 12, "b": 48},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 12, "color": INK},
            "xaxis": {"title": {"text": x}, **axis, **(x_axis or {})},
            "yaxis": {"title": {"text": y}, **axis, **(y_axis or {})},
            "showlegend": len(traces) > 1,
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0.0},
            "hovermode": "closest",
            "dragmode": False,
            **layout,
        },
    }


def thinned(x: Sequence[X], y: npt.ArrayLike, at_most: int = MOST_POINTS) -> tuple[list[X], list[float]]:
    """At most that many points of a line; lowest and highest of each stretch, and both ends, are kept."""
    values = np.asarray(y, dtype=np.float64)
    n = len(values)
    if n <= at_most:
        return list(x), values.tolist()
    kept = {0, n - 1}
    for part in np.array_split(np.arange(n), (at_most - 2) // 2):
        kept |= {int(part[values[part].argmin()]), int(part[values[part].argmax()])}
    chosen = sorted(kept)
    return [x[i] for i in chosen], values[chosen].tolist()


def line(x: Sequence[object], y: npt.ArrayLike, name: str, color: str = BLUE, dash: str = "solid") -> Trace:
    """A line of at most 2,000 points."""
    shown, values = thinned(x, y)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": shown,
        "y": values,
        "name": name,
        "line": {"color": color, "width": 2, "dash": dash},
    }


def band(x: Sequence[object], low: Sequence[float], high: Sequence[float], name: str) -> list[Trace]:
    """The space between two lines, as two traces with one entry in the legend."""
    edge = {"type": "scatter", "mode": "lines", "x": list(x), "line": {"width": 0}, "hoverinfo": "skip"}
    return [
        {**edge, "y": list(high), "showlegend": False},
        {**edge, "y": list(low), "fill": "tonexty", "fillcolor": BAND, "name": name},
    ]


def level(x: Sequence[object], y: float, name: str, color: str = ORANGE) -> Trace:
    """A level line over the whole width."""
    return line([x[0], x[-1]], [y, y], name, color, "dash")


def calibration(bins: Sequence[Bin]) -> Figure:
    """Share that rose against the forecast, with the band of calibrated forecasts and the bars in each bin."""
    forecast = [row.forecast for row in bins]
    least, most = min(forecast), max(forecast)
    return figure(
        [
            *band(forecast, [row.band[0] for row in bins], [row.band[1] for row in bins], "95 % if calibrated"),
            line([least, most], [least, most], "calibrated", GREY, "dot"),
            {
                "type": "scatter",
                "mode": "markers",
                "x": forecast,
                "y": [row.observed for row in bins],
                "name": "observed",
                "marker": {"color": ORANGE, "size": 8},
            },
        ],
        "forecast p of up",
        "share that rose",
        height=380,
        x_axis={"tickformat": ".1%"},
        y_axis={"tickformat": ".1%"},
    )


def selective(rows: Sequence[Selective]) -> Figure:
    """Accuracy of the surest bars against their share of all, with break-even and majority of the same bars."""
    shares = [row.coverage for row in rows]
    traces = [
        *band(shares, [row.interval[0] for row in rows], [row.interval[1] for row in rows], "95 % interval"),
        {
            **line(shares, [row.accuracy for row in rows], "accuracy at p ≥"),
            "mode": "lines+markers+text",
            "text": _where_room([f"{row.threshold:.2f}" for row in rows], shares),
            "textposition": "top center",
        },
        {**line(shares, [row.break_even for row in rows], "break-even", ORANGE, "dash"), "mode": "lines+markers"},
        line(shares, [row.majority for row in rows], "majority", GREY, "dot"),
    ]
    marks = [10.0**-power * step for power in range(6) for step in (1.0, 0.5, 0.2)]
    axis = {"type": "log", "autorange": "reversed", "tickvals": marks, "ticktext": [f"{100 * m:g} %" for m in marks]}
    return figure(
        traces,
        "share of bars with p at or above the threshold",
        "right",
        height=380,
        x_axis=axis,
        y_axis={"tickformat": ".0%"},
    )


def _where_room(names: Sequence[str], shares: Sequence[float], apart: float = 1.3) -> list[str]:
    """The names, empty where the mark lies too near the last one that has a name."""
    kept, last = [], 0.0
    for name, share in zip(names, shares, strict=True):
        room = last == 0.0 or share * apart <= last
        kept.append(name if room else "")
        last = share if room else last
    return kept


def accuracy_of(rows: Sequence[Slice], what: str) -> Figure:
    """Accuracy with its interval beside break-even and majority, one mark a slice."""
    dots = {"type": "scatter", "mode": "markers", "x": [row.name for row in rows]}
    accuracy = [row.accuracy for row in rows]
    return figure(
        [
            {
                **dots,
                "y": accuracy,
                "name": "accuracy, 95 %",
                "marker": {"color": BLUE, "size": 8},
                "error_y": error_bars(accuracy, [row.interval for row in rows], BLUE),
            },
            {
                **dots,
                "y": [row.break_even for row in rows],
                "name": "break-even",
                "marker": {"color": ORANGE, "size": 13, "symbol": "line-ew-open", "line": {"width": 3}},
            },
            {
                **dots,
                "y": [row.majority for row in rows],
                "name": "majority",
                "marker": {"color": GREY, "size": 6, "symbol": "diamond-open"},
            },
        ],
        what,
        "right",
        x_axis={"type": "category"},
        y_axis={"tickformat": ".0%"},
    )


def net_r_of(rows: Sequence[Slice], what: str) -> Figure:
    """Mean net R of the shadow book's bets with its interval, for slices that have bets."""
    means = [(row.name, row.mean_net_r, row.net_r_interval) for row in rows if row.mean_net_r is not None]
    return with_intervals(
        [name for name, _, _ in means],
        [mean for _, mean, _ in means],
        [interval for _, _, interval in means],
        what,
        "net R a bet",
    )


def with_intervals(
    names: Sequence[str], values: Sequence[float], intervals: Sequence[Pair | None], x: str, y: str
) -> Figure:
    """Bars with intervals; a value without one has no line."""
    trace = {
        "type": "bar",
        "x": list(names),
        "y": list(values),
        "marker": {"color": TEAL, "opacity": 0.55},
        "error_y": error_bars(values, intervals, TEAL),
    }
    return figure([trace], x, y, x_axis={"type": "category"})


def error_bars(values: Sequence[float], intervals: Sequence[Pair | None], color: str) -> Trace:
    """From each value to the ends of its interval."""
    ends = [interval or (value, value) for value, interval in zip(values, intervals, strict=True)]
    return {
        "type": "data",
        "symmetric": False,
        "color": color,
        "thickness": 1.4,
        "width": 3,
        "array": [high - value for value, (_, high) in zip(values, ends, strict=True)],
        "arrayminus": [value - low for value, (low, _) in zip(values, ends, strict=True)],
    }


def bars(
    names: Sequence[str],
    values: Sequence[float | None],
    x: str,
    y: str,
    *,
    height: int,
    x_axis: Trace | None = None,
    y_axis: Trace | None = None,
) -> Figure:
    """Plain bars, one colour above zero and another below."""
    colors = [TEAL if value is not None and value >= 0 else PINK for value in values]
    trace = {"type": "bar", "x": list(names), "y": list(values), "marker": {"color": colors}}
    return figure([trace], x, y, height=height, x_axis=x_axis, y_axis=y_axis)
