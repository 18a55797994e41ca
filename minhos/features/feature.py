"""What a feature of the user's is: one number a bar, which joins the row after those of MinhOS.

    from minhos import parts

    @parts.features("overnight_gap", version="1")
    class OvernightGap:
        warm_up = 2
        ...
        def update(self, seen):
            return ...

It sees one closed bar after the other and nothing of the future.  Not for ours, which are in `groups`; how a value is
checked is here, what becomes of a refusal is in `pipeline`.
"""

from __future__ import annotations

import copy
import math
import numbers
from typing import Protocol, runtime_checkable

import msgspec

from minhos import parts
from minhos.errors import PartsError
from minhos.features.parameters import PARAMETERS
from minhos.market.calendar import Session
from minhos.market.clock import Clock
from minhos.market.types import Bar

BOUND = 8.0
"""Values are winsorised to this."""
SLOW_MS = 100
EXAMPLE = "examples/feature_overnight.py"


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What a feature may know at a bar's close.  Prices in ticks."""

    bar: Bar
    """As it came."""
    session: Session
    """The exchange's, with its open and close."""
    high_ticks: int
    """Spliced, as are low and close: at a roll prices go on from the last close."""
    low_ticks: int
    close_ticks: int
    move_ticks: int
    """From the last close; from the bar's own open after a break."""
    atr_ticks: float
    """ATR(14), at least 1."""
    sigma_ticks: float
    """The standard deviation to expect of a bar's move, from the time of day and of late; above zero."""


@runtime_checkable
class Feature(Protocol):
    """One feature with its state.  An instance belongs to one pipeline and must be copyable by `copy.deepcopy`."""

    warm_up: int
    """Bars after which its value is finite, at most 300; before them it may be NaN."""

    def update(self, seen: Seen) -> float:
        """The value at that bar: about -8 to 8, dimensionless.  Called for each closed bar once, in order."""
        ...


class Refused(Exception):
    """A user's feature gave no number; the message is a sentence with file, line and way out."""


class Own:
    """The user's features of one pipeline, in the order of their file.

    clock: measures each; None where nobody waits.
    Raises PartsError for what is no feature, or needs a longer warm-up than there is.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._features = [(part, _made(part)) for part in parts.features.own()]
        self._clock = clock
        self.slow = ""

    def __deepcopy__(self, memo: dict[int, object]) -> Own:
        """Registrations and clock are shared."""
        other = Own.__new__(Own)
        other._features = [(part, copy.deepcopy(feature, memo)) for part, feature in self._features]
        other._clock, other.slow = self._clock, self.slow
        return other

    def update(self, seen: Seen, bars: int) -> list[float]:
        """A value each.  bars: how many there were, this one included.

        All are updated, then the first that cannot be used after its warm-up is raised as Refused.
        """
        values, refused, self.slow = [], "", ""
        for part, feature in self._features:
            started_ns = self._clock.monotonic_ns() if self._clock is not None else 0
            try:
                value = float(feature.update(seen))
                why = "" if math.isfinite(value) or bars <= PARAMETERS.indicator_bars else f"gave {value}"
            except (Exception, SystemExit) as error:  # whatever a user's method raises
                value, why = math.nan, f"failed ({type(error).__name__}: {error})"
                line = parts.line_of(error, part.file) or part.line
            else:
                line = part.line
            if why and not refused:
                refused = (
                    f"{part.file}:{line}: the feature {part.name} {why}; it must give a finite number on every bar, so "
                    "return 0.0 where it has nothing to say."
                )
            if self._clock is not None:
                took_ms = (self._clock.monotonic_ns() - started_ns) / 1e6
                if took_ms > SLOW_MS:
                    self.slow = (
                        f"{part.where}: the feature {part.name} took {took_ms:.0f} ms at one bar, {SLOW_MS} are "
                        "allowed: make it quicker, or take it out and train anew."
                    )
            values.append(max(-BOUND, min(BOUND, value)))
        if refused:
            raise Refused(refused)
        return values


def _made(part: parts.Part[object]) -> Feature:
    try:
        made = part.value() if callable(part.value) else part.value
    except (Exception, SystemExit) as error:  # whatever a user's class raises
        line = parts.line_of(error, part.file) or part.line
        raise PartsError(
            f"{part.file}:{line}: the feature {part.name!r} cannot be made ({type(error).__name__}: {error}); its "
            f"class is called without an argument, see {EXAMPLE}."
        ) from error
    if not isinstance(made, Feature) or not callable(part.value) or not isinstance(made.warm_up, numbers.Real):
        raise PartsError(f"{part.where}: the feature {part.name!r} is no class with warm_up and update; see {EXAMPLE}.")
    if made.warm_up > PARAMETERS.indicator_bars:
        raise PartsError(
            f"{part.where}: the feature {part.name!r} warms up over {made.warm_up} bars; features have "
            f"{PARAMETERS.indicator_bars}, so look back less far."
        )
    return made
