"""The user's own parts, loaded from `[user] file` and from installed packages: `load_parts`, in every process alike.

The file is read when a process starts; what changed in it holds from the next start on.  What a part is and where it
is registered: `minhos.parts`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from minhos import parts
from minhos.assembly.alert_routes import sections_of_parts
from minhos.assembly.layout import Layout
from minhos.errors import PartsError
from minhos.settings import Settings


def load_parts(settings: Settings, layout: Layout) -> parts.Source:
    """Load them once; a second call does nothing.

    Raises PartsError, a sentence with file, line and way out; nothing of a file that fails stays registered.
    """
    return parts.load(parts_file(settings, layout))


OURS = {"venue": ("paper", "sierra"), "feed": ("simulated", "folder", "bridge")}
"""Names that are registered where their modules are imported, which is not everywhere."""


def refuse_options_of_nobody(settings: Settings) -> None:
    """A table of options whose name no loaded part has would be passed over without a word.

    Raises PartsError for one, SettingsError for a section of `[alert]` that cannot be read.
    """
    tables: tuple[tuple[str, Iterable[str], parts.Registry[object]], ...] = (
        ("limit", settings.limit, parts.limits),
        ("alert", sections_of_parts(settings), parts.alerts),
        ("venue", settings.venue, parts.venues),
        ("feed", settings.feed, parts.feeds),
    )
    for kind, named, registry in tables:
        known = sorted({*registry.names(), *OURS.get(kind, ())})
        for name in named:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                meant = f"did you mean [{kind}.{near[0]}]?" if near else f"known: {', '.join(known) or 'none'}."
                raise PartsError(f"[{kind}.{name}] in minhos.toml: no {registry.kind} has that name; {meant}")


def parts_file(settings: Settings, layout: Layout) -> Path | None:
    """The file that the settings name, under the home where its path is not whole; None where they name none."""
    return layout.home / Path(settings.user.file).expanduser() if settings.user.file else None


def problem_of_parts(settings: Settings, layout: Layout) -> str:
    """Load them; the sentence where they cannot be, empty where they can: for those who go on without.

    Where a feature of the user's is none, all of his features are taken back: a row of features cannot be made of it.
    """
    try:
        load_parts(settings, layout)
        refuse_options_of_nobody(settings)
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

    refuse_options_of_nobody(settings)
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
