"""`TradingEngine`: positions, orders, trades and decisions, for programs that use MinhOS as a library.

A reader of the journal only.  What trades is `minhos.trading.engine`, in the process `minhos.processes.trader`.
"""

from __future__ import annotations

from minhos.assembly.in_use import settings_in_use
from minhos.assembly.layout import Layout
from minhos.assembly.live_views import LiveViews
from minhos.settings import Settings, home
from minhos.views.decisions import DecisionLine
from minhos.views.orders import OrderLine, PositionLine, order_lines, position_lines
from minhos.views.performance import TradeLine
from minhos.views.status import TradingStatus, trading_status


class TradingEngine:
    """Reads this home's journal; every answer is of the moment at which it is asked for."""

    def __init__(self, settings: Settings | None = None, layout: Layout | None = None) -> None:
        self.layout = layout or Layout(home())
        self.settings = settings or settings_in_use(self.layout, last=True)[0]
        self._house = LiveViews(self.settings, self.layout)

    def status(self) -> TradingStatus:
        """State, account and positions."""
        return self._house.read(trading_status)

    def positions(self) -> list[PositionLine]:
        """Open positions with their lots and stops."""
        return self._house.read(lambda views, _: position_lines(views.trading.ledger.account()))

    def orders(self, limit: int = 100) -> list[OrderLine]:
        """Open orders first, then those of the trade date that are done."""
        return self._house.read(lambda views, _: order_lines(views.trading.book, views.instruments, limit))

    def trades(self, limit: int = 100) -> list[TradeLine]:
        """Closed trades, newest first, with the Kelly figures that they were opened on."""
        return self._house.read(lambda views, _: views.performance.trade_lines(limit, views.instruments))

    def decisions(self, limit: int = 100) -> list[DecisionLine]:
        """One line a bar, newest first."""
        return self._house.read(lambda views, _: views.decisions.lines(limit, views.instruments))
