"""What things are called under given settings: mode, account and scope, and where this market's models lie.

Names only, and light: a command that merely reads imports nothing of feeds, features, venues or inference.
"""

from __future__ import annotations

from pathlib import Path

from minhos.assembly.layout import Layout
from minhos.market.symbols import parse_symbol
from minhos.models.registry import Registry
from minhos.settings import Settings
from minhos.words import percent


def mode_of(settings: Settings) -> str:
    """simulated (a generated market), paper (our paper venue or a simulated account) or live."""
    if settings.simulated:
        return "simulated"
    if settings.venue_name == "sierra":
        return settings.sierra.mode
    return "paper" if settings.venue_name == "paper" else settings.trading.mode


def scope_of(settings: Settings) -> str:
    """The registry's scope: simulated markets never share models with real ones."""
    root = parse_symbol(settings.market.symbol).root
    return f"simulated/{root}" if settings.simulated else root


def account_of(settings: Settings) -> str:
    """The account's name in the journal."""
    if settings.sierra.used:
        return settings.sierra.account
    own = settings.venue_name != "paper"
    account = settings.trading.account if own else settings.paper.account
    return f"{account}-{market_name(settings)}" if settings.simulated else account


def market_name(settings: Settings) -> str:
    """Name of a simulated market: each has models and journals of its own."""
    simulation = settings.simulation
    return f"{simulation.kind}-{simulation.ceiling * 100:g}-{simulation.seed}"


def market_words(settings: Settings) -> str:
    """The market of these settings as a person names it."""
    if settings.simulated:
        simulation = settings.simulation
        best = percent(ceiling_of(settings))
        return f"a simulated {settings.market.symbol} market ({simulation.kind}, ceiling {best})"
    if settings.data.feed:
        return f"{settings.market.symbol} from the feed {settings.data.feed}"
    return f"{settings.market.symbol} from {settings.data.source or settings.data.bridge}"


def ceiling_of(settings: Settings) -> float | None:
    """Best possible accuracy of the simulated market; None on real data."""
    if not settings.simulated:
        return None
    return 0.5 if settings.simulation.kind == "null" else settings.simulation.ceiling


def registry_of(settings: Settings, layout: Layout) -> Registry:
    """Where this market's bundles lie."""
    folder = layout.models / f"simulated-{market_name(settings)}" if settings.simulated else layout.models
    return Registry(folder)


def every_registry(layout: Layout) -> tuple[Registry, ...]:
    """The registries of all markets of this home that have one; that of real markets first."""
    simulated = sorted(layout.models.glob("simulated-*")) if layout.models.is_dir() else []
    return tuple(Registry(folder) for folder in (layout.models, *simulated) if (folder / "bundles").is_dir())


def finished_data(settings: Settings) -> bool:
    """True for a source to which nothing is added: no feed of the user's own, no .scid file, no folder of them."""
    if not settings.data.source or settings.data.feed:
        return False
    source = Path(settings.data.source)
    return not any(source.glob("*.scid")) if source.is_dir() else source.suffix.lower() != ".scid"
