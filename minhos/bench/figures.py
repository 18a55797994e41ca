"""A figure of a bench: what was measured, in which unit, and the target that it is held against."""

from __future__ import annotations

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """One line of `bench NAME --json`."""

    name: str
    value: float
    unit: str
    target: float | None = None
    met: bool | None = None
    """None where there is no target."""


class Findings(msgspec.Struct, frozen=True):
    """What a bench that searches for failures found.

    beside: further keys of `--json`, as the list of failures.  failed: whether the command's exit code is 1.
    """

    figures: list[Figure]
    beside: dict[str, object] = {}
    failed: bool = False


def at_most(name: str, value: float, unit: str, target: float | None = None, digits: int | None = 4) -> Figure:
    """Met where the value, before it is rounded, is not above the target."""
    return Figure(name, _rounded(value, digits), unit, target, None if target is None else bool(value <= target))


def at_least(name: str, value: float, unit: str, target: float | None = None, digits: int | None = 4) -> Figure:
    """Met where the value, before it is rounded, is not below the target."""
    return Figure(name, _rounded(value, digits), unit, target, None if target is None else bool(value >= target))


def _rounded(value: float, digits: int | None) -> float:
    """digits: None leaves it as it is, 0 makes it whole."""
    return value if digits is None else round(value, digits or None)
