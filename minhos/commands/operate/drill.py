"""drill: the emergency, rehearsed on a simulated account."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from minhos.commands.common import JsonOption, layout, print_json, settings
from minhos.commands.mistakes import finite
from minhos.commands.terminal import console, progress
from minhos.errors import CheckFailed
from minhos.market.clock import SystemClock
from minhos.safety import drill as service

DISTANCE_POINTS = 20.0


def drill(
    distance: Annotated[
        float, typer.Option(min=1.0, max=1_000.0, help="Points; the stop rests at three times that.")
    ] = DISTANCE_POINTS,
    price: Annotated[
        float | None, typer.Option(min=1.0, help="About where it trades; by default the newest .scid record.")
    ] = None,
    kill_trader: Annotated[
        bool, typer.Option("--kill-trader", help="Kill the running trader with SIGKILL; leaves the HALT file.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Open one contract on a simulated account, kill, prove that the stop rests, flatten, and time each step.

    Exit code 1 where a step fails.  Example: minh.py drill --kill-trader
    """
    finite({"--price": price})
    place = layout().make()
    with progress("drill", quiet=as_json) as report:
        done = service.drill(
            settings(),
            place,
            clock=SystemClock(),
            distance_points=distance,
            with_trader=kill_trader,
            price_points=price,
            progress=report,
        )
    if as_json:
        print_json(done)
    else:
        _show(done)
        console.print(f"The report is {place.reports / 'drill.json'}.", highlight=False, markup=False, soft_wrap=True)
    if not done.passed:
        failed = ", ".join(step.name for step in done.steps if not step.passed)
        raise CheckFailed(f"The drill failed at: {failed}.")


def _show(done: service.DrillReport) -> None:
    table = Table("step", "ms", "passed", "seen", title=f"drill on {done.account}, {done.contract}")
    for step in done.steps:
        verdict = Text("yes", "green") if step.passed else Text("NO", "red")
        table.add_row(Text(step.name), f"{step.ms:.1f}", verdict, Text(step.text))
    console.print(table)
    console.print(f"{done.verdict} in {done.total_ms:.0f} ms", highlight=False)
