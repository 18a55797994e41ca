"""Made the journals of the Sierra venue: `PYTHONPATH=.:HELPERS python tests/baseline/sierra_session.py OUT`.

HELPERS is the folder of `broker_house.py` and the other doubles of the tests.

The trader against the broker double of the tests, whose answers come late and whose fills come in halves.  Entries,
exits, stops that fill, stops that are cancelled and resized, restarts.  In `sierra` the trader is restarted without a
position, in `sierra_restarted` while it holds one with a stop that rests.  In `sierra_halted` one of the regular
comparisons with the broker crossed with the fill of a stop: 0.1.0 took the stop for one of twice the contracts and
halted.  That is a matter of moments, and took ten tries; a later version must read the journal as well, whatever it
would have done itself.

Not part of the suite, and not of `record.py`: it needs the parts inside.  The stored journals stay as 0.1.0 wrote
them; run it with a later version only to look at what that one writes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from broker_house import Broker
from live_folder import File, bars_of
from sierra_desk import SierraDesk
from surface import pack_journal

import minhos.dtc.messages as m
from minhos.dtc.faults import Faults
from minhos.dtc.messages.enums import OrderType
from minhos.market.types import BAR_INTERVAL_NS
from minhos.testing import ns

START = ns("2025-10-07T14:00")
SYMBOL = "NQZ25-CME"
P_UP = (
    0.72,
    0.72,
    0.68,
    0.66,
    0.5,
    0.28,
    0.3,
    0.5,
    0.75,
    0.75,
    0.75,
    0.5,
    0.27,
    0.27,
    0.33,
    0.35,
    0.5,
    0.72,
    0.67,
    0.30,
    0.5,
    0.71,
)
"""What is forecast at each bar; the last one leaves a position open."""
STOPPED_AT = (3, 11, 15)
"""Bars after which the price touches the stop that rests."""
LATE = frozenset({m.OrderUpdate.TYPE, m.PositionUpdate.TYPE})
SESSIONS = (("sierra", 8, 0.04, 0.25), ("sierra_restarted", 9, 0.04, 0.25), ("sierra_halted", 9, 0.1, 0.2))
"""Name, the bar after which the trader is restarted, how late answers are, and how long they are listened for."""


class Session:
    """A trader and its broker, bar by bar."""

    def __init__(self, home: Path, late_s: float, listen_s: float) -> None:
        self._listen_s = listen_s
        (home / "sierra").mkdir(parents=True)
        bars = bars_of(START - 400 * BAR_INTERVAL_NS, 460, symbol=SYMBOL)
        self._prices = {bar.close_time_ns: bar.close_ticks / 4 for bar in bars}
        self.broker = Broker(Faults(delay=LATE, delay_s=late_s, partial_fills=True))
        self.broker.open()
        self._trade_at(self._prices[START])
        sierra = {"host": "127.0.0.1", "port": self.broker.port, "account": "Sim1"}
        risk = {"daily_loss_limit": 0.3, "max_consecutive_losses": 50}
        file = File(home / "sierra" / f"{SYMBOL}.scid", bars)
        self.desk = SierraDesk(home, [file], START, p_up=self._p_up, sierra=sierra, risk=risk)
        self.desk.ready()

    def _p_up(self, close_ns: int) -> float:
        bar = (close_ns - START) // BAR_INTERVAL_NS
        return P_UP[bar - 1] if 1 <= bar <= len(P_UP) else 0.5

    def _trade_at(self, price: float) -> None:
        self.broker.do(lambda: self.broker.backend.set_price(SYMBOL, price))

    def _listen(self) -> None:
        """Until late answers have come."""
        end = time.monotonic() + self._listen_s
        self.desk.wait(lambda: time.monotonic() > end, "the time")

    def _touch_the_stop(self) -> None:
        stops = [
            order.price1
            for order in self.broker.backend.orders.values()
            if order.is_live and order.order_type == OrderType.STOP
        ]
        for price in stops[:1]:
            self._trade_at(price)
            self._listen()

    def bar(self, number: int) -> None:
        close_ns = START + number * BAR_INTERVAL_NS
        self._trade_at(self._prices[close_ns])
        self.desk.run_until(close_ns)
        self._listen()
        if number in STOPPED_AT:
            self._touch_the_stop()
            self._trade_at(self._prices[close_ns])
            self._listen()

    def close(self) -> Path:
        layout, trader = self.desk.layout, self.desk.trader
        path = layout.journal(trader.mode, trader.account)
        self.desk.stop()
        self.broker.close()
        return path


def main() -> None:
    """All sessions, one after the other."""
    for name, restarted_after, late_s, listen_s in SESSIONS:
        with tempfile.TemporaryDirectory() as folder:
            session = Session(Path(folder), late_s, listen_s)
            for number in range(1, len(P_UP) + 1):
                session.bar(number)
                if number == restarted_after:
                    session.desk.restart()
                    session.desk.ready()
            pack_journal(session.close(), Path(sys.argv[1]) / f"{name}.sqlite.xz")


if __name__ == "__main__":
    main()
