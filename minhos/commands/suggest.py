"""A word from a fixed list, and which one was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from minhos.errors import MinhosError


def chosen_of(word: str, known: Sequence[str], what: str) -> str:
    """The word itself.  Raises MinhosError that names the likely one."""
    if word in known:
        return word
    close = difflib.get_close_matches(word, known, n=1)
    meant = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}."
    raise MinhosError(f"there is no {what} {word!r}: {meant}")
