"""Who is told what: the `[alert.NAME]` sections of minhos.toml, each a channel with its route.

    [alert.phone]                          # addresses as Apprise has them: Telegram, Discord, ntfy, mail, webhooks ...
    urls = ["tgram://TOKEN/CHAT"]
    least = "critical"                     # info, warning (the default) or critical
    [alert.mail]
    urls = ["mailto://me:secret@example.com"]
    quiet = "22:00-07:00"                  # only what is critical in these hours ...
    zone = "Europe/Berlin"                 # ... of this zone

    [alert.alive]
    ping = "https://hc-ping.com/ID"        # asked for each minute while all is well: silence alarms whoever waits there

A section without `urls` and `ping` is for a channel of the user's own (`parts.alerts`), with the same keys for its
route; the rest of its keys are that channel's options.  An address is a secret: no sentence shows one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from minhos import parts
from minhos.errors import SettingsError
from minhos.market.types import NANOS_PER_SECOND
from minhos.settings import Settings
from minhos.views.messages import Severity

ZONE = "America/New_York"
URLS, PING = "urls", "ping"
ROUTE_KEYS = ("least", "quiet", "zone")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class Quiet(NamedTuple):
    """Hours of the day in which only what is critical is sent; the end may lie after midnight."""

    begins: time
    ends: time
    zone: ZoneInfo

    def holds(self, now_ns: int) -> bool:
        now = datetime.fromtimestamp(now_ns / NANOS_PER_SECOND, self.zone).time()
        if self.begins <= self.ends:
            return self.begins <= now < self.ends
        return now >= self.begins or now < self.ends


class Route(NamedTuple):
    """What one channel is for."""

    least: Severity = Severity.WARNING
    quiet: Quiet | None = None


class Channel(NamedTuple):
    """url: an address for Apprise.  ping: one of the web.  options: of a channel of the user's own.
    label: the name of its section, and which address of several it is.
    """

    name: str
    route: Route
    label: str
    url: str = ""
    ping: str = ""
    options: Mapping[str, object] = {}

    @property
    def outside(self) -> str:
        """The key that makes it a channel without a part of the user's; empty for one with."""
        return URLS if self.url else PING if self.ping else ""


def channels_in(name: str, section: Mapping[str, object]) -> list[Channel]:
    """Of one section: a channel for each of its addresses, so that one that fails holds up no other.

    Raises SettingsError with a sentence that names the key and what it may be.
    """
    if PING in section:
        return [Channel(name, Route(), name, ping=_ping_of(name, section))]
    route = _route_of(name, section)
    options = {key: value for key, value in section.items() if key not in ROUTE_KEYS}
    if URLS not in section:
        return [Channel(name, route, name, options=options)]
    _refuse_other_keys(name, section, (URLS, *ROUTE_KEYS))
    urls = section[URLS]
    if not isinstance(urls, list | tuple) or not urls or not all(isinstance(url, str) and url for url in urls):
        raise SettingsError(f'[alert.{name}] urls is a list of addresses, as urls = ["ntfy://ntfy.sh/my-topic"].')
    if len(urls) == 1:
        return [Channel(name, route, name, urls[0])]
    return [Channel(name, route, f"{name} (address {place})", url) for place, url in enumerate(urls, start=1)]


def _ping_of(name: str, section: Mapping[str, object]) -> str:
    _refuse_other_keys(name, section, (PING,))
    url = section[PING]
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise SettingsError(f"[alert.{name}] ping is an address that begins with https:// or http://.")
    return url


def _refuse_other_keys(name: str, section: Mapping[str, object], known: tuple[str, ...]) -> None:
    for key in section:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            meant = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}."
            raise SettingsError(f"[alert.{name}] has no key {key!r}; {meant}")


def _route_of(name: str, section: Mapping[str, object]) -> Route:
    least = section.get("least", Severity.WARNING.name.lower())
    known = [severity.name.lower() for severity in Severity]
    if least not in known:
        raise SettingsError(f"[alert.{name}] least = {least!r}: it is one of {', '.join(known)}.")
    zone = section.get("zone", ZONE)
    try:
        place = ZoneInfo(str(zone))
    except (KeyError, ValueError, OSError) as error:
        raise SettingsError(
            f"[alert.{name}] zone = {zone!r} is not known; it has a form like Europe/Berlin."
        ) from error
    return Route(Severity[str(least).upper()], _quiet_of(name, section.get("quiet", ""), place))


def _quiet_of(name: str, text: object, zone: ZoneInfo) -> Quiet | None:
    if text == "":
        return None
    found = _HOURS.fullmatch(text) if isinstance(text, str) else None
    if found is None or (found[1], found[2]) == (found[3], found[4]):
        raise SettingsError(f"[alert.{name}] quiet = {text!r}: write two different times of the day, as 22:00-07:00.")
    return Quiet(time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4])), zone)


def channels_of(settings: Settings) -> tuple[Channel, ...]:
    """Every channel that there is, the user's own parts first, which `load_parts` has loaded.

    Raises SettingsError for a section that cannot be read.
    """
    own = [each for name in parts.alerts.names() for each in channels_in(name, settings.alert.get(name, {}))]
    for channel in own:
        if channel.outside:
            raise SettingsError(
                f"[alert.{channel.name}] has {channel.outside}, and a part of yours has that name; choose another."
            )
    rest = (name for name in settings.alert if name not in parts.alerts.names())
    outside = (channel for name in rest for channel in channels_in(name, settings.alert[name]) if channel.outside)
    return (*own, *outside)


def sections_of_parts(settings: Settings) -> list[str]:
    """Names of sections that are for a part of the user's.  Raises SettingsError as `channels_of`."""
    channels_of(settings)
    return [name for name, section in settings.alert.items() if not section.keys() & {URLS, PING}]
