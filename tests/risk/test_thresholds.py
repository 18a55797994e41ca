"""Every limit at its threshold and one step beside it, and the settings that users read in `config/`."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path

import msgspec
import pytest

from minhos.errors import SettingsError
from minhos.market.types import NANOS_PER_MINUTE, NANOS_PER_SECOND
from minhos.risk.events import parse_events
from minhos.risk.evidence import Evidence
from minhos.risk.limits.standard import standard_limits
from minhos.risk.parameters import LevelParameters, RiskParameters, StaleAfter, minutes_of_day
from minhos.risk.types import Action, Arming, Cap, Component, Level, MarketRisk, RiskContext, RiskState, Stop
from minhos.sizing.types import SizingParameters
from minhos.testing.builders import (
    MNQ,
    MONDAY_OPEN,
    account,
    forecast,
    market_state,
    ns,
    recommendation,
    risk_context,
)

CONFIG = Path(__file__).resolve().parents[2] / "config"
DAY = 24 * 60 * NANOS_PER_MINUTE
CLOSE = risk_context().session_close_ns
R = 61_450
PROVEN = Evidence("NQ", "recipe", bets=900, log_maximum=math.log(25))


def cap_of(name: str, context: RiskContext, *, mode: str = "paper", events: str = "", **settings: object) -> Cap | None:
    limits = standard_limits(RiskParameters(**settings), mode=mode, events=parse_events(events))
    return next(limit for limit in limits if limit.name == name).cap(context)


def owning(**changes: object) -> RiskContext:
    return risk_context(account=msgspec.structs.replace(account(25_000_000), **changes))


def remembering(**changes: object) -> RiskContext:
    return risk_context(risk=RiskState(**changes))


def saying(**changes: object) -> RiskContext:
    return risk_context(forecast=msgspec.structs.replace(forecast(0.7), **changes))


def seeing(**changes: object) -> RiskContext:
    return risk_context(state=msgspec.structs.replace(market_state(), **changes))


def at(time: str, close: str = "17:00", **changes: object) -> RiskContext:
    day = "2025-10-06T"
    return risk_context(time_ns=ns(f"{day}{time}-04:00"), session_close_ns=ns(f"{day}{close}-04:00"), **changes)


def expiring(left_ns: int) -> RiskContext:
    return risk_context(expiry_ns=MONDAY_OPEN + left_ns)


def orders_before(*ages_ns: int) -> RiskContext:
    return remembering(order_times_ns=tuple(MONDAY_OPEN - age for age in ages_ns))


def worth(equity: int, **memory: object) -> RiskContext:
    return risk_context(account=account(equity), risk=RiskState(**memory))


TRAILING = {"trailing_drawdown_cents": 1_000_000}
LOCKED = {"trailing_peak_cents": 30_000_000, "trailing_start_cents": 25_000_000}
JUST_PASSES = [
    ("max position size", risk_context(-5), {}),
    ("capital at risk", risk_context(2, equity_cents=4 * R), {"max_capital_risk": 0.5}),
    ("margin", risk_context(4, equity_cents=400_000), {}),
    ("margin", risk_context(-4, equity_cents=400_000), {}),
    ("margin", risk_context(3, equity_cents=400_000, session_close_ns=MONDAY_OPEN + 900 * NANOS_PER_SECOND + 1), {}),
    ("runaway", owning(orders_day=599), {}),
    ("runaway", owning(round_trips_day=299), {}),
    ("runaway", owning(commission_day_cents=499_999), {}),
    ("runaway", orders_before(*range(9)), {}),
    ("runaway", orders_before(NANOS_PER_MINUTE, *range(9)), {}),
    ("losses in a row", owning(losses_in_a_row=0), {"max_consecutive_losses": 0}),
    (
        "losses in a row",
        risk_context(account=msgspec.structs.replace(account(), losses_in_a_row=5), risk=RiskState(losses_forgiven=3)),
        {},
    ),
    ("losses in a row", remembering(loss_stop=Stop("risk manager", "three", 0, trade_date=20251005)), {}),
    ("trailing drawdown", worth(25_000_001, **LOCKED), TRAILING),
    ("trailing drawdown", worth(1), TRAILING),
    ("trading hours", risk_context(), {"trading_hours": "rth"}),
    ("trading hours", risk_context(rth=False), {}),
    ("flat before halt", at("16:50:00"), {}),
    ("flat before halt", at("16:59:00", session_open=False), {}),
    ("flat by", at("16:09:59"), {"flat_by": "16:10"}),
    ("flat by", at("17:00:00"), {"flat_by": "16:10"}),
    ("expiry", expiring(2 * DAY + 1), {}),
    ("expiry", risk_context(expiry_ns=0), {}),
    ("stale data", risk_context(data_age_s=-30.0), {}),
    ("stale data", risk_context(data_age_s=30.0), {"stale_after_s": StaleAfter(live=1.0, simulated=1.0)}),
    ("data quality", risk_context(data_quality=0.90), {}),
    ("unusual market", seeing(volatility_ratio=5.0), {}),
    ("unusual market", seeing(volatility_ratio=0.0), {}),
    ("unusual market", seeing(volume_ratio=0.05), {}),
    ("unusual market", seeing(spread_ticks=8.0), {}),
    ("min confidence", risk_context(p=0.65), {}),
    ("min confidence", risk_context(p=1.0), {}),
    ("min agreement", saying(agreement=1.0), {}),
    ("model state", saying(p_up=1.0, p_low=1.0), {}),
    ("model state", saying(p_up=0.0, p_low=0.0), {}),
    ("known values", risk_context(state=None, forecast=None), {}),
    ("known values", seeing(atr_ticks=0.1), {}),
]


@pytest.mark.parametrize(("name", "context", "settings"), JUST_PASSES)
def test_what_lies_at_the_threshold_passes(name, context, settings):
    assert cap_of(name, context, **settings) is None


NO_ADDS, FLATTEN, NONE = Action.NO_ADDS, Action.FLATTEN, Action.NONE
JUST_BINDS = [
    ("max position size", risk_context(6), {}, 5, NONE, 0),
    ("capital at risk", risk_context(2, equity_cents=4 * R - 2), {"max_capital_risk": 0.5}, 1, NONE, 0),
    ("capital at risk", risk_context(1, equity_cents=2 * R - 2), {"max_capital_risk": 0.5}, 0, NONE, 0),
    ("margin", risk_context(4, equity_cents=399_999), {}, 3, NONE, 0),
    ("margin", risk_context(1, equity_cents=-1), {}, 0, NONE, 0),
    (
        "margin",
        risk_context(3, equity_cents=3_000_000, session_close_ns=MONDAY_OPEN + 900 * NANOS_PER_SECOND),
        {"flat_before_halt": False},
        1,
        NONE,
        0,
    ),
    ("runaway", owning(orders_day=600), {}, 0, NO_ADDS, CLOSE),
    ("runaway", owning(orders_day=-1), {}, 0, NO_ADDS, CLOSE),
    ("runaway", owning(round_trips_day=300), {}, 0, NO_ADDS, CLOSE),
    ("runaway", owning(round_trips_day=-1), {}, 0, NO_ADDS, CLOSE),
    ("runaway", owning(commission_day_cents=500_000), {}, 0, NO_ADDS, CLOSE),
    ("runaway", orders_before(NANOS_PER_MINUTE - 1, *range(9)), {}, 0, NO_ADDS, MONDAY_OPEN + 1),
    ("runaway", orders_before(NANOS_PER_MINUTE, 7, *range(9)), {}, 0, NO_ADDS, MONDAY_OPEN + NANOS_PER_MINUTE - 7),
    ("daily loss", risk_context(account=account(9_500_000, day_pnl_cents=-500_000)), {}, 0, FLATTEN, CLOSE),
    ("daily loss", remembering(day_stop=Stop("risk manager", "lost", 0, trade_date=20251006)), {}, 0, FLATTEN, CLOSE),
    ("losses in a row", owning(losses_in_a_row=3), {}, 0, FLATTEN, CLOSE),
    ("losses in a row", owning(losses_in_a_row=1), {"max_consecutive_losses": 0}, 0, FLATTEN, CLOSE),
    (
        "losses in a row",
        risk_context(account=msgspec.structs.replace(account(), losses_in_a_row=6), risk=RiskState(losses_forgiven=3)),
        {},
        0,
        FLATTEN,
        CLOSE,
    ),
    (
        "losses in a row",
        remembering(loss_stop=Stop("risk manager", "three", 0, until_ns=MONDAY_OPEN + 1)),
        {},
        0,
        FLATTEN,
        MONDAY_OPEN + 1,
    ),
    (
        "losses in a row",
        remembering(loss_stop=Stop("risk manager", "three", 0, trade_date=20251006)),
        {},
        0,
        FLATTEN,
        CLOSE,
    ),
    ("trailing drawdown", worth(25_000_000, **LOCKED), TRAILING, 0, FLATTEN, 0),
    ("flat before halt", at("16:50:01"), {}, 0, NO_ADDS, at("16:50").session_close_ns),
    ("flat before halt", at("16:54:59"), {}, 0, NO_ADDS, at("16:50").session_close_ns),
    ("flat before halt", at("16:55:00"), {}, 0, FLATTEN, at("16:50").session_close_ns),
    ("flat by", at("16:59:59"), {"flat_by": "16:10"}, 0, FLATTEN, at("16:50").session_close_ns),
    ("flat by", at("09:30:00"), {"flat_by": "00:00"}, 0, FLATTEN, at("16:50").session_close_ns),
    ("roll", risk_context(leaving="NQH26 leads"), {}, 0, FLATTEN, 0),
    ("expiry", expiring(2 * DAY), {}, 0, FLATTEN, 0),
    ("expiry", expiring(1), {}, 0, FLATTEN, 0),
    ("data quality", risk_context(data_quality=0.8999), {}, 0, NO_ADDS, 0),
    ("unusual market", seeing(volatility_ratio=5.01), {}, 0, NO_ADDS, 0),
    ("unusual market", seeing(volume_ratio=0.0499), {}, 0, NO_ADDS, 0),
    ("unusual market", seeing(spread_ticks=8.01), {}, 0, NO_ADDS, 0),
    ("min confidence", risk_context(p=0.6499), {}, 0, NO_ADDS, 0),
    ("min agreement", saying(agreement=0.5999), {}, 0, NO_ADDS, 0),
]


@pytest.mark.parametrize(("name", "context", "settings", "contracts", "action", "until_ns"), JUST_BINDS)
def test_one_step_beyond_the_threshold_binds_and_says_until_when(name, context, settings, contracts, action, until_ns):
    cap = cap_of(name, context, **settings)
    assert (cap.contracts, cap.action, cap.until_ns) == (contracts, action, until_ns)


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        (expiring(0), "NQZ25 has expired; trade the next contract"),
        (expiring(1), "NQZ25 expires in 0.0 days, within 2; trade the next contract"),
        (expiring(36 * 60 * NANOS_PER_MINUTE), "NQZ25 expires in 1.5 days, within 2; trade the next contract"),
    ],
)
def test_a_contract_expires_in_the_moment_it_stops_trading(context, reason):
    assert cap_of("expiry", context).reason == reason


@pytest.mark.parametrize(
    ("name", "context", "words"),
    [
        ("capital at risk", risk_context(equity_cents=math.nan), "equity is nan"),
        ("capital at risk", owning(stop_risk_cents=-1), "stop_risk is -1"),
        ("capital at risk", owning(stop_risk_cents=math.inf), "stop_risk is inf"),
        ("capital at risk", risk_context(recommendation=recommendation(2, r_cents=0)), "R is 0"),
        ("margin", risk_context(equity_cents=math.nan), "equity is nan"),
        ("runaway", owning(day_start_equity_cents=math.inf), "day_start_equity is inf"),
        ("daily loss", owning(day_start_equity_cents=math.inf), "day_start_equity is inf"),
        ("daily loss", owning(day_pnl_cents=math.inf), "day_pnl is inf"),
        ("losses in a row", owning(losses_in_a_row=math.nan), "losses_in_a_row is nan"),
        ("stale data", risk_context(data_age_s=math.inf), "data_age_s is inf"),
        ("data quality", risk_context(data_quality=math.inf), "data_quality is inf"),
        ("unusual market", seeing(volatility_ratio=math.nan), "volatility_ratio is nan"),
        ("unusual market", seeing(volume_ratio=math.inf), "volume_ratio is inf"),
        ("min confidence", risk_context(recommendation=recommendation(p=1.1)), "p is 1.1"),
        ("min confidence", risk_context(recommendation=recommendation(p=-0.1)), "p is -0.1"),
        ("min agreement", saying(agreement=1.1), "agreement is 1.1"),
        ("min agreement", saying(agreement=-0.1), "agreement is -0.1"),
        ("model state", saying(p_up=1.1), "p_up is 1.1"),
        ("model state", saying(p_up=-0.1), "p_up is -0.1"),
        ("model state", saying(p_low=1.1), "p_low is 1.1"),
        ("model state", saying(p_low=-0.1), "p_low is -0.1"),
    ],
)
def test_a_number_that_cannot_be_is_named_and_nothing_is_added(name, context, words):
    cap = cap_of(name, context)
    assert (cap.contracts, cap.action) == (0, NO_ADDS)
    assert cap.reason.endswith("nothing is added on what is not known")
    assert words in cap.reason


def test_zero_confidence_and_zero_agreement_are_numbers():
    assert "0.000 is below" in cap_of("min confidence", risk_context(recommendation=recommendation(p=0.0))).reason
    assert cap_of("min agreement", saying(agreement=0.0)).reason == "0% of the members agree; 60% are needed"


@pytest.mark.parametrize(
    "name", ["cash_cents", "equity_cents", "day_start_equity_cents", "peak_equity_cents", "day_pnl_cents"]
)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_unknown_number_of_the_account_is_named(name, value):
    assert cap_of("known values", owning(**{name: value})).reason.startswith(f"{name} is {value}")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (
            {"lstm": 0.7, "xgboost": math.nan, "lightgbm": 0.7},
            "2 members are present; 3 are needed (missing: catboost)",
        ),
        ({"a": 0.7, "b": 0.7, "c": 0.7, "d": math.nan}, "d is nan"),
    ],
)
def test_members_that_answer_no_number_do_not_count(members, words):
    assert words in cap_of("min members", saying(members=members, missing=("catboost",))).reason


def test_what_degrades_is_halved_on_either_side_and_then_stopped():
    def degraded(stage: int, target: int, position: int = 0) -> Cap:
        evidence = msgspec.structs.replace(PROVEN, stage=stage)
        risk = RiskState(markets={"NQ": MarketRisk(evidence=evidence)})
        return cap_of("evidence", risk_context(target, position=position, risk=risk))

    assert (degraded(1, 4).contracts, degraded(1, -5).contracts, degraded(1, 1).contracts) == (2, 2, 0)
    assert (degraded(2, 4, 3).contracts, degraded(3, 4, 3).action) == (3, NO_ADDS)


def test_an_unproven_edge_says_how_many_bets_are_left():
    """Wealth 1.01 a bet for 100 bets at the best stake: ln(20 x 5) less what is there, over its mean."""
    winning = Evidence("NQ", "recipe", bets=100, log_wealth=(0.0, 0.0, 0.0, 0.0, 1.0))
    needed = math.ceil((math.log(100) - 1.0) / (1.0 / 100))
    context = risk_context(risk=RiskState(markets={"NQ": MarketRisk(evidence=winning)}))
    reason = cap_of("evidence", context, mode="live").reason
    assert reason == f"UNPROVEN: 100 bets in the shadow book, about {needed} more are needed at this rate"


@pytest.mark.parametrize(
    ("arming", "armed", "accepts", "evidence", "allowed"),
    [
        (None, False, False, Evidence(), None),
        (Arming("ann", 1, unproven=False), True, False, Evidence(), None),
        (Arming("ann", 1, unproven=True), False, False, Evidence(), None),
        (Arming("ann", 1, unproven=True), True, False, Evidence(), (1, 0)),
        (None, False, True, Evidence(), (1, 0)),
        (None, False, True, PROVEN, None),
        (None, False, True, msgspec.structs.replace(PROVEN, simulated=True), (1, 0)),
    ],
)
def test_before_the_edge_is_proven_a_persons_word_allows_one_micro(arming, armed, accepts, evidence, allowed):
    memory = MarketRisk(evidence=evidence)
    risk = RiskState(armed=armed, arming=arming, markets={"NQ": memory, "MNQ": memory})
    micro, full = (risk_context(4, risk=risk, **changes) for changes in ({"instrument": MNQ}, {}))
    caps = [cap_of("unproven live", context, mode="live", accept_unproven=accepts) for context in (micro, full)]
    assert [cap and cap.contracts for cap in caps] == ([None, None] if allowed is None else list(allowed))
    assert cap_of("unproven live", micro, accept_unproven=True) is None  # not on paper


def test_of_two_events_in_a_window_the_one_in_our_currency_counts():
    news = "time,name,currency\n2025-10-06T09:29:00-04:00,Ifo,EUR\n2025-10-06T09:33:00-04:00,CPI,USD\n"
    assert cap_of("event blackout", risk_context(), events=news).reason == "CPI is near"


def test_an_emergency_is_told_in_the_words_of_its_components_or_of_the_drawdown():
    wide, calm = Component("spread", Level.EMERGENCY, 0, "spread 9"), Component("volume", Level.HIGH, 0, "volume 0.1")
    market = risk_context(risk=RiskState(markets={"NQ": MarketRisk((wide, calm))}))
    assert cap_of("risk level", market).reason == "EMERGENCY: spread 9; `resume` ends it"
    fallen = remembering(drawdown=Component("drawdown", Level.EMERGENCY, 0, "drawdown 20.0%"))
    assert cap_of("risk level", fallen).reason == "EMERGENCY: drawdown 20.0%; `resume` ends it"
    assert (cap_of("risk level", fallen).contracts, cap_of("risk level", fallen).action) == (0, FLATTEN)


# The settings ---------------------------------------------------------------------------------------------------------


def shipped(section: str) -> dict[str, object]:
    """The settings of that section of `config/minhos.toml`, whose lines are the defaults, commented out."""
    lines = (CONFIG / "minhos.toml").read_text(encoding="utf-8").split(f"[{section}]", 1)[1].split("\n\n", 1)[0]
    return tomllib.loads("\n".join(line.removeprefix("# ") for line in lines.splitlines()[1:]))


def test_the_defaults_are_those_that_the_shipped_files_name():
    for section, parameters in (("risk", RiskParameters()), ("sizing", SizingParameters())):
        for name, value in shipped(section).items():
            if name != "trailing_drawdown_cents":  # off by default; the file shows how to switch it on
                here = getattr(parameters, name)
                assert (name, list(here) if isinstance(here, tuple) else here) == (name, value)
    kelly = json.loads((CONFIG / "kelly_risk_parameters.json").read_text(encoding="utf-8"))
    assert kelly.pop("risk_multipliers") == RiskParameters().risk_multipliers
    assert kelly == {name: getattr(SizingParameters(), name) for name in kelly}
    assert (RiskParameters().min_confidence, RiskParameters().max_position_size) == (0.65, kelly["max_position_size"])


def test_switches_that_only_a_user_turns_on_are_off():
    sizing, risk = SizingParameters(), RiskParameters()
    assert sizing.kelly_enabled
    assert not any((sizing.overnight_margin, sizing.take_micro_when_zero, sizing.fixed_fraction))
    assert not any((risk.accept_unproven, risk.allow_delayed_data))
    assert risk.require_arming
    assert risk.trailing_locks_at_start
    assert sizing.stop_atr == 3.0
    assert sizing.ladder_step == 1.0


def test_an_ordinary_opening_is_no_level():
    """ATR of 2.5 times the day's mean, full volume, two ticks of spread."""
    levels = LevelParameters()
    assert levels.volatility_ratio[0] * (1 - levels.margin) > 2.5
    assert levels.spread_ticks[0] * (1 - levels.margin) > 2.0
    assert max(levels.volume_ratio) * (1 + levels.margin) < 1.0
    assert levels.drawdown == (0.05, 0.10, 0.15, 0.20)


