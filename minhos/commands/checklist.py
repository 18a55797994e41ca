"""checklist: everything that was asked for, with the value and the command that proves it.

The answers are the views'; here they are only asked for and laid out.
"""

from __future__ import annotations

import msgspec

from minhos.assembly.layout import Layout
from minhos.assembly.surroundings import House
from minhos.settings import Settings
from minhos.views.checklist import checklist


class ChecklistRow(msgspec.Struct, frozen=True):
    """state: met, not met, or cannot be known here."""

    section: str
    text: str
    state: str
    value: str
    command: str


def checklist_rows(settings: Settings, layout: Layout) -> list[ChecklistRow]:
    """Every line in the order in which it was asked for."""
    found = House(settings, layout).read(checklist)
    return [ChecklistRow(line.section, line.text, line.status, line.value, line.command) for line in found.lines]
