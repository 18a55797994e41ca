"""A home's journal with a few events, for the pages over it."""

from __future__ import annotations

from pathlib import Path

from minhos.assembly.layout import Layout
from minhos.journal.store import Journal
from minhos.testing.builders import MONDAY_OPEN
from minhos.trading import events as ev


def write_journal(home: Path, events: list[ev.Event]) -> Journal:
    """A journal that stays open, so that more can be appended."""
    layout = Layout(home).make()
    journal = Journal.open(layout.journal("simulated", "paper"), {"mode": "simulated"})
    for event in events:
        append(journal, event)
    return journal


def append(journal: Journal, event: ev.Event) -> None:
    journal.append(ev.kind_of(event), ev.encode(event), MONDAY_OPEN)
