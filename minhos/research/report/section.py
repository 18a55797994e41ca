"""What a report is made of: sections of sentences, tables and charts, all of them text or figures.

Page, terminal and JSON show these same values, so they cannot differ.  What the sections say is in the modules beside
this one; how a number is written, in `minhos.words`.
"""

from __future__ import annotations

import msgspec

from minhos.research.report.figures import Figure


class Table(msgspec.Struct, frozen=True):
    """Rows under a head, all of them text.  The first column names the row; the others are numbers and align right."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: str = ""
    """What the columns mean, or how many rows were left out."""
    text_columns: tuple[int, ...] = (0,)
    where: str = ""
    """In what tables of one title differ; they may stand beside each other where there is room."""
    brief: tuple[int, ...] | None = None
    """The rows that are shown where there is little room; all of them where None."""
    strong: tuple[int, ...] = ()
    """The rows that matter most."""

    @property
    def whole_title(self) -> str:
        return f"{self.title}: {self.where}" if self.where else self.title


class Chart(msgspec.Struct, frozen=True):
    """A figure with the sentence that says what it shows, and of how much."""

    title: str
    says: str
    figure: Figure


class Section(msgspec.Struct, frozen=True):
    """One part of the report.  key: its anchor.  absent: why there is nothing to show; empty where there is."""

    key: str
    title: str
    says: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    absent: str = ""
