"""check-sierra: everything that trading through Sierra Chart rests on, one step after the other."""

from __future__ import annotations

import re
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from minhos.commands.common import JsonOption, layout, print_json, settings
from minhos.commands.terminal import console, progress
from minhos.errors import CheckFailed, SettingsError
from minhos.sierra_check import walk as sierra_check
from minhos.sierra_check.finding import Report

UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}
STYLES = {"ok": "green", "warning": "yellow", "unknown": "dim", "failed": "red"}
LONGEST_S = 24 * 3600.0


def check_sierra(
    stable: Annotated[str, typer.Option("--for", help="How long to watch the connection: 90s, 5m, 1h.")] = "60s",
    history_port: Annotated[
        int, typer.Option("--history-port", min=1, max=65535, help="Sierra Chart's historical data port.")
    ] = sierra_check.HISTORY_PORT,
    as_json: JsonOption = False,
) -> None:
    """Check the connection to Sierra Chart, with orders that cannot fill on a simulated account.

    Example: minh.py check-sierra --for 1h.
    """
    seconds, place = seconds_of(stable), layout().make()
    with progress("Sierra Chart", quiet=as_json) as report:
        found = sierra_check.check_sierra(
            settings(), place, seconds=seconds, progress=report, history_port=history_port
        )
    if as_json:
        print_json(found)
    else:
        _show(found)
        where = f"The report to send is {place.reports / 'sierra.txt'}."
        console.print(where, highlight=False, markup=False, soft_wrap=True)
    if not found.ready:
        raise CheckFailed(f"Not everything holds that trading needs: {', '.join(found.failed)}.")


def seconds_of(text: str) -> float:
    """A duration such as 90s, 5m or 1h, in seconds.  Raises SettingsError."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)\s*([smh]?)", text.strip().lower())
    seconds = float(match[1]) * UNITS_S[match[2] or "s"] if match else 0.0
    if not 1.0 <= seconds <= LONGEST_S:
        raise SettingsError(f"--for {text}: write a time from 1s to 24h, such as 90s, 5m or 1h.")
    return seconds


def _show(report: Report) -> None:
    table = Table("step", "verdict", "found", title=f"{report.server}, account {report.account}")
    for each in report.findings:
        text = f"{each.sentence}\n→ {each.way_out}" if each.way_out else each.sentence
        table.add_row(Text(each.step), Text(each.verdict.value, STYLES[each.verdict.value]), Text(text))
    console.print(table)
    skew = "not measured" if report.clock_skew_s is None else f"{report.clock_skew_s:+.2f} s"
    legs = f'legs = "{report.legs}"' if report.legs else "not seen"
    console.print(f"{report.verdict.replace('_', ' ')}; clock skew {skew}; brackets: {legs}", highlight=False)
