"""Plans of seeds that found a fault of the product, made as small as they go: each plays to its end unbroken."""

from __future__ import annotations

import pytest

from minhos.testing.world.broker_faults import ListLie
from minhos.testing.world.plan import Plan
from minhos.testing.world.play import play

FOUND = [
    (
        "12: positions with the other sign for two seconds had our stop cancelled and another one placed",
        Plan(
            12,
            "sierra",
            36_120_000,
            (ListLie(at_ms=36_059_680, for_ms=2_000, which="positions", how="opposite", reconnect=True),),
        ),
    ),
]


@pytest.mark.parametrize("plan", [plan for _, plan in FOUND], ids=[name.split(":")[0] for name, _ in FOUND])
def test_it_plays_to_its_end(plan: Plan) -> None:
    assert play(plan).broken is None
