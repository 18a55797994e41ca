"""config show | get | set."""

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
from minhos.errors import PartsError, SettingsError
from minhos.models.storage import replace_file
from minhos.ranges import plain
from minhos.settings import Settings, home, in_force, known, load, path_of, read_toml, texts_of
from minhos.settings.secret import is_secret

HIDDEN = "(set)"


def show(
    key: Annotated[str, typer.Argument(help="A section or section.key; left out: all.", show_default=False)] = "",
    as_json: JsonOption = False,
) -> None:
    """Every setting that is in force, or one with its meaning.  Example: minh.py config show risk.levels.drawdown."""
    chosen = settings()
    if key:
        get(key, as_json)
        return
    values = {name: _without_secrets(each, name) for name, each in in_force(chosen).items()}
    values["market"] = chosen.market.model_dump()  # of all instruments those that are set
    if as_json:
        print_json(values | {"kelly": chosen.kelly, "events_text": chosen.events_text})
        return
    for section, entries in values.items():
        if not isinstance(entries, dict):
            continue
        console.print(f"[bold]\\[{section}][/bold]", highlight=False)
        for name, value in entries.items():
            say(f"  {name} = {value!r}")


def get(
    key: Annotated[str, typer.Argument(help="section.key, as risk.levels.drawdown, or a section.")],
    as_json: JsonOption = False,
) -> None:
    """One setting: its value in force, default, range and what it means.  Example: minh.py config get web.port."""
    found = known(settings(), key)
    value = _without_secrets(found.value, key)
    allowed = found.allowed
    if as_json:
        ends = None if allowed is None else {"low": allowed.low, "high": allowed.high, "why": allowed.why}
        print_json({"key": key, "value": value, "default": found.usual, "range": ends, "meaning": found.meaning})
        return
    say(f"{key} = {msgspec.json.encode(value).decode()}")
    if found.usual is not None and not isinstance(found.usual, dict):
        say(f"  default: {msgspec.json.encode(found.usual).decode()}")
    if allowed is not None:
        say(f"  range: {plain(allowed.low)} to {plain(allowed.high)}, because {allowed.why}")
    if found.meaning:
        say(f"  {found.meaning}")


def _without_secrets(value: object, name: str) -> object:
    """name: of the value, whole."""
    if isinstance(value, dict):
        return {key: _without_secrets(each, f"{name}.{key}") for key, each in value.items()}
    return HIDDEN if is_secret(name, value) else value


def set_value(
    key: Annotated[str, typer.Argument(help="section.key, as risk.max_consecutive_losses.")],
    value: Annotated[str, typer.Argument(help="A TOML value; text needs no quotes.")],
    more: Annotated[
        list[str] | None, typer.Argument(help="Further keys and values, for those that must change together.")
    ] = None,
) -> None:
    """Change one setting; comments in the file stay.  Example: minh.py config set paper.initial_cash 100000."""
    from minhos.commands.operate.start_checks import refuse_what_a_start_refuses

    words = [key, value, *(more or [])]
    if len(words) % 2:
        raise SettingsError(f"{words[-1]!r} has no value; write pairs of section.key and value.")
    pairs = list(zip(words[::2], words[1::2], strict=True))
    texts = texts_of(home())
    path = layout().config / "minhos.toml"
    read_toml(path, texts[path.name])
    try:
        document = tomlkit.parse(texts[path.name])
    except TOMLKitError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}; correct it first.") from error
    for one, given in pairs:
        _put(document, path_of(one), given, path)
    text = tomlkit.dumps(document)
    try:  # before it is written: what a start refuses is never on the disk, where one could read it
        chosen = load(home(), texts={**texts, path.name: text})
        refuse_what_a_start_refuses(chosen, layout())
    except (SettingsError, PartsError) as error:
        bare = next((found for _, given in pairs if (found := bare_number(given))), "")
        hint = f"; write {bare}" if bare else ""
        raise SettingsError(f"{str(error).rstrip('.')}{hint}. Nothing was changed.") from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode())
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written ({error.strerror}); choose a home that you may write to with MINHOS_HOME. "
            "Nothing was changed."
        ) from error
    keep_private(path)
    for one, given in pairs:
        shown = HIDDEN if is_secret(one, given) else given
        say(f"{one} = {shown}; {_takes_effect(one, chosen, layout())}")


def _put(document: MutableMapping[str, object], keys: tuple[str, ...], given: str, path: Path) -> None:
    """Write a value below its sections, which are made where they are not there.  Raises SettingsError."""
    table = document
    for depth, name in enumerate(keys[:-1]):
        below = table.setdefault(name, tomlkit.table())
        if not isinstance(below, MutableMapping):
            section = ".".join(keys[: depth + 1])
            raise SettingsError(
                f"{path} has {section} = {below!r} where a section [{section}] belongs; correct it first."
            )
        table = below
    table[keys[-1]] = _value(given)


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
