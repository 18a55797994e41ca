"""Work that is done once for each immutable value, so that it costs nothing on every bar.

Keyed by identity, because hashing a payoff's outcomes would cost more than it saves.  The value itself is kept, so that
its identity cannot be given to another.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Value = TypeVar("Value")
Result = TypeVar("Result")
_KEEP = 64


def once_per_value(function: Callable[[Value], Result]) -> Callable[[Value], Result]:
    """Remember `function`'s results for the last 64 values; the value must be immutable."""
    known: dict[int, tuple[Value, Result]] = {}

    @wraps(function)
    def remembered(value: Value) -> Result:
        entry = known.get(id(value))
        if entry is None:
            if len(known) >= _KEEP:
                known.clear()
            entry = known[id(value)] = (value, function(value))
        return entry[1]

    return remembered
