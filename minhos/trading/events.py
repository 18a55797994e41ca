"""Every event that a journal holds, and how it is written and read.

An event is what came in (slices, prices, reports, fills, commands, models, settings), what was asked of the venue
(intents, cancels, resizes) or what was concluded (decisions, interventions, contradictions).  The state is a fold of
these and of nothing else; so is every page.  Payloads are msgpack, because NaN and every float survive it bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from minhos.accounting.types import Fill, Order, Trade
from minhos.errors import JournalError
from minhos.market.types import Bar, Instrument, Price, Slice
from minhos.models.payoff import Payoff
from minhos.risk.parameters import RiskParameters
from minhos.risk.types import Action, Level
from minhos.sizing.types import SizingParameters
from minhos.trading.types import Decision
from minhos.trading.venue import OrderReport, Survey, VenueStatus


class EngineStarted(msgspec.Struct, frozen=True):
    """A process took the journal over.  mode: simulated, paper or live."""

    time_ns: int
    mode: str
    account: str
    version: str
    initial_cash_cents: int
    rules_version: int = 1
    """Of `decide`, for the decisions that follow; `decide.RULES` says what each version is."""
    fold_version: int = 1
    """How the events that follow are folded, see `state.FOLD_VERSION`; journals of 0.1.0 hold none, which is 1."""


class TradingSettings(msgspec.Struct, frozen=True):
    """All that a decision depends on besides the model; `settings_id` is the hash of the rest.

    instruments: by contract symbol.  signal_symbol: what is forecast; order_symbol: what is traded.
    """

    sizing: SizingParameters
    risk: RiskParameters
    instruments: dict[str, Instrument]
    signal_symbol: str
    order_symbol: str
    auto_trading: bool = True
    settings_id: str = ""
    events_text: str = ""
    """Contents of config/events.csv, so that a replay sees the same blackouts."""
    micro: Instrument | None = None
    """The micro on the same index with this user's costs; decisions name its number where a contract rounds to 0."""
    members_off: tuple[str, ...] = ()
    """Which of the switches `lstm_enabled` and `ensemble_enabled` are off: "lstm", "ensemble"."""
    leaving: str = ""
    """Why the contract is being left for the next one: no entries, and what is held is closed."""
    parts: dict[str, str] = {}
    """The user's parts that decide, as `parts.identities` names them: "limit no_fridays" to version and digest."""
    limit_options: dict[str, dict[str, str | int | float | bool]] = {}
    """By the name of a limit of the user's: its options."""
    parts_refusal: str = ""
    """Why a part of the user's cannot be relied on: no new risk; empty where all can."""


class SettingsActivated(msgspec.Struct, frozen=True):
    time_ns: int
    settings: TradingSettings


class ModelActivated(msgspec.Struct, frozen=True):
    """A bundle serves from here on.  The payoff is in the event, so that a replay needs no bundle."""

    time_ns: int
    bundle_id: str
    recipe_id: str
    payoff: Payoff
    verdict: str
    slope_low: float
    simulated: bool
    created_ns: int = 0
    """When the bundle was trained; 0 where that is not known."""
    adjusted: str = ""
    """Why the prices that it was trained on are not those that were traded, so that nothing is sized on it; empty
    where they are."""
    regular_hours: bool = False
    """It was trained on regular hours alone: nothing is added by it outside of them."""


class HistoryLoaded(msgspec.Struct, frozen=True):
    """Bars that warm the features.  reset: start again at the first of them, which is the anchor."""

    time_ns: int
    bars: tuple[Bar, ...]
    reset: bool


class SliceClosed(msgspec.Struct, frozen=True, gc=False):
    """received_ns: by the clock, so that age and lateness replay as they were."""

    received_ns: int
    slice: Slice


class PriceSeen(msgspec.Struct, frozen=True):
    price: Price


class VenueReported(msgspec.Struct, frozen=True):
    report: OrderReport


class VenueStatusSeen(msgspec.Struct, frozen=True):
    """Whether the venue takes orders; journaled where it changes."""

    status: VenueStatus


class VenueSurveyed(msgspec.Struct, frozen=True):
    """What the broker showed; journaled where it differs from what it showed before."""

    survey: Survey


class Reconciled(msgspec.Struct, frozen=True):
    """Orders, fills and positions were compared with the broker's.  differences: none where both sides agree.

    Journaled after every connection, where the outcome changes, and once a trade date; while the broker is not trusted,
    also after each order or fill, because what it shows must be seen anew.
    """

    time_ns: int
    differences: tuple[str, ...] = ()
    positions: dict[str, int] | None = None
    """What the broker showed, signed contracts by symbol, twice and alike; None where it was not, or need not be known
    (and in journals of 0.1.0)."""


class OrderFilled(msgspec.Struct, frozen=True):
    fill: Fill


class FillRefused(msgspec.Struct, frozen=True):
    """A fill that does not fit the order that it names.  It is not booked, nothing is added until `resume`; durable.

    Where it was true all the same, the position that the broker shows differs from the journal's.
    """

    time_ns: int
    fill: Fill
    why: str


