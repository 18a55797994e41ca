"""Which contracts the settings mean on a day, where no feed says which one leads.  For what looks from outside."""

from __future__ import annotations

import datetime as dt

from minhos.market.symbols import NEW_YORK, Symbol, front_contract, parse_symbol
from minhos.market.types import NANOS_PER_SECOND
from minhos.settings import Settings


def contracts_of(settings: Settings, now_ns: int) -> list[Symbol]:
    """What is forecast, then what is traded where that is another; the front month by date for a bare root."""
    today = dt.datetime.fromtimestamp(now_ns / NANOS_PER_SECOND, NEW_YORK).date()
    signal = parse_symbol(settings.market.symbol, today.year)
    if not signal.dated:
        signal = front_contract(signal.root, today)
    if settings.market.order_root in ("", signal.root):
        return [signal]
    return [signal, Symbol(settings.market.order_root, signal.month, signal.year)]


def traded_contract(settings: Settings, now_ns: int) -> Symbol:
    """The contract whose orders are sent."""
    return contracts_of(settings, now_ns)[-1]
