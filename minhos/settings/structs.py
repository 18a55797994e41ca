"""From a section that is kept as given to the frozen struct of a room, with sentences instead of reports."""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from minhos import ranges
from minhos.errors import SettingsError
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters

Struct = TypeVar("Struct", bound=msgspec.Struct)
RANGES: dict[type[msgspec.Struct], tuple[str, Mapping[str, ranges.Range]]] = {
    SizingParameters: ("[sizing]", ranges.SIZING),
    RiskParameters: ("[risk]", ranges.RISK),
}
"""Section and ranges of the structs that a section becomes."""


def in_range(
    kind: type[msgspec.Struct], values: Mapping[str, object], where: Callable[[str], str] | None = None
) -> None:
    """Refuse a number of that section that lies outside its range.  Raises SettingsError."""
    section, allowed = RANGES[kind]
    usual = msgspec.to_builtins(kind())

    def usual_of(path: str) -> object:
        found: object = usual
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return found

    ranges.check(values, allowed, where or (lambda key: f"{section} {key}"), usual_of)


def to_struct(kind: type[Struct], values: dict[str, object], where: str) -> Struct:
    """A frozen struct from a section of the settings.

    Raises:
        SettingsError: an unknown key (with the likely one) or a value of the wrong kind.
    """
    _refuse_unknown_within(kind, values, where)
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(_of_wrong_kind(str(error), values, where)) from error


KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text in quotes",
    "array": "a list",
    "object": "a table",
}
"""What a value is to be, by the name that msgspec has for it."""


def _of_wrong_kind(error: str, values: Mapping[str, object], where: str) -> str:
    """What msgspec says of a value, with the key and the value as they stand in the file."""
    found = re.fullmatch(r"Expected `(\w+)(?: \| null)?`, got `\w+` - at `\$\.([\w.]+)`", error)
    if found is None or found[1] not in KINDS:
        return f"{where}: {error}; see `config show` for every key and its value."
    value: object = values
    for key in found[2].split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return f"{where} {found[2]} = {value!r}: give {KINDS[found[1]]}; `config show` tells every key and its value."


def _refuse_unknown_within(kind: type[msgspec.Struct], values: Mapping[str, object], where: str) -> None:
    """Say which key was meant, in the tables within that section too."""
    refuse_unknown(values, kind.__struct_fields__, where)
    for name, inner in _structs_within(kind):
        table = values.get(name)
        if isinstance(table, Mapping):
            _refuse_unknown_within(inner, table, f"{where.rstrip(']')}.{name}]")


@functools.cache
def _structs_within(kind: type[msgspec.Struct]) -> tuple[tuple[str, type[msgspec.Struct]], ...]:
    """Its fields that are structs themselves.  Kept, because annotations are resolved anew each time that one asks."""
    fields = msgspec.structs.fields(kind)
    return tuple((f.name, f.type) for f in fields if isinstance(f.type, type) and issubclass(f.type, msgspec.Struct))


def number(values: dict[str, object], key: str, default: float = math.nan) -> float:
    """A finite number of `[sizing]`, taken out of it.  Raises SettingsError with the value."""
    value = values.pop(key, default)
    if not ranges.is_number(value) or not (isinstance(value, int) or math.isfinite(value)):
        raise SettingsError(f"[sizing] {key} = {value!r} is no number; give one such as 5, without quotes.")
    return value


def refuse_unknown(values: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    """Say which key was meant."""
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            meant = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}."
            raise SettingsError(f"{where} has no key {key!r}: {meant}")
