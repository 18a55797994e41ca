"""Requests that the trader must not journal, and the sentence for whoever sent them."""

from __future__ import annotations

from minhos.errors import CommandRefused
from minhos.journal.inbox import Request
from minhos.risk.force import forced_of


def refuse(request: Request, mode: str) -> None:
    """Raises CommandRefused where that cannot be carried out in this mode."""
    if request.name in ("arm", "disarm") and mode != "live":
        raise CommandRefused(f"the mode is {mode}, where there is nothing to {request.name}.")
    if request.name == "force":
        forced_of(request.fields, request.who, request.why, 0)
