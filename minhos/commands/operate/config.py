"""config show | set."""

from __future__ import annotations

import contextlib
from collections.abc import MutableMapping
from pathlib import Path
from typing import Annotated

import msgspec
import tomlkit
import typer
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Item

from minhos.commands.common import JsonOption, layout, print_json, settings
from minhos.commands.mistakes import bare_number
from minhos.commands.terminal import console, say
from minhos.errors import SettingsError
from minhos.models.storage import replace_file
from minhos.settings import home, load

SECRETS = ("password", "bridge_password")
HIDDEN = "(set)"


def show(as_json: JsonOption = False) -> None:
    """Every setting that is in force.  Example: minh.py config show."""
    chosen = settings()
    values = chosen.model_dump()
    values["sizing"] = chosen.sizing_parameters()
    values["risk"] = chosen.risk_parameters()
    for section in filter(lambda each: isinstance(each, dict), values.values()):
        section.update({key: HIDDEN for key in SECRETS if section.get(key)})
    if as_json:
        print_json(values)
        return
    for section, entries in msgspec.to_builtins(values).items():
        if not isinstance(entries, dict):
            continue
        console.print(f"[bold]\\[{section}][/bold]", highlight=False)
        for key, value in entries.items():
            say(f"  {key} = {value!r}")


def set_value(
    key: Annotated[str, typer.Argument(help="section.key, as risk.max_consecutive_losses.")],
    value: Annotated[str, typer.Argument(help="A TOML value; text needs no quotes.")],
) -> None:
    """Change one setting; comments in the file stay.  Example: minh.py config set paper.initial_cash 100000."""
    section, dot, name = key.partition(".")
    if not dot or not name:
        raise SettingsError(f"{key!r} names no setting; write section.key, as in risk.max_consecutive_losses.")
    path = layout().config / "minhos.toml"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        document = tomlkit.parse(before)
    except TOMLKitError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}; correct it first.") from error
    table = document.setdefault(section, tomlkit.table())
    if not isinstance(table, MutableMapping):
        raise SettingsError(f"{path} has {section} = {table!r} where a section [{section}] belongs; correct it first.")
    table[name] = _value(value)
    try:  # before it is written: what is refused is never on the disk, where a start could read it
        load(home(), {section: {name: table[name]}})
    except SettingsError as error:
        if bare := bare_number(value):
            raise SettingsError(f"{str(error).rstrip('.')}; write {bare}.") from error
        raise
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, tomlkit.dumps(document).encode())
    keep_private(path)
    say(f"{key} = {HIDDEN if name in SECRETS else value}; it takes effect at the next start.")


def keep_private(path: Path) -> None:
    """Passwords may be in it: only its owner reads it."""
    with contextlib.suppress(OSError):
        path.chmod(0o600)


def _value(text: str) -> Item | str:
    try:
        return tomlkit.value(text)
    except TOMLKitError:
        return text
