"""Which members there are, ours first and then the user's, and whether each can be trained here.

Slowest first: jobs start in this order.  What a member is stands in `member`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from minhos import parts
from minhos.errors import PartsError
from minhos.training import ours as ours  # registers our five
from minhos.training.member import Member

EXAMPLE = "examples/member_logistic.py"


def names() -> tuple[str, ...]:
    """Every member's."""
    return tuple(part.name for part in sorted(parts.members, key=lambda part: part.own))


def member(name: str) -> Member:
    """A fresh one, to be fitted once.  Raises PartsError for a name that there is not and for what is no member."""
    part = parts.members.part(name)
    if not callable(part.value):
        raise PartsError(f"{part.where}: the member {name!r} is no class; see {EXAMPLE}.")
    if lacking := _lacking(part.value):
        raise PartsError(f"{part.where}: the member {name!r} has no {', '.join(lacking)}; see {EXAMPLE}.")
    made = part.value()
    assert isinstance(made, Member)
    return made


def _lacking(kind: object) -> list[str]:
    """What of a member's the class does not define."""
    wanted = sorted(name for name in (*Member.__annotations__, "fit", "p_up", "export"))
    return [
        name
        for name in wanted
        if not hasattr(kind, name) or getattr(getattr(kind, name), "__isabstractmethod__", False)
    ]


def why_missing(name: str) -> str:
    """The reason why the member of that name cannot be trained here; empty when it can."""
    if name not in parts.members:
        return f"{name} is no member that MinhOS knows ({', '.join(names())})"
    library = member(name).library
    if library and importlib.util.find_spec(library) is None:
        return f"the library {library} is not installed"
    return ""


def of_folds() -> tuple[str, ...]:
    """Those that are quick enough to be fitted for every fold and every week: the trees, of ours."""
    return tuple(name for name in names() if not member(name).n_blocks)


def searchable() -> tuple[str, ...]:
    """Those whose parameters `lab search` can look for, quickest first."""
    return tuple(name for name in reversed(names()) if member(name).space)


def libraries(wanted: Iterable[str]) -> set[str]:
    """The modules that those members need; a name that there is not needs none."""
    return {member(name).library for name in wanted if name in parts.members} - {""}


def where_of(name: str, error: BaseException | None = None) -> str:
    """Where in the user's file a member failed, " (my_parts.py:12)"; empty for ours."""
    part = parts.members.part(name) if name in parts.members else None
    if part is None or not part.own:
        return ""
    line = parts.line_of(error, part.file) if error is not None else 0
    return f" ({part.file}:{line or part.line})"
