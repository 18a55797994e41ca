"""A report between values and page: sections of sentences, tables and charts, and how numbers become text.

HTML and terminal both show these, so they cannot differ.  What the sections say is in `report_sections` and its
neighbours.
"""

from __future__ import annotations

import msgspec

from minhos.research.measures.prediction import Pair
from minhos.research.report.figures import Figure

NONE = "–"


class Table(msgspec.Struct, frozen=True):
    """Rows under a head, all of them text.  The first column names the row; the others are numbers and align right.

    more: sentence that stands where rows were left out.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: str = ""
    text_columns: tuple[int, ...] = (0,)


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


def percent(value: float | None, digits: int = 1) -> str:
    return NONE if value is None else f"{100 * value:.{digits}f} %"


def percents(pair: Pair | None, digits: int = 1) -> str:
    return NONE if pair is None else f"{100 * pair[0]:.{digits}f} to {100 * pair[1]:.{digits}f} %"


def signed(value: float | None, digits: int = 4) -> str:
    return NONE if value is None else f"{value:+.{digits}f}"


def signeds(pair: Pair | None, digits: int = 4) -> str:
    return NONE if pair is None else f"{pair[0]:+.{digits}f} to {pair[1]:+.{digits}f}"


def gain(share: float | None) -> str:
    """A share gained or lost, as percent with its sign; what grew more than a hundredfold, as a multiple."""
    if share is None:
        return NONE
    return f"{100 * share:+,.2f} %" if share < 99.0 else f"x {1.0 + share:,.0f}"


def chance(share: float | None) -> str:
    """Whole percent, never all or nothing for what is not certain."""
    if share is None:
        return NONE
    return "above 99 %" if share > 0.995 else "below 1 %" if share < 0.005 else percent(share, 0)


def moment(iso: str) -> str:
    """A UTC time in ISO 8601, to the minute."""
    return f"{iso[:16].replace('T', ' ')} UTC"


def number(value: float | None, digits: int = 2) -> str:
    return NONE if value is None else f"{value:,.{digits}f}"


def numbers(pair: Pair | None, digits: int = 2) -> str:
    return NONE if pair is None else f"{pair[0]:.{digits}f} to {pair[1]:.{digits}f}"


def count(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def dollars(value: float | None, sign: bool = False) -> str:
    if value is None:
        return NONE
    mark = "-" if value < 0 else "+" if sign else ""
    return f"{mark}${abs(value):,.2f}"


def p_value(value: float | None) -> str:
    """Never zero: below the smallest that is shown it says so."""
    if value is None:
        return NONE
    return "below 0.0001" if value < 0.0001 else f"{value:.4f}"


def power_of_ten(log10: float) -> str:
    """A wealth that began with one, to three digits while it can be read, else as a power of ten."""
    if not -3.0 < log10 < 6.0:
        return f"10^{log10:.0f}"
    value = float(f"{10**log10:.3g}")
    return f"{value:,.0f}" if value >= 100.0 else f"{value:g}"
