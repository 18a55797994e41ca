"""Builders that let tests read short: bars, forecasts, accounts.  Shipped so that users' own parts can be tested.

Not for production code.  Every value here is made up; times are UTC nanoseconds on a 5-minute grid.
"""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np

from minhos.accounting.types import Account, Fill, Lot, Order, Position, Role, Trade
from minhos.features.types import MarketState
from minhos.market.calendar import SessionCalendar
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bar, Bars, Instrument, Slice
from minhos.models.bundle import BundleContents
from minhos.models.calibration import Calibrator
from minhos.models.forecast import LSTM, Forecast
from minhos.models.payoff import Payoff
from minhos.risk.parameters import RiskParameters
from minhos.risk.types import Level, RiskContext, RiskState, Verdict
from minhos.sizing.types import Recommendation, SizingParameters
from minhos.trading.events import (
    DecisionMade,
    EngineStarted,
    Event,
    ModelActivated,
    OrderFilled,
    OrderIntended,
    SettingsActivated,
    SliceClosed,
    TradeClosed,
    TradingSettings,
    VenueReported,
)
from minhos.trading.types import Decision, Outcome
from minhos.trading.venue import OrderReport, OrderStatus

NQ = Instrument("NQ", "E-mini Nasdaq-100", 0.25, 500, day_margin_cents=100_000, overnight_margin_cents=3_000_000)
MNQ = Instrument("MNQ", "Micro E-mini Nasdaq-100", 0.25, 50, commission_cents=65, day_margin_cents=10_000)


def ns(text: str) -> int:
    """ISO 8601 to UTC nanoseconds; text without an offset is UTC."""
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return int(moment.timestamp()) * NANOS_PER_SECOND


MONDAY_OPEN = ns("2025-10-06T09:30:00-04:00")
MEMBERS = (LSTM, "xgboost", "lightgbm", "catboost", "random_forest")
"""Names of stand-ins, so that a test reads like a run; what a member is stands in `training`."""
"""A Monday 09:30 in New York."""


def bar(i: int, open_: int, high: int, low: int, close: int, *, symbol: str = "NQZ25", volume: int = 1000) -> Bar:
    """The i-th 5-minute bar after a Monday's open, prices in ticks."""
    return Bar(symbol, MONDAY_OPEN + (i + 1) * BAR_INTERVAL_NS, open_, high, low, close, volume)


def random_bars(n: int, *, seed: int = 0, start: int = 80_000, step: float = 20.0, symbol: str = "NQZ25") -> Bars:
    """A random walk on the tick grid, consecutive bars without calendar gaps."""
    rng = np.random.default_rng(seed)
    moves = np.rint(rng.normal(0, step, n)).astype(int)
    bars, price = [], start
    for i, move in enumerate(moves.tolist()):
        close = price + move
        up, down = (int(x) for x in np.rint(np.abs(rng.normal(0, step / 2, 2))))
        bars.append(
            bar(
                i,
                price,
                max(price, close) + up,
                min(price, close) - down,
                close,
                symbol=symbol,
                volume=int(rng.integers(500, 5000)),
            )
        )
        price = close
    return Bars.from_bars(NQ, bars)


def session_bars(
    *daily_volumes: int, first: int = 20251020, symbol: str = "NQZ25", instrument: Instrument = NQ, seed: int = 0
) -> Bars:
    """One whole CME session a volume, from trade date `first` on, in every bar that the calendar expects.

    A random walk that always moves; each session's volume is spread evenly over its bars.
    """
    calendar = SessionCalendar.load()
    rng, bars, price, trade_date = np.random.default_rng(seed), [], 80_000, first
    for volume in daily_volumes:
        session = calendar.session_on(trade_date)
        if session is None:
            raise ValueError(f"{trade_date} has no session")
        closes = calendar.expected_closes(session).tolist()
        for i, close_time_ns in enumerate(closes):
            move = int(rng.choice((-1, 1)) * rng.integers(1, 40))
            share = volume * (i + 1) // len(closes) - volume * i // len(closes)
            bars.append(
                Bar(
                    symbol,
                    close_time_ns,
                    price,
                    max(price, price + move) + 2,
                    min(price, price + move) - 2,
                    price + move,
                    share,
                )
            )
            price += move
        trade_date = calendar.next_trade_date(trade_date)
    return Bars.from_bars(instrument, bars)


def forecast(
    p_up: float = 0.65,
    *,
    p_low: float | None = None,
    agreement: float = 1.0,
    members: int = 5,
    symbol: str = "NQZ25",
    close_time_ns: int = MONDAY_OPEN,
) -> Forecast:
    """A forecast whose members all say p_up; p_low is the side's, equal to the side's p unless given."""
    side = (p_up > 0.5) - (p_up < 0.5)
    names = MEMBERS[:members]
    return Forecast(
        symbol,
        close_time_ns,
        dict.fromkeys(names, p_up),
        p_up,
        p_up,
        max(p_up, 1 - p_up) if p_low is None else p_low,
        side,
        agreement,
        "bundle-test",
    )


