"""Ours and the example keep the contract of `Venue`; a venue that breaks it is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from venue_benches import CONTRACT, MNQ, PaperBench, SierraBench

from minhos import parts
from minhos.assembly.layout import Layout
from minhos.assembly.venues import make_venue
from minhos.dtc.faults import Faults
from minhos.settings import parse
from minhos.testing import venue_conformance as conformance
from minhos.testing.venue_conformance import CHECKS, Check, VenueBench
from minhos.trading.venue import OrderReport, OrderStatus, Venue
from minhos.venues.paper import PaperVenue

EXAMPLE = Path(__file__).parents[2] / "examples/venue_worse_paper.py"


class ExampleBench(PaperBench):
    """The example, loaded and made as a user's is."""

    def venue(self) -> Venue:
        sections = {"user": {"file": str(EXAMPLE)}, "trading": {"venue": "worse_paper"}}
        settings = parse({**sections, "venue": {"worse_paper": {"worse_ticks": 3}}})
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


class Twice(PaperVenue):
    """Reports every fill twice."""

    def on_price(self, price):
        return [report for report in super().on_price(price) for _ in range(1 + hasattr(report, "fill_id"))]


class Deaf(PaperVenue):
    """Says nothing to a cancel."""

    def cancel(self, order_id, time_ns):
        super().cancel(order_id, time_ns)
        return []


class Bare(PaperVenue):
    """Rests no stop beside an entry."""

    def submit(self, order, time_ns):
        return super().submit(msgspec.structs.replace(order, stop_id=""), time_ns)


class Forgetful(PaperVenue):
    """Remembers nothing of before a restart."""

    def adopt(self, orders, positions):
        pass


class Growing(PaperVenue):
    """Resizes a stop to whatever it is asked for."""

    def resize(self, order_id, contracts, time_ns):
        stop = self._book.stops[order_id]
        self._resize(stop, contracts - stop.remaining)
        return [OrderReport(order_id, OrderStatus.RESIZED, time_ns, order=stop.order)]


class Silent(PaperVenue):
    """Takes what it does not trade."""

    def submit(self, order, time_ns):
        return super().submit(order, time_ns) if order.symbol == CONTRACT else []


@pytest.mark.parametrize(
    ("wrong", "check", "sentence"),
    [
        (Twice, conformance.fills_an_entry_and_rests_its_stop, "came twice"),
        (Deaf, conformance.cancels_a_stop, "never cancels a stop"),
        (Bare, conformance.fills_an_entry_and_rests_its_stop, "never reports the entry's stop at rest"),
        (Forgetful, conformance.goes_on_after_a_restart, "never fills a stop that it adopted"),
        (Growing, conformance.resizes_a_stop, "never refuses to resize a stop of 2 to 0"),
        (Silent, conformance.refuses_what_it_does_not_trade, "never refuses an order in a contract"),
    ],
)
def test_a_venue_that_breaks_the_contract_is_found_out(
    wrong: type[PaperVenue], check: Check, sentence: str, tmp_path: Path
) -> None:
    bench = PaperBench(tmp_path)
    bench.venue = lambda: wrong({CONTRACT: MNQ})
    with pytest.raises(AssertionError, match=sentence):
        check(bench)
