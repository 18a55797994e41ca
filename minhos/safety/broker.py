"""What stands at the broker for us, asked by others than the trader: which contracts are ours, and the answer."""

from __future__ import annotations

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.layout import Layout
from minhos.assembly.venues import venue_for_others
from minhos.errors import MinhosError, SymbolError
from minhos.market.clock import Clock
from minhos.market.symbols import root_of
from minhos.settings import Settings
from minhos.trading.venue import Standing


def our_roots(settings: Settings, layout: Layout) -> frozenset[str]:
    """Roots of what is traded by the settings, and of what the trader last said it holds."""
    beat = heartbeats.read(layout, TraderBeat)
    names = [settings.market.order_root or settings.market.symbol, *(beat.positions if beat is not None else ())]
    return frozenset(root for name in names if (root := _root(name)))


def is_at_broker(settings: Settings, layout: Layout, clock: Clock) -> bool:
    """Whether something may rest in an account in which others can trade, too; so also where that is not known."""
    if settings.venue_name in ("paper", "sierra"):
        return settings.venue_name == "sierra"
    try:
        return not venue_for_others(settings, layout, clock).owns_account
    except MinhosError:
        return True


def what_stands(settings: Settings, layout: Layout, clock: Clock, asked_by: str) -> Standing:
    """Ask the venue over a connection of its own; why that fails is in the answer and not raised."""
    try:
        return venue_for_others(settings, layout, clock).standing(our_roots(settings, layout), asked_by)
    except MinhosError as error:
        return Standing(None, problem=str(error))


def _root(symbol: str) -> str:
    try:
        return root_of(symbol)
    except SymbolError:
        return ""
