"""What tests need, ours and those of users' parts: builders, simulated markets, the broker double, port conformance.

    from minhos.testing import bar, forecast, session_bars

The names of `builders` and `markets` are found here when they are first used, so that starting the broker double
imports neither.  `feed_conformance` and `venue_conformance` check a feed or a venue of one's own.  No test library is
imported.  Not for the product: nothing that trades imports it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minhos.testing.builders import (
        MNQ,
        MONDAY_OPEN,
        NQ,
        account,
        bar,
        bundle_contents,
        forecast,
        linear_member,
        market_state,
        ns,
        payoff,
        random_bars,
        recommendation,
        risk_context,
        session_bars,
        trading_events,
        trading_settings,
    )
    from minhos.testing.markets import oracle_study

__all__ = [
    "MNQ",
    "MONDAY_OPEN",
    "NQ",
    "account",
    "bar",
    "bundle_contents",
    "forecast",
    "linear_member",
    "market_state",
    "ns",
    "oracle_study",
    "payoff",
    "random_bars",
    "recommendation",
    "risk_context",
    "session_bars",
    "trading_events",
    "trading_settings",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "markets" if name == "oracle_study" else "builders"
    found: object = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    return found
