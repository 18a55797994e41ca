"""The first 200 seeds of the world, each a fifth of its usual length with as many faults: no invariant is broken.

Whole ones: `python3 minh.py bench world`.
"""

from __future__ import annotations

import pytest

from minhos.testing.world.plan import drawn
from minhos.testing.world.play import play

FIRST, LAST, PIECE = 1, 200, 10
SHARE = 0.2


@pytest.mark.parametrize("start", range(FIRST, LAST + 1, PIECE))
def test_no_invariant_is_broken(start: int) -> None:
    failed = []
    for seed in range(start, start + PIECE):
        outcome = play(drawn(seed, SHARE))
        if outcome.broken is not None:
            failed.append(f"seed {seed}: {outcome.broken.invariant}: {outcome.broken.sentence}")
    assert not failed, "\n".join(failed)
