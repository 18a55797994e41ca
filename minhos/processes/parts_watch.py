"""Whether the user's own features and limits can be relied on while the trader runs: `PartsWatch`.

It only listens and judges; what follows is the trader's.  Time is measured here and nowhere in what decides: the
judgement reaches the decisions as journaled settings.
"""

from __future__ import annotations

from minhos import parts

SLOW_S, SLOW_BARS, VERY_SLOW_S = 0.1, 3, 1.0
"""How long a bar may take with parts of the user's own: so many in a row, or a single one.  A disk may hold one up."""
MENDED = "Nothing is added until the file is mended, a model is trained with it, and MinhOS is started again."


class PartsWatch:
    """One trader's parts, from its start on.  What was found first stays: only a restart with a mended file ends it."""

    def __init__(self) -> None:
        self.problem = ""
        """A sentence with file, line and way out; empty while there is nothing to say."""
        self._slow_feature = ""
        self._slow_bars = self._slow_feature_bars = 0

    def on_features(self, refusal: str, slow: str) -> None:
        """After each bar that the features take in, of the history too: why one has no value, which took too long."""
        self._slow_feature = slow
        self._slow_feature_bars = self._slow_feature_bars + 1 if slow else 0
        if refusal:
            self._found(f"{refusal} {MENDED}")
        elif self._slow_feature_bars >= SLOW_BARS:
            self._found(f"{slow} {MENDED}")

    def on_bar(self, took_s: float) -> None:
        """After each bar that was decided on: the user's parts run within it."""
        self._slow_bars = self._slow_bars + 1 if took_s > SLOW_S else 0
        own = [*parts.features.own(), *parts.limits.own()]
        if not own or (self._slow_bars < SLOW_BARS and took_s <= VERY_SLOW_S):
            return
        if self._slow_feature:
            self._found(f"{self._slow_feature} {MENDED}")
            return
        names = ", ".join(f"the {part.kind} {part.name} ({part.where})" for part in own)
        self._found(
            f"your parts are too slow: a bar took {took_s:.2f} s with {names}, where {SLOW_S:g} s is the most; mend "
            "them, or leave [user] file in minhos.toml empty, and start again."
        )

    def _found(self, problem: str) -> None:
        self.problem = self.problem or problem
