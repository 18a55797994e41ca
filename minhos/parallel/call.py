"""One call in whatever process it runs: the user's parts first, then the function.

Not for where calls run; see `calls` and `cluster`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from minhos import parts
from minhos.errors import PartsError

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Work(Generic[Result]):
    """What all calls of a list have in common; it travels to each worker by pickle."""

    function: Callable[..., Result]
    """Importable by name."""
    source: parts.Source
    """The user's file as the caller has loaded it: a worker on another machine has no such file."""
    identities: Mapping[str, str]
    """The caller's parts of the user's own, also those of installed packages."""
    libraries: tuple[str, ...] = ()
    """Modules whose versions decide results."""

    def call(self, shared: object, argument: Sequence[object]) -> Result:
        """The function's result here; the shared value comes first where there is one.

        Raises PartsError where this process cannot have the same parts as the caller.
        """
        parts.load_source(self.source)
        found = parts.differences(self.identities, parts.identities(), made="this run was started", now="a worker")
        if found:
            raise PartsError(f"{'; '.join(found)}: install the same packages of parts on every machine.")
        return self.function(*argument) if shared is None else self.function(shared, *argument)
