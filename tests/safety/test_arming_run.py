"""Going live from end to end: ten recorded sessions, `minh.py arm`, a trader on real money's account, `disarm`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from broker_house import Broker
from live_folder import MODEL, File, HandClock, bars_of
from recorded_sessions import copied, record, trade_dates
from sierra_desk import Done, SierraDesk, minh

import minhos.dtc.messages as m
from minhos.assembly.files import write_json
from minhos.assembly.layout import Layout
from minhos.assembly.naming import registry_of
from minhos.commands.operate import live
from minhos.dtc.server import DtcServer, ServerOptions
from minhos.dtc.simulated import SimulatedBackend
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION
from minhos.journal.types import Record
from minhos.market.calendar import SessionCalendar
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND
from minhos.processes.trader import Trader
from minhos.safety import broker_facts
from minhos.settings import parse
from minhos.testing.builders import MONDAY_OPEN, bundle_contents, ns
from minhos.trading import events as ev

CALENDAR = SessionCalendar.load()
START = ns("2025-11-05T15:00")
SYMBOL, MICRO, ACCOUNT = "NQZ25-CME", "MNQZ25-CME", "F1234"
TOML = """
[market]
symbol = "NQ"
order_root = "{root}"
[data]
source = "{source}"
[sierra]
host = "127.0.0.1"
port = {port}
account = "{account}"
mode = "{mode}"
"""


class LiveBroker(Broker):
    """A server with one simulated account and one of real money, whose heartbeats tell a time."""

    def __init__(self) -> None:
        super().__init__()
        self.backend = SimulatedBackend({SYMBOL: 20_000.0, MICRO: 20_000.0}, accounts=("Sim1", ACCOUNT))
        self.clock = HandClock(START + 10 * NANOS_PER_SECOND)
        self.behind_s = 0
        self.server = DtcServer(self.backend, ServerOptions(now_s=self._now_s))

    def _now_s(self) -> int:
        return self.clock.time_ns // NANOS_PER_SECOND - self.behind_s

    def held(self, account: str = ACCOUNT) -> dict[str, int]:
        rows = self.do(lambda: self.backend.query(m.CurrentPositionsRequest(trade_account=account)))
        return {row.symbol: int(row.quantity) for row in rows if row.quantity}


class LiveDesk(SierraDesk):
    """The trader of those settings, with the bundle that the registry has promoted."""

    bundle_id = MODEL.bundle_id

    def begin(self) -> Trader:
        trader = Trader(self._settings, self.layout, self.clock, self.clock)
        trader.open()
        trader.engine.activate_model(msgspec.structs.replace(MODEL, bundle_id=self.bundle_id), self._told)
        return trader


class LiveHome:
    """Home, broker and trader; `minh` types a command while the trader goes on."""

    def __init__(self, home: Path, broker: LiveBroker, journal: Path, **changes: str) -> None:
        self.home, self.broker = home, broker
        self.source = home / "sierra"
        self.source.mkdir(parents=True)
        self.configure(**changes)
        copied(journal, self.layout.journal("paper", "Sim1"))
        self.desk: LiveDesk | None = None

    @property
    def layout(self) -> Layout:
        return Layout(self.home)

    def configure(self, *, root: str = "MNQ", account: str = ACCOUNT, mode: str = "live") -> None:
        values = {"root": root, "source": self.source, "port": self.broker.port, "account": account, "mode": mode}
        (self.home / "config").mkdir(exist_ok=True)
        (self.home / "config" / "minhos.toml").write_text(TOML.format(**values), encoding="utf-8")

    def promote(self, recipe: str = "recipe-test") -> str:
        """A bundle of that recipe is in use."""
        registry = registry_of(parse({"data": {"source": str(self.source)}}), self.layout)
        contents = bundle_contents(feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION)
        info = registry.save(msgspec.structs.replace(contents, recipe_id=recipe))
        registry.promote(info.id, "test", MONDAY_OPEN)
        return info.id

    def trade(self, **sierra: str) -> LiveDesk:
        """Start the trader on bars whose forecast is always up."""
        bars = bars_of(START - 400 * BAR_INTERVAL_NS, 460, symbol=SYMBOL)
        price = float(bars.close_ticks[400]) / 4
        for symbol in (SYMBOL, MICRO):
            self.broker.do(lambda symbol=symbol: self.broker.backend.set_price(symbol, price))
        LiveDesk.bundle_id = self.promote()
        section = {"host": "127.0.0.1", "port": self.broker.port, "account": ACCOUNT, "mode": "live", **sierra}
        self.desk = LiveDesk(
            self.home,
            [File(self.source / f"{SYMBOL}.scid", bars)],
            START,
            sierra=section,
            market={"symbol": "NQ", "order_root": "MNQ"},
        )
        self.broker.clock = self.desk.clock
        self.desk.ready()
        return self.desk

    def minh(self, *words: str) -> Done:
        return minh(self.desk, *words)

    def refused(self, *words: str) -> dict[str, str]:
        """What `arm` misses: the condition and its value with its sentence.  Nothing reaches the trader."""
        self.beat()
        done = self.minh("arm", "--json", *words)
        told = json.loads(done.out)
        missing = {
            c["name"]: f"{c['value']}: {c['sentence']}" for c in told["conditions"] if c["needed"] and not c["met"]
        }
        assert (done.code, told["verdict"], told["answer"]) == (1, "refused", "")
        assert done.said == f"not armed; missing: {', '.join(missing)}."
        assert not self.layout.inbox.exists()
        return missing

    def beat(self, account: str = ACCOUNT, mode: str = "live") -> None:
        """The heartbeat of a trader that runs."""
        write_json(
            self.layout.make().run / "trader.json",
            {
                "time_ns": self.broker.clock.now_ns(),
                "state": "running",
                "mode": mode,
                "account": account,
            },
        )

    def close(self) -> None:
        if self.desk is not None:
            self.desk.stop()


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "ten.sqlite"
    record(path)
    return path


@pytest.fixture
def house_of(tmp_path: Path, ten: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., LiveHome]]:
    """Makes the house; its journal is the clean one where no other is given."""
    broker = LiveBroker()
    broker.open()
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))
    monkeypatch.setattr(live, "SystemClock", lambda: broker.clock)
    monkeypatch.setattr(broker_facts, "HEARTBEATS", 1)
    houses: list[LiveHome] = []

    def make(journal: Path = ten, **changes: str) -> LiveHome:
        houses.append(LiveHome(tmp_path, broker, journal, **changes))
        return houses[0]

    yield make
    for house in houses:
        house.close()
    broker.close()


def test_armed_once_real_money_is_traded_at_a_quarter_until_disarm(house_of: Callable[..., LiveHome]) -> None:
    house = house_of()
    desk = house.trade()
    desk.run_until(START + BAR_INTERVAL_NS)
    before = desk.decisions()[-1]
    assert (before.verdict.bound, before.orders, house.broker.held()) == ("armed", (), {})

    shown = house.minh("arm", "--why", "ten clean sessions")
    assert (shown.code, shown.said) == (0, "")
    assert shown.out.splitlines()[0] == "Worst case today: −$12,500.00, plus gap"  # 5 % of $250,000
    assert shown.out.rstrip().endswith("arm: done; live orders are allowed until `disarm`.")
    for value in ("F1234", "10 of 10", "± 0.50", "MNQ proven after 2740 bets", "mode live, account F1234"):
        assert value in shown.out

    desk.run_until(START + 2 * BAR_INTERVAL_NS)
    desk.wait(lambda: bool(desk.trader.engine.state.held()), "a fill")
    step = {step.name: step for step in desk.decisions()[-1].recommendation.trace}["live_ladder"]
    assert step.after == pytest.approx(step.before * 0.25 / 0.6)  # a quarter where the setting is 0.6
    held = desk.trader.engine.state.held()["MNQZ25"]
    assert (house.broker.held(), house.broker.held("Sim1")) == ({MICRO: held}, {})

    desk.restart()
    desk.ready()
    assert desk.trader.engine.state.risk.armed
    assert house.minh("disarm").code == 0
    assert not desk.trader.engine.state.risk.armed
    commands = [(event.name, event.why) for event in desk.of(ev.CommandReceived)]
    assert commands == [("arm", "ten clean sessions"), ("disarm", "")]
    desk.run_until(START + 4 * BAR_INTERVAL_NS)
    assert all(decision.target <= decision.position_before for decision in desk.decisions()[-2:])


# Each refusal, alone --------------------------------------------------------------------------------------------------


def test_nine_sessions_are_one_too_few(house_of: Callable[..., LiveHome], ten: Path, tmp_path: Path) -> None:
    last = trade_dates(ten)[-1]
    nine = tmp_path / "nine.sqlite"
    opens_ns = CALENDAR.session_on(last).open_ns
    copied(ten, nine, lambda record: record.payload if record.time_ns <= opens_ns else None)
    house = house_of(nine)
    house.promote()
    missing = house.refused()
    assert list(missing) == ["sessions on a simulated account"]
    assert missing["sessions on a simulated account"].startswith("9 of 10: Trade a Sim account")


def test_an_unreconciled_event_starts_the_count_again(house_of: Callable[..., LiveHome], tmp_path: Path) -> None:
    path = tmp_path / "unreconciled.sqlite"
    record(path, differences={3: ("the broker holds 2 MNQZ25, the journal 1",)})
    house = house_of(path)
    house.promote()
    missing = house.refused("--accept-unproven", "my own test")  # nothing was bet after the halt, so nothing is proven
    assert list(missing) == ["sessions on a simulated account"]
    words = missing["sessions on a simulated account"]
    assert words.startswith("6 of 10: ")
    assert "The count began again after 20251027: the broker holds 2 MNQZ25, the journal 1." in words


def test_a_decision_that_does_not_come_out_again_starts_the_count_again(
    house_of: Callable[..., LiveHome], ten: Path, tmp_path: Path
) -> None:
    seventh = trade_dates(ten)[6]

    def changed(record: Record) -> bytes:
        event = ev.decode(record.kind, record.payload, record.version)
        if not isinstance(event, ev.DecisionMade) or CALENDAR.trade_date(record.time_ns - 1) != seventh:
            return record.payload
        return ev.encode(ev.DecisionMade(msgspec.structs.replace(event.decision, reason="forged"), event.latency_us))

    forged = tmp_path / "forged.sqlite"
    copied(ten, forged, changed)
    house = house_of(forged)
    house.promote()
    words = house.refused()["sessions on a simulated account"]
    assert words.startswith("3 of 10: ")
    assert f"after {seventh}: 276 decisions did not come out again." in words


def test_clocks_that_differ_by_more_than_a_second(house_of: Callable[..., LiveHome]) -> None:
    house = house_of()
    house.promote()
    house.broker.behind_s = 2
    missing = house.refused()
    assert list(missing) == ["clock"]
    assert missing["clock"].startswith("+1.50 s ± 0.50: Set both machines' clocks")


def test_an_edge_that_is_not_proven_wants_words_and_a_micro(house_of: Callable[..., LiveHome]) -> None:
    house = house_of()
    house.promote("another-recipe")
    assert house.refused() == {
        "evidence": "MNQ unproven after 0 bets: No bet has beaten break-even yet, so no number of days can be told; "
        '--accept-unproven "why" allows one micro contract before.'
    }
    house.configure(root="NQ")
    assert "NQ is none: set [market] order_root" in house.refused("--accept-unproven", "my own test")["evidence"]


def test_an_account_that_the_server_does_not_list(house_of: Callable[..., LiveHome]) -> None:
    house = house_of(account="F9")
    house.promote()
    assert house.refused() == {
        "account and mode": "F9: The server lists Sim1, F1234; put one of them into [sierra] account.",
        "trader": f"mode live, account {ACCOUNT}: It runs with other settings: stop and start it again.",
    }


def test_a_mode_that_is_not_live_has_nothing_to_arm(house_of: Callable[..., LiveHome]) -> None:
    house = house_of(account="Sim1", mode="paper")
    done = house.minh("arm")
    assert done.code == 1
    assert done.said.startswith("the mode is paper: there is nothing to arm")


def test_words_in_place_of_proof_trade_one_micro(house_of: Callable[..., LiveHome], tmp_path: Path) -> None:
    house = house_of()
    desk = house.trade()
    desk.trader.refused_bundle = house.promote("another-recipe")  # the paper sessions prove nothing of that one
    assert house.minh("arm", "--accept-unproven", "my own test").code == 0
    arming = desk.trader.engine.state.risk.arming
    assert (arming.unproven, arming.words) == (True, "my own test")
    desk.run_until(START + BAR_INTERVAL_NS)
    assert desk.decisions()[-1].recommendation.target > 1
    desk.wait(lambda: bool(desk.trader.engine.state.held()), "a fill")
    assert house.broker.held() == {MICRO: 1}