@pytest.mark.parametrize(
    ("settings", "right"),
    [
        ({"min_confidence": 1.0001}, {"min_confidence": 1.0}),
        ({"daily_loss_limit": -0.0001}, {"daily_loss_limit": 0.0}),
        ({"cooldown_minutes": -0.1}, {"cooldown_minutes": 0.0}),
        ({"trading_capital_cents": 0}, {"trading_capital_cents": 1}),
        ({"flat_before_halt_minutes": 10.1}, {"flat_before_halt_minutes": 10.0}),
        ({"ladder_steps": ()}, {"ladder_steps": (0.5,)}),
        ({"ladder_steps": (0.4, 0.3)}, {"ladder_steps": (0.3, 0.3)}),
        ({"ladder_steps": (0.009, 1.0)}, {"ladder_steps": (0.01, 1.0)}),
        ({"ladder_steps": (0.5, 1.1)}, {"ladder_steps": (0.5, 1.0)}),
        ({"ladder_trades": 0}, {"ladder_trades": 1}),
    ],
)
def test_settings_are_refused_just_beyond_what_makes_sense(settings, right):
    (name,) = settings
    with pytest.raises(SettingsError, match=name):
        RiskParameters(**settings)
    assert getattr(RiskParameters(**right), name) == right[name]


