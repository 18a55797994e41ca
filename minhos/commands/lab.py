"""lab: experiments on signals that the models made out of sample; one file of `commands` each, registered here."""

from __future__ import annotations

import typer

from minhos.commands.comparison import kelly_vs_fixed

lab_app = typer.Typer(no_args_is_help=True, help="Experiments on signals made out of sample.")
SIZING_HELP = "Size the same unseen signals in every way there is and compare.  Example: minh.py lab sizing --days 30."
lab_app.command("sizing", help=SIZING_HELP)(kelly_vs_fixed)
