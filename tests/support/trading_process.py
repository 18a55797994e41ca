"""A small trader in a process of its own, to be killed: python trading_process.py JOURNAL.  It trades until then.

Its bars are made from their number alone, so that the next process goes on with the same market.
"""

from __future__ import annotations

import sys

from trading_desk import Desk, settings_with

from minhos.journal.store import Journal
from minhos.testing.builders import MONDAY_OPEN
from minhos.trading import events as ev

IDENTITY = {"mode": "paper", "account": "test"}
BARS_A_SESSION = 84
"""Of each day only bars well before the session's end are traded."""
P = (0.66, 0.75, 0.67, 0.25, 0.2, 0.75, 0.5, 0.9, 0.1, 0.56)
OFFSETS = (0, 3, -2, 6, -5, 4, -1, 2, -3, 1)


def open_desk(path: str) -> Desk:
    desk = Desk(
        settings_with(risk={"max_consecutive_losses": 10**6, "max_orders_a_day": 10**6}),
        journal=Journal.open(path, IDENTITY),
        cash_cents=12_500_000,
    )
    last = desk.state.last_close_ns
    desk.next_bar = 0 if not last else (last - MONDAY_OPEN) // (desk.close_ns(1) - desk.close_ns(0))
    return desk


def trade_one_bar(desk: Desk) -> None:
    """The next bar, a price within it now and then, and a halt that a person ends again."""
    i = desk.next_bar
    at = 80_000 + OFFSETS[i % 10]
    low = at - (200 if i % 17 == 0 else 2)
    desk.bar(at, at + 2, low, at, p=P[i % 10])
    if i % 5 == 0:
        desk.price(at + 1)
    if i % 23 == 0:
        time_ns = desk.close_ns(i) + 2 * 10**9
        for name in ("halt", "resume"):
            time_ns += 1
            desk.engine.on_command(ev.CommandReceived(time_ns, f"{name}-{i}", name, "anna"))


if __name__ == "__main__":
    killed = open_desk(sys.argv[1])
    print("ready", flush=True)
    while killed.next_bar < BARS_A_SESSION:
        trade_one_bar(killed)
    print("done", flush=True)
