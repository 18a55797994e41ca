"""The card on the page: what `start --data` found, where the data are finished and nothing is traded."""

from __future__ import annotations

from html import escape

import msgspec
from nicegui import ui

from minhos.assembly.live_views import LiveViews
from minhos.views.card import ACCURACY_HEAD, HOURS_HEAD, Card, accuracy_rows, headline, hour_rows, sentences
from minhos.web.panels import table_html


def read_card(live: LiveViews) -> Card | None:
    """The newest card; None where the data go on, or none was made."""
    if not live.facts.finished_data:
        return None
    content = live.layout.disk.read(live.layout.card)
    try:
        return None if content is None else msgspec.json.decode(content, type=Card)
    except msgspec.DecodeError:
        return None


def show_card(card: Card) -> None:
    """Verdict, accuracy, sentences, and break-even by hour."""
    with ui.element("div").classes("grid-2"):
        with ui.element("div").classes("panel"):
            ui.label(f"{card.symbol}: {card.bars:,} bars out of sample").classes("title")
            ui.label(headline(card)).classes("value")
            ui.label(card.reason).classes("note")
            ui.html(table_html(ACCURACY_HEAD, accuracy_rows(card)), sanitize=False)
            for title, text in sentences(card):
                ui.html(f"<p><b>{escape(title)}:</b> {escape(text)}</p>", sanitize=False)
        with ui.element("div").classes("panel"):
            ui.label("What p must beat, by hour").classes("title")
            ui.html(table_html(HOURS_HEAD, hour_rows(card)), sanitize=False)
