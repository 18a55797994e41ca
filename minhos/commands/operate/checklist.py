"""checklist: everything that was asked for, with the value and the command that proves it.

The answers are the views'; here they are only asked for and laid out.
"""

from __future__ import annotations

import msgspec
from rich.table import Column, Table
from rich.text import Text

from minhos.assembly.live_views import LiveViews
from minhos.commands.common import JsonOption, layout, print_json, settings
from minhos.commands.terminal import console
from minhos.views.checklist import checklist as asked_for


class Row(msgspec.Struct, frozen=True):
    """One line, as `--json` gives it."""

    section: str
    text: str
    state: str
    """met, not met, or not known here."""
    value: str
    command: str


def checklist(as_json: JsonOption = False) -> None:
    """Everything that was asked for: met, not met, or not known here.  Example: minh.py checklist."""
    found = LiveViews(settings(last=True), layout()).read(asked_for)
    rows = [Row(line.section, line.text, line.status, line.value, line.command) for line in found.lines]
    if as_json:
        print_json({"rows": rows})
        return
    table = Table("part", "what was asked for", "state", "value", Column("command", overflow="fold"))
    for row in rows:
        table.add_row(*map(Text, (row.section, row.text, row.state, row.value, row.command)))
    console.print(table)
