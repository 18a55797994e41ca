"""From the settings of `[sierra]` to a DTC connection, a venue and an account.  Nothing here runs for long."""

from __future__ import annotations

import asyncio
import re

import msgspec

from minhos.assembly.layout import Layout
from minhos.assembly.sierra_link import client_options
from minhos.dtc.client import DtcClient
from minhos.errors import DtcError, SettingsError, VenueError
from minhos.market.clock import Clock
from minhos.market.types import Instrument
from minhos.settings import Settings, SierraSettings
from minhos.venues.order_gate import OrderGate
from minhos.venues.sierra.options import SierraOptions
from minhos.venues.sierra.venue import SierraVenue

CLIENT_NAME = "MinhOS trader"


def checked(settings: Settings) -> SierraSettings:
    """The section, where account, mode and data agree.

    Raises:
        SettingsError: a generated market with real orders, or a mode that contradicts the account.
    """
    sierra = settings.sierra
    if settings.simulated:
        raise SettingsError(
            f"[sierra] host = {sierra.host!r} with a generated market: orders would go to a real server for prices "
            "that do not exist; name your data in [data] source, or remove the host."
        )
    if re.fullmatch(r"[\w.\-]{1,31}", sierra.account) is None:
        raise SettingsError(
            f"[sierra] account = {sierra.account!r} is no account name; copy it from Trade, Trade Account in "
            "Sierra Chart."
        )
    if sierra.simulated_account and sierra.mode == "live":
        raise SettingsError(
            f"[sierra] account = {sierra.account!r} is a simulated account of Sierra Chart and mode says live; "
            'set mode = "paper", or name the broker\'s account.'
        )
    if not sierra.simulated_account and sierra.mode == "paper":
        raise SettingsError(
            f"[sierra] account = {sierra.account!r} is no simulated account of Sierra Chart (Sim1, Sim2, ...), so that "
            'its orders are real money, and mode says paper; set account = "Sim1", or mode = "live".'
        )
    return sierra


def sierra_venue(settings: Settings, layout: Layout, instruments: dict[str, Instrument], clock: Clock) -> SierraVenue:
    """The venue, not started yet.  Raises as `checked` does."""
    gate = OrderGate(layout.orders_lock)
    return SierraVenue(venue_options(settings), instruments, clock, gate, layout.halt_file)


def venue_options(settings: Settings) -> SierraOptions:
    """What the venue is told.  Raises as `checked` does."""
    sierra = checked(settings)
    client = client_options(sierra, CLIENT_NAME)
    return SierraOptions(
        client=msgspec.structs.replace(client, reconnect_first_s=0.25, reconnect_most_s=10.0),
        account=sierra.account,
        target_per_stop=sierra.target_atr / settings.sizing_parameters().stop_atr,
        legs=sierra.legs,
        request_timeout_s=sierra.request_timeout_s,
        reconcile_every_s=sierra.reconcile_every_s,
        broker_symbols=sierra.names_at_broker(),
    )


def account_cash_cents(settings: Settings) -> int:
    """The cash balance of the account, asked of the server.

    Raises:
        VenueError: the server does not answer, or does not show the account; it says what to look at.
    """
    sierra = checked(settings)
    try:
        return asyncio.run(_cash_cents(sierra))
    except DtcError as error:
        raise VenueError(f"The balance of account {sierra.account} cannot be asked for: {error}") from error


async def _cash_cents(sierra: SierraSettings) -> int:
    async with DtcClient(client_options(sierra, CLIENT_NAME)) as client:
        accounts = await client.accounts()
        if sierra.account not in accounts:
            raise VenueError(
                f"The server has no account {sierra.account}; it has {', '.join(accounts) or 'none'}: "
                "put one of them into [sierra] account."
            )
        balances = await client.balances(sierra.account)
    cash = next((b.cash_balance for b in balances if b.trade_account == sierra.account and b.cash_balance > 0), None)
    if cash is None:
        raise VenueError(f"The server shows no balance above zero for account {sierra.account}; nothing can be sized.")
    return round(100 * cash)
