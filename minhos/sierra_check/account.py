"""`check-sierra`: what the server shows of our account: accounts, balance, positions, open orders, fills."""

from __future__ import annotations

import re

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.running import trader_pid
from minhos.assembly.sierra import checked
from minhos.dtc import messages as m
from minhos.errors import DtcError, SettingsError, SymbolError
from minhos.market.symbols import parse_symbol
from minhos.sierra_check.context import Desk
from minhos.sierra_check.finding import Finding, failed, masked, ok, warning
from minhos.venues.sierra.conditions import loss_limit_cents

PREFIX = "check-"
"""Client order ids of this check begin so; those of MinhOS are 24 characters of A-Z and 2-7, a target's with -T."""
OURS = re.compile(r"[A-Z2-7]{24}(-T)?")
FILL_DAYS = 3
MOST_ACCOUNTS = 50
"""That many are named."""
FRESH_S = 10.0
"""A trader writes its heartbeat every second."""


def settings_agree(desk: Desk) -> Finding:
    """Would the trader start with this account, mode and data?"""
    try:
        checked(desk.settings)
    except SettingsError as error:
        return failed("settings", str(error), "Change config/minhos.toml as the sentence says.")
    return ok("settings", "Account, mode and data of config/minhos.toml agree.")


async def accounts(desk: Desk) -> Finding:
    """Is the configured account there, and may it trade?"""
    names = await desk.client.accounts()
    for name in (*names[:MOST_ACCOUNTS], desk.account):
        desk.mask.add_account(name)
    is_listed, names = desk.account in names, names[:MOST_ACCOUNTS]
    listed = ", ".join(names) or "none"
    if not is_listed:
        return failed(
            "accounts",
            f"The account {desk.account} of [sierra] is not listed; the server lists {listed}.",
            "Put one of them into [sierra] account; Trade >> Trade Account shows them after File >> Connect.",
            names,
        )
    rows = [row for row in desk.seen.kept(m.TradeAccountResponse) if isinstance(row, m.TradeAccountResponse)]
    if any(row.trading_is_disabled for row in rows if row.trade_account == desk.account):
        return failed(
            "accounts",
            f"Trading is disabled for {desk.account}.",
            "Ask the broker to enable trading, or choose another account under [sierra].",
            names,
        )
    return ok("accounts", f"The account {desk.account} is listed; the server lists {listed}.", names)


async def balances(desk: Desk) -> list[Finding]:
    """Is a balance shown, and does the broker stop the day's losses by himself?  Amounts stay out of the report."""
    rows = [row for row in await desk.client.balances(desk.account) if row.trade_account == desk.account]
    if not rows:
        sentence = "The server shows no balance of the account, and without one nothing can be sized."
        return [failed("balance", sentence, "File >> Connect to Data Feed; then Trade >> Trade Account Monitor.")]
    row = rows[-1]
    if row.cash_balance <= 0:
        told = failed(
            "balance",
            "The balance is not above zero.",
            "On a simulated account: Trade >> Trade Simulation Settings, set the balance.",
        )
    elif row.trading_is_disabled:
        told = failed("balance", "The balance says that trading is disabled.", "Ask the broker why.")
    else:
        told = ok("balance", f"The balance is shown, in {row.account_currency or 'no currency'}.", row.account_currency)
    return [told, _loss_limit(desk, row)]


def _loss_limit(desk: Desk, row: m.AccountBalanceUpdate) -> Finding:
    limit = loss_limit_cents(row) / 100
    if limit > 0:
        return ok("broker_loss_limit", f"The broker stops the day's loss at {limit:,.2f}.", limit)
    if desk.settings.sierra.simulated_account:
        return ok("broker_loss_limit", "The server names no daily loss limit; a simulated account has none.", 0)
    return warning(
        "broker_loss_limit",
        "The server names no daily loss limit: only MinhOS would stop the day's loss.",
        0,
        "Ask the broker to set a daily net loss limit on this account.",
    )


