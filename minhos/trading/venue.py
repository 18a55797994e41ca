"""The port `Venue`: where orders go.  Another broker is one file: a subclass of `Venue`, registered under a name.

    @parts.venues("my_broker", version="1")
    class MyBroker(Venue):
        ...

and `[trading] venue = "my_broker"` in minhos.toml.  The trader makes it, constructing does nothing, and calls:

| method | | called when |
|---|---|---|
| open | optional | the journal is folded and compared: connect; must not wait for the network |
| close | optional | the trader ends; may come twice; what works at the broker stays there |
| submit | required | an order's intent is durable in the journal |
| cancel | required | a resting order is to go |
| resize | required | a resting stop is to cover fewer contracts after a reduction |
| on_price | where it fills orders itself | a price between bars is known |
| match_open, match_range | where it fills orders itself | a slice closed: first fills at the open, then by its range |
| adopt | where it keeps orders in memory | after a restart, before `open`: orders that may work, and the position |
| know | where the broker numbers orders | after a restart, before `open`: whose each of the broker's numbers is |
| add_instrument | where it keeps a list of contracts | a further contract may be traded, as after a roll |
| poll | where it answers later | between inputs, every 2 ms: what came since; never waits |
| ask | where it does not own the account | a survey is wanted soon; it comes out of `poll` |
| cash_cents | where a broker keeps the account | before a new journal begins; may wait for the network |
| standing, flatten_account | where it does not own the account | by halt, watchdog and flatten; may wait |

The last two are called in other processes than the trader's, which may be dead, on a venue that is never opened.

Two facts say what a venue is like:

* `answers_at_once`: what `submit`, `cancel`, `resize` and the three of prices return is all that it will say of them.
  A venue for which that is not so returns nothing there, and what became of them comes out of `poll`, in order.
* `owns_account`: nobody else can trade in its account, so that the position is what its fills make.  One for which
  that is not so reports through `poll` what the account shows (`Survey`) and how the connection is (`VenueStatus`), and
  before anything is placed or cancelled both sides are compared.

What raises, or answers no list of reports, is an alarm with its file and line, and a pause that only `resume` ends; at
`submit` the order counts as not answered and is never sent again, at `cancel` and `resize` as not done.

Words may be lost on the way, so that a venue that answers later needs surveys: it never owns its account.
Our own are `venues.paper` (at once, its own account) and `venues.sierra` (later, a broker's account).
"""

from __future__ import annotations

import enum
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

from minhos.accounting.types import Fill, Order
from minhos.market.clock import Clock
from minhos.market.types import Instrument, Price, Slice

if TYPE_CHECKING:  # a venue without a network needs no event loop
    from minhos.dtc.transport import Transport


