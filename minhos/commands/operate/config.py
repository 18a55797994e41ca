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

from minhos.assembly.layout import Layout
from minhos.assembly.naming import account_of, mode_of
from minhos.assembly.running import running_pids
from minhos.commands.common import JsonOption, layout, print_json, settings
from minhos.commands.mistakes import bare_number
from minhos.commands.terminal import console, say
from minhos.errors import SettingsError
from minhos.models.storage import replace_file
from minhos.settings import Settings, home, load, read_toml

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
    more: Annotated[
        list[str] | None, typer.Argument(help="Further keys and values, for those that must change together.")
    ] = None,
) -> None:
    """Change one setting; comments in the file stay.  Example: minh.py config set paper.initial_cash 100000."""
    words = [key, value, *(more or [])]
    if len(words) % 2:
        raise SettingsError(f"{words[-1]!r} has no value; write pairs of section.key and value.")
    pairs = list(zip(words[::2], words[1::2], strict=True))
    path = layout().config / "minhos.toml"
    before = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    read_toml(path, before)
    try:
        document = tomlkit.parse(before)
    except TOMLKitError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}; correct it first.") from error
    changed: dict[str, dict[str, object]] = {}
    for one, given in pairs:
        section, dot, name = one.partition(".")
        if not dot or not name:
            raise SettingsError(f"{one!r} names no setting; write section.key, as in risk.max_consecutive_losses.")
        table = document.setdefault(section, tomlkit.table())
        if not isinstance(table, MutableMapping):
            raise SettingsError(
                f"{path} has {section} = {table!r} where a section [{section}] belongs; correct it first."
            )
        item = table[name] = _value(given)
        changed.setdefault(section, {})[name] = item.unwrap() if isinstance(item, Item) else item
    try:  # before it is written: what is refused is never on the disk, where a start could read it
        chosen = load(home(), changed)
    except SettingsError as error:
        if bare := next((found for _, given in pairs if (found := bare_number(given))), ""):
            raise SettingsError(f"{str(error).rstrip('.')}; write {bare}.") from error
        raise
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, tomlkit.dumps(document).encode())
    keep_private(path)
    for one, given in pairs:
        shown = HIDDEN if one.partition(".")[2] in SECRETS else given
        say(f"{one} = {shown}; {_takes_effect(one, chosen, layout())}")


def _takes_effect(key: str, chosen: Settings, place: Layout) -> str:
    """From when on a change counts, as the end of a sentence."""
    journal = place.journal(mode_of(chosen), account_of(chosen))
    if key == "paper.initial_cash" and place.database.exists(journal):
        return (
            f"it changes nothing in {journal.name}, which has begun and keeps its cash; a new journal begins with it "
            "(name another paper.account), and so does `backtest`."
        )
    running = ", ".join(running_pids(place))
    if running:
        return f"it takes effect at the next start: what runs ({running}) goes on with what it was started with."
    return "it takes effect at the next start."


def keep_private(path: Path) -> None:
    """Passwords may be in it: only its owner reads it."""
    with contextlib.suppress(OSError):
        path.chmod(0o600)


def _value(text: str) -> Item | str:
    try:
        return tomlkit.value(text)
    except (TOMLKitError, ValueError, RecursionError):
        return text
