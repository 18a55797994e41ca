"""Client order ids: the same intent always bears the same id, so that nothing is ever sent twice.

An id is base32 of the first 15 bytes of the intent's SHA-256: 24 characters, and DTC allows 31.  The intent itself
is in the journal; an id cannot be read back.
"""

from __future__ import annotations

import base64
import hashlib
import re

from minhos.accounting.types import Role

_BYTES = 15
_TARGET = "-T"
_FORM = re.compile(rf"[A-Z2-7]{{24}}({_TARGET})?")
MANUAL = "manual-"
"""How the ids begin under which the orders of somebody else are kept; the broker's number follows."""


def intent(account: str, symbol: str, decided_ns: int, role: Role, number: int = 0) -> bytes:
    """What makes an order the one it is; number tells apart orders of one role at one bar's close."""
    return f"{account}-{symbol}-{decided_ns}-{role}-{number}".encode()


def target_id(stop_id: str) -> str:
    """The id of the limit order that a bracket has beside its stop."""
    return f"{stop_id}{_TARGET}"


def stop_id_of(target: str) -> str:
    """The stop beside the target of that id; empty where the id is no target's."""
    return target.removesuffix(_TARGET) if target.endswith(_TARGET) else ""


def has_our_form(name: str) -> bool:
    """Whether a name at the broker is one that MinhOS gives, also where this journal does not know it."""
    return _FORM.fullmatch(name) is not None


def order_id(intent: bytes) -> str:
    """24 characters of A-Z and 2-7."""
    return base64.b32encode(hashlib.sha256(intent).digest()[:_BYTES]).decode()
