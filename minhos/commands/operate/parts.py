"""parts: everything that can be replaced or added to, what is loaded of it, from where, and what it changes."""

from __future__ import annotations

import importlib

import msgspec
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from minhos import parts
from minhos.assembly.parts import check_parts
from minhos.commands.common import JsonOption, print_json, settings_with_parts
from minhos.commands.terminal import console, say

OURS = ("minhos.assembly.feeds", "minhos.assembly.venues", "minhos.training.ours")
"""Modules that register parts of MinhOS."""


class Line(msgspec.Struct, frozen=True):
    """One part, as `--json` gives it."""

    kind: str
    name: str
    version: str
    digest: str
    """Of its parsed source: comments and blank lines do not count."""
    origin: str
    """minhos, the user's file, or the name of an installed package."""
    where: str
    """File and line."""
    changes: str


def list_parts(as_json: JsonOption = False) -> None:
    """Parts that are loaded, yours and ours: from where, and what each changes.  Example: minh.py parts.

    Exit code 2 where your file cannot be loaded or one of your parts does not fit, with file, line and the way out.
    """
    for module in OURS:
        importlib.import_module(module)
    check_parts(settings_with_parts())
    source = parts.loaded()
    lines = [
        Line(part.kind, part.name, part.version, part.digest, part.origin, part.where, registry.changes)
        for registry in parts.REGISTRIES
        for part in registry
    ]
    if as_json:
        kinds = {registry.kind: registry.changes for registry in parts.REGISTRIES}
        print_json({"file": source.file, "kinds": kinds, "parts": lines})
        return
    own = [line for line in lines if line.origin != parts.OURS]
    for registry in parts.REGISTRIES:
        console.print(f"[bold]{registry.kind}[/bold]: {escape(registry.changes)}", highlight=False)
    table = Table("kind", "name", "version", "digest", Column("from", overflow="fold"))
    for line in [*own, *(line for line in lines if line.origin == parts.OURS)]:
        table.add_row(line.kind, line.name, line.version, line.digest, Text(_origin(line)))
    console.print(table, highlight=False)
    say(f"Yours: {len(own)} part{'' if len(own) == 1 else 's'}, {_sources(source, own)}.")


def _origin(line: Line) -> str:
    return line.origin if line.origin == parts.OURS else line.where


def _sources(source: parts.Source, own: list[Line]) -> str:
    """The file, and the installed packages that register any."""
    packages = sorted({line.origin for line in own} - {source.file})
    file = f"from {source.file}" if source.file else "no file is named in [user] file of minhos.toml"
    return f"{file}; packages: {', '.join(packages)}" if packages else file
