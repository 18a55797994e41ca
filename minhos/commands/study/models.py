"""models list | promote | rollback.  Imports no library that trains or infers: to list bundles is to read files."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from minhos.assembly.naming import every_registry, market_words, registry_of, scope_of
from minhos.commands.common import JsonOption, layout, print_json, settings, user
from minhos.market.clock import SystemClock
from minhos.models.bundle import BundleInfo
from minhos.models.registry import Registry
from minhos.settings import Settings


def list_models(as_json: JsonOption = False) -> None:
    """All bundles, newest first, each verified.  Example: minh.py models list."""
    chosen, place = settings(last=True), layout()
    own = registry_of(chosen, place)
    infos = own.list()
    others = [info for each in every_registry(place) if each.root != own.root for info in each.list()]
    if as_json:
        print_json({"scope": scope_of(chosen), "bundles": [_plain(info) for info in (*infos, *others)]})
        return
    from rich.table import Table
    from rich.text import Text

    from minhos.commands.terminal import console, say

    table = Table("bundle", "scope", "status", "verdict", "why")
    for info in (*infos, *others):
        table.add_row(info.id, info.scope, info.status, info.verdict, Text(info.why))
    if infos or others:
        console.print(table)
    if not any(info.scope == scope_of(chosen) for info in infos):
        more = f"; {len(infos) + len(others)} of other markets are listed above" if infos or others else ""
        say(f"There is no bundle of {market_words(chosen)} yet{more}; `minh.py train` makes one.")


def promote_model(bundle: Annotated[str, typer.Argument(help="Its id.")], as_json: JsonOption = False) -> None:
    """Serve this bundle from the next bar on.  Example: minh.py models promote ID."""
    chosen = settings(last=True)
    own = registry_of(chosen, layout())
    holder = own if own.has(bundle) else next((each for each in every_registry(layout()) if each.has(bundle)), own)
    _say(holder.promote(bundle, user(), SystemClock().now_ns()), chosen, holder, as_json)


def rollback_model(as_json: JsonOption = False) -> None:
    """Go back to the bundle before.  Example: minh.py models rollback."""
    chosen = settings(last=True)
    own = registry_of(chosen, layout())
    _say(own.rollback(scope_of(chosen), user(), SystemClock().now_ns()), chosen, own, as_json)


def _say(active: BundleInfo, chosen: Settings, holder: Registry, as_json: bool) -> None:
    if as_json:
        print_json({"active": active.id, "scope": active.scope})
        return
    from minhos.commands.terminal import console

    served = active.scope == scope_of(chosen) and holder.root == registry_of(chosen, layout()).root
    note = "" if served else f" It does not serve {market_words(chosen)}, which is another market."
    console.print(f"{active.id} is active in {active.scope}.{note}")


def _plain(info: BundleInfo) -> dict[str, object]:
    return {**msgspec.structs.asdict(info), "path": str(info.path)}
