"""A home's journal with a few events, for the pages over it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import FeedBeat, TraderBeat
from minhos.assembly.layout import Layout
from minhos.journal.store import Journal
from minhos.market.clock import SystemClock
from minhos.market.types import NANOS_PER_SECOND
from minhos.testing.builders import MONDAY_OPEN
from minhos.trading import events as ev


def write_journal(home: Path, events: list[ev.Event]) -> Journal:
    """A journal that stays open, so that more can be appended."""
    layout = Layout(home).make()
    journal = Journal.open(layout.journal("simulated", "paper"), {"mode": "simulated"})
    for event in events:
        append(journal, event)
    return journal


def say_running(layout: Layout, **changes: object) -> None:
    """The heartbeat of a trader that runs: this very process, a moment ago."""
    beat = TraderBeat(
        state="running",
        mode="simulated",
        market_time_ns=MONDAY_OPEN + 3_600 * NANOS_PER_SECOND,
        venue="paper",
        serving=True,
        market_open=True,
        feed=FeedBeat(connected=True, live=True, detail="a feed"),
    )
    heartbeats.write(layout, msgspec.structs.replace(beat, **changes), SystemClock())


def append(journal: Journal, event: ev.Event) -> None:
    journal.append(ev.kind_of(event), ev.encode(event), MONDAY_OPEN)
