"""lab: experiments on signals that the models made out of sample; one file of `commands` each, registered here."""

from __future__ import annotations

import typer

from minhos.commands.lab.scenarios import scenarios
from minhos.commands.lab.search import search
from minhos.commands.lab.sizing import sizing

lab_app = typer.Typer(no_args_is_help=True, help="Experiments on signals made out of sample.")
lab_app.command("sizing")(sizing)
lab_app.command("search")(search)
lab_app.command("scenarios")(scenarios)
