"""The report's tables on a terminal: the same values that the page shows, as rich draws them.

Tables of one title stand beside each other where they fit, else one under the other; of long ones the rows are shown
that matter (`Table.brief`).  Words and figures are the tables' own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich import table as rich_table
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.text import Text

from minhos.research.report.section import Table
from minhos.research.sizing_lab.criteria import State

ANY_WIDTH = 10_000
STYLES = {State.MET.value: "green", State.NOT_MET.value: "red", State.CANNOT_BE_TOLD.value: "yellow"}
"""Of cells that say nothing else."""


def drawn(tables: Sequence[Table]) -> Iterator[RenderableType]:
    """In order, each group with what its columns mean."""
    for _, group in groupby(tables, key=lambda table: (table.title, table.head)):
        alike = list(group)
        yield _Beside(alike)
        if alike[-1].more:
            yield Text(alike[-1].more)


class _Beside:
    """Tables that differ in `where` alone."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = tables

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        numbers_alone = all(table.text_columns == (0,) for table in self._tables)
        if len(self._tables) == 2 and numbers_alone:
            both = _rich(self._tables)
            if Measurement.get(console, options.update(max_width=ANY_WIDTH), both).maximum <= options.max_width:
                yield both
                return
        for table in self._tables:
            yield _rich([table])


def _rich(tables: Sequence[Table]) -> rich_table.Table:
    """One table, or two beside each other with a line between them."""
    first = tables[0]
    title = first.whole_title
    if len(tables) > 1:
        title = f"{first.title}: {first.where} on the left, {tables[1].where} on the right"
    shown = rich_table.Table(box=None, padding=(0, 1, 0, 0), title=title, title_justify="left", title_style="italic")
    numbers_alone = first.text_columns == (0,)
    words_alone = len(first.text_columns) == len(first.head)
    for i, name in enumerate(first.head):
        text = i in first.text_columns
        shown.add_column(name, justify="left" if text else "right", no_wrap=numbers_alone or not text, overflow="fold")
    for table in tables[1:]:
        shown.add_column("│")
        for name in table.head[1:]:
            shown.add_column(name, justify="right", no_wrap=True)
    kept = range(len(first.rows)) if first.brief is None else first.brief
    for i in kept:
        cells = [Text(cell, style=STYLES.get(cell, "")) if words_alone else Text(cell) for cell in first.rows[i]]
        for table in tables[1:]:
            cells += [Text("│"), *map(Text, table.rows[i][1:])]
        shown.add_row(*cells, style="bold" if i in first.strong else "")
    return shown
