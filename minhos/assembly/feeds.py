"""From settings to a feed: the table of ours, and the user's own by name.  Not for finished files: see `feeds.files`.

`make_feed` is the way in for every process; which feed it makes is `[data] feed`, or follows from the other settings.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import cast

import msgspec

from minhos import parts
from minhos.assembly.mirror import copied, mirror_options, running_mirror
from minhos.errors import DataError, MinhosError, PartsError, SettingsError
from minhos.feeds.bridge.feed import BridgeFeed
from minhos.feeds.bridge.mirror import MirrorOptions
from minhos.feeds.port import Feed, FeedFactory, FeedRequest
from minhos.feeds.scid.feed import FolderFeed
from minhos.feeds.simulated.feed import SimulatedFeed
from minhos.feeds.simulated.model import MarketModel
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock, SimulatedClock
from minhos.market.symbols import symbol_in_filename
from minhos.market.types import NANOS_PER_SECOND
from minhos.settings import Settings

NANOS_PER_MS = 1_000_000


class SimulatedOptions(msgspec.Struct, frozen=True):
    """What the simulated feed is made from besides the request."""

    model: MarketModel
    history_days: int
    start_ns: int
    seconds_per_bar: float
    days_ahead: int


class BridgeOptions(msgspec.Struct, frozen=True):
    """What the bridge's feed is made from besides the request."""

    address: MirrorOptions
    folder: Path
    """Where the mirror lies."""


@parts.feeds("simulated")
def simulated_feed(request: FeedRequest) -> SimulatedFeed:
    """A generated market on a clock that it moves."""
    options = msgspec.convert(request.options, SimulatedOptions)
    if not isinstance(request.clock, SimulatedClock):
        raise SettingsError("A simulated market needs a clock that it can move, not the machine's.")
    return SimulatedFeed(
        options.model,
        request.instrument,
        clock=request.clock,
        calendar=request.calendar,
        history_days=options.history_days,
        start_ns=options.start_ns,
        seconds_per_bar=options.seconds_per_bar,
        days_ahead=options.days_ahead,
    )


@parts.feeds("folder")
def folder_feed(request: FeedRequest) -> FolderFeed:
    """The live tail of a folder of .scid files."""
    return FolderFeed(request)


@parts.feeds("bridge")
def bridge_feed(request: FeedRequest) -> BridgeFeed:
    """The mirror of the bridge's files, beside a folder of Sierra Chart's own where one is named."""
    options = msgspec.convert(request.options, BridgeOptions)
    mirror = running_mirror(options.address, options.folder, request.symbol, request.clock)
    copied(mirror)
    return BridgeFeed(request, mirror.folder, mirror.status)


def make_feed(settings: Settings, calendar: SessionCalendar, clock: Clock, since_ns: int = 0) -> Feed:
    """The feed that the settings name.  since_ns: what closed up to then need not be in its history.

    Raises DataError where there is no data, SettingsError for wrong settings, PartsError for a feed of the user's that
    cannot be made.
    """
    name = feed_name(settings)
    part = parts.feeds.part(name)
    request = msgspec.structs.replace(feed_request(settings, name, calendar, clock), since_ns=since_ns)
    try:
        feed = cast(FeedFactory, part.value)(request)
    except MinhosError:
        raise
    except Exception as error:
        raise PartsError(
            f"{part.where}: the feed {name!r} cannot be made ({type(error).__name__}: {error}); mend it, or name "
            "another one in [data] feed of minhos.toml."
        ) from error
    if not isinstance(feed, Feed):
        raise PartsError(f"{part.where}: what {name!r} makes is no feed: derive its class from minhos.feeds.port.Feed.")
    if feed.simulated != settings.simulated:
        raise PartsError(
            f"{part.where}: the feed {name!r} says simulated = {feed.simulated}; only the simulated market of MinhOS "
            "is one, because models and journals of generated markets are kept apart."
        )
    return feed


def feed_name(settings: Settings) -> str:
    """`[data] feed`, or what the other settings say."""
    if settings.data.feed:
        return settings.data.feed
    if settings.simulated:
        return "simulated"
    return "bridge" if settings.data.bridge else "folder"


def feed_request(settings: Settings, name: str, calendar: SessionCalendar, clock: Clock) -> FeedRequest:
    """What the feed of that name is made from.  Raises SettingsError, DataError."""
    data = settings.data
    source, symbol = Path(data.source) if data.source else None, settings.market.symbol
    options: dict[str, object] = dict(settings.feed.get(name, {}))
    if name == "simulated":
        options = msgspec.structs.asdict(simulated_options(settings))
    elif name in ("folder", "bridge"):
        source, symbol = _followed(source, symbol)
        if name == "bridge":
            options = {"address": mirror_options(settings), "folder": Path(data.bridge_folder)}
    return FeedRequest(
        symbol=symbol,
        instrument=settings.instrument(symbol),
        clock=clock,
        calendar=calendar,
        source=source,
        flush_ns=data.flush_interval_ms * NANOS_PER_MS,
        grace_ns=data.grace_ms * NANOS_PER_MS,
        options=options,
    )


def _followed(source: Path | None, symbol: str) -> tuple[Path | None, str]:
    """The folder and the symbol to follow: those of a .scid file where one is named.  Raises DataError."""
    if source is None or not source.is_file():
        return source, symbol
    named = symbol_in_filename(source.name)
    if source.suffix.lower() != ".scid" or named is None:
        raise DataError(f"{source} is a finished file: it is trained on and tested, never traded; name a folder.")
    return source.parent, named.contract


def simulated_options(settings: Settings) -> SimulatedOptions:
    """The generated market of the settings."""
    simulation = settings.simulation
    return SimulatedOptions(
        market_model(settings),
        simulation.history_days,
        iso_ns(simulation.start),
        simulation.seconds_per_bar,
        simulation.days_ahead,
    )


def market_model(settings: Settings) -> MarketModel:
    """The simulated market of the settings."""
    simulation = settings.simulation
    return MarketModel(kind=simulation.kind, ceiling=simulation.ceiling, seed=simulation.seed)


def iso_ns(text: str) -> int:
    """ISO 8601 to UTC nanoseconds; text without an offset is UTC."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"{text!r} is no time; write it like 2025-10-06T09:30:00-04:00.") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return int(moment.timestamp()) * NANOS_PER_SECOND
