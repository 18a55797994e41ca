"""From the settings of `[sierra]` to what its venue is made from, and whether they agree with each other."""

from __future__ import annotations

import re

import msgspec

from minhos.assembly.sierra_link import client_options
from minhos.errors import SettingsError
from minhos.settings import Settings, SierraSettings
from minhos.venues.sierra.options import SierraOptions

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


def venue_options(settings: Settings) -> SierraOptions:
    """What the venue is made from."""
    sierra = settings.sierra
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
