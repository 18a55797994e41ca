"""What is wrong with the supervisor or with what it starts, for people; its file is all that is known of it."""

from __future__ import annotations

from minhos.views.surroundings import Surroundings
from minhos.words import duration

SILENT_S = 5.0
"""It says something four times a second."""
ENDING = "stopping"


def supervisor_words(around: Surroundings) -> str:
    """A sentence for a person; empty where it is well, ended in order or never was."""
    beat = around.supervisor
    if beat is None or not beat.time_ns or beat.state == ENDING:
        return ""
    age_s = around.heard_s(beat)
    if around.is_gone(beat):
        return f"The supervisor (process {beat.pid}) has been gone for {duration(age_s)}: {_without_it(around)}"
    if age_s >= SILENT_S:
        return (
            f"The supervisor (process {beat.pid}) has said nothing for {duration(age_s)}, though it lives: it hangs or "
            "the disk is full; look at the disk. `python3 minh.py start` takes over what runs."
        )
    return " ".join(beat.refused[name] for name in sorted(beat.refused))


def _without_it(around: Surroundings) -> str:
    """What is started again without a supervisor: trader and watchdog by each other, as far as one is there."""
    trader = around.trader_alive or around.unheard(around.trader)
    watchdog = around.watchdog_alive or around.unheard(around.watchdog)
    if not trader and not watchdog:
        return "neither trader nor watchdog runs, and nothing is started again; `python3 minh.py start` starts all."
    by = "trader and watchdog by each other"
    if not trader or not watchdog:
        by = "the watchdog by the trader" if trader else "the trader by the watchdog"
    return f"no process that ends is started again, but {by}; `python3 minh.py start` takes over what runs."
