"""What a person ordered: pause, halt, arm.  Each holds over restarts until a person ends it."""

from __future__ import annotations

from minhos.risk.limits.caps import no_adds, stopped
from minhos.risk.parameters import Mode, RiskParameters
from minhos.risk.types import Cap, RiskContext, Stop


def _explained(stop: Stop, what: str) -> Stop:
    """The stop in words that say who and why."""
    why = f"{what} by {stop.who}" + (f": {stop.why}" if stop.why else "")
    return Stop(stop.who, why, stop.time_ns, stop.flat)


class Paused:
    """`pause`: no adds.  `flatten`: nothing held, and no adds after that."""

    name = "paused"

    def cap(self, context: RiskContext) -> Cap | None:
        stop = context.risk.paused
        if stop is None:
            return None
        return stopped(self.name, context, _explained(stop, "flattened" if stop.flat else "paused"))


class Halted:
    """`halt` or the HALT file: cancel, flatten, nothing until `resume`."""

    name = "halted"

    def cap(self, context: RiskContext) -> Cap | None:
        stop = context.risk.halted
        return None if stop is None else stopped(self.name, context, _explained(stop, "halted"))


class Armed:
    """Live orders wait for `arm`."""

    name = "armed"

    def __init__(self, parameters: RiskParameters, mode: Mode = "paper") -> None:
        self._needed = mode == "live" and parameters.require_arming

    def cap(self, context: RiskContext) -> Cap | None:
        if not self._needed or context.risk.armed:
            return None
        return no_adds(self.name, context, "live trading is not armed; `arm` allows orders")
