"""Which processes of a home are alive: their names, the modules that start them, their ids.

Not for starting or ending them: `processes.supervisor` does that.
"""

from __future__ import annotations

from pathlib import Path

import psutil

from minhos.assembly.layout import Layout, read_json

SERVICES = {
    "trader": "minhos.processes.trader",
    "trainer": "minhos.processes.trainer",
    "web": "minhos.web",
    "watchdog": "minhos.processes.watchdog",
}
LAUNCHERS = ("minh.py", "minhos")
FORMER = frozenset({"minhos.services.trader", "minhos.services.trainer", "minhos.services.watchdog"})
"""Under these names the processes of earlier versions were started, and a trader may still be."""
TRADERS = frozenset({SERVICES["trader"], "minhos.services.trader"})


def running_pids(layout: Layout) -> dict[str, int]:
    """Processes of this home that are alive, by name."""
    found: dict[str, int] = {}
    supervisor = read_json(layout.run / "supervisor.json")
    if isinstance(supervisor, dict):
        found["supervisor"] = int(supervisor["pid"])
        found.update({name: int(pid) for name, pid in supervisor.get("children", {}).items()})
    for name in SERVICES:
        heartbeat = read_json(layout.run / f"{name}.json")
        if isinstance(heartbeat, dict) and "pid" in heartbeat:
            found[name] = int(heartbeat["pid"])
    return {name: pid for name, pid in found.items() if is_ours(pid)}


def is_ours(pid: int, modules: frozenset[str] = frozenset()) -> bool:
    """Alive and started as one of our modules or by the launcher: a recycled process id is not.

    modules: only these count, where given.
    """
    try:
        words = psutil.Process(pid).cmdline()[1:]
    except (psutil.Error, ValueError):
        return False
    if modules:
        return any(word in modules for word in words)
    return any(word in {*SERVICES.values(), *FORMER, "minhos.cli"} or Path(word).name in LAUNCHERS for word in words)