async def positions(desk: Desk) -> Finding:
    """What is open, and whether it is in our contracts."""
    rows = await desk.client.positions(desk.account)
    desk.prices |= {row.symbol: row.average_price for row in rows if row.average_price}
    desk.positions = {row.symbol: row.quantity for row in rows if row.trade_account in ("", desk.account)}
    told = {symbol: f"{quantity:+g}" for symbol, quantity in desk.positions.items()}
    if not told:
        return ok("positions", "There are no open positions.", {})
    ours = [symbol for symbol in told if _is_ours(desk, symbol)]
    text = ", ".join(f"{quantity} {symbol}" for symbol, quantity in told.items())
    if not ours:
        return ok("positions", f"Open, in contracts that MinhOS does not trade here: {text}.", told)
    return warning(
        "positions",
        f"Open: {text}.",
        told,
        "A position in our contract that MinhOS does not know makes it flat-only: close it, or let it begin flat.",
    )


async def open_orders(desk: Desk) -> Finding:
    """Working orders, and who may have sent them; those of a check that was killed are cancelled."""
    rows = [row for row in await desk.client.open_orders(desk.account) if row.trade_account in ("", desk.account)]
    stale = [row for row in rows if row.client_order_id.startswith(PREFIX)]
    for row in stale:
        try:
            await desk.client.cancel(row)
        except DtcError:
            continue
    others = [row for row in rows if row not in stale]
    told = [f"{row.symbol} {row.client_order_id or 'without a name'}" for row in others]
    foreign = [row for row in others if _is_ours(desk, row.symbol) and not OURS.fullmatch(row.client_order_id)]
    cleaned = f" {len(stale)} left by an earlier check were cancelled." if stale else ""
    if foreign:
        return warning(
            "open_orders",
            f"{len(foreign)} working orders in our contracts are not of MinhOS.{cleaned}",
            told,
            "Cancel them in Trade >> Trade Orders and Positions Window, or MinhOS stays flat-only.",
        )
    return ok("open_orders", f"{len(others)} working orders, none of them foreign in our contracts.{cleaned}", told)


async def fills(desk: Desk) -> Finding:
    """Can fills be asked for?  Without that, a fill missed during an outage would be lost."""
    rows = await desk.client.fills(desk.account, FILL_DAYS)
    desk.prices |= {row.symbol: row.price for row in rows if row.price}
    without_id = sum(not row.unique_execution_id for row in rows)
    if without_id:
        return warning("fills", f"{without_id} of {len(rows)} fills have no execution id.", len(rows))
    return ok("fills", f"{len(rows)} fills in the last {FILL_DAYS} days, each with an id of its own.", len(rows))


def trader_runs(desk: Desk, beat: TraderBeat | None) -> str:
    """Why no order is sent while our own trader works there; empty where none does."""
    if beat is None or beat.state == "stopped":
        return ""
    if heartbeats.age_s(beat, desk.clock) >= FRESH_S and trader_pid(desk.layout) is None:
        return ""
    held = [f"{contracts} {symbol}" for symbol, contracts in beat.held.items()]
    if held:
        return f"the trader runs and holds {', '.join(held)}; flatten and stop it first (minh.py flatten, minh.py stop)"
    if beat.venue == "sierra":
        return "the trader runs on this account and would take the check's orders for a stranger's; minh.py stop first"
    return ""


def order_obstacle(desk: Desk, beat: TraderBeat | None) -> str:
    """Why no order may be tried; empty where one may."""
    if not desk.settings.sierra.simulated_account:
        return f"orders are tried on a simulated account only (Sim1, Sim2, ...), and {masked(desk.account)} is none"
    running = trader_runs(desk, beat)
    if running:
        return running
    if any(_is_ours(desk, symbol) for symbol in desk.positions):
        return "there is an open position in our contract; close it first"
    if not desk.order_symbol:
        return f"the server knows no symbol of {desk.order_contract.contract}"
    return ""


def _is_ours(desk: Desk, symbol: str) -> bool:
    """Whether the server's symbol names one of our contracts."""
    if symbol in desk.settings.sierra.names_at_broker().values():
        return True
    try:
        contract = parse_symbol(symbol, desk.order_contract.year).contract
    except SymbolError:
        return False
    return contract in {each.contract for each in desk.contracts()}
