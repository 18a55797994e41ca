"""The backtest: the live engine over a history; its fills and money against backtesting.py, its figures by hand."""

import msgspec
import numpy as np
import pytest

from minhos.accounting.types import Role
from minhos.features.pipeline import FEATURE_NAMES, FeatureTable
from minhos.journal.memory import MemoryJournal
from minhos.journal.store import Journal
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars
from minhos.models.forecast import Forecast
from minhos.research.backtest import BacktestResult, daily_returns, given_features, rolled, run_backtest, summary
from minhos.research.replay import replay
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters
from minhos.testing.builders import MNQ, NQ, forecast, payoff, random_bars, session_bars
from minhos.trading import events as ev
from minhos.venues.matching import MatchingParameters

CALENDAR = SessionCalendar.load()
CASH_CENTS = 25_000_000
NO_GAPS = msgspec.structs.replace(payoff(), gap_probability=0.0)
MODEL = ev.ModelActivated(0, "bundle-test", "recipe", NO_GAPS, "edge", 0.6, False)
ONE_CONTRACT = ev.TradingSettings(
    SizingParameters(
        kelly_enabled=False,
        stop_atr=500.0,
        daily_loss_limit=1.0,
        max_capital_risk=1.0,
        drawdown_bound=False,
        half_of_remaining_budget=False,
    ),
    RiskParameters(
        max_consecutive_losses=10**6,
        daily_loss_limit=1.0,
        max_capital_risk=1.0,
        max_round_trips_a_day=10**4,
        max_orders_a_day=10**4,
        max_commission_share_a_day=1.0,
        flat_before_halt=False,
    ),
    {"NQZ25": NQ},
    "NQZ25",
    "NQZ25",
)
"""One contract in the forecast's direction, with no limit in the way and a stop out of reach."""


def table(bars: Bars, atr: float = 40.0) -> FeatureTable:
    n = len(bars)
    rows = np.zeros((n, len(FEATURE_NAMES)), dtype=np.float32)
    return FeatureTable(
        bars.close_time_ns,
        rows,
        np.ones(n, dtype=bool),
        np.full(n, atr),
        np.ones(n),
        np.ones(n),
        int(bars.close_time_ns[0]),
    )


def random_forecasts(bars: Bars, seed: int = 0) -> dict[int, Forecast]:
    rng = np.random.default_rng(seed)
    p = rng.choice([0.1, 0.9, 0.5], len(bars)).tolist()
    return {close: forecast(p[i], close_time_ns=close) for i, close in enumerate(bars.close_time_ns.tolist())}


def run(
    bars: Bars, forecasts: dict[int, Forecast], settings: ev.TradingSettings = ONE_CONTRACT, *, model=MODEL, **more
) -> BacktestResult:
    return run_backtest(bars, forecasts, table(bars), model, settings, CALENDAR, cash_cents=CASH_CENTS, **more)


def two_contracts() -> Bars:
    """Four sessions, the last two in the next contract, 300 ticks higher."""
    bars = list(session_bars(400_000, 400_000, 400_000, 400_000))
    half = len(bars) // 2
    moved = [
        msgspec.structs.replace(
            bar,
            symbol="NQH26",
            open_ticks=bar.open_ticks + 300,
            high_ticks=bar.high_ticks + 300,
            low_ticks=bar.low_ticks + 300,
            close_ticks=bar.close_ticks + 300,
        )
        for bar in bars[half:]
    ]
    return Bars.from_bars(NQ, bars[:half] + moved)


def test_every_bar_is_decided_in_order():
    bars = random_bars(80)
    result = run(bars, random_forecasts(bars))
    assert [d.close_time_ns for d in result.decisions] == bars.close_time_ns.tolist() == result.time_ns.tolist()
    assert result.equity_cents.tolist() == [d.equity_cents for d in result.decisions]
    assert result.account.equity_cents == result.equity_cents[-1]


def test_bars_without_a_forecast_are_decided_as_warming_up():
    bars = random_bars(30)
    given = random_forecasts(bars)
    del given[int(bars.close_time_ns[7])]
    assert str(run(bars, given).decisions[7].outcome) == "warming_up"


