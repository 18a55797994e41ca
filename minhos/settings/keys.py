"""The keys that the files may hold, by their whole names, such as `risk.levels.drawdown`.

For `config get` and `config set`: which name means what, its value in force and what is to be known of it.  Not for
whether a value may be: that is said where the files are read.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import tomllib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from minhos import ranges
from minhos.errors import SettingsError
from minhos.market.instruments import INSTRUMENTS, OVERRIDABLE
from minhos.risk.parameters import RiskParameters
from minhos.settings.parse import range_of
from minhos.settings.sections import Section
from minhos.settings.structs import refuse_unknown
from minhos.settings.whole import OTHER_FILES, Settings
from minhos.sizing.types import SizingParameters

STRUCTS: Mapping[str, tuple[type[msgspec.Struct], Mapping[str, ranges.Range]]] = {
    "sizing": (SizingParameters, ranges.SIZING),
    "risk": (RiskParameters, ranges.RISK),
}


class Known(NamedTuple):
    """What is to be known of a key.  value: in force.  usual: its default; None where it has none."""

    value: object
    usual: object
    allowed: ranges.Range | None
    meaning: str


def path_of(key: str) -> tuple[str, ...]:
    """The sections and the key, as TOML reads a dotted key.  Raises SettingsError."""
    try:
        found: object = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        found = {}
    path: list[str] = []
    while isinstance(found, dict) and len(found) == 1:
        (name,) = found
        path.append(name)
        found = found[name]
    if found != 0 or "\n" in key:
        path = []
    if len(path) < 2:
        raise SettingsError(f"{key!r} names no setting; write section.key, as in risk.max_consecutive_losses.")
    return tuple(path)


def in_force(settings: Settings) -> dict[str, object]:
    """Every section with what counts, defaults included."""
    values: dict[str, object] = {
        name: value for name, value in settings.model_dump().items() if name not in OTHER_FILES
    }
    values["sizing"] = msgspec.to_builtins(settings.sizing_parameters())
    values["risk"] = msgspec.to_builtins(settings.risk_parameters())
    instruments = {
        root: {key: getattr(settings.instrument(root), key) for key in OVERRIDABLE} for root in sorted(INSTRUMENTS)
    }
    values["market"] = {**settings.market.model_dump(), "instruments": instruments}
    return values


def known(settings: Settings, key: str) -> Known:
    """What that key is, a section or table of its own included.  Raises SettingsError for one that there is not."""
    path = tuple(key.split(".")) if "." not in key else path_of(key)
    found, usual = in_force(settings), in_force(Settings())
    value, default = _within(found, path), _within(usual, path, refuse=False)
    section, rest = path[0], ".".join(path[1:])
    kind = Settings.model_fields[section].annotation
    allowed: ranges.Range | None = None
    meaning = ""
    if section in STRUCTS:
        struct, table = STRUCTS[section]
        allowed, meaning = table.get(rest), _meaning_in(struct, path[1:])
    elif isinstance(kind, type) and issubclass(kind, Section) and len(path) > 1:
        meaning = _documented(kind).get(path[1], "")
        allowed = range_of(kind, path[1]) if len(path) == 2 else None
    if path[:2] == ("market", "instruments") and len(path) == 4:
        allowed = ranges.INSTRUMENT.get(path[3])
    if section == "evaluation":
        allowed = ranges.ACCOUNT_RULES.get(path[-1])
    return Known(value, default, allowed, meaning)


def _within(values: object, path: tuple[str, ...], *, refuse: bool = True) -> object:
    walked: list[str] = []
    for name in path:
        if not isinstance(values, Mapping):
            raise SettingsError(f"{'.'.join(walked)} has no keys of its own: {name!r} names nothing in it.")
        if name not in values:
            if not refuse:
                return None
            where = f"[{'.'.join(walked)}]" if walked else "minhos.toml"
            refuse_unknown({name: 0}, tuple(values), where)
        values = values[name]
        walked.append(name)
    return values


def _meaning_in(struct: type[msgspec.Struct], path: tuple[str, ...]) -> str:
    """Of the field itself, or of the table that it stands in."""
    if not path:
        return ""
    field = next((each for each in msgspec.structs.fields(struct) if each.name == path[0]), None)
    if field is not None and isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
        return _meaning_in(field.type, path[1:]) or _documented(struct).get(path[0], "")
    return _documented(struct).get(path[0], "")


def _documented(kind: type) -> dict[str, str]:
    """What stands under each field of a class, in one line."""
    (node,) = ast.parse(inspect.getsource(kind)).body
    found: dict[str, str] = {}
    for field, under in itertools.pairwise(node.body if isinstance(node, ast.ClassDef) else ()):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(under, ast.Expr):
            found[field.target.id] = " ".join(str(ast.literal_eval(under.value)).split())
    return found
