"""Which values of the settings nobody but the owner may read: what backups leave out and no command shows."""

from __future__ import annotations

import re

_NAMES = re.compile(r"(?i)pass(word|phrase|wd)?$|token|secret|credential|(api|private|access)_?key|webhook")


def is_secret(name: str, value: object) -> bool:
    """name: whole, as web.password.  A password or token by its name; of an alert channel every address."""
    if not value:
        return False
    return bool(_NAMES.search(name.rpartition(".")[2])) or (name.startswith("alert.") and "://" in str(value))
