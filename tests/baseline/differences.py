"""What differs between two records, in words that stand in a table, and whether a table of wanted ones covers it.

A difference is (what, before, after): `what` is the path in the record, as "help > train"; a value that is long is
told by the first of its text and a checksum.  None stands for what is not there.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

LONGEST = 200
TOLERANCE = 1e-9
SEPARATOR = " > "


class Difference(NamedTuple):
    what: str
    before: Any
    after: Any


class Wanted(NamedTuple):
    """A difference that is intended.  reason: the line of the change log that tells it."""

    what: str
    before: Any
    after: Any
    reason: str


def differences(before: Any, after: Any, what: str = "") -> Iterator[Difference]:
    """Each smallest thing that is another, is gone or is new."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            inner = f"{what}{SEPARATOR}{key}" if what else str(key)
            if key not in before or key not in after:
                yield Difference(inner, told(before.get(key)), told(after.get(key)))
            else:
                yield from differences(before[key], after[key], inner)
    elif _is_text(before) and _is_text(after):
        yield from _lines(before, after, what)
    elif not same(before, after):
        yield Difference(what, told(before), told(after))


def same(before: Any, after: Any) -> bool:
    """Equal, numbers within the tolerance; 1 and True are not the same."""
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(same(a, b) for a, b in zip(before, after, strict=True))
    if isinstance(before, float) and isinstance(after, float):
        return math.isclose(before, after, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return type(before) is type(after) and before == after


def told(value: Any) -> Any:
    """The value as it stands in a table."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    if len(text) <= LONGEST:
        return value
    return f"{text[: LONGEST // 2]}… ({len(text)} characters, {hashlib.sha256(text.encode()).hexdigest()[:12]})"


def unexplained(found: list[Difference], wanted: list[Wanted], parts: set[str] | None = None) -> list[str]:
    """Differences that are not in the table, and entries of the table that describe none; as lines to read or paste.

    parts: beginnings of paths that were compared at all; an entry about anything else is left alone.
    """
    entries = {json.dumps(entry[:3], sort_keys=True) for entry in wanted}
    seen = {json.dumps(list(each), sort_keys=True) for each in found}
    lines = [
        f"not wanted: Wanted({each.what!r}, {each.before!r}, {each.after!r}, REASON),"
        for each in found
        if json.dumps(list(each), sort_keys=True) not in entries
    ]
    compared = [entry for entry in wanted if parts is None or any(_is_within(entry.what, part) for part in parts)]
    lines += [
        f"no difference any more: {entry.what}: {entry.before!r} -> {entry.after!r}"
        for entry in compared
        if json.dumps(entry[:3], sort_keys=True) not in seen
    ]
    return lines + [f"no reason given: {entry.what}" for entry in wanted if not entry.reason.strip()]


def _is_within(what: str, part: str) -> bool:
    return what == part or what.startswith(part + SEPARATOR)


def _is_text(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _lines(before: list[str], after: list[str], what: str) -> Iterator[Difference]:
    """Lines that are gone, then lines that are new, where both lists are text."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            continue
        yield from (Difference(what, told(line), None) for line in before[a:b])
        yield from (Difference(what, None, told(line)) for line in after[c:d])
