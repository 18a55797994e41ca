"""The report as one HTML file that needs nothing beside itself: no internet, no other file.

Dark on a screen, light on paper; a chart's sentence and table say what it shows, so nothing hangs on a pointer.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from importlib.resources import files

import msgspec

from minhos.errors import MinhosError
from minhos.research.report.figures import Figure
from minhos.research.report.section import Chart, Section, Table

CONFIG = {"displayModeBar": False, "responsive": True, "scrollZoom": False, "doubleClick": False}
MARK = "SIMULATED: "
SHORT = 22
"""Characters of a text column that stay on one line."""
SCRIPT = """
const charts = JSON.parse(document.getElementById("charts").textContent);
const config = %s;
for (const [id, figure] of Object.entries(charts)) {
  const place = document.getElementById(id);
  Plotly.newPlot(place, figure.data, figure.layout, config);
}
const fit = () => document.querySelectorAll(".plot").forEach((place) => Plotly.Plots.resize(place));
window.addEventListener("beforeprint", fit);
window.addEventListener("afterprint", fit);
matchMedia("print").addEventListener("change", fit);
"""


def page(
    title: str,
    verdict: str,
    sentence: str,
    highlights: Sequence[tuple[str, str]],
    sections: Sequence[Section],
    banner: str = "",
) -> str:
    """The whole file.  banner: over everything and, in short, on every title, where the market was simulated.

    Raises MinhosError where plotly is not installed.
    """
    plotly = plotly_script()
    charts = {f"{section.key}-{i}": chart.figure for section in sections for i, chart in enumerate(section.charts)}
    style = (files("minhos.research.report") / "report.css").read_text(encoding="utf-8")
    body = "\n".join(_section(section, MARK if banner else "") for section in sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(title)}</title>
<style>{style}</style>
</head>
<body>
{f'<div class="banner">{_text(banner)}</div>' if banner else ""}
<main>
<header>
<p class="brand">MinhOS research report</p>
<h1>{_text(title)}</h1>
<p class="verdict {_text(verdict)}">{_text(sentence)}</p>
<dl>{"".join(f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in highlights)}</dl>
<nav>{"".join(f'<a href="#{section.key}">{_text(section.title)}</a>' for section in sections)}</nav>
<noscript><p>Charts need JavaScript; every number is also in a sentence or a table.</p></noscript>
</header>
{body}
</main>
<script>{plotly}</script>
<script type="application/json" id="charts">{_json(charts)}</script>
<script>{SCRIPT % json.dumps(CONFIG)}</script>
</body>
</html>
"""


def plotly_script() -> str:
    """plotly.js.  Raises MinhosError where plotly is not installed."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MinhosError("The report needs the library plotly: install MinhOS with its extra `research`.") from error
    return str(get_plotlyjs()).replace("</script", "<\\/script")


def _section(section: Section, mark: str) -> str:
    parts = [f'<section id="{section.key}"><h2>{mark}{_text(section.title)}</h2>']
    if section.absent:
        parts.append(f'<p class="absent">Not measured: {_text(section.absent)}.</p>')
    parts += [f"<p>{_text(sentence)}</p>" for sentence in section.says]
    parts += [_chart(f"{section.key}-{i}", chart) for i, chart in enumerate(section.charts)]
    parts += [_table(table) for table in section.tables]
    return "\n".join([*parts, "</section>"])


def _chart(name: str, chart: Chart) -> str:
    height = chart.figure["layout"]["height"]
    return (
        f'<figure><h3>{_text(chart.title)}</h3><div class="plot" id="{name}" role="img" '
        f'aria-label="{_text(chart.says)}" style="height:{height}px"></div>'
        f"<figcaption>{_text(chart.says)}</figcaption></figure>"
    )


def _table(table: Table) -> str:
    longest = [max((len(row[i]) for row in table.rows), default=0) for i in range(len(table.head))]

    def cell(tag: str, i: int, value: str) -> str:
        wrap = " w" if longest[i] > SHORT else ""
        kind = f' class="t{wrap}"' if i in table.text_columns else ""
        return f"<{tag}{kind}>{_text(value)}</{tag}>"

    head = "".join(cell("th", i, name) for i, name in enumerate(table.head))
    strong = [' class="strong"' if n in table.strong else "" for n in range(len(table.rows))]
    rows = "".join(
        f"<tr{mark}>{''.join(cell('td', i, value) for i, value in enumerate(row))}</tr>"
        for mark, row in zip(strong, table.rows, strict=True)
    )
    more = f'<p class="note">{_text(table.more)}</p>' if table.more else ""
    return (
        f'<h3>{_text(table.whole_title)}</h3><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{more}"
    )


def _json(charts: dict[str, Figure]) -> str:
    """JSON that cannot end the script that it stands in; NaN, which JSON has not, becomes null."""
    return msgspec.json.encode(charts).decode().replace("<", "\\u003c")


def _text(value: str) -> str:
    """Escaped; a percent sign never stands alone at the start of a line."""
    return html.escape(value).replace(" %", "\u00a0%")
