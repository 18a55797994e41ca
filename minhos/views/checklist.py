"""Each line of what was asked for: met, not met, or cannot be known here, with the value and the proving command.

A pure function of the folds and of what processes and commands left behind; the lines and their rules are in
`asked_for`.  A line without evidence is never "met", and what comes from a simulated market says SIMULATED.
"""

from __future__ import annotations

import dataclasses

from minhos.views.asked_for import ASKED
from minhos.views.asked_rules import Asked, simulated
from minhos.views.status import banner_of, mode_of, state_of
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.views.values import View

MET, NOT_MET, UNKNOWN = "met", "not met", "cannot be known here"


@dataclasses.dataclass(frozen=True)
class ChecklistLine(View):
    """One line that was asked for."""

    section: str
    text: str
    status: str
    """met, not met, or cannot be known here."""
    value: str
    command: str
    """What proves it."""


@dataclasses.dataclass(frozen=True)
class Checklist(View):
    """All lines, in the order in which they were asked for."""

    state: str
    mode: str
    banner: str
    met: int
    not_met: int
    unknown: int
    lines: tuple[ChecklistLine, ...]


def checklist(views: Views, around: Surroundings) -> Checklist:
    """Every line with its answer."""
    lines = tuple(_line(asked, views, around) for asked in ASKED)
    counts = {status: sum(line.status == status for line in lines) for status in (MET, NOT_MET, UNKNOWN)}
    mode = mode_of(views, around)
    state = state_of(views, around)[0]
    return Checklist(state, mode, banner_of(mode, around.ceiling), counts[MET], counts[NOT_MET], counts[UNKNOWN], lines)


def _line(asked: Asked, views: Views, around: Surroundings) -> ChecklistLine:
    holds, value = asked.rule(views, around)
    status = UNKNOWN if holds is None else MET if holds else NOT_MET
    mark = "SIMULATED: " if holds is not None and simulated(asked.basis, views, around) else ""
    return ChecklistLine(asked.section, asked.text, status, f"{mark}{value}", asked.command)
