"""What the broker says before live trading is armed: its accounts, the balance, its own loss limit, its clock.

One short connection that sends no order.
"""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from minhos.assembly.layout import Layout
from minhos.assembly.naming import account_of
from minhos.assembly.sierra_link import client_options
from minhos.dtc import messages as m
from minhos.dtc.client import DtcClient
from minhos.dtc.codec import Malformed
from minhos.dtc.messages import Message
from minhos.errors import DtcError
from minhos.market.clock import Clock
from minhos.safety.broker import what_stands
from minhos.safety.clock_skew import clock_skew
from minhos.settings import Settings, SierraSettings
from minhos.venues.sierra.conditions import loss_limit_cents

LISTEN_S = 12.0
HEARTBEATS = 3
CLIENT_NAME = "MinhOS arm"


class BrokerFacts(msgspec.Struct, frozen=True):
    """problem: why the broker could not be asked, empty where it could.

    balance_cents and loss_limit_cents: of our account, 0 where it shows none.  clock_skew_s: this machine's clock less
    the server's, give or take the error; None where its heartbeats tell no time.
    """

    accounts: tuple[str, ...] = ()
    balance_cents: int = 0
    loss_limit_cents: int = 0
    clock_skew_s: float | None = None
    problem: str = ""
    clock_skew_error_s: float = 0.0


def ask_broker(sierra: SierraSettings, clock: Clock, listen_s: float = LISTEN_S) -> BrokerFacts:
    """Ask, for at most `listen_s` after the answers; what could not be asked is told in `problem`."""
    try:
        return asyncio.run(_ask(sierra, clock, listen_s))
    except DtcError as error:
        return BrokerFacts(problem=str(error))


def ask_venue(settings: Settings, layout: Layout, clock: Clock) -> BrokerFacts:
    """The same of a venue of the user's own: whether it answers for our account; it tells neither balance nor time."""
    standing = what_stands(settings, layout, clock, CLIENT_NAME)
    return BrokerFacts(accounts=() if standing.problem else (account_of(settings),), problem=standing.problem)


async def _ask(sierra: SierraSettings, clock: Clock, listen_s: float) -> BrokerFacts:
    beats: list[tuple[int, int]] = []
    enough = asyncio.Event()

    def observe(message: Message | Malformed) -> None:
        if isinstance(message, m.Heartbeat):
            beats.append((clock.now_ns(), message.current_date_time))
            if len(beats) >= HEARTBEATS:
                enough.set()

    options = msgspec.structs.replace(client_options(sierra, CLIENT_NAME), heartbeat_interval_s=1)
    client = DtcClient(options)
    client.observer = observe
    async with client:
        accounts = tuple(await client.accounts())
        known = sierra.account in accounts
        balances = await client.balances(sierra.account) if known else []
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(enough.wait(), listen_s)
    own = next((row for row in balances if row.trade_account == sierra.account), m.AccountBalanceUpdate())
    skew = clock_skew(beats)
    return BrokerFacts(
        accounts=accounts,
        balance_cents=round(100 * own.cash_balance),
        loss_limit_cents=loss_limit_cents(own),
        clock_skew_s=skew.middle_s if skew is not None else None,
        clock_skew_error_s=skew.error_s if skew is not None else 0.0,
    )
