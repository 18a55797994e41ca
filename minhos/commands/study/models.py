"""models list | promote | rollback.  Imports no library that trains or infers: to list bundles is to read files."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from minhos.assembly.naming import registry_of, scope_of
from minhos.commands.common import JsonOption, layout, print_json, settings, user
from minhos.market.clock import SystemClock
from minhos.models.bundle import BundleInfo


def list_models(as_json: JsonOption = False) -> None:
    """All bundles, newest first, each verified.  Example: minh.py models list."""
    chosen = settings()
    infos = registry_of(chosen, layout()).list()
    if as_json:
        print_json({"scope": scope_of(chosen), "bundles": [_plain(info) for info in infos]})
        return
    from rich.table import Table

    from minhos.commands.terminal import console

    table = Table("bundle", "scope", "status", "verdict", "why")
    for info in infos:
        table.add_row(info.id, info.scope, info.status, info.verdict, info.why)
    console.print(table if infos else "There is no bundle yet; `minh.py train` makes one.")


def promote_model(bundle: Annotated[str, typer.Argument(help="Its id.")], as_json: JsonOption = False) -> None:
    """Serve this bundle from the next bar on.  Example: minh.py models promote ID."""
    _say(registry_of(settings(), layout()).promote(bundle, user(), SystemClock().now_ns()), as_json)


def rollback_model(as_json: JsonOption = False) -> None:
    """Go back to the bundle before.  Example: minh.py models rollback."""
    chosen = settings()
    _say(registry_of(chosen, layout()).rollback(scope_of(chosen), user(), SystemClock().now_ns()), as_json)


def _say(active: BundleInfo, as_json: bool) -> None:
    if as_json:
        print_json({"active": active.id, "scope": active.scope})
        return
    from minhos.commands.terminal import console

    console.print(f"{active.id} is active in {active.scope}.")


def _plain(info: BundleInfo) -> dict[str, object]:
    return {**msgspec.structs.asdict(info), "path": str(info.path)}