@pytest.mark.filterwarnings("ignore")
def test_fills_and_equity_are_those_of_backtesting_py():
    pytest.importorskip("backtesting")
    bars = random_bars(85, seed=4)
    given = random_forecasts(bars, seed=4)
    result = run(bars, given)
    fills, equity_cents = followed_by_backtesting_py(bars, result)
    ours = [(int(f.time_ns), f.side * f.contracts, f.price_ticks - f.side * NQ.slippage_ticks) for f in result.fills]
    assert len(ours) > 40
    assert sorted(ours) == sorted(fills)
    # It charges an open trade's exit in advance; compare where nothing is held.
    flat = [i for i, d in enumerate(result.decisions) if d.position_before == 0 and i > 1]
    assert len(flat) > 5
    assert [equity_cents[i] for i in flat] == [int(result.equity_cents[i]) for i in flat]


def followed_by_backtesting_py(bars: Bars, result: BacktestResult) -> tuple[list[tuple[int, int, int]], list[int]]:
    """The engine's targets, bar by bar, through another engine: (time, signed contracts, ticks) and equity in cents."""
    import pandas as pd
    from backtesting import Backtest, Strategy

    value = NQ.tick_value_cents
    targets = [decision.target for decision in result.decisions]

    class Follow(Strategy):
        def init(self) -> None:
            pass

        def next(self) -> None:
            change = targets[len(self.data) - 1] - self.position.size
            held = self.position.size
            if change and held:
                self.position.close()
                change = targets[len(self.data) - 1]
            if change > 0:
                self.buy(size=change)
            elif change < 0:
                self.sell(size=-change)

    prices = {"Open": bars.open_ticks, "High": bars.high_ticks, "Low": bars.low_ticks, "Close": bars.close_ticks}
    frame = pd.DataFrame(
        {name: ticks * value for name, ticks in prices.items()}, index=pd.to_datetime(bars.close_time_ns), dtype=float
    )
    cost = NQ.commission_cents + NQ.slippage_ticks * value
    engine = Backtest(frame, Follow, cash=CASH_CENTS, margin=0.02, commission=lambda size, _price: abs(size) * cost)
    stats = engine.run()
    fills = []
    opens = (bars.close_time_ns - bars.interval_ns).tolist()
    for trade in stats["_trades"].itertuples():
        if trade.ExitBar == len(bars) - 1 and targets[-2] == targets[-1] != 0:
            fills.append((opens[trade.EntryBar], trade.Size, round(trade.EntryPrice / value)))
            continue
        fills.append((opens[trade.EntryBar], trade.Size, round(trade.EntryPrice / value)))
        fills.append((opens[trade.ExitBar], -trade.Size, round(trade.ExitPrice / value)))
    return fills, [round(cents) for cents in stats["_equity_curve"]["Equity"]]


@pytest.mark.parametrize("delay_bars", [0, 1])
def test_no_position_survives_a_roll(delay_bars):
    bars = two_contracts()
    given = {close: forecast(0.9, close_time_ns=close) for close in bars.close_time_ns.tolist()}
    result = run(bars, given, matching=MatchingParameters(delay_bars=delay_bars))
    half = len(bars) // 2
    before, after = result.decisions[half - 1], result.decisions[half]
    assert (before.symbol, before.position_before) == ("NQZ25", 1)
    assert (after.symbol, after.position_before) == ("NQH26", 0)
    closing = next(fill for fill in result.fills if fill.role is Role.FLATTEN)
    assert closing.expected_ticks == int(bars.close_ticks[half - 1])
    assert {fill.symbol for fill in result.fills} == {"NQZ25", "NQH26"}
    for symbol in ("NQZ25",):
        assert sum(f.side * f.contracts for f in result.fills if f.symbol == symbol) == 0
    assert len({decision.settings_id for decision in result.decisions}) == 1


def test_a_roll_takes_the_micro_along():
    settings = msgspec.structs.replace(ONE_CONTRACT, instruments={"NQZ25": NQ, "MNQZ25": MNQ}, order_symbol="MNQZ25")
    after = rolled(settings, "NQH26")
    assert (after.signal_symbol, after.order_symbol) == ("NQH26", "MNQH26")
    assert after.instruments["MNQH26"] == MNQ


