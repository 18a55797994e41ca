"""The three things a limit can answer besides nothing, so that each limit reads as one comparison.

A limit lets trading pass only by a comparison that holds for numbers: NaN and infinity never pass.
"""

from __future__ import annotations

from minhos.risk.types import Action, Cap, RiskContext, Stop


def no_adds(name: str, context: RiskContext, reason: str, until_ns: int = 0) -> Cap:
    """Flat-only: what is held may be kept or shrunk."""
    return Cap(name, context.kept, reason, Action.NO_ADDS, until_ns)


def flatten(name: str, reason: str, until_ns: int = 0) -> Cap:
    """Cancel and close."""
    return Cap(name, 0, reason, Action.FLATTEN, until_ns)


def unknown(name: str, context: RiskContext, **values: float) -> Cap:
    """No new risk, because one of these values cannot be relied on; the reason names each with its value."""
    listed = ", ".join(f"{what} is {value}" for what, value in values.items())
    return no_adds(name, context, f"{listed}: nothing is added on what is not known")


def stopped(name: str, context: RiskContext, stop: Stop) -> Cap:
    """What a latched stop demands, in the words it was latched with."""
    until_ns = stop.until_ns or (context.session_close_ns if stop.trade_date else 0)
    if stop.flat:
        return flatten(name, stop.why, until_ns)
    return no_adds(name, context, stop.why, until_ns)
