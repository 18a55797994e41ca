"""What a start refuses besides what the settings say of each other: files, folders, parts, the page's openness.

`start` asks before it runs anything, `config set` before it writes anything.  Not for what only runs show, such as a
port that another program has.
"""

from __future__ import annotations

from pathlib import Path

from minhos import parts
from minhos.assembly.feeds import feed_name
from minhos.assembly.layout import Layout
from minhos.assembly.parts import OURS, check_parts, load_parts
from minhos.assembly.venues import refuse_contradicting_venue
from minhos.errors import SettingsError
from minhos.settings import Settings
from minhos.web.auth import check_host


def refuse_what_a_start_refuses(chosen: Settings, place: Layout) -> None:
    """Raises SettingsError or PartsError with the sentence of the start."""
    check_host(chosen.web.host, chosen.web.password)
    refuse_contradicting_venue(chosen)
    _refuse_absent_source(chosen)
    load_parts(chosen, place)
    check_parts(chosen)
    if (feed := feed_name(chosen)) not in OURS["feed"]:
        parts.feeds.part(feed)
    if chosen.venue_name not in OURS["venue"]:
        parts.venues.part(chosen.venue_name)


def _refuse_absent_source(chosen: Settings) -> None:
    data = chosen.data
    if data.source and not data.bridge and data.feed in ("", *OURS["feed"]) and not Path(data.source).exists():
        raise SettingsError(
            f"There is no file or folder {data.source}: name that of your bars in [data] source, or by `start --data`."
        )
