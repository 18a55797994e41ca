"""Features of the user's own file, which join the row after those of MinhOS.

The file registers them before anything asks for the pipeline; from then on the row is fixed, because names and
versions are part of the feature version that every model carries.

    from minhos.features.registered import register_feature

    class Gap:
        def __init__(self):
            self.close = 0

        def update(self, bar):
            gap, self.close = bar.open_ticks - self.close, bar.close_ticks
            return gap / 100.0

    register_feature("gap", Gap, version=1)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from minhos.errors import SettingsError
from minhos.market.types import Bar

BOUND = 8.0


class UserFeature(Protocol):
    """One feature with its state; update() sees each closed bar once, in order, and must be copyable."""

    def update(self, bar: Bar) -> float: ...


Factory = Callable[[], UserFeature]

_factories: dict[str, tuple[Factory, int]] = {}
_sealed = False


def register_feature(name: str, factory: Factory, *, version: int) -> None:
    """Add a feature; factory() makes a fresh one for each pipeline.

    Raise the version whenever the formula changes: models trained on another one are then refused.
    Raises SettingsError for a name that is taken or no identifier, and once the pipeline has been loaded.
    """
    if _sealed:
        raise SettingsError(f"The feature {name!r} comes too late; register it in the user file, at its top level.")
    if not name.isidentifier() or name in _factories:
        raise SettingsError(f"The feature name {name!r} is taken or no identifier; choose another.")
    _factories[name] = (factory, version)


def seal() -> dict[str, tuple[Factory, int]]:
    """All registered features, by name; from now on there are no others."""
    global _sealed
    _sealed = True
    return dict(_factories)


def checked(name: str, value: float) -> float:
    """The value, winsorised to ±8.  Raises SettingsError where it is not a finite number."""
    if not math.isfinite(value):
        raise SettingsError(f"The registered feature {name!r} gave {value}; it must be finite on every bar.")
    return max(-BOUND, min(BOUND, float(value)))
