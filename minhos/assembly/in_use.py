"""Which settings a command means: what runs comes first, and is said in one line; then what the settings name.

`start --data FILE` runs another market than minhos.toml names.  Its processes say in their heartbeats what they were
told, so that whoever asks later speaks of the same market, models and journal.  Not for processes that are started:
these are told by their environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import Heartbeat, SupervisorBeat, TraderBeat, TrainerBeat, WebBeat
from minhos.assembly.layout import Layout
from minhos.assembly.naming import market_words
from minhos.assembly.running import pid_of
from minhos.errors import SettingsError
from minhos.settings import OVERRIDES, Settings, load

ASKED = (SupervisorBeat, TraderBeat, WebBeat, TrainerBeat)
"""Whose heartbeat is asked, the first that lives."""


def settings_in_use(layout: Layout, *, last: bool = False) -> tuple[Settings, str]:
    """The settings to go by, and one line where they name another market than the files alone; else an empty line.

    last: where nothing runs, those of the run whose journal is shown, because it was the last.
    Raises SettingsError.
    """
    running = next((beat for beat in _beats(layout) if pid_of(layout, type(beat)) is not None), None)
    newest = max(_beats(layout), key=lambda beat: beat.time_ns, default=None)
    kept = layout.settings_copy if layout.disk.exists(layout.settings_copy) else None
    try:
        plain = load(layout.home)
    except SettingsError as error:
        started = running or newest
        if started is None or kept is None or os.environ.get(OVERRIDES):
            raise
        # also where all was killed: what stands at a broker must be found with a file that is half saved
        chosen = load(layout.home, started.switches, copy=kept)
        return chosen, f"{error} Meant are the settings with which it was started last."
    if os.environ.get(OVERRIDES):
        return plain, ""
    found = newest if running is None and last else running
    copy = kept if running is not None else None
    if found is None or not (found.switches or copy):
        return plain, ""
    chosen = load(layout.home, found.switches, copy=copy)
    if chosen == plain:
        return plain, ""
    if market_words(chosen) == market_words(plain):
        if copy is None or chosen == load(layout.home, found.switches):
            return chosen, ""  # another port, another pace: the same market
        return (
            chosen,
            "What runs here was started with other settings than its files have now; stop and start it for them.",
        )
    which = "what runs here" if running is not None else "what ran here last; nothing runs now"
    return chosen, f"Of {which}: {market_words(chosen)}; the settings name {market_words(plain)}."


def _beats(layout: Layout) -> Iterator[Heartbeat]:
    for kind in ASKED:
        beat = heartbeats.read(layout, kind)
        if beat is not None:
            yield beat
