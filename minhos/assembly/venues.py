"""From settings to a venue: the table of ours, and the user's own by name.

`make_venue` is the way in for the trader, `venue_for_others` for those who look after the account from outside it.
Which venue it is says `[trading] venue`, or follows from the other settings.  Light: the watchdog uses it.
"""

from __future__ import annotations

from typing import cast

import msgspec

from minhos import parts
from minhos.assembly.layout import Layout
from minhos.assembly.naming import account_of
from minhos.assembly.parts import load_parts
from minhos.assembly.sierra import checked, venue_options
from minhos.dtc.transport import Sockets
from minhos.errors import MinhosError, PartsError, SettingsError
from minhos.market.clock import Clock
from minhos.market.types import Instrument
from minhos.settings import Settings
from minhos.trading.venue import Venue, VenueFactory, VenueRequest
from minhos.venues.matching import MatchingParameters
from minhos.venues.order_gate import OrderGate
from minhos.venues.paper import PaperVenue
from minhos.venues.sierra.options import SierraOptions
from minhos.venues.sierra.venue import SierraVenue


@parts.venues("paper")
def paper_venue(request: VenueRequest) -> PaperVenue:
    """Our own matching engine."""
    return PaperVenue(request.instruments, msgspec.convert(request.options, MatchingParameters))


@parts.venues("sierra")
def sierra_venue(request: VenueRequest) -> SierraVenue:
    """Sierra Chart's DTC server."""
    options, gate = msgspec.convert(request.options, SierraOptions), OrderGate(request.orders_lock, request.clock)
    transport = request.transport or Sockets()
    return SierraVenue(options, request.instruments, request.clock, gate, request.halt_file, transport, request.exists)


def refuse_contradicting_venue(settings: Settings) -> None:
    """Raises SettingsError where what names the venue contradicts itself; opens and loads nothing."""
    name = settings.venue_name
    if name == "sierra":
        checked(settings)
    elif settings.sierra.used:
        raise SettingsError(
            f"[trading] venue = {name!r} and [sierra] host = {settings.sierra.host!r} name two places for the same "
            "orders: remove one of them."
        )


def make_venue(settings: Settings, layout: Layout, instruments: dict[str, Instrument], clock: Clock) -> Venue:
    """The venue that the settings name, not opened yet.

    Raises SettingsError for settings that contradict each other, PartsError for a venue of the user's that cannot be
    made.
    """
    refuse_contradicting_venue(settings)
    name = settings.venue_name
    venue = venue_for_others(settings, layout, clock, instruments)
    if settings.simulated and not venue.owns_account:
        raise SettingsError(
            f"[trading] venue = {name!r} with a generated market: orders would go to a real broker for prices that do "
            "not exist; name your data in [data] source."
        )
    return venue


def venue_for_others(
    settings: Settings, layout: Layout, clock: Clock, instruments: dict[str, Instrument] | None = None
) -> Venue:
    """The venue without a look at whether the trader may use it: to see what stands there, and to flatten.

    Raises PartsError, SettingsError.
    """
    if settings.venue_name not in parts.venues:
        load_parts(settings, layout)
    part = parts.venues.part(settings.venue_name)
    request = VenueRequest(
        instruments=instruments or {},
        clock=clock,
        account=account_of(settings),
        folder=layout.data / "venues" / part.name,
        orders_lock=layout.orders_lock,
        halt_file=layout.halt_file,
        exists=layout.disk.exists,
        options=_options(settings, part.name),
        transport=layout.transport,
    )
    try:
        venue = cast(VenueFactory, part.value)(request)
    except MinhosError:
        raise
    except Exception as error:
        raise PartsError(
            f"{part.where}: the venue {part.name!r} cannot be made ({type(error).__name__}: {error}); mend it, or name "
            "another one in [trading] venue of minhos.toml."
        ) from error
    if not isinstance(venue, Venue):
        raise PartsError(
            f"{part.where}: what {part.name!r} makes is no venue: derive its class from minhos.trading.venue.Venue."
        )
    if venue.owns_account and not venue.answers_at_once:
        raise PartsError(
            f"{part.where}: the venue {part.name!r} answers later and owns its account; one that answers later may "
            "lose an answer and must report surveys: set owns_account = False."
        )
    return venue


def starting_cash_cents(settings: Settings, venue: Venue) -> int:
    """What a new journal begins with: what the broker shows, else the setting.  Raises VenueError."""
    cash = venue.cash_cents()
    return round(100 * settings.paper.initial_cash) if cash is None else cash


def matching_of(settings: Settings) -> MatchingParameters:
    """How the paper venue fills; backtests and comparisons of it fill alike."""
    return MatchingParameters(delay_bars=settings.paper.delay_bars)


def _options(settings: Settings, name: str) -> dict[str, object]:
    if name == "paper":
        return msgspec.structs.asdict(matching_of(settings))
    return msgspec.structs.asdict(venue_options(settings)) if name == "sierra" else dict(settings.venue.get(name, {}))
