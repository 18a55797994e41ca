"""The recipe: everything that decides how a model is trained, and the id under which its evidence is kept.

Two sizes, chosen by the number of bars.  Seeds and data are not part of it: retraining the same recipe on newer bars
keeps its evidence; changing a parameter starts anew.
"""

from __future__ import annotations

import hashlib

import msgspec

from minhos import parts
from minhos.errors import SettingsError
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION, feature_set
from minhos.training.member import WINDOW_BARS, Member, Values
from minhos.training.members import member, names, of_folds

DEMO_BELOW_BARS = 40_000
ID_DIGITS = 12


class Recipe(msgspec.Struct, frozen=True):
    """How to train.  The order and the names of its fields are part of every recipe's id."""

    size: str
    parameters: dict[str, Values]
    """Of each member, for its library."""
    members: tuple[str, ...]
    """By name, slowest first."""
    features: tuple[str, ...] = FEATURE_NAMES
    feature_version: str | int = FEATURE_VERSION
    n_folds: int = 5
    """Of the purged cross-validation, for members without blocks."""
    embargo_bars: int = WINDOW_BARS
    holdout: float = 0.2
    """Share of the newest bars that is only reported."""
    early_stopping: float = 0.1
    """Share of a fit's newest bars that validates it."""
    lstm_fits: int = 3
    """Fits for the bundle of a member with blocks, of which the best by validation log loss is kept."""
    dead_zone: float = 0.0
    """In volatilities, in training alone."""
    stop_atr: float = 3.0
    """Of the payoff."""
    z: float = 1.0
    """Standard errors taken off the calibration slope."""
    parts: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    """The user's features and members by name, with version and digest; left out of the id where there are none."""

    def __post_init__(self) -> None:
        if not self.members:
            raise SettingsError("A recipe needs at least one member.")
        if not 0.0 < self.holdout < 1.0 or not 0.0 < self.early_stopping < 1.0:
            raise SettingsError(f"holdout {self.holdout} and early_stopping {self.early_stopping} must lie in (0, 1).")
        if self.n_folds < 2 or self.embargo_bars < 0 or self.lstm_fits < 1:
            raise SettingsError("A recipe needs at least two folds, an embargo of zero or more and one LSTM.")

    @property
    def recipe_id(self) -> str:
        """First 12 hex digits of the SHA-256 of all of it."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:ID_DIGITS]

    @property
    def of_folds(self) -> tuple[str, ...]:
        """Its members that are fitted for every fold, slowest first: the trees, of ours."""
        return tuple(name for name in of_folds() if name in self.members)


def parameters_of(one: Member, size: str) -> Values:
    """A member's parameters for a recipe of that size."""
    return one.demo if size == "demo" else one.standard


def _ours(size: str, lstm_fits: int) -> Recipe:
    members = {name: member(name) for name in names() if not parts.members.part(name).own}
    parameters = {name: parameters_of(one, size) for name, one in members.items()}
    return Recipe(size, parameters, tuple(members), lstm_fits=lstm_fits)


DEMO = _ours("demo", lstm_fits=2)
"""Up to 40,000 bars, about 145 sessions: under a minute on two cores.  Without the user's parts."""
STANDARD = _ours("standard", lstm_fits=3)
"""For longer histories.  Without the user's parts."""


def recipe_for(n_bars: int, *, size: str = "", z: float = 1.0, members: tuple[str, ...] | None = None) -> Recipe:
    """The recipe for a history of that length, with the user's parts that are loaded.

    size: "demo" or "standard" instead of the one for that length.  members: some of them only.
    Raises SettingsError for a member that there is not.
    """
    base = STANDARD if size == "standard" or (not size and n_bars >= DEMO_BELOW_BARS) else DEMO
    own = {part.name: member(part.name) for part in parts.members.own()}
    chosen = (*base.members, *own) if members is None else members
    if unknown := set(chosen) - {*base.members, *own}:
        raise SettingsError(f"{', '.join(sorted(unknown))} is no member; choose from {', '.join(names())}.")
    recipe = msgspec.structs.replace(base, z=z, members=chosen)
    if not own and not parts.features.own():
        return recipe
    features = feature_set()
    return msgspec.structs.replace(
        recipe,
        parameters={**base.parameters, **{name: parameters_of(one, base.size) for name, one in own.items()}},
        features=features.names,
        feature_version=features.version,
        parts={
            **parts.identities(parts.features),
            **{f"{part.kind} {part.name}": part.identity for part in parts.members.own() if part.name in chosen},
        },
    )
