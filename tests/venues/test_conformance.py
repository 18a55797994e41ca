"""Ours and the example keep the contract of `Venue`; a venue that breaks it is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from venue_benches import CONTRACT, MNQ, PaperBench, SierraBench

from minhos import parts
from minhos.assembly.layout import Layout
from minhos.assembly.venues import make_venue
from minhos.dtc.faults import Faults
from minhos.settings import parse
from minhos.testing.venue_conformance import CHECKS, Check, VenueBench
from minhos.trading.venue import Venue

EXAMPLE = Path(__file__).parents[2] / "examples/venue_worse_paper.py"


class ExampleBench(PaperBench):
    """The example, loaded and made as a user's is."""

    def venue(self) -> Venue:
        parts.load(EXAMPLE)
        settings = parse({"trading": {"venue": "worse_paper"}, "venue": {"worse_paper": {"worse_ticks": 3}}})
        return make_venue(settings, Layout(self.folder), {CONTRACT: MNQ}, self.clock)


class NewNumbers(SierraBench):
    """A broker that fills one contract at a time and gives a replaced order another number."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Faults(new_id_on_replace=True))


@pytest.fixture(autouse=True)
def no_parts_remain() -> Iterator[None]:
    yield
    parts.load()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("make", [PaperBench, SierraBench, NewNumbers, ExampleBench])
def test_the_contract_is_kept(check: Check, make: Callable[[Path], VenueBench], tmp_path: Path) -> None:
    bench = make(tmp_path)
    try:
        check(bench)
    finally:
        bench.close()
