"""status, logs: what is the case, and what the processes wrote."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from minhos.assembly.live_views import LiveViews
from minhos.commands.common import JsonOption, layout, print_json, settings
from minhos.errors import MinhosError
from minhos.views.status import elsewhere_of
from minhos.views.status import status as status_now

POLL_S = 0.25


def status(as_json: JsonOption = False) -> None:
    """What the system does now, and why.  Example: minh.py status --json."""
    now = LiveViews(settings(last=True), layout()).read(status_now)
    if as_json:
        print_json(now)
        return
    from minhos.commands.operate.screen import line
    from minhos.commands.terminal import console, say

    console.print(line(now), highlight=False)
    if elsewhere := elsewhere_of(now):
        say(f"held in another contract than {now.order_symbol}, and to be closed: {elsewhere}")
    if now.watchdog is not None:
        say(f"watchdog: {now.watchdog.word}; {now.watchdog.words}")
    if now.supervisor:
        say(f"supervisor: {now.supervisor}")


def logs(
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is added.")] = False,
    name: Annotated[str, typer.Option(help="trader, trainer or web.")] = "trader",
    lines: Annotated[int, typer.Option(min=1, help="How many of the last lines.")] = 40,
) -> None:
    """The newest log lines.  Example: minh.py logs --follow --name trainer."""
    path = layout().logs / f"{name}.log"
    if not path.exists():
        there = sorted(each.stem for each in layout().logs.glob("*.log"))
        what = f"known are {', '.join(there)}." if there else "`python3 minh.py start` writes trader, trainer and web."
        raise MinhosError(f"there is no log {path}; {what}")
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file.readlines()[-lines:]:
            print(line, end="")
        while follow:
            line = file.readline()
            if line:
                print(line, end="", flush=True)
            else:
                time.sleep(POLL_S)