def market_state(
    atr_ticks: float = 40.0, *, symbol: str = "NQZ25", close_ticks: int = 80_000, close_time_ns: int = MONDAY_OPEN
) -> MarketState:
    """Calm market: ATR 40 ticks (10 NQ points)."""
    return MarketState(symbol, close_time_ns, close_ticks, atr_ticks)


def payoff() -> Payoff:
    """A symmetric payoff: right and wrong bars move 0.2 to 1.8 ATR."""
    moves = tuple(round(0.2 * k, 10) for k in range(1, 10))
    return Payoff(right=moves, wrong=tuple(-m for m in moves), n_right=1000, n_wrong=1000)


def account(
    equity_cents: int = 10_000_000,
    *,
    day_pnl_cents: int = 0,
    contracts: int = 0,
    symbol: str = "NQZ25",
    instrument: Instrument = NQ,
    price_ticks: int = 80_000,
    stop_distance: int = 120,
) -> Account:
    """An account that is flat, or holds one lot of that many contracts entered at the last price."""
    positions: tuple[Position, ...] = ()
    stop_risk = 0
    if contracts:
        side = 1 if contracts > 0 else -1
        lot = Lot("entry", side, abs(contracts), price_ticks, MONDAY_OPEN, "stop", price_ticks - side * stop_distance)
        positions = (Position(symbol, (lot,)),)
        stop_risk = abs(contracts) * stop_distance * instrument.tick_value_cents
    start = equity_cents - day_pnl_cents
    return Account(
        equity_cents,
        equity_cents,
        start,
        max(start, equity_cents),
        20251006,
        day_pnl_cents,
        stop_risk_cents=stop_risk,
        positions=positions,
        last_ticks={symbol: price_ticks},
        instruments={symbol: instrument},
    )


