"""The trading process itself against a DTC server: live bars from a folder, orders over the wire, and back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from broker_house import Broker
from live_folder import SECOND, File, bars_of
from sierra_desk import SierraDesk, minh

from minhos.commands.operate import control
from minhos.dtc import messages as m
from minhos.dtc.backend import Refused
from minhos.dtc.faults import Faults
from minhos.dtc.messages import Message
from minhos.dtc.server import DtcServer, ServerOptions
from minhos.dtc.simulated import SimulatedBackend
from minhos.market.clock import Clock, SystemClock
from minhos.market.types import BAR_INTERVAL_NS
from minhos.safety import stop as orders_by_hand
from minhos.testing.builders import ns
from minhos.trading import events as ev
from minhos.trading.venue import OrderStatus

START = ns("2025-10-07T14:00")
SYMBOL = "NQZ25-CME"


class Cable(Broker):
    """A broker whose connection a test takes away and gives back."""

    def cut(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.close(), self.loop).result(20)

    def back(self) -> None:
        self.server = DtcServer(self.backend, ServerOptions(port=self.port))
        asyncio.run_coroutine_threadsafe(self.server.start(), self.loop).result(20)


@pytest.fixture
def broker() -> Iterator[Cable]:
    broker = Cable()
    broker.open()
    yield broker
    broker.close()


@pytest.fixture
def desk(tmp_path: Path, broker: Broker) -> Iterator[SierraDesk]:
    folder = tmp_path / "sierra"
    folder.mkdir()
    bars = bars_of(START - 400 * BAR_INTERVAL_NS, 460, symbol=SYMBOL)
    price = float(bars.close_ticks[400]) / 4
    for symbol in (SYMBOL, "MNQZ25-CME"):
        broker.do(lambda symbol=symbol: broker.backend.set_price(symbol, price))
    sierra = {"host": "127.0.0.1", "port": broker.port, "account": "Sim1"}
    desk = SierraDesk(tmp_path, [File(folder / f"{SYMBOL}.scid", bars)], START, sierra=sierra)
    yield desk
    desk.stop()


def test_a_day_begins_trades_restarts_and_is_halted(desk: SierraDesk, broker: Broker) -> None:
    desk.ready()
    assert (desk.trader.mode, desk.trader.account) == ("paper", "Sim1")
    desk.run_until(START + BAR_INTERVAL_NS)
    desk.wait(lambda: bool(desk.trader.engine.state.held()), "a fill")
    held = sum(desk.trader.engine.state.held().values())
    assert broker.positions() == {SYMBOL: held}
    desk.restart()
    desk.ready()
    assert sum(desk.trader.engine.state.held().values()) == held
    stops = desk.trader.engine.state.book.stops("NQZ25")
    assert sum(record.contracts - record.filled for record in stops) == held
    desk.layout.halt_file.touch()
    desk.clock.time_ns += SECOND
    desk.turn()
    desk.wait(lambda: not desk.trader.engine.state.held(), "a flat position")
    desk.wait(lambda: not broker.positions(), "a flat broker")
    desk.trader.engine.venue.ask()
    desk.wait(lambda: len(desk.of(ev.Reconciled)) >= 2, "a comparison")
    assert desk.alarms == []


def test_the_cable_is_pulled_and_put_back(desk: SierraDesk, broker: Cable) -> None:
    desk.ready()
    broker.cut()
    desk.wait(lambda: bool(desk.trader.engine.state.venue_trouble()), "a lost connection")
    desk.run_until(START + BAR_INTERVAL_NS)
    decision = desk.decisions()[-1]
    assert decision.orders == ()
    assert decision.verdict is not None
    assert decision.verdict.bound == "venue"
    broker.back()
    desk.ready()
    desk.run_until(START + 2 * BAR_INTERVAL_NS)
    desk.wait(lambda: bool(desk.trader.engine.state.held()), "a fill")
    assert sum(broker.positions().values()) == sum(desk.trader.engine.state.held().values())
    assert any("Orders cannot be sent" in text for text in desk.alarms)


def test_a_trade_by_hand_is_told_and_never_fought(desk: SierraDesk, broker: Broker) -> None:
    desk.ready()
    broker.order(2, SYMBOL)
    desk.trader.engine.venue.ask()
    desk.wait(lambda: desk.trader.engine.state.risk.distrust is not None, "an alarm")
    desk.run_until(START + 2 * BAR_INTERVAL_NS)
    assert broker.positions() == {SYMBOL: 2}
    assert all(decision.orders == () for decision in desk.decisions())
    assert desk.alarms == ["Flat-only: somebody else bought 2 NQZ25 in this account."]
    assert desk.heartbeats == [] or desk.heartbeats[-1].positions == {"NQZ25": 2}


def test_a_manual_trade_while_nobody_looked_is_found_at_the_start(desk: SierraDesk, broker: Broker) -> None:
    desk.ready()
    desk.stop()
    broker.order(-1, SYMBOL)
    desk.trader = desk.begin()
    desk.wait(lambda: desk.trader.engine.state.risk.distrust is not None, "an alarm")
    assert len([text for text in desk.alarms if text.startswith("Flat-only")]) == 1


def test_a_survey_that_crosses_a_stop_which_fills_in_halves_halts_nothing(desk: SierraDesk, broker: Broker) -> None:
    """Its list of orders is older than its list of fills, and the fills themselves are reported later."""
    desk.ready()
    desk.run_until(START + BAR_INTERVAL_NS)
    desk.wait(lambda: bool(broker.positions()) and bool(desk.trader.engine.state.held()), "a fill")
    desk.wait(lambda: not desk.trader.engine.state.book.working("NQZ25"), "an entry that is done")
    desk.wait(lambda: bool(desk.trader.engine.state.book.stops("NQZ25")), "a stop that rests")
    (stop,) = desk.trader.engine.state.book.stops("NQZ25")
    assert stop.contracts > 1
    backend, late = broker.backend, Late(broker.backend)
    through = stop.order.trigger_ticks / 4 + stop.order.side
    asked = backend.query

    def query(request: Message) -> Sequence[Message] | Refused:
        if isinstance(request, m.HistoricalOrderFillsRequest) and not late.held_back:
            backend._faults = Faults(partial_fills=True)
            backend._publish = late
            backend.set_price(SYMBOL, through)
        return asked(request)

    broker.do(lambda: setattr(backend, "query", query))
    desk.trader.engine.venue.ask()
    desk.wait(lambda: not desk.trader.engine.state.held(), "the stop's fills in a survey")
    broker.do(late.release)
    desk.trader.engine.venue.ask()
    desk.wait(lambda: not desk.trader.engine.state.venue_positions, "a survey after them")
    state = desk.trader.engine.state
    assert (desk.alarms, state.risk.halted, state.risk.distrust) == ([], None, None)
    assert [event.report for event in desk.of(ev.VenueReported) if event.report.status is OrderStatus.RESIZED] == []
    fills = [event.fill for event in desk.of(ev.OrderFilled) if event.fill.order_id == stop.order.order_id]
    once = {fill.fill_id: fill.contracts for fill in fills}
    assert (len(once), sum(once.values())) == (2, stop.contracts)
    assert state.book.records[stop.order.order_id].filled == stop.contracts
    assert (broker.positions(), broker.working(SYMBOL)) == ({}, 0)


class Late:
    """Keeps what a broker would publish until it is released."""

    def __init__(self, backend: SimulatedBackend) -> None:
        self.held_back: list[tuple[Message, str]] = []
        self._backend, self._publish = backend, backend._publish

    def __call__(self, message: Message, symbol: str) -> None:
        self.held_back.append((message, symbol))

    def release(self) -> None:
        self._backend._publish = self._publish
        for message, symbol in self.held_back:
            self._publish(message, symbol)


class Waiting(SystemClock):
    """The desk's time of day for who waits beside it: its pauses are real."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now_ns(self) -> int:
        return self._clock.now_ns()


