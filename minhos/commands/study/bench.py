"""bench NAME: figures that anyone can measure again, each with what it is compared with and the machine."""

from __future__ import annotations

import importlib
import inspect
import os
import platform
from typing import Annotated

import msgspec
import psutil
import typer
from rich.table import Table

from minhos.bench.figures import Figure, Findings
from minhos.commands.common import JsonOption, print_json
from minhos.commands.suggest import chosen_of
from minhos.commands.terminal import Lines, console, errors
from minhos.errors import MinhosError
from minhos.progress import Progress

NAMES = (
    "decision",
    "features",
    "ingest",
    "backtest",
    "train",
    "edge",
    "sizing",
    "dtc",
    "tail",
    "faults",
    "honesty",
    "walk_forward",
    "scheduler",
    "mutants",
    "world",
    "put_back",
    "journal_year",
    "kills",
    "write_errors",
    "soak",
    "formats",
    "files",
)


def bench(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(NAMES)}.")],
    quick: Annotated[bool, typer.Option("--quick", help="Fewer repetitions.")] = False,
    rounds: Annotated[int | None, typer.Option("--rounds", min=1, help="Rounds of each kind (faults).")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="What makes the rounds the same again (faults, mutants, world).")
    ] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="Seeds from --seed on (world, put_back).")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Tell what happened, and the fewest faults (world).")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure and print figures.  Example: minh.py bench decision --json."""
    run = importlib.import_module(f"minhos.bench.{chosen_of(name, NAMES, 'bench')}").run
    given = {"rounds": rounds, "seed": seed, "seeds": seeds, "trace": trace or None}
    asked = {key: value for key, value in given.items() if value is not None}
    taken = inspect.signature(run).parameters
    if unknown := [f"--{key}" for key in asked if key not in taken]:
        raise MinhosError(f"bench {name} has no {' or '.join(unknown)}; `bench {name}` alone measures it.")
    if "progress" in taken:
        found: Findings | list[Figure] = run(quick=quick, **asked, progress=_tell_on_stderr())
    else:
        with Lines(f"bench {name}"):
            found = run(quick=quick, **asked)
    findings = found if isinstance(found, Findings) else Findings(found)
    figures = findings.figures
    measured_on = machine()
    if as_json:
        print_json({"bench": name, "machine": measured_on, "figures": figures, **findings.beside})
        raise typer.Exit(int(findings.failed))
    console.print(", ".join(f"{key} {value}" for key, value in measured_on.items()), highlight=False)
    table = Table("figure", "value", "unit", "target", "met")
    for figure in figures:
        met = {True: "yes", False: "NO", None: ""}[figure.met]
        target = "" if figure.target is None else f"{figure.target:g}"
        table.add_row(figure.name, f"{figure.value:,.4g}", figure.unit, target, met)
    console.print(table)
    for key, value in findings.beside.items():
        for line in value if isinstance(value, list) else [value]:
            console.print(f"{key}: {_as_text(line)}", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(int(findings.failed))


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _tell_on_stderr() -> Progress:
    """A line for each twentieth of the work and for each failure; a live bar's thread would not mix with forks."""
    shown = -1

    def tell(share: float, text: str) -> None:
        nonlocal shown
        twentieth = int(20 * share)
        if twentieth > shown or text.startswith("FAILED"):
            shown = max(shown, twentieth)
            errors.print(f"{share:4.0%}  {text}", highlight=False, markup=False)

    return tell


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
