"""One worked example a limit: what it allows, what it demands, and the words that a trader reads."""

from __future__ import annotations

import math

import msgspec
import pytest

from minhos.accounting.types import Lot, Position
from minhos.errors import SettingsError
from minhos.market.types import NANOS_PER_MINUTE
from minhos.risk.events import parse_events
from minhos.risk.evidence import Evidence
from minhos.risk.limits.standard import standard_limits
from minhos.risk.limits.time import NANOS_PER_DAY
from minhos.risk.parameters import LevelParameters, RiskParameters, StaleAfter
from minhos.risk.types import Action, Cap, Component, Level, MarketRisk, RiskContext, RiskState, Stop
from minhos.testing.builders import MNQ, MONDAY_OPEN, account, forecast, market_state, ns, recommendation, risk_context

BEFORE = MONDAY_OPEN - NANOS_PER_MINUTE
AFTER = MONDAY_OPEN + NANOS_PER_MINUTE
PROVEN = Evidence("NQ", "recipe", bets=900, log_maximum=math.log(25))
WIDE_SPREAD = Component("spread", Level.EMERGENCY, 0, "spread 9")
NEWS = "time,name,currency\n2025-10-06T09:33:00-04:00,CPI,USD\n"


def cap_of(name: str, context: RiskContext, *, mode: str = "paper", events: str = "", **settings: object) -> Cap | None:
    limits = standard_limits(RiskParameters(**settings), mode=mode, events=parse_events(events))
    return next(limit for limit in limits if limit.name == name).cap(context)


def in_account(**changes: object) -> RiskContext:
    return risk_context(account=msgspec.structs.replace(account(25_000_000), **changes))


def with_evidence(**changes: object) -> RiskState:
    return RiskState(markets={"NQ": MarketRisk(evidence=msgspec.structs.replace(PROVEN, **changes))})


def before_close(minutes: float) -> RiskContext:
    return risk_context(session_close_ns=MONDAY_OPEN + round(minutes * NANOS_PER_MINUTE))


def stop(**changes: object) -> Stop:
    return msgspec.structs.replace(Stop("risk manager", "why it stopped", MONDAY_OPEN), **changes)