def test_the_journal_of_a_backtest_is_sound_and_replays(tmp_path):
    bars = two_contracts()
    given = random_forecasts(bars)
    journal = Journal.open(tmp_path / "journal.sqlite", {"mode": "backtest"})
    stored = run(bars, given, journal=journal)
    in_memory = run(bars, given)
    assert msgspec.msgpack.encode(stored.decisions) == msgspec.msgpack.encode(in_memory.decisions)
    assert journal.verify().sound
    decisions = [ev.decode(r.kind, r.payload).decision for r in journal.records(kinds=("DecisionMade",))]
    assert msgspec.msgpack.encode(decisions) == msgspec.msgpack.encode(stored.decisions)
    single = MemoryJournal({"mode": "backtest"})
    for record in journal.records():
        single.append(record.kind, record.payload, record.time_ns)
    assert single.head_hash == journal.head_hash
    assert replay(journal, features=lambda _: lambda bar: None).decisions == len(bars)
    journal.close()


def test_several_models_serve_each_from_its_own_time_on(tmp_path):
    bars = session_bars(400_000, 400_000)
    given = {close: forecast(0.9, close_time_ns=close) for close in bars.close_time_ns.tolist()}
    second_day = int(bars.close_time_ns[len(bars) // 2])
    old, first, second = (
        msgspec.structs.replace(MODEL, bundle_id=name, time_ns=time_ns)
        for name, time_ns in (("old", 0), ("first", 1), ("second", second_day - bars.interval_ns))
    )
    journal = Journal.open(tmp_path / "journal.sqlite", {"mode": "backtest"})
    run(bars, given, model=[old, first, second], journal=journal)
    serving, seen = "", {}
    for record in journal.records():
        event = ev.decode(record.kind, record.payload)
        if isinstance(event, ev.ModelActivated):
            serving = event.bundle_id
        elif isinstance(event, ev.DecisionMade):
            seen[event.decision.close_time_ns] = serving
    assert seen == {close: "second" if close >= second_day else "first" for close in bars.close_time_ns.tolist()}
    assert replay(journal, features=given_features(table(bars), given)).verdict == "identical"
    journal.close()


def test_the_payoff_of_the_model_that_serves_is_the_one_that_is_sized():
    bars = session_bars(400_000, 400_000)
    given = {close: forecast(0.9, close_time_ns=close) for close in bars.close_time_ns.tolist()}
    second_day = int(bars.close_time_ns[len(bars) // 2])
    hopeless = msgspec.structs.replace(NO_GAPS, right=tuple(x / 100 for x in NO_GAPS.right))
    models = [MODEL, msgspec.structs.replace(MODEL, bundle_id="hopeless", payoff=hopeless, time_ns=second_day)]
    result = run(bars, given, model=models)
    wanted = {d.close_time_ns: d.target for d in result.decisions if d.close_time_ns != bars.close_time_ns[-1]}
    assert {target for close, target in wanted.items() if close < second_day} >= {1}
    assert {target for close, target in wanted.items() if close >= second_day} == {0}


def test_the_summary_by_hand():
    bars = session_bars(400_000, 400_000)
    result = run(bars, random_forecasts(bars))
    figures = summary(result)
    equity = [CASH_CENTS, *result.equity_cents.tolist()]
    assert figures["return"] == pytest.approx(equity[-1] / CASH_CENTS - 1.0)
    assert figures["max_drawdown"] == pytest.approx(max(1 - e / max(equity[: i + 1]) for i, e in enumerate(equity)))
    assert figures["commission_cents"] == NQ.commission_cents * sum(f.contracts for f in result.fills)
    assert figures["slippage_cents"] == NQ.tick_value_cents * sum(f.contracts for f in result.fills)
    pnl = [closed.trade.pnl_cents for closed in result.trades]
    assert figures["trades"] == len(pnl)
    assert figures["win_rate"] == pytest.approx(sum(x > 0 for x in pnl) / len(pnl))
    assert figures["profit_factor"] == pytest.approx(sum(x for x in pnl if x > 0) / -sum(x for x in pnl if x < 0))
    assert figures["exposure"] == pytest.approx(np.mean([d.position_before != 0 for d in result.decisions]))
    assert sum(figures["outcomes"].values()) == len(bars)
    day_end = [int(result.equity_cents[result.trade_date == date][-1]) for date in np.unique(result.trade_date)]
    expected = [day_end[0] / CASH_CENTS - 1.0, day_end[1] / day_end[0] - 1.0]
    assert daily_returns(result) == pytest.approx(expected)


def test_a_backtest_without_a_trade_has_no_rates():
    bars = random_bars(20)
    figures = summary(run(bars, {}))
    assert (figures["trades"], figures["win_rate"], figures["profit_factor"], figures["sharpe_ratio"]) == (
        0,
        None,
        None,
        None,
    )
    assert figures["return"] == 0.0
