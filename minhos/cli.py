"""The command line: `python3 minh.py COMMAND`.  Commands live in `minhos.commands`; this file only names them."""

from __future__ import annotations

import sys

import typer

from minhos.commands import (
    bench,
    bridge,
    comparison,
    control,
    drill,
    live,
    models,
    report,
    research,
    running,
    sierra,
    upkeep,
)
from minhos.commands.common import run
from minhos.commands.lab import root as lab
from minhos.commands.lab import sizing as lab_sizing

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="MinhOS trades CME index futures: forecasts, calibrates, sizes by Kelly, limits risk, and refuses to bet "
    "without an edge.",
)
for command in (
    running.start,
    running.stop,
    running.status,
    running.logs,
    models.train,
    report.research,
    research.backtest,
    research.replay,
    research.compare,
    research.check_data,
    comparison.check_context,
    comparison.integration,
    control.halt,
    control.resume,
    control.pause,
    control.flatten,
    control.accept_position,
    live.arm,
    live.disarm,
    live.force,
    sierra.check_sierra,
    drill.drill,
    upkeep.backup,
    upkeep.restore,
    research.checklist,
    bench.bench,
    bridge.bridge,
):
    app.command(command.__name__.replace("_", "-"))(command)
app.command("kelly-vs-fixed", help=lab_sizing.KELLY_VS_FIXED)(lab_sizing.sizing)
app.add_typer(models.models_app, name="models")
app.add_typer(upkeep.config_app, name="config")
app.add_typer(lab.lab_app, name="lab")


def main() -> None:
    """Entry point of `minh.py` and of the `minhos` script; exits with the command's code (2 for wrong use)."""
    sys.exit(run(lambda: app(prog_name="minh.py")))


if __name__ == "__main__":
    main()