@pytest.fixture
def halting(desk: SierraDesk, broker: Cable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SierraDesk:
    """A trader that holds a position, in the home where `minh.py halt` is typed."""
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))
    monkeypatch.setattr(control, "SystemClock", lambda: Waiting(desk.clock))
    monkeypatch.setattr(orders_by_hand, "FLAT_S", 1.0)
    (tmp_path / "config").mkdir()
    text = f'[data]\nsource = "{tmp_path / "sierra"}"\n[sierra]\nhost = "127.0.0.1"\nport = {broker.port}\n'
    (tmp_path / "config" / "minhos.toml").write_text(text, encoding="utf-8")
    desk.ready()
    desk.run_until(START + BAR_INTERVAL_NS)
    desk.wait(lambda: bool(broker.positions()), "a fill")
    return desk


def test_halt_closes_and_the_broker_shows_it(halting: SierraDesk, broker: Cable) -> None:
    done = minh(halting, "halt", "--why", "news")
    assert (done.code, broker.positions(), broker.working(SYMBOL)) == (0, {}, 0)
    assert "done; the position is flat, and the broker shows neither a position nor an order." in words(done.out)


def test_halt_of_a_trader_whose_orders_are_refused_says_what_is_open(halting: SierraDesk, broker: Cable) -> None:
    held = broker.positions()[SYMBOL]
    broker.do(lambda: setattr(broker.backend, "_problem", lambda order: "Risk desk: no orders."))
    done = minh(halting, "halt", "--json")
    told = json.loads(done.out)
    assert (done.code, told["holds"], told["positions"]) == (1, False, {SYMBOL: held})
    assert f"STILL OPEN AT THE BROKER: {held:+d} {SYMBOL}" in told["answer"]
    assert "Close it by hand in Sierra Chart now." in told["answer"]
    assert broker.positions() == {SYMBOL: held}


def test_halt_while_the_broker_is_gone_says_that_nobody_knows(halting: SierraDesk, broker: Cable) -> None:
    broker.cut()
    halting.wait(lambda: bool(halting.trader.engine.state.venue_trouble()), "a lost connection")
    done = minh(halting, "halt")
    assert done.code == 1
    assert "What stands there is unknown. Close it by hand in Sierra Chart now." in words(done.out)


def words(text: str) -> str:
    """On one line."""
    return " ".join(text.split())
