"""The user's limits, registered through `minhos.parts`: asked after ours, and believed only where they lower.

    @parts.limits("no_fridays", version="1")
    class NoFridays:
        def cap(self, context: RiskContext) -> Cap | None: ...

A class whose `__init__` has a parameter named `options` gets its table of options there; any other is made without an
argument.  One that raises, or answers what means nothing, allows nothing, with the reason; a number above what came in
changes nothing.  None of it reaches the other limits.
"""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Collection, Mapping
from typing import cast

from minhos import parts
from minhos.errors import PartsError
from minhos.risk.limits.caps import no_adds
from minhos.risk.types import Action, Cap, Limit, RiskContext, Verdict

Options = Mapping[str, str | int | float | bool]


class PartsRefused:
    """No adds while a part of the user's own cannot be relied on: it does not load, is another one, or is too slow."""

    name = "parts"

    def cap(self, context: RiskContext) -> Cap | None:
        return no_adds(self.name, context, context.parts_refusal) if context.parts_refusal else None


class OwnLimit:
    """A limit of the user's own, between its answer and the risk manager."""

    def __init__(self, part: parts.Part[object], options: Options) -> None:
        self.name, self._file = part.name, part.file
        self.where = part.where
        """File and line of its class; of what raised, where it could not be made."""
        self.problem = ""
        """Why it could not be made."""
        try:
            self._limit = _made(part.value, options)
        except (Exception, SystemExit) as error:  # whatever a user's class raises
            self.problem = f"could not be made ({type(error).__name__}: {error})"
            self.where = self._where_raised(error)

    def cap(self, context: RiskContext) -> Cap | None:
        """What it answers, where that lowers; 0 contracts where it fails."""
        if self.problem:
            return self._nothing(self.problem)
        try:
            answer = self._limit.cap(context)
            return None if answer is None else self._lowered(answer, abs(context.recommendation.target))
        except (Exception, SystemExit) as error:  # whatever a user's method raises or returns
            return self._nothing(f"raised {type(error).__name__}: {error}", self._where_raised(error))

    def _lowered(self, answer: Cap, size: int) -> Cap:
        if not isinstance(answer, Cap):
            return self._nothing(f"answered {answer!r}, which is no Cap")
        contracts, action, until_ns = answer.contracts, Action(answer.action), int(answer.until_ns)
        reason = str(answer.reason)
        if contracts is None:
            return Cap(self.name, None, reason, action, until_ns)
        if isinstance(contracts, bool) or not isinstance(contracts, numbers.Real) or not contracts >= 0:
            return self._nothing(f"allowed {contracts!r} contracts")
        if contracts > size:
            reason = f"allows {contracts:g} where {size} came in, and a limit only lowers: {reason}"
            return Cap(self.name, None, reason, action, until_ns)
        return Cap(self.name, math.floor(contracts), reason, action, until_ns)

    def _nothing(self, why: str, where: str = "") -> Cap:
        return Cap(self.name, 0, f"the limit {self.name} {why}; mend it at {where or self.where}", failed=True)

    def _where_raised(self, error: BaseException) -> str:
        """The last line of the user's file that it went through; its class where there is none."""
        line = parts.line_of(error, self._file)
        return f"{self._file}:{line}" if line else self.where


def failures(verdict: Verdict) -> dict[str, str]:
    """The user's limits that failed at that verdict, by name, each with the sentence that says how."""
    return {cap.limit: cap.reason for cap in verdict.caps if cap.failed}


def own_parts(known: Mapping[str, str], taken: Collection[str]) -> list[parts.Part[object]]:
    """The registered limits that settings name.

    Args:
        known: kind and name to version and digest, as `parts.identities` gives them; other kinds are passed over.
        taken: names of our limits.

    Raises:
        PartsError: one is missing in this process, is another one here, or bears a name of ours.
    """
    here, found = parts.identities(parts.limits), []
    for key, identity in known.items():
        kind, _, name = key.partition(" ")
        if kind != parts.limits.kind:
            continue
        if name in taken:
            where = f"{parts.limits.part(name).where}: " if name in parts.limits else ""
            raise PartsError(f"{where}A limit of MinhOS is called {name!r}: give yours another name.")
        if here.get(key) != identity:
            instead = f"has it in another form ({here[key]})" if key in here else "does not have it"
            raise PartsError(
                f"The limit {name} ({identity}) decides under these settings, and this process {instead}: "
                "name the file that registers it, as it was then, in [user] file of minhos.toml."
            )
        found.append(parts.limits.part(name))
    return found


def own_limits(
    known: Mapping[str, str], options: Mapping[str, Options], taken: Collection[str]
) -> tuple[OwnLimit, ...]:
    """The same, made with their options (by the limit's name)."""
    return tuple(OwnLimit(part, options.get(part.name, {})) for part in own_parts(known, taken))


def _made(value: object, options: Options) -> Limit:
    if not callable(value):
        raise TypeError("a limit is registered as a class")
    wants = "options" in inspect.signature(value).parameters
    return cast(Limit, value(options=dict(options)) if wants else value())
