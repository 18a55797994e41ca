"""What is wrong with the supervisor or with what it starts, for people; its file is all that is known of it."""

from __future__ import annotations

from minhos.views.surroundings import Surroundings, distance_s
from minhos.words import duration

SILENT_S = 5.0
"""It says something four times a second."""
ENDING = "stopping"


def supervisor_words(around: Surroundings) -> str:
    """A sentence for a person; empty where it is well, ended in order or never was."""
    beat = around.supervisor
    if beat is None or not beat.time_ns or beat.state == ENDING:
        return ""
    age_s = distance_s(around.now_ns, beat.time_ns)
    if around.supervisor_gone or age_s >= SILENT_S:
        if not around.trader_alive and not around.watchdog_alive:
            return ""  # nothing runs that it could look after: that is the state
        what = "has been gone for" if around.supervisor_gone else "has said nothing for"
        return (
            f"The supervisor (process {beat.pid}) {what} {duration(age_s)}: no process that ends is started again, "
            "but trader and watchdog by each other; `python3 minh.py start` takes over what runs."
        )
    return " ".join(beat.refused[name] for name in sorted(beat.refused))
