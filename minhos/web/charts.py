"""Price and equity charts; after the first drawing only what is new is sent to the browser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nicegui import ui

from minhos.web.moment import CANDLES, EQUITY_POINTS, Candle

Options = dict[str, Any]  # ECharts has no types in Python: nested plain values, handed to NiceGUI as they are
UP, DOWN, BLUE, GREY = "#2ea043", "#f85149", "#58a6ff", "#8b98a5"
PUSH = """<script>
window.minhosPush = (id, labels, rows, keep) => {
  const option = getElement(id).chart.getOption();
  const series = option.series.map((s, i) => ({data: s.data.concat(rows[i]).slice(-keep)}));
  const data = option.xAxis[0].data.concat(labels).slice(-keep);
  return {xAxis: option.xAxis.map(() => ({data})), series};
};
</script>"""
"""Appends to every series of a chart and drops what is too old."""


class Chart:
    """An EChart whose series all share one axis of labels."""

    def __init__(self, options: Options, keep: int, classes: str) -> None:
        self.keep = keep
        self.empty = True
        self.element = ui.echart(options).classes(classes)

    def push(self, labels: list[str], rows: Sequence[Sequence[object]]) -> None:
        """rows: one list a series, each as long as labels."""
        if not labels:
            return
        if self.empty:
            self.empty = False
            for axis in self.element.options["xAxis"]:
                axis["data"] = labels
            for series, values in zip(self.element.options["series"], rows, strict=True):
                series["data"] = values
            self.element.update()
            return
        arguments = ", ".join(json.dumps(value) for value in (self.element.id, labels, rows, self.keep))
        self.element.run_chart_method(":setOption", f"window.minhosPush({arguments})")


class PriceChart:
    """Candles with our fills, and the position below."""

    def __init__(self) -> None:
        self.after_ns = 0
        self.chart = Chart(_price_options(), CANDLES, "chart-tall")

    def show(self, candles: list[Candle]) -> None:
        """Bars that are not there yet."""
        if not candles:
            return
        self.after_ns = candles[-1].close_ns
        self.chart.push(
            [c.label for c in candles],
            [
                [list(c.prices) for c in candles],
                [c.bought for c in candles],
                [c.sold for c in candles],
                [c.position for c in candles],
            ],
        )


class EquityChart:
    """Equity at each decided bar."""

    def __init__(self) -> None:
        self.after_ns = 0
        self.chart = Chart(_equity_options(), 2 * EQUITY_POINTS, "chart-low")

    def show(self, points: list[tuple[int, str, float]]) -> None:
        if points:
            self.after_ns = points[-1][0]
            self.chart.push([text for _, text, _ in points], [[value for _, _, value in points]])


def _axis(index: int = 0, *, labels: bool = True) -> Options:
    return {
        "type": "category",
        "data": [],
        "gridIndex": index,
        "axisLabel": {"show": labels, "color": GREY},
        "axisLine": {"lineStyle": {"color": "#30363d"}},
        "axisTick": {"show": False},
    }


def _value(index: int = 0, **more: object) -> Options:
    return {
        "type": "value",
        "scale": True,
        "gridIndex": index,
        "axisLabel": {"color": GREY},
        "splitLine": {"lineStyle": {"color": "#21262d"}},
        **more,
    }


def _price_options() -> Options:
    def marks(name: str, symbol: str, turn: int, color: str) -> Options:
        return {
            "name": name,
            "type": "scatter",
            "data": [],
            "symbol": symbol,
            "symbolRotate": turn,
            "symbolSize": 13,
            "z": 5,
            "itemStyle": {"color": color, "borderColor": "#ffffff", "borderWidth": 1},
        }

    return {
        "animation": False,
        "tooltip": {
            "trigger": "axis",
            "axisPointer": {"type": "cross"},
            "backgroundColor": "#161b22",
            "borderColor": "#30363d",
            "textStyle": {"color": "#e6edf3"},
        },
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "grid": [
            {"left": 66, "right": 14, "top": 14, "height": "68%"},
            {"left": 66, "right": 14, "top": "80%", "bottom": 26},
        ],
        "xAxis": [_axis(labels=False), _axis(1)],
        "yAxis": [_value(), _value(1, minInterval=1, splitNumber=2, scale=False)],
        "series": [
            {
                "name": "price",
                "type": "candlestick",
                "data": [],
                "itemStyle": {"color": UP, "borderColor": UP, "color0": DOWN, "borderColor0": DOWN},
            },
            marks("bought", "triangle", 0, "#56d364"),
            marks("sold", "triangle", 180, "#ff7b72"),
            {
                "name": "position",
                "type": "line",
                "step": "end",
                "data": [],
                "xAxisIndex": 1,
                "yAxisIndex": 1,
                "symbol": "none",
                "lineStyle": {"color": BLUE, "width": 2},
                "areaStyle": {"color": "#58a6ff33"},
            },
        ],
    }


def _equity_options() -> Options:
    return {
        "animation": False,
        "tooltip": {
            "trigger": "axis",
            "backgroundColor": "#161b22",
            "borderColor": "#30363d",
            "textStyle": {"color": "#e6edf3"},
        },
        "grid": [{"left": 76, "right": 14, "top": 14, "bottom": 26}],
        "xAxis": [_axis()],
        "yAxis": [_value()],
        "series": [
            {
                "name": "equity",
                "type": "line",
                "data": [],
                "symbol": "none",
                "lineStyle": {"color": BLUE, "width": 2},
                "areaStyle": {"color": "#58a6ff22"},
            }
        ],
    }