class OrderIntended(msgspec.Struct, frozen=True):
    """Durable before the venue hears of it."""

    order: Order
    time_ns: int


class CancelRequested(msgspec.Struct, frozen=True):
    """The venue is about to be asked to take an order back; what becomes of it comes as a report.

    Not durable: should a power cut lose it, the venue's answer or its next survey says the same.
    """

    order_id: str
    time_ns: int


class ResizeRequested(msgspec.Struct, frozen=True):
    """The venue is about to be asked to let a stop go on for that many contracts; not durable, as a cancel."""

    order_id: str
    contracts: int
    time_ns: int


class ContradictionFound(msgspec.Struct, frozen=True):
    """Our record and the venue's exclude each other: everything is halted.  Durable."""

    time_ns: int
    text: str


class DecisionMade(msgspec.Struct, frozen=True, gc=False):
    decision: Decision
    latency_us: float = 0.0
    """From the slice's arrival to this event; not part of the decision."""


class Intervention(msgspec.Struct, frozen=True):
    """Something between bars took hold of the position: a limit or a person.  Its orders follow as intents."""

    time_ns: int
    action: Action
    reason: str
    who: str
    orders: tuple[Order, ...] = ()


class TradeClosed(msgspec.Struct, frozen=True):
    """A finished trade with all that its first decision knew."""

    trade: Trade
    decided_ns: int
    p: float
    p_low: float
    break_even: float
    fraction: float
    contracts_wanted: float
    contracts_sent: int
    bound: str
    level: Level
    bundle_id: str


class CommandReceived(msgspec.Struct, frozen=True):
    """A person's word: pause, resume, halt, flatten and so on.  Durable."""

    time_ns: int
    command_id: str
    name: str
    who: str
    why: str = ""
    payload: dict[str, str | int | float | bool] = {}


class Alarm(msgspec.Struct, frozen=True):
    """Something a person should know at once."""

    time_ns: int
    text: str


class StoreSeen(msgspec.Struct, frozen=True):
    """Whether events can be stored and commands read; from one with a reason to the next without, no new risk.

    The first stands in the journal once it can be written again, before all that happened meanwhile.
    """

    time_ns: int
    reason: str = ""
    """Why not; empty where they can."""


class Retired(msgspec.Struct, frozen=True):
    """An event of a kind that is no longer written; it changes nothing.  Only `decode` makes one."""

    kind: str


Event = (
    EngineStarted
    | SettingsActivated
    | ModelActivated
    | HistoryLoaded
    | SliceClosed
    | PriceSeen
    | VenueReported
    | VenueStatusSeen
    | VenueSurveyed
    | Reconciled
    | OrderFilled
    | FillRefused
    | OrderIntended
    | DecisionMade
    | Intervention
    | TradeClosed
    | CommandReceived
    | Alarm
    | CancelRequested
    | ResizeRequested
    | ContradictionFound
    | StoreSeen
    | Retired
)

DURABLE = (
    OrderIntended,
    OrderFilled,
    FillRefused,
    Reconciled,
    CommandReceived,
    Intervention,
    ContradictionFound,
    EngineStarted,
    SettingsActivated,
    ModelActivated,
)
"""Committed with synchronous FULL before anything acts on them."""

RETIRED = ("TimerFired", "TradeDateStarted")
"""Kinds that earlier versions knew; docs/decisions/0010 says why there are no timers in the journal."""
EVENT_VERSION = 1
UPCASTS: dict[tuple[str, int], Callable[[dict[str, object]], dict[str, object]]] = {}
"""(kind, version) to a function that turns that version's fields into the next one's."""

_TYPES: dict[str, type[Event]] = {kind.__name__: kind for kind in Event.__args__ if kind is not Retired}
_ENCODER = msgspec.msgpack.Encoder()
_DECODERS: dict[str, msgspec.msgpack.Decoder[Event]] = {
    name: msgspec.msgpack.Decoder(kind) for name, kind in _TYPES.items()
}
_FIELDS = msgspec.msgpack.Decoder(dict[str, object])


def kind_of(event: Event) -> str:
    """The name under which an event stands in the journal."""
    return type(event).__name__


def encode(event: Event) -> bytes:
    """Fields as msgpack; floats, NaN included, survive exactly."""
    return _ENCODER.encode(event)


def decode(kind: str, payload: bytes, version: int = EVENT_VERSION) -> Event:
    """The event that was written, brought up to today's version.

    Raises:
        JournalError: an unknown kind or version, or a payload that does not fit it.
    """
    if kind in RETIRED:
        return Retired(kind)
    if kind not in _TYPES:
        raise JournalError(f"the journal holds an event {kind!r} that this version of MinhOS does not know; update it.")
    try:
        if version == EVENT_VERSION:
            return _DECODERS[kind].decode(payload)
        fields = _FIELDS.decode(payload)
        for old in range(version, EVENT_VERSION):
            fields = UPCASTS[kind, old](fields) if (kind, old) in UPCASTS else fields
        return msgspec.convert(fields, _TYPES[kind])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise JournalError(f"an event {kind!r} of the journal cannot be read: {error}.") from error