def test_multipliers_are_shares_of_every_level():
    most = dict(RiskParameters().risk_multipliers)
    with pytest.raises(SettingsError, match=r"risk_multipliers\.LOW"):
        RiskParameters(risk_multipliers={**most, "LOW": 1.01})
    assert RiskParameters().multiplier(Level.HIGH) == 0.5


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("drawdown", (0.1, 0.2, 0.3, 0.4, 0.5), (0.1, 0.2, 0.3, 0.4)),
        ("data_quality", (0.9, 0.95), (0.95, 0.9)),
        ("margin", -0.01, 0.0),
        ("calm_bars", 0, 1),
    ],
)
def test_levels_are_refused_just_beyond_what_makes_sense(name, wrong, right):
    with pytest.raises(SettingsError, match=name):
        LevelParameters(**{name: wrong})
    assert getattr(LevelParameters(**{name: right}), name) == right


@pytest.mark.parametrize(("text", "minutes"), [("00:00", 0), ("00:59", 59), ("16:10", 970), ("16:59", 1019)])
def test_a_time_to_be_flat_by_lies_before_the_trade_dates_end(text, minutes):
    assert minutes_of_day(text) == minutes


@pytest.mark.parametrize("text", ["17:00", "16:60", "6:10", "16-10", "16:1", "016:10", "ab:cd", "", "16:1x", "x6:10"])
def test_another_time_is_refused(text):
    with pytest.raises(SettingsError, match="HH:MM"):
        minutes_of_day(text)


def test_the_days_limit_is_the_smaller_of_share_and_amount():
    assert RiskParameters().day_loss_limit_cents(1_000) == 50
    assert RiskParameters(daily_loss_limit_cents=40).day_loss_limit_cents(1_000) == 40
    assert RiskParameters(daily_loss_limit_cents=60).day_loss_limit_cents(1_000) == 50
