"""The user's own parts, loaded from `[user] file` and from installed packages: `load_parts`, in every process alike.

The file is read when a process starts; what changed in it holds from the next start on.  What a part is and where it
is registered: `minhos.parts`.
"""

from __future__ import annotations

from pathlib import Path

from minhos import parts
from minhos.assembly.layout import Layout
from minhos.errors import PartsError
from minhos.settings import Settings


def load_parts(settings: Settings, layout: Layout) -> parts.Source:
    """Load them once; a second call does nothing.

    Raises PartsError, a sentence with file, line and way out; nothing of a file that fails stays registered.
    """
    return parts.load(parts_file(settings, layout))


def parts_file(settings: Settings, layout: Layout) -> Path | None:
    """The file that the settings name, under the home where its path is not whole; None where they name none."""
    return layout.home / Path(settings.user.file).expanduser() if settings.user.file else None


def problem_of_parts(settings: Settings, layout: Layout) -> str:
    """Load them; the sentence where they cannot be, empty where they can: for those who go on without.

    Where a feature of the user's is none, all of his features are taken back: a row of features cannot be made of it.
    """
    try:
        load_parts(settings, layout)
        _check_features()
    except PartsError as error:
        for part in parts.features.own():
            parts.features.forget(part.origin)
        return str(error)
    return ""


def check_parts(settings: Settings) -> None:
    """Build the loaded features and limits as the trader will.

    Raises PartsError, a sentence with file and line, for the first that is none or has the name of one of ours.
    """
    from minhos.risk.limits.own import own_limits
    from minhos.risk.limits.standard import names_of, standard_limits

    _check_features()
    ours = names_of(standard_limits(settings.risk_parameters()))
    for limit in own_limits(parts.identities(parts.limits), settings.limit, ours):
        if limit.problem:
            raise PartsError(
                f"{limit.where}: the limit {limit.name!r} {limit.problem}; until it can, it allows nothing."
            )


def _check_features() -> None:
    if parts.features.own():
        from minhos.features.pipeline import feature_set  # not needed by those who have none

        feature_set()