def linear_member(weights: tuple[float, ...], *, window: int = 0) -> bytes:
    """An ONNX model that says sigmoid(weights . row), or of the mean of a window's rows where `window` is given."""
    from onnx import TensorProto, helper, numpy_helper

    shape = [window, len(weights)] if window else [len(weights)]
    nodes = [helper.make_node("Gemm", ["x", "w"], ["logit"]), helper.make_node("Sigmoid", ["logit"], ["p_up"])]
    if window:
        nodes[0] = helper.make_node("Gemm", ["mean", "w"], ["logit"])
        nodes.insert(0, helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=0))
    tensors = [numpy_helper.from_array(np.array(weights, dtype=np.float32)[:, None], "w")]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape])]
    outputs = [helper.make_tensor_value_info("p_up", TensorProto.FLOAT, ["n", 1])]
    graph = helper.make_graph(nodes, "linear", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return bytes(model.SerializeToString())


def bundle_contents(
    *,
    instrument_root: str = "NQ",
    simulated: bool = False,
    created_ns: int = MONDAY_OPEN,
    feature_names: tuple[str, ...] = ("momentum", "volume", "hour"),
    feature_version: str | int = "1",
    window: int = 60,
    slope: float = 0.8,
    slope_low: float = 0.6,
    seed: int = 0,
) -> BundleContents:
    """A bundle of five tiny models with random weights; the LSTM's stand-in reads the window, the others the row."""
    rng = np.random.default_rng(seed)
    drawn = {name: tuple(rng.normal(0, 0.5, len(feature_names)).tolist()) for name in MEMBERS}
    return BundleContents(
        recipe_id="recipe-test",
        instrument_root=instrument_root,
        symbol=f"{instrument_root}Z25",
        simulated=simulated,
        feature_names=feature_names,
        feature_version=feature_version,
        window=window,
        members={name: linear_member(w, window=window if name == LSTM else 0) for name, w in drawn.items()},
        weights=dict.fromkeys(MEMBERS, 0.2),
        calibrator=Calibrator(slope, 0.2, slope_low, 4000),
        payoff=payoff(),
        seeds=(seed,),
        data_hash="0" * 64,
        data_range=(MONDAY_OPEN - BAR_INTERVAL_NS, MONDAY_OPEN, 2),
        created_ns=created_ns,
        parent="",
        report={"verdict": "edge", "accuracy": 0.53},
        minhos_version="0.1.0",
    )


def recommendation(target: int = 2, *, p: float = 0.70, symbol: str = "NQZ25", r_cents: int = 61_450) -> Recommendation:
    """A recommendation of that many contracts at a calibrated p of its side, stop 120 ticks away."""
    side = (target > 0) - (target < 0)
    return Recommendation(
        symbol, MONDAY_OPEN, side, target, 0.02, float(abs(target)), p, p, 0.52, 120, r_cents, "kelly", "worth it"
    )


def risk_context(
    target: int = 2,
    *,
    position: int = 0,
    p: float = 0.70,
    equity_cents: int = 25_000_000,
    risk: RiskState | None = None,
    **changes: object,
) -> RiskContext:
    """A calm Monday morning with $250,000 on which no limit binds, except for what is changed."""
    calm = RiskContext(
        MONDAY_OPEN,
        NQ,
        account(equity_cents, contracts=position),
        recommendation(target, p=p),
        forecast(p if target >= 0 else 1.0 - p),
        market_state(),
        position,
        True,
        MONDAY_OPEN + 7 * 3600 * NANOS_PER_SECOND,
        True,
        1.0,
        1.0,
        risk=risk or RiskState(),
    )
    return msgspec.structs.replace(calm, **changes)


def trading_settings(symbol: str = "NQZ25") -> TradingSettings:
    """Default settings for one contract."""
    return TradingSettings(SizingParameters(), RiskParameters(), {symbol: NQ}, symbol, symbol)


def trading_events(
    n_bars: int = 12,
    *,
    mode: str = "simulated",
    p_up: float = 0.7,
    verdict: str = "edge",
    price_step: float = 20.0,
    seed: int = 0,
) -> list[Event]:
    """What a journal holds after a start and that many decided bars; bar 3 buys 2, bar 6 sells them again.

    Every bar has the same forecast; other bars want nothing.  Fills at the next open, $4.50 commission a fill.
    """
    cash, symbol, bundle_id = 25_000_000, "NQZ25", "bundle-test"
    bars = list(random_bars(n_bars, seed=seed, step=price_step))
    told: list[Event] = [
        EngineStarted(MONDAY_OPEN, mode, "paper", "0.1.0", cash),
        SettingsActivated(MONDAY_OPEN, trading_settings()),
        ModelActivated(MONDAY_OPEN, bundle_id, "recipe-test", payoff(), verdict, 0.6, mode == "simulated"),
    ]
    entry = Order("entry-1", symbol, 1, 2, Role.ENTRY, stop_distance_ticks=120, stop_id="stop-1")
    leave = Order("exit-1", symbol, -1, 2, Role.EXIT)
    sent, equity = {3: entry, 6: leave}, cash
    for i, bar_ in enumerate(bars):
        close_ns = bar_.close_time_ns
        told.append(SliceClosed(close_ns, Slice(close_ns, (bar_,))))
        if (order := sent.get(i - 1)) is not None:
            told.append(
                OrderFilled(
                    Fill(
                        f"fill-{i}",
                        order.order_id,
                        symbol,
                        order.side,
                        2,
                        bar_.open_ticks,
                        bar_.open_time_ns,
                        450,
                        order.role,
                        bar_.open_ticks,
                    )
                )
            )
        if i == 7:
            pnl = 2 * NQ.tick_value_cents * (bar_.open_ticks - bars[4].open_ticks) - 900
            trade = Trade(
                symbol,
                1,
                2,
                bars[4].open_time_ns,
                bar_.open_time_ns,
                pnl,
                900,
                0.0,
                pnl / 122_900,
                ("entry-1", "exit-1"),
                Role.EXIT,
                bars[4].open_ticks,
                bar_.open_ticks,
            )
            told.append(
                TradeClosed(trade, bars[3].close_time_ns, p_up, p_up, 0.52, 0.02, 2.0, 2, "kelly", Level.LOW, bundle_id)
            )
            equity = cash + pnl
        held, target = (2 if 3 < i <= 6 else 0), (2 if 3 <= i < 6 else 0)
        order = sent.get(i)
        outcome = Outcome.TRADE if order else Outcome.HOLD if held else Outcome.NO_TRADE
        state = market_state(close_ticks=bar_.close_ticks, close_time_ns=close_ns)
        decided = Decision(
            symbol,
            close_ns,
            i + 1,
            outcome,
            f"Sentence {i}.",
            held,
            target,
            (order,) if order else (),
            bar_.close_ticks,
            equity,
            MONDAY_OPEN,
            bundle_id,
            "",
            forecast(p_up, close_time_ns=close_ns),
            state,
            recommendation(target, p=p_up),
            Verdict(symbol, close_ns, target, target, Level.LOW, "", "nothing binds"),
        )
        told.append(DecisionMade(decided, 250.0 + i))
        if order:
            told.append(OrderIntended(order, close_ns))
            told.append(VenueReported(OrderReport(order.order_id, OrderStatus.ACCEPTED, close_ns)))
    return told
