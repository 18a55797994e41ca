"""A venue of one's own: the paper venue, so many ticks worse a side, which also writes every order to a CSV file.

    [user]
    file = "examples/venue_worse_paper.py"
    [trading]
    venue = "worse_paper"
    [venue.worse_paper]
    worse_ticks = 2

What a broker's venue must do beside this stands in `minhos/trading/venue.py`.
"""

import csv

import msgspec

from minhos import parts
from minhos.accounting.types import Order
from minhos.trading.venue import Report, VenueRequest
from minhos.venues.matching import MatchingParameters
from minhos.venues.paper import PaperVenue


class Options(msgspec.Struct, forbid_unknown_fields=True):
    """What may stand in [venue.worse_paper]."""

    worse_ticks: int = 2


@parts.venues("worse_paper", version="1")
class WorsePaper(PaperVenue):
    name = "worse_paper"

    def __init__(self, request: VenueRequest) -> None:
        options = msgspec.convert(request.options, Options)
        usual = max((instrument.slippage_ticks for instrument in request.instruments.values()), default=0)
        super().__init__(request.instruments, MatchingParameters(slippage_ticks=usual + options.worse_ticks))
        self._file = request.folder / "orders.csv"

    def submit(self, order: Order, time_ns: int) -> list[Report]:
        reports = super().submit(order, time_ns)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with open(self._file, "a", newline="") as file:
            csv.writer(file).writerow([time_ns, order.order_id, order.symbol, order.side * order.contracts, order.role])
        return reports
