"""What account and symbols must be before an order goes out: what the server is asked, and what is said otherwise."""

from __future__ import annotations

import math

from minhos.dtc import messages as m
from minhos.dtc.client import TRADING_OFF, DtcClient
from minhos.errors import DtcRejected, VenueError
from minhos.market.symbols import SymbolForm, contract_expiry_ns, parse_symbol
from minhos.market.types import Instrument
from minhos.venues.sierra.options import SierraOptions
from minhos.venues.sierra.wire import Route

FORMS = (SymbolForm.SIERRA, SymbolForm.TETON, SymbolForm.RITHMIC)
_UNSET_ABOVE = 1e12
"""Servers write "no value" as the largest number that there is."""


async def require_account(client: DtcClient, account: str) -> None:
    """Raises VenueError where the server does not trade or has no such account, DtcError where it does not answer."""
    if client.logon is not None and not client.logon.trading_is_supported:
        raise VenueError(TRADING_OFF)
    accounts = await client.accounts()
    if account not in accounts:
        listed = ", ".join(accounts) or "none"
        raise VenueError(f"Sierra Chart has no trade account {account!r} (it has {listed}); see [sierra] account.")


async def find_route(client: DtcClient, options: SierraOptions, contract: str, instrument: Instrument) -> Route:
    """The broker's name of a contract.  Raises VenueError where it has none, DtcError where it does not answer."""
    names, refusal = names_of(contract, options), ""
    for name in names:
        try:
            await client.definition(name)
        except DtcRejected as error:
            refusal = refusal or str(error)
        else:
            return Route(contract, name, options.account, instrument)
    raise VenueError(f"Sierra Chart has no symbol for {contract} (tried {', '.join(names)}): {refusal}")


def names_of(contract: str, options: SierraOptions) -> list[str]:
    """The names under which the broker may know a contract; the one from the settings first."""
    given, symbol = options.broker_symbols.get(contract), parse_symbol(contract)
    usual = [symbol.text(form) for form in FORMS] if symbol.dated else [contract]
    return list(dict.fromkeys([given, *usual] if given else usual))


def definition_problem(route: Route, definition: m.SecurityDefinitionResponse) -> str:
    """Why no risk may be added in a symbol that is defined so; empty for no reason."""
    tick, ours = definition.min_price_increment, route.instrument.tick_size
    if tick and not math.isclose(tick, ours, rel_tol=1e-5):
        return f"{route.symbol} has ticks of {tick:g} at Sierra Chart and of {ours:g} here: it is another contract."
    value, ours = definition.currency_value_per_increment, route.instrument.tick_value_cents / 100
    if value and not math.isclose(value, ours, rel_tol=1e-5):
        return (
            f"A tick of {route.symbol} is worth {value:g} at Sierra Chart and {ours:g} here: it is another contract, "
            "or Currency Value per Tick is wrong in Global Settings >> Symbol Settings."
        )
    if definition.is_delayed:
        return f"Sierra Chart's data of {route.symbol} are delayed; no risk is added on them."
    return ""


def is_expired(contract: str, now_ns: int) -> bool:
    """Whether a contract trades no more."""
    symbol = parse_symbol(contract)
    return symbol.dated and contract_expiry_ns(symbol) < now_ns


def balance_problem(balance: m.AccountBalanceUpdate) -> str:
    """Why the broker lets the account add no risk; empty for no reason."""
    if balance.trading_is_disabled:
        return f"The broker has disabled trading in account {balance.trade_account}."
    if balance.daily_net_loss_limit_reached:
        return f"The broker's daily loss limit is reached in account {balance.trade_account}."
    return ""


def loss_limit_cents(balance: m.AccountBalanceUpdate) -> int:
    """The broker's own daily loss limit, 0 where it has none."""
    limit = abs(balance.daily_net_loss_limit)
    return round(100 * limit) if limit < _UNSET_ABOVE else 0