SIZE = [
    ("max position size", risk_context(7), {}, 5, Action.NONE, "5 contracts"),
    ("max position size", risk_context(-7), {"max_position_size": 2}, 2, Action.NONE, "2 contracts"),
    # 10 % of $100,000 is $10,000; a contract risks $614.50
    ("capital at risk", risk_context(20, equity_cents=10_000_000), {}, 1_000_000 // 61_450, Action.NONE, "10%"),
    # two held contracts have 2 x 120 ticks x $5 at their stops, so (10,000 - 1,200) / 614.50 more
    (
        "capital at risk",
        risk_context(20, position=2, equity_cents=10_000_000),
        {},
        2 + (1_000_000 - 2 * 120 * 500) // 61_450,
        Action.NONE,
        "already",
    ),
    ("capital at risk", risk_context(3), {"trading_capital_cents": 1_000_000}, 100_000 // 61_450, Action.NONE, "risks"),
    # four held contracts lose 4 x 120 ticks x $5 at their stops, $400 more than 10 % of $20,000: one must go
    (
        "capital at risk",
        risk_context(4, position=4, equity_cents=2_000_000),
        {},
        4 - 1,
        Action.NONE,
        "already",
    ),
    ("margin", risk_context(4, equity_cents=250_000), {}, 250_000 // 100_000, Action.NONE, "day margin"),
    (
        "margin",
        risk_context(4, equity_cents=7_000_000, session_close_ns=AFTER),
        {"flat_before_halt": False},
        7_000_000 // 3_000_000,
        Action.NONE,
        "overnight margin",
    ),
    (
        "runaway",
        risk_context(risk=RiskState(order_times_ns=(BEFORE, MONDAY_OPEN - 1, MONDAY_OPEN - 1))),
        {"max_orders_a_minute": 2},
        0,
        Action.NO_ADDS,
        "2 orders in one minute",
    ),
    ("runaway", in_account(orders_day=600), {}, 0, Action.NO_ADDS, "600 orders today"),
    ("runaway", in_account(round_trips_day=300), {}, 0, Action.NO_ADDS, "300 round trips"),
    ("runaway", in_account(commission_day_cents=500_000), {}, 0, Action.NO_ADDS, "commissions of 5,000.00"),
]
LOSS = [
    ("daily loss", risk_context(account=account(9_500_000, day_pnl_cents=-500_000)), {}, 0, Action.FLATTEN, "5,000.00"),
    (
        "daily loss",
        risk_context(account=account(9_900_000, day_pnl_cents=-100_000)),
        {"daily_loss_limit_cents": 100_000},
        0,
        Action.FLATTEN,
        "limit of 1,000.00",
    ),
    ("daily loss", risk_context(risk=RiskState(day_stop=stop(trade_date=20251006))), {}, 0, Action.FLATTEN, "why it"),
    ("losses in a row", in_account(losses_in_a_row=3), {}, 0, Action.FLATTEN, "3 losing trades"),
    ("losses in a row", risk_context(risk=RiskState(loss_stop=stop(until_ns=AFTER))), {}, 0, Action.FLATTEN, "why it"),
    ("losses in a row", risk_context(risk=RiskState(loss_stop=stop())), {}, 0, Action.FLATTEN, "why it stopped"),
    (
        "trailing drawdown",
        risk_context(risk=RiskState(trailing_peak_cents=26_000_000, trailing_start_cents=25_500_000)),
        {"trailing_drawdown_cents": 1_000_000},
        0,
        Action.FLATTEN,
        "floor of 250,000.00",
    ),
    (
        "trailing drawdown",
        risk_context(risk=RiskState(trailing_stop=stop())),
        {"trailing_drawdown_cents": 1},
        0,
        Action.FLATTEN,
        "why it stopped",
    ),
    ("risk level", risk_context(risk=RiskState(emergency=stop())), {}, 0, Action.FLATTEN, "why it stopped"),
    (
        "risk level",
        risk_context(risk=RiskState(markets={"NQ": MarketRisk((WIDE_SPREAD,))})),
        {},
        0,
        Action.FLATTEN,
        "EMERGENCY: spread 9",
    ),
]
TIME = [
    ("trading hours", risk_context(session_open=False), {}, 0, Action.NO_ADDS, "closed"),
    ("trading hours", risk_context(rth=False), {"trading_hours": "rth"}, 0, Action.NO_ADDS, "regular"),
    ("flat before halt", before_close(9.0), {}, 0, Action.NO_ADDS, "ends in 9 minutes"),
    ("flat before halt", before_close(5.0), {}, 0, Action.FLATTEN, "ends in 5 minutes"),
    (
        "flat by",
        risk_context(time_ns=ns("2025-10-06T16:10:00-04:00"), session_close_ns=ns("2025-10-06T17:00-04:00")),
        {"flat_by": "16:10"},
        0,
        Action.FLATTEN,
        "16:10 New York",
    ),
    ("expiry", risk_context(expiry_ns=MONDAY_OPEN + NANOS_PER_DAY), {}, 0, Action.FLATTEN, "expires in 1.0 days"),
    ("expiry", risk_context(expiry_ns=BEFORE), {}, 0, Action.FLATTEN, "has expired"),
]
DATA = [
    ("known values", risk_context(data_age_s=math.inf), {}, 0, Action.NO_ADDS, "data_age_s is inf"),
    ("known values", risk_context(state=market_state(0.0)), {}, 0, Action.NO_ADDS, "atr_ticks is 0"),
    ("stale data", risk_context(data_age_s=31.0), {}, 0, Action.NO_ADDS, "31 s old"),
    ("stale data", risk_context(data_age_s=-31.0), {}, 0, Action.NO_ADDS, "-31 s old"),
    ("stale data", risk_context(data_age_s=6.0), {"stale_after_s": StaleAfter(paper=5.0)}, 0, Action.NO_ADDS, "5 s"),
    ("delayed data", risk_context(delayed=True), {}, 0, Action.NO_ADDS, "delayed"),
    ("data quality", risk_context(data_quality=0.8), {}, 0, Action.NO_ADDS, "80.0% is below 90%"),
    ("unusual market", risk_context(state=None), {}, 0, Action.NO_ADDS, "not known"),
] + [
    (
        "unusual market",
        risk_context(state=msgspec.structs.replace(market_state(), **{what: value})),
        {},
        0,
        Action.NO_ADDS,
        words,
    )
    for what, value, words in (
        ("volatility_ratio", 6.0, "6.0 times"),
        ("volume_ratio", 0.01, "1% of what"),
        ("spread_ticks", 9.0, "9 ticks"),
    )
]
SIGNAL = [
    ("min confidence", risk_context(p=0.62), {}, 0, Action.NO_ADDS, "p 0.620 is below min_confidence 0.650"),
    ("min agreement", risk_context(forecast=forecast(0.7, agreement=0.4)), {}, 0, Action.NO_ADDS, "40% of the members"),
    ("min members", risk_context(forecast=forecast(0.7, members=2)), {}, 0, Action.NO_ADDS, "2 members are present"),
    ("model state", risk_context(forecast=None), {}, 0, Action.NO_ADDS, "no forecast"),
    ("evidence", risk_context(5, risk=with_evidence(stage=1)), {}, 5 // 2, Action.NONE, "halved"),
    ("evidence", risk_context(5, risk=with_evidence(stage=2)), {}, 0, Action.NO_ADDS, "retrain"),
]
MANUAL = [
    (
        "paused",
        risk_context(risk=RiskState(paused=Stop("ann", "lunch", 0, flat=False))),
        {},
        0,
        Action.NO_ADDS,
        "paused by ann: lunch",
    ),
    ("paused", risk_context(risk=RiskState(paused=Stop("ann", "", 0))), {}, 0, Action.FLATTEN, "flattened by ann"),
    ("halted", risk_context(risk=RiskState(halted=Stop("HALT file", "", 0))), {}, 0, Action.FLATTEN, "by HALT file"),
]


@pytest.mark.parametrize(
    ("name", "context", "settings", "contracts", "action", "words"), SIZE + LOSS + TIME + DATA + SIGNAL + MANUAL
)
def test_a_limit_that_binds_says_what_it_allows_and_why(name, context, settings, contracts, action, words):
    cap = cap_of(name, context, **settings)
    assert cap is not None
    assert (cap.limit, cap.contracts, cap.action) == (name, contracts, action)
    assert words in cap.reason


PASSES = [
    ("max position size", risk_context(5), {}),
    ("capital at risk", risk_context(0), {}),
    ("capital at risk", risk_context(-2, position=16, equity_cents=10_000_000), {}),  # a flip closes the 16 first
    ("capital at risk", risk_context(2, position=2, recommendation=recommendation(2, r_cents=0)), {}),  # kept
    ("margin", risk_context(1, equity_cents=4_000_000, session_close_ns=AFTER), {}),  # flat before the halt
    (
        "runaway",
        risk_context(risk=RiskState(order_times_ns=(MONDAY_OPEN - NANOS_PER_MINUTE,))),
        {"max_orders_a_minute": 1},
    ),
    ("daily loss", risk_context(account=account(9_500_001, day_pnl_cents=-499_999)), {}),
    ("daily loss", risk_context(risk=RiskState(day_stop=stop(trade_date=20251005))), {}),
    ("losses in a row", in_account(losses_in_a_row=2), {}),
    ("losses in a row", risk_context(risk=RiskState(loss_stop=stop(until_ns=MONDAY_OPEN))), {}),
    ("trailing drawdown", risk_context(risk=RiskState(trailing_stop=stop())), {}),  # switched off
    ("risk level", risk_context(risk=RiskState(drawdown=Component("drawdown", Level.CRITICAL))), {}),
    ("flat before halt", before_close(10.0), {}),
    ("flat before halt", before_close(1.0), {"flat_before_halt": False}),
    (
        "flat by",
        risk_context(time_ns=ns("2025-10-06T16:09:59-04:00"), session_close_ns=ns("2025-10-06T17:00-04:00")),
        {"flat_by": "16:10"},
    ),
    ("expiry", risk_context(expiry_ns=MONDAY_OPEN + 3 * NANOS_PER_DAY), {}),
    ("stale data", risk_context(data_age_s=30.0), {}),
    ("delayed data", risk_context(delayed=True), {"allow_delayed_data": True}),
    ("min confidence", risk_context(2, position=2, p=0.55), {}),  # nothing is added
    ("min confidence", risk_context(p=0.55), {"min_confidence": 0.5}),
    ("min agreement", risk_context(forecast=forecast(0.7, agreement=0.6)), {}),
    ("min members", risk_context(forecast=forecast(0.7, members=3)), {}),
    ("evidence", risk_context(), {}),
]


@pytest.mark.parametrize(("name", "context", "settings"), PASSES)
def test_a_limit_that_does_not_bind_says_nothing(name, context, settings):
    assert cap_of(name, context, **settings) is None


def test_margin_of_another_position_is_not_free():
    held = account(400_000, contracts=2, symbol="MNQZ25", instrument=MNQ)
    cap = cap_of("margin", risk_context(4, account=held))
    assert cap.contracts == (400_000 - 2 * MNQ.day_margin_cents) // 100_000


@pytest.mark.parametrize(
    ("time", "blocked"),
    [("09:27:59", False), ("09:28:00", True), ("09:33:00", True), ("09:38:00", True), ("09:38:01", False)],
)
def test_no_adds_from_five_minutes_before_news_to_five_after(time, blocked):
    cap = cap_of("event blackout", risk_context(time_ns=ns(f"2025-10-06T{time}-04:00")), events=NEWS)
    assert (cap is not None) == blocked
    assert cap is None or (cap.reason == "CPI is near" and cap.until_ns == ns("2025-10-06T09:38:00-04:00"))


def test_news_in_another_currency_does_not_matter():
    assert cap_of("event blackout", risk_context(), events=NEWS.replace("USD", "EUR")) is None
    assert cap_of("event blackout", risk_context(), events=NEWS.replace("USD", "")) is not None


def test_live_orders_need_arming_and_a_proven_edge():
    unarmed = risk_context()
    assert "arm" in cap_of("armed", unarmed, mode="live").reason
    assert cap_of("armed", unarmed) is None
    assert cap_of("armed", risk_context(risk=RiskState(armed=True)), mode="live") is None
    assert "UNPROVEN: 0 bets" in cap_of("evidence", unarmed, mode="live").reason
    assert cap_of("evidence", unarmed, mode="live", accept_unproven=True) is None
    assert cap_of("evidence", risk_context(risk=with_evidence()), mode="live") is None
    simulated = risk_context(risk=with_evidence(simulated=True))
    assert "simulated" in cap_of("evidence", simulated, mode="live").reason


@pytest.mark.parametrize(
    ("target", "position", "kept"), [(3, 2, 2), (1, 2, 2), (-3, 2, 0), (2, 0, 0), (-3, -1, 1), (0, 2, 0)]
)
def test_flat_only_keeps_what_is_held_on_the_same_side(target, position, kept):
    assert cap_of("data quality", risk_context(target, position=position, data_quality=0.5)).contracts == kept


@pytest.mark.parametrize(
    "settings",
    [
        {"flat_by": "17:30"},
        {"flat_by": "4 pm"},
        {"min_confidence": 1.2},
        {"daily_loss_limit": math.nan},
        {"daily_loss_limit_cents": 0},
        {"max_position_size": -1},
        {"risk_multipliers": {"LOW": 1.0}},
        {"flat_before_halt_minutes": 20.0},
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(settings):
    with pytest.raises(SettingsError, match=next(iter(settings))):
        RiskParameters(**settings)


@pytest.mark.parametrize("settings", [{"drawdown": (0.1, 0.05)}, {"volume_ratio": (0.1, 0.2)}, {"margin": 1.0}])
def test_levels_whose_thresholds_are_out_of_order_are_refused(settings):
    with pytest.raises(SettingsError, match=f"levels.{next(iter(settings))}"):
        LevelParameters(**settings)


def test_parameters_survive_the_journal():
    parameters = RiskParameters(flat_by="16:10", trailing_drawdown_cents=200_000)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(parameters), type=RiskParameters) == parameters


def test_held_contracts_that_risk_too_much_go_newest_first_also_without_a_forecast():
    """Three lots risk 400, 100 and 100 ticks a contract; leaving costs 2.25 + 5 dollars a contract."""
    price = 80_000
    lots = tuple(
        Lot(f"entry-{i}", 1, n, price, MONDAY_OPEN, f"stop-{i}", price - ticks)
        for i, (n, ticks) in enumerate([(2, 400), (3, 100), (1, 100)])
    )
    held = sum(lot.contracts * ((price - lot.stop_ticks) * 500 + 225 + 500) for lot in lots)
    owner = msgspec.structs.replace(account(held * 9), stop_risk_cents=held, positions=(Position("NQZ25", lots),))
    unforecast = recommendation(6, r_cents=0)
    cap = cap_of("capital at risk", risk_context(6, position=6, account=owner, recommendation=unforecast))
    over = held - 0.1 * held * 9
    assert cap.contracts == 6 - math.ceil(over / (100 * 500 + 725))
    small = msgspec.structs.replace(owner, equity_cents=held)
    only_old = cap_of("capital at risk", risk_context(6, position=6, account=small, recommendation=unforecast))
    assert only_old.contracts == 0


def test_a_contract_at_its_stop_still_costs_to_leave():
    """The newest lot stands at its stop and risks 2.25 + 5 dollars; both lots are five dollars over the budget."""
    leaving = 225 + 500
    lots = tuple(
        Lot(f"entry-{i}", 1, 1, 80_000, MONDAY_OPEN, f"stop-{i}", 80_000 - ticks) for i, ticks in enumerate((400, 0))
    )
    held = 400 * 500 + 2 * leaving
    owner = msgspec.structs.replace(
        account(10 * (held - 500)), stop_risk_cents=held, positions=(Position("NQZ25", lots),)
    )
    cap = cap_of("capital at risk", risk_context(2, position=2, account=owner, recommendation=recommendation(2)))
    assert cap.contracts == 1
    over_by_more = msgspec.structs.replace(owner, equity_cents=10 * (held - leaving - 1))
    assert cap_of("capital at risk", risk_context(2, position=2, account=over_by_more)).contracts == 0
