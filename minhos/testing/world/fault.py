"""What a fault of the world's outside is: plain values with a name and a time, so that a plan is JSON.

What it does stands beside the part that it concerns: `broker_faults`, `market_faults`, `person`.
"""

from __future__ import annotations

import re

import msgspec


def _name(kind: str) -> str:
    """ListLie becomes list_lie."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()


class Fault(msgspec.Struct, frozen=True, kw_only=True, tag_field="fault", tag=_name):
    """at_ms: milliseconds after the plan's start.  for_ms: how long it lasts; 0 for what happens once."""

    at_ms: int = 0
    for_ms: int = 0
