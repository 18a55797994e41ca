"""A broker that closes a position itself and lists no fill of it: flat-only has a way out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_house import Broker
from live_folder import File, bars_of
from sierra_desk import SierraDesk, minh

from minhos.dtc.messages.enums import OrderStatus
from minhos.market.types import BAR_INTERVAL_NS
from minhos.testing.builders import ns

START = ns("2025-10-07T14:00")
SYMBOL = "NQZ25-CME"


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    broker.open()
    yield broker
    broker.close()


@pytest.fixture
def desk(tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Iterator[SierraDesk]:
    """Something is held; the commands find the same home."""
    folder = tmp_path / "sierra"
    folder.mkdir()
    bars = bars_of(START - 400 * BAR_INTERVAL_NS, 460, symbol=SYMBOL)
    broker.do(lambda: broker.backend.set_price(SYMBOL, float(bars.close_ticks[400]) / 4))
    sierra = {"host": "127.0.0.1", "port": broker.port, "account": "Sim1"}
    desk = SierraDesk(tmp_path, [File(folder / f"{SYMBOL}.scid", bars)], START, sierra=sierra)
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))
    desk.ready()
    desk.run_until(START + BAR_INTERVAL_NS)
    desk.wait(lambda: bool(desk.trader.engine.state.held()), "a fill")
    yield desk
    desk.stop()


def vanish(broker: Broker) -> None:
    """The broker's risk desk ends position and orders; its lists name no fill."""
    broker.backend._positions.clear()
    for order in broker.backend.orders.values():
        order.status = OrderStatus.CANCELED


def test_what_the_broker_closed_without_a_fill_is_accepted_and_then_resumed(desk: SierraDesk, broker: Broker) -> None:
    state = desk.trader.engine.state
    agreed = minh(desk, "accept-position")
    assert (agreed.code, "the broker and the journal agree" in agreed.said) == (1, True)
    broker.do(lambda: vanish(broker))
    desk.trader.engine.venue.ask()
    desk.wait(lambda: state.risk.distrust is not None, "a difference")
    n_sent = len(broker.backend.orders)
    assert minh(desk, "accept-position", "--why", "closed by phone").code == 0
    desk.wait(lambda: not state.ledger.account().positions, "a flat journal")
    assert minh(desk, "resume").code == 0
    desk.trader.engine.venue.ask()
    desk.ready()
    assert state.risk.distrust is None
    assert len(broker.backend.orders) == n_sent
    assert any("had -" in text and "as the broker holds it" in text for text in desk.alarms)
