"""Commands that the trader must not journal, and the sentence for whoever sent them."""

from __future__ import annotations

from collections.abc import Mapping

from minhos.errors import CommandRefused
from minhos.risk.force import forced_of

REFUSED = "refused: "
"""How the answer to a command begins that was not carried out."""


def refused(name: str, payload: Mapping[str, object], mode: str) -> str:
    """Why that command cannot be carried out in this mode; empty where it can."""
    if name in ("arm", "disarm") and mode != "live":
        return f"{REFUSED}the mode is {mode}, where there is nothing to {name}."
    if name == "force":
        plain = {k: v for k, v in payload.items() if isinstance(v, str | int | float | bool)}
        try:
            forced_of(plain, "", "", 0)
        except CommandRefused as error:
            return f"{REFUSED}{error}"
    return ""
