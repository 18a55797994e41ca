"""Several members become one score: the weighted mean of their logits, over the members that are there.

Not for calibrating; the score is raw and `calibration` makes a probability of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from minhos.errors import ModelError
from minhos.models.calibration import logit, sigmoid


def is_probability(p: float) -> bool:
    """Whether a member's answer can be used: finite and inside [0, 1]; NaN is not."""
    return 0.0 <= p <= 1.0


def combine(members: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """sigmoid(sum of w * logit(p) / sum of w) over the members whose answer is a probability.

    A member that is absent from `members`, failed or weighs nothing leaves its weight to the others.  Raises
    ModelError when nobody is left.
    """
    total = weighted = 0.0
    for name, weight in weights.items():
        p = members.get(name)
        if p is not None and weight > 0.0 and is_probability(p):
            weighted += weight * logit(p)
            total += weight
    if total <= 0.0:
        raise ModelError(f"None of the models {', '.join(weights) or '(none)'} gave a usable probability; no forecast.")
    return sigmoid(weighted / total)


def agreement(members: Mapping[str, float], side: int) -> float:
    """Share (0 to 1) of the members with a usable answer that lean to `side` (+1 up, -1 down).

    A member at exactly one half leans to neither; without a side or a member the share is zero.
    """
    answers = [p for p in members.values() if is_probability(p)]
    if side == 0 or not answers:
        return 0.0
    return sum((p - 0.5) * side > 0.0 for p in answers) / len(answers)