class OrderStatus(enum.StrEnum):
    """What a venue can say of an order."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    CANCEL_REJECTED = "cancel_rejected"
    RESIZED = "resized"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    UNKNOWN = "unknown"
    """Not answered: it may or may not work.  It is never sent again; the broker is asked."""
    NOT_FOUND = "not_found"
    """Asked twice, the broker shows neither an order nor a fill of it."""
    LISTED = "listed"
    """Asked twice, the broker lists it as working although it had ended.  A comparison says so, never a venue."""


class OrderReport(msgspec.Struct, frozen=True):
    """What the venue says of an order, apart from fills.  order is set where the venue created it (a stop), and where
    a refused cancel says that it works on.

    venue_id: the broker's own number of the order; a replacement may change it.
    """

    order_id: str
    status: OrderStatus
    time_ns: int
    reason: str = ""
    order: Order | None = None
    venue_id: str = ""


class VenueOrder(msgspec.Struct, frozen=True):
    """A working order as the broker lists it.  order_id: the name that its sender gave it, empty for none.

    contracts: what remains of it.  trigger_ticks: of a stop, else 0.  parent_venue_id: of the order that it waits for.
    waiting: its parent has not filled yet (a bracket's leg).
    """

    venue_id: str
    order_id: str
    symbol: str
    side: int
    contracts: int
    is_stop: bool
    trigger_ticks: int = 0
    parent_venue_id: str = ""
    waiting: bool = False


class VenueFill(msgspec.Struct, frozen=True):
    """A fill as the broker lists it; fill.order_id is empty where the broker's number belongs to no order we know."""

    fill: Fill
    venue_id: str


class Survey(msgspec.Struct, frozen=True):
    """What the broker shows of our account: asked for, in answer to our request, from started_ns to time_ns.

    positions: signed contracts by contract symbol, in our symbols, without zeros.  fills: of the last two days, and of
    more days in the first survey on a connection.  quiet: no order, fill or position changed while it was asked.
    """

    started_ns: int
    time_ns: int
    positions: dict[str, int]
    orders: tuple[VenueOrder, ...] = ()
    fills: tuple[VenueFill, ...] = ()
    quiet: bool = True


class VenueStatus(msgspec.Struct, frozen=True):
    """Whether orders can be sent, else why not.  loss_limit_cents: the broker's own for the day, 0 without one."""

    time_ns: int
    ready: bool
    reason: str = ""
    loss_limit_cents: int = 0


class Standing(msgspec.Struct, frozen=True):
    """What of ours stands at the broker."""

    positions: dict[str, int] | None
    """Signed contracts by the broker's symbol, without zeros; None where it could not be asked."""
    n_orders: int = 0
    """Orders that work."""
    problem: str = ""
    """Why it could not be asked, empty where it could."""

    @property
    def nothing(self) -> bool:
        """Neither a position nor an order of ours."""
        return self.positions == {} and not self.n_orders


class Flattened(msgspec.Struct, frozen=True, kw_only=True):
    """What flattening an account did; positions are signed contracts by the broker's symbol, None where not known."""

    before: dict[str, int] | None = None
    after: dict[str, int] | None = None
    n_cancelled: int = 0
    n_working: int = 0
    problem: str = ""
    """Why it is not flat, in one sentence."""

    @property
    def flat(self) -> bool:
        """The broker was asked last and shows neither a position nor a working order of ours."""
        return self.after == {} and not self.n_working


class VenueRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue is made from."""

    instruments: dict[str, Instrument]
    """By contract symbol, with the user's commission, slippage and margins; empty for one that is never opened."""
    clock: Clock
    """The only time that a venue may ask for."""
    account: str
    """The account's name, as the journal has it."""
    folder: Path
    """For files of its own; made by whoever writes the first."""
    orders_lock: Path
    """The lock that everybody holds who sends orders to a broker (`venues.order_gate`)."""
    halt_file: Path
    """While it exists no entry may be sent."""
    exists: Callable[[Path], bool] = Path.exists
    """How the home's disk is asked whether it does."""
    options: dict[str, object] = {}
    """The table `[venue.<name>]` of minhos.toml."""
    transport: Transport | None = None
    """How the bytes of its connections travel; None for the network's sockets."""


Report = OrderReport | Fill
Note = Callable[[float, str], None]
"""Called with what was done: the share of the whole, 0 to 1, and a sentence."""
News = OrderReport | Fill | Survey | VenueStatus


@runtime_checkable
class Venue(Protocol):
    """See the table above; each method returns what the venue reports at once, in order."""

    name: str
    answers_at_once: bool = True
    owns_account: bool = True
    targets: bool = False
    """Whether an entry's bracket carries a target beside its stop."""

    @abstractmethod
    def submit(self, order: Order, time_ns: int) -> list[Report]:
        """Send an order; one whose id was sent before is not sent again."""

    @abstractmethod
    def cancel(self, order_id: str, time_ns: int) -> list[Report]:
        """Take an order back; CANCEL_REJECTED where it does not work."""

    @abstractmethod
    def resize(self, order_id: str, contracts: int, time_ns: int) -> list[Report]:
        """Let a resting stop cover so many contracts; CANCEL_REJECTED where it does not rest or covers fewer."""

    def open(self) -> None:
        """Connect.  How that goes comes out of `poll`."""
        return

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        return

    def on_price(self, price: Price) -> list[Report]:
        return []

    def match_open(self, closed: Slice) -> list[Report]:
        return []

    def match_range(self, closed: Slice) -> list[Report]:
        return []

    def adopt(self, orders: list[tuple[Order, int]], positions: Mapping[str, int]) -> None:
        """orders: each with what remains of it.  positions: net contracts by symbol."""
        return

    def know(self, venue_ids: Mapping[str, str]) -> None:
        """venue_ids: from the broker's number of an order to our id."""
        return

    def add_instrument(self, symbol: str, instrument: Instrument) -> None:
        """A further contract may be traded."""
        return

    def poll(self, time_ns: int) -> list[News]:
        """What came since the last call, in order."""
        return []

    def ask(self) -> None:
        """Survey the account as soon as possible."""
        return

    def cash_cents(self) -> int | None:
        """What the account holds; None takes `[paper] initial_cash`.  Raises VenueError where it cannot be asked."""
        return None

    def standing(self, roots: frozenset[str], asked_by: str) -> Standing:
        """What of ours stands at the broker: in contracts of these roots, whoever sent it.  Does not raise.

        asked_by: who asks, for the broker's log.
        """
        return Standing({})

    def flatten_account(self, roots: frozenset[str], note: Note, closed_until: Callable[[], str]) -> Flattened:
        """Cancel and close everything of ours; the caller holds the order gate.  Raises MinhosError.

        closed_until: when the market opens, empty while it is open.  While it is closed nothing fills: entries are
        cancelled, and what is held keeps its stops.
        """
        return Flattened(before={}, after={})


VenueFactory = Callable[[VenueRequest], Venue]


def describe(positions: dict[str, int] | None) -> str:
    """As a trader says it: "+2 MNQZ25-CME", "flat", "unknown"."""
    if positions is None:
        return "unknown"
    return ", ".join(f"{contracts:+d} {symbol}" for symbol, contracts in sorted(positions.items())) or "flat"
