"""What a limit sees and says, the verdict that the risk manager makes of it, and what risk remembers."""

from __future__ import annotations

import enum
from typing import Literal, Protocol

import msgspec

from minhos.accounting.types import Account
from minhos.features.types import MarketState
from minhos.market.types import Instrument
from minhos.models.forecast import Forecast
from minhos.risk.evidence import Evidence
from minhos.risk.shadow import ShadowBook
from minhos.sizing.memo import once_per_value
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


class Cap(msgspec.Struct, frozen=True, gc=False):
    """What one limit allows: at most `contracts` on the recommendation's side, and why.

    contracts: None where the limit does not bind.  until_ns: when it ends by itself, 0 where that is unknown.
    failed: a limit of the user's raised or answered what means nothing; set where that is found, never by a limit.
    """

    limit: str
    contracts: int | None
    reason: str
    action: Action = Action.NONE
    until_ns: int = 0
    failed: bool = False


class ModelCondition(enum.StrEnum):
    """What the models can do at this bar."""

    SOUND = "sound"
    PARTIAL = "partial"
    """A member of the recipe is missing or failed."""
    OLD = "old"
    FAILED = "failed"
    """There is no forecast."""


class Component(msgspec.Struct, frozen=True, gc=False):
    """One reason for a risk level.  calm_bars: bars in a row on which its value was good enough for a lower one."""

    name: str
    level: Level = Level.LOW
    since_ns: int = 0
    reason: str = ""
    calm_bars: int = 0


@once_per_value
def _worst(components: tuple[Component, ...]) -> Level:
    """Asked several times a bar, of components that seldom change."""
    return max([component.level for component in components], default=Level.LOW)


class Stop(msgspec.Struct, frozen=True, gc=False):
    """Trading was stopped: by whom, why and when.  flat: also close what is held.

    What ends it: the next trade date after `trade_date`, the time `until_ns`, or `resume` where both are 0.
    """

    who: str
    why: str
    time_ns: int
    flat: bool = True
    trade_date: int = 0
    until_ns: int = 0


class Ladder(msgspec.Struct, frozen=True, gc=False):
    """Where the live ladder stands: the step, counted from 0, and the trades that were closed on it."""

    step: int = 0
    trades: int = 0


class Arming(msgspec.Struct, frozen=True, gc=False):
    """Who armed live orders and when.  unproven: without a proven edge, accepted in these words."""

    who: str
    time_ns: int
    unproven: bool = False
    words: str = ""


class Forced(msgspec.Struct, frozen=True, gc=False):
    """A side or a size that a person asks for in place of Kelly's; see `force`.

    contracts: 0 where only the side is asked for.  until_ns: 0 where only `force --clear` ends it.
    """

    side: Literal["long", "short", "flat", "any"]
    contracts: int
    who: str
    why: str
    until_ns: int = 0


ENGINE = "engine"
"""Who stops trading where no person does."""
FORCED = "forced"
"""Bound of a recommendation whose side and size are a person's."""


class MarketRisk(msgspec.Struct, frozen=True, gc=False):
    """What risk remembers of one instrument."""

    components: tuple[Component, ...] = ()
    evidence: Evidence = Evidence()
    shadow: ShadowBook = ShadowBook()

    @property
    def level(self) -> Level:
        """The worst of the components."""
        return _worst(self.components)


class RiskState(msgspec.Struct, frozen=True, gc=False):
    """All that risk remembers of one account, over restarts too; `state` has its transitions.

    peak_cents: of equity, from which drawdown is measured; `resume` after an EMERGENCY sets it anew.
    losses_forgiven: losses in a row that an earlier stop has already answered.  order_times_ns: orders of the last
    minute.  trailing_*: the prop firm's peak and start, never set anew.  markets: by root ("NQ").
    """

    trade_date: int = 0
    peak_cents: int = 0
    drawdown: Component = Component("drawdown")
    emergency: Stop | None = None
    day_stop: Stop | None = None
    loss_stop: Stop | None = None
    losses_forgiven: int = 0
    trailing_stop: Stop | None = None
    trailing_peak_cents: int = 0
    trailing_start_cents: int = 0
    paused: Stop | None = None
    halted: Stop | None = None
    resumed: Stop | None = None
    """The last `resume`, for the record."""
    distrust: Stop | None = None
    """The broker and the journal disagree, or somebody else trades here: flat-only until `resume`."""
    armed: bool = False
    order_times_ns: tuple[int, ...] = ()
    markets: dict[str, MarketRisk] = {}
    arming: Arming | None = None
    """Who armed, while `armed`."""
    ladder: Ladder = Ladder()
    forced: Forced | None = None

    def market(self, root: str) -> MarketRisk:
        """What is remembered of that instrument; nothing at first."""
        return self.markets.get(root, _NO_MARKET)

    def level(self, root: str = "") -> Level:
        """The worst of the account's components and that instrument's; of all instruments where none is named."""
        if self.emergency is not None:
            return Level.EMERGENCY
        worst = self.drawdown.level
        for market in (self.market(root),) if root else self.markets.values():
            if market.level > worst:
                worst = market.level
        return worst

    def is_stopped_by_hand(self) -> bool:
        """Whether a person wants everything closed, by a halt or a flatten."""
        words = (self.halted, self.paused if self.paused is not None and self.paused.flat else None)
        return any(word is not None and word.who != ENGINE for word in words)

    def demand_to_flatten(self) -> str:
        """Why everything must be closed, from the stops that are latched; empty where nothing demands it."""
        stops = (self.emergency, self.day_stop, self.trailing_stop, self.loss_stop, self.halted, self.paused)
        return next((stop.why for stop in stops if stop is not None and stop.flat), "")


_NO_MARKET = MarketRisk()


class RiskContext(msgspec.Struct, frozen=True, gc=False):
    """All that a limit may look at when it judges.  Nothing here is computed by a limit."""

    time_ns: int
    """Close of the bar that is decided on."""
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
    risk: RiskState = RiskState()
    expiry_ns: int = 0
    """Last trading moment of the recommendation's symbol; 0 where that is unknown."""
    leaving: str = ""
    """Why the contract is being left for the next one; empty while it is not."""
    elsewhere: str = ""
    """What is still open in another contract than the recommendation's; empty for nothing."""
    venue_trouble: str = ""
    """Why the venue takes no new risk at the moment; empty where it does."""
    parts_refusal: str = ""
    """Why a part of the user's own cannot be relied on; empty where all can."""
    adjusted: str = ""
    """Why the prices that the model was trained on are not those that were traded; empty where they are."""
    regular_hours: bool = False
    """The model was trained on regular hours alone."""

    @property
    def adds(self) -> bool:
        """True where the recommendation wants more than is held: an entry, an add or a flip."""
        target, position = self.recommendation.target, self.position
        return target * position < 0 or abs(target) > abs(position)

    @property
    def forced(self) -> bool:
        """True where side and size are a person's, so that what the forecast says of them does not count."""
        return self.recommendation.bound == FORCED

    @property
    def kept(self) -> int:
        """Contracts that may be kept on the recommendation's side when nothing may be added."""
        same_side = self.recommendation.target * self.position > 0
        return abs(self.position) if same_side else 0


class Limit(Protocol):
    """One limit: ten to twenty lines that return a cap and a reason."""

    name: str

    def cap(self, context: RiskContext) -> Cap | None:
        """None where this limit has nothing to say."""


class Verdict(msgspec.Struct, frozen=True, gc=False):
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
