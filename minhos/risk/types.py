"""What a limit sees and says, and the verdict that the risk manager makes of it."""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec

from minhos.accounting.types import Account
from minhos.features.types import MarketState
from minhos.market.types import Instrument
from minhos.models.forecast import Forecast
from minhos.sizing.types import Recommendation


class Level(enum.IntEnum):
    """Risk levels; each has a multiplier on size in the settings."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2
    CRITICAL = 3
    EMERGENCY = 4


class Action(enum.StrEnum):
    """What a limit demands of the open position, mildest first."""

    NONE = "none"
    NO_ADDS = "no_adds"
    """Keep or shrink: "flat-only"."""
    FLATTEN = "flatten"


class Cap(msgspec.Struct, frozen=True):
    """What one limit allows: at most `contracts` on the recommendation's side, and why.

    contracts: None where the limit does not bind.  until_ns: when it ends by itself, 0 where that is unknown.
    """

    limit: str
    contracts: int | None
    reason: str
    action: Action = Action.NONE
    until_ns: int = 0


class RiskContext(msgspec.Struct, frozen=True):
    """All that a limit may look at when it judges.  Nothing here is computed by a limit."""

    time_ns: int
    instrument: Instrument
    account: Account
    recommendation: Recommendation
    forecast: Forecast | None
    state: MarketState | None
    position: int
    """Signed contracts held now in the recommendation's symbol."""
    session_open: bool
    session_close_ns: int
    """Next halt: end of the session, half-days included."""
    rth: bool
    data_age_s: float
    data_quality: float
    """0 to 1."""
    delayed: bool = False
    multiplier: float = 1.0


class Limit(Protocol):
    """One limit: ten to twenty lines that return a cap and a reason."""

    name: str

    def cap(self, context: RiskContext) -> Cap | None:
        """None where this limit has nothing to say."""


class Verdict(msgspec.Struct, frozen=True):
    """What may be held after all limits: a signed target, every cap, which one bound, and the level.

    action FLATTEN: cancel everything and close.  recommended is what sizing wanted.
    """

    symbol: str
    close_time_ns: int
    recommended: int
    target: int
    level: Level
    bound: str
    reason: str
    action: Action = Action.NONE
    caps: tuple[Cap, ...] = ()
