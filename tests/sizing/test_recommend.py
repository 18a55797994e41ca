"""The recommendation: what to hold, why, and that no bad number ever buys a contract."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.market.types import Instrument
from minhos.models.payoff import Payoff
from minhos.sizing import (
    SizingParameters,
    break_even,
    drawdown_constrained_fraction,
    kelly_fraction_discrete,
    net_outcomes,
    recommend,
)
from minhos.sizing.refusals import parameters_defect
from minhos.testing.builders import MNQ, NQ, account, forecast, market_state, payoff

bounded = settings(deadline=None, max_examples=50)
BREAK_EVEN_ENTRY = SizingParameters(confidence_threshold=0.5)
COST = NQ.round_trip_cost_ticks()


def ask(p_up=0.65, *, p_low=None, atr=40.0, parameters=BREAK_EVEN_ENTRY, level=1.0, held=0, equity=25_000_000, **more):
    """A recommendation for NQ with ATR 40 ticks, stop 120 ticks, cost 2.9 ticks, R = 122.9 ticks = $614.50."""
    owner = account(equity, contracts=held)
    return recommend(forecast(p_up, p_low=p_low), payoff(), market_state(atr), owner, NQ, parameters, level, **more)


def test_size_is_the_drawdown_bound_in_contracts():
    got = ask(0.6)
    assert COST == 2 * 225 / 500 + 2
    outcomes, odds = net_outcomes(payoff(), 40.0, COST, 0.6, 3.0)
    fraction = drawdown_constrained_fraction(outcomes, odds, 0.95, 0.05)
    assert got.fraction == pytest.approx(fraction, rel=1e-9)
    assert got.raw_contracts == pytest.approx(fraction * 25_000_000 / (122.9 * 500), rel=1e-9)
    assert (got.side, got.target, got.bound) == (1, math.floor(got.raw_contracts), "drawdown")
    assert (got.stop_distance_ticks, got.r_cents) == (120, 61_450)
    assert got.break_even == pytest.approx(break_even(payoff(), 40.0, COST, 3.0))
    assert (
        got.reason == f"Long {got.target}: p 0.600 against break-even {got.break_even:.3f}; held by the drawdown bound."
    )


def test_down_is_up_in_the_mirror():
    up, down = ask(0.6), ask(0.4)
    assert (down.side, down.target) == (-1, -up.target)
    assert down.p_side == pytest.approx(up.p_side)
    assert down.reason.startswith("Short ")


def test_the_lower_bound_is_what_is_bet_on_and_the_difference_is_told():
    got = ask(0.62, p_low=0.5)
    assert (got.target, got.bound, got.without_p_low) == (0, "entry_rule", ask(0.62).target)
    assert got.without_p_low > 0
    assert got.reason == f"No trade: p_low 0.500 does not beat break-even {got.break_even:.3f}."


def test_the_threshold_asks_calibrated_p_and_only_adds():
    default = SizingParameters()
    got = ask(0.58, parameters=default)
    assert got.target == 0
    assert got.kelly_full > 0.0
    assert got.reason == "No trade: p 0.580 is below the confidence threshold 0.600."
    assert ask(0.58, parameters=default, held=1).target == 1


def test_half_of_the_remaining_budget_bounds_what_is_added():
    """$100,000, day at -$4,000: half of 5000 - 4000 buys no contract of $614.50; all of it buys one."""
    lost = account(9_600_000, day_pnl_cents=-400_000)
    loose = SizingParameters(confidence_threshold=0.5, drawdown_bound=False)

    def size(parameters):
        return recommend(forecast(0.65), payoff(), market_state(40.0), lost, NQ, parameters)

    assert size(loose).target == 0
    assert "round down to zero" in size(loose).reason
    assert size(msgspec.structs.replace(loose, half_of_remaining_budget=False)).target == 1


def test_stop_risk_that_is_held_uses_up_the_budget():
    loose = SizingParameters(confidence_threshold=0.5, drawdown_bound=False)
    free = recommend(forecast(0.65), payoff(), market_state(), account(10_000_000), NQ, loose)
    owner = msgspec.structs.replace(account(10_000_000), stop_risk_cents=430_000)
    used = recommend(forecast(0.65), payoff(), market_state(), owner, NQ, loose)
    assert free.target == math.floor(0.5 * 500_000 / 61_450)
    assert (used.target, used.bound) == (0, "whole_contracts")


def test_capital_is_the_smaller_of_trading_capital_and_equity():
    smaller = msgspec.structs.replace(BREAK_EVEN_ENTRY, trading_capital_cents=10_000_000)
    larger = msgspec.structs.replace(BREAK_EVEN_ENTRY, trading_capital_cents=99_000_000)
    assert ask(0.6, parameters=smaller).raw_contracts == pytest.approx(0.4 * ask(0.6).raw_contracts)
    assert ask(0.6, parameters=larger).raw_contracts == ask(0.6).raw_contracts


def test_margin_is_that_of_the_day_or_of_the_night():
    overnight = SizingParameters(confidence_threshold=0.5, drawdown_bound=False, overnight_margin=True)
    got = ask(0.65, parameters=overnight, equity=10_000_000)
    assert (got.target, got.bound) == (3, "margin")


def test_margin_of_other_positions_is_not_free():
    overnight = SizingParameters(confidence_threshold=0.5, drawdown_bound=False, overnight_margin=True)
    owner = account(10_000_000, contracts=2, symbol="ESZ25")
    got = recommend(forecast(0.65), payoff(), market_state(), owner, NQ, overnight)
    assert got.target == (10_000_000 - 2 * 3_000_000) // 3_000_000


def test_the_level_scales_kelly_and_zero_ends_it():
    loose = SizingParameters(confidence_threshold=0.5, drawdown_bound=False, max_capital_risk=1.0)
    assert ask(0.6, parameters=loose, level=0.5).fraction == pytest.approx(0.5 * ask(0.6, parameters=loose).fraction)
    got = ask(0.65, level=0.0)
    assert (got.target, got.bound) == (0, "risk_level")
    assert got.reason == "No trade: the risk level leaves nothing for new risk."


def test_kelly_off_is_one_contract_where_the_entry_rule_holds():
    off = SizingParameters(kelly_enabled=False)
    assert ask(0.7, parameters=off).target == 1
    assert ask(0.58, parameters=off).target == 0
    assert ask(0.7, parameters=off, equity=500_000).target == 0


def test_a_held_contract_is_kept_where_a_new_one_would_not_pay():
    """Between break-even with cost and without lies the zone without trades."""
    free = break_even(payoff(), 40.0, 1e-9, 3.0)
    p = 0.5 * (free + break_even(payoff(), 40.0, COST, 3.0))
    assert ask(p).target == 0
    kept = ask(p, held=1, equity=100_000_000)
    assert (kept.target, kept.bound) == (1, "round_trip")
    assert kept.reason.startswith("Keep long 1: ")


def test_too_large_a_position_shrinks_to_what_kelly_keeps_without_cost():
    got = ask(0.6, held=20)
    assert ask(0.6).target <= got.target < 20
    assert got.reason.startswith("Reduce to long ")


def test_more_is_added_when_kelly_wants_more():
    assert ask(0.65, held=1).target == ask(0.65).target > 1


def test_a_position_that_is_worth_nothing_is_closed():
    got = ask(0.505, p_low=0.5, held=2)
    assert (got.target, got.side) == (0, 0)
    assert got.reason.startswith("Close long 2: ")


def test_an_opposite_position_is_flipped_or_closed():
    flip = ask(0.6, held=-2)
    assert flip.target == ask(0.6).target
    assert flip.reason.startswith("Flip to long ")
    close = ask(0.52, held=-2)
    assert close.target == 0
    assert close.reason.startswith("Close short 2: ")


def test_an_opposite_position_is_kept_where_its_payoff_carries_it():
    """Shorts that lose seldom but little and win much, against a forecast of 52 % up that does not pay its cost."""
    wide = Payoff(right=(0.5,), wrong=(-0.5,), gap_probability=0.0)
    lopsided = msgspec.structs.replace(wide, right=(1.0,), wrong=(-0.5,))
    owner = account(100_000_000, contracts=-1)
    got = recommend(forecast(0.52, p_low=0.5), lopsided, market_state(2.0), owner, NQ, BREAK_EVEN_ENTRY)
    assert (got.target, got.bound) == (-1, "round_trip")
    assert got.reason.startswith("Keep short 1: ")


def test_one_half_exactly_names_no_side():
    got = ask(0.5)
    assert (got.side, got.target) == (0, 0)
    assert ask(0.5, held=2).target == 0


def test_micros_of_equal_risk_are_named_where_the_large_contract_rounds_to_zero():
    """R of an MNQ: stop 120 ticks and its own cost of 2 * 65 / 50 + 2 ticks."""
    got = ask(0.6, equity=3_000_000, micro=MNQ)
    outcomes, odds = net_outcomes(payoff(), 40.0, 2 * 65 / 50 + 2, 0.6, 3.0)
    fraction = drawdown_constrained_fraction(outcomes, odds, 0.95, 0.05)
    assert (got.target, got.bound) == (0, "whole_contracts")
    assert got.micro_contracts == min(5, math.floor(fraction * 3_000_000 / (124.6 * 50))) > 0
    assert got.reason.endswith(f"round down to zero; {got.micro_contracts} MNQ carry equal risk.")
    assert ask(0.6, equity=3_000_000).micro_contracts == 0


def test_measured_cost_moves_break_even():
    assert ask(0.6, cost_ticks=5.0).break_even > ask(0.6).break_even > ask(0.6, cost_ticks=1.0).break_even


def test_another_contract_may_be_traded_than_is_forecast():
    owner = account(25_000_000, contracts=2, symbol="MNQZ25", instrument=MNQ)
    got = recommend(forecast(0.7), payoff(), market_state(), owner, MNQ, BREAK_EVEN_ENTRY, symbol="MNQZ25")
    assert (got.symbol, got.target) == ("MNQZ25", 5)


def test_the_trace_tells_every_stage_in_order():
    names = [step.name for step in ask(0.6).trace]
    assert names == [
        "entry_rule",
        "kelly",
        "max_kelly_fraction",
        "kelly_multiplier",
        "drawdown",
        "risk_level",
        "max_capital_risk",
        "remaining_budget",
        "margin",
        "max_position_size",
        "whole_contracts",
    ]


BAD = [math.nan, math.inf, -math.inf, 0.0, -1.0]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("held", [0, 2])
def test_a_number_that_cannot_be_used_gives_zero_and_names_itself(bad, held):
    owner, said, state = account(25_000_000, contracts=held), forecast(0.65), market_state(40.0)
    replace = msgspec.structs.replace
    cases = {
        "calibrated p": (replace(said, p_up=bad), state, owner, NQ, None),
        "p_low": (replace(said, p_low=bad), state, owner, NQ, None),
        "ATR": (said, replace(state, atr_ticks=bad), owner, NQ, None),
        "cost": (said, state, owner, NQ, bad),
        "equity in": (said, state, replace(owner, equity_cents=bad), NQ, None),
        "day's start": (said, state, replace(owner, day_start_equity_cents=bad), NQ, None),
        "margin of NQ": (said, state, owner, replace(NQ, day_margin_cents=bad), None),
        "tick value": (said, state, owner, replace(NQ, tick_value_cents=bad), COST),
    }
    for name, (one, two, three, four, cost) in cases.items():
        got = recommend(one, payoff(), two, three, four, BREAK_EVEN_ENTRY, cost_ticks=cost)
        assert (got.target, got.bound) == (0, "invalid")
        assert name in got.reason
        assert "nan" not in got.reason
        assert math.isnan(bad) or str(bad) in got.reason
        assert all(map(math.isfinite, (got.p_side, got.p_low, got.break_even, got.fraction, got.mean_r)))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_bad_levels_settings_and_ledgers_give_zero(bad):
    replace = msgspec.structs.replace
    owner = account(25_000_000)
    assert "risk multiplier" in ask(0.65, level=bad).reason
    for name in ("max_kelly_fraction", "kelly_multiplier", "wealth_floor", "stop_atr", "max_position_size"):
        got = ask(0.65, parameters=replace(BREAK_EVEN_ENTRY, **{name: bad}))
        assert got.target == 0
        assert name in got.reason
    for field in ("day_pnl_cents", "stop_risk_cents"):
        if field == "stop_risk_cents" or not math.isfinite(bad):
            bad_owner = replace(owner, **{field: bad})
            got = recommend(forecast(0.65), payoff(), market_state(), bad_owner, NQ, BREAK_EVEN_ENTRY)
            assert (got.target, got.bound) == (0, "invalid")


def test_a_payoff_that_is_none_buys_nothing():
    got = recommend(forecast(), Payoff((), ()), market_state(), account(), NQ, BREAK_EVEN_ENTRY)
    assert (got.target, got.bound) == (0, "invalid")
    assert "payoff" in got.reason


instruments = st.sampled_from([NQ, MNQ])


@bounded
@given(
    p=st.floats(0.01, 0.99),
    share=st.floats(0, 1),
    atr=st.floats(1, 300),
    equity=st.integers(10_000, 10**9),
    day_pnl=st.integers(-(10**7), 10**6),
    held=st.integers(-8, 8),
    level=st.floats(0, 1),
    instrument=instruments,
    threshold=st.sampled_from([0.5, 0.6]),
    kelly=st.booleans(),
)
def test_no_target_exceeds_a_bound(
    p: float,
    share: float,
    atr: float,
    equity: int,
    day_pnl: int,
    held: int,
    level: float,
    instrument: Instrument,
    threshold: float,
    kelly: bool,
):
    parameters = SizingParameters(confidence_threshold=threshold, kelly_enabled=kelly)
    p_side = max(p, 1 - p)
    owner = account(equity, day_pnl_cents=min(day_pnl, equity - 1), contracts=held)
    said = forecast(p, p_low=0.5 + share * (p_side - 0.5))
    got = recommend(said, payoff(), market_state(atr), owner, instrument, parameters, level)
    size, adds = abs(got.target), got.target * (1 if held >= 0 else -1) > abs(held) or got.target * held < 0
    assert size <= parameters.max_position_size
    assert size * got.r_cents <= parameters.max_capital_risk * equity + size
    assert size * instrument.day_margin_cents <= equity
    if adds:
        added = size - (abs(held) if got.target * held > 0 else 0)
        remaining = 0.05 * owner.day_start_equity_cents + owner.day_pnl_cents - owner.stop_risk_cents
        assert added * got.r_cents <= 0.5 * remaining + added
        assert said.p_low > got.break_even
        assert p_side >= threshold
    if held == 0 and said.p_low <= got.break_even:
        assert (got.target, got.kelly_full) == (0, 0.0)


@bounded
@given(st.floats(0.5, 0.8), st.floats(0, 0.19), st.floats(10, 200), st.integers(10**6, 10**8))
def test_a_higher_lower_bound_is_never_a_smaller_size(p_low, more, atr, equity):
    low = ask(0.99, p_low=p_low, atr=atr, equity=equity)
    high = ask(0.99, p_low=p_low + more, atr=atr, equity=equity)
    assert low.target <= high.target
    assert low.fraction <= high.fraction + 1e-12
    assert low.target <= low.without_p_low
    assert low.fraction <= low.kelly_full * 0.6 + 1e-12


def test_a_day_s_limit_in_money_bounds_what_is_added():
    """R = $614.50: half of a limit of $2,500 leaves two contracts."""
    free = msgspec.structs.replace(BREAK_EVEN_ENTRY, drawdown_bound=False)
    limited = msgspec.structs.replace(free, daily_loss_limit_cents=250_000)
    assert ask(0.7, equity=25_000_000, parameters=limited).bound == "remaining_budget"
    assert ask(0.7, equity=25_000_000, parameters=limited).target == 1_250 * 100 // ask(0.7).r_cents
    assert ask(0.7, equity=25_000_000, parameters=free).target > 1


# At the edges

COIN = Payoff(right=(1.0,), wrong=(-1.0,), gap_probability=0.0)
"""Wins or loses one ATR: with ATR 40, stop 120 and cost 2.9 ticks, break-even is 1/2 + 2.9 / 80."""


def coin(p, *, p_low=None, parameters=BREAK_EVEN_ENTRY, owner=None, **more):
    owner = owner or account(25_000_000)
    return recommend(forecast(p, p_low=p_low), COIN, market_state(), owner, NQ, parameters, **more)


def test_break_even_itself_is_not_beaten_and_the_threshold_itself_is_enough():
    exactly = coin(0.7).break_even
    assert coin(0.7, p_low=exactly).target == 0
    assert "does not beat break-even" in coin(0.7, p_low=exactly).reason
    assert coin(0.7, p_low=math.nextafter(exactly, 1.0)).bound != "entry_rule"
    assert coin(0.6, parameters=SizingParameters()).target > 0
    assert coin(math.nextafter(0.6, 0.0), parameters=SizingParameters()).bound == "entry_rule"


def test_the_mean_is_of_one_contract_at_the_lower_bound():
    got = coin(0.7, p_low=0.65)
    assert got.mean_r == pytest.approx((0.65 * (40 - COST) - 0.35 * (40 + COST)) / (120 + COST))
    assert (got.p_side, got.p_low) == (0.7, 0.65)
    assert coin(0.6, p_low=0.9).p_low == 0.6


def test_full_kelly_is_told_where_the_threshold_is_not_reached_and_nothing_is_added():
    got = coin(0.59, parameters=SizingParameters())
    outcomes, odds = net_outcomes(COIN, 40.0, COST, 0.59, 3.0)
    assert got.kelly_full == pytest.approx(kelly_fraction_discrete(outcomes, odds))
    assert (got.fraction, got.raw_contracts, got.target, got.bound) == (0.0, 0.0, 0, "entry_rule")
    assert [(step.name, step.before) for step in got.trace] == [("entry_rule", got.break_even), ("kelly", 0.0)]
    assert got.trace[0].reason == "The entry rule fails: nothing is added."
    assert coin(0.7).trace[0].reason == "p and p_low pass the entry rule."


@pytest.mark.parametrize("held", [1, 2, -1, -3])
def test_what_is_held_is_kept_or_shrunk_below_the_threshold_never_grown(held):
    got = coin(0.58 if held > 0 else 0.42, parameters=SizingParameters(), owner=account(25_000_000, contracts=held))
    assert abs(got.target) <= abs(held)
    assert got.target * held >= 0


def test_the_words_for_what_becomes_of_a_position():
    def said(p, held, **more):
        return ask(p, held=held, equity=100_000_000, **more).reason

    assert said(0.7, 0).startswith("Long 5: p 0.700 against break-even ")
    assert said(0.3, 0).startswith("Short 5: ")
    assert said(0.7, 2).startswith("Long 5: ")
    assert said(0.7, 7).startswith("Reduce to long 5: ")
    assert said(0.3, -7).startswith("Reduce to short 5: ")
    assert said(0.3, 1).startswith("Flip to short 5: ")
    assert said(0.7, -1).startswith("Flip to long 5: ")
    assert said(0.49, 2).startswith("Close long 2: ") or said(0.49, 2).startswith("Close short 2: ")
    assert said(0.7, 0, level=0.0) == "No trade: the risk level leaves nothing for new risk."


def test_other_positions_take_margin_of_their_own_instrument_and_ours_takes_none():
    overnight = SizingParameters(confidence_threshold=0.5, drawdown_bound=False, overnight_margin=True)
    micros = account(10_000_000, contracts=-4, symbol="MNQZ25", instrument=MNQ)
    got = recommend(forecast(0.7), payoff(), market_state(), micros, NQ, overnight)
    assert {step.name: step.after for step in got.trace}["margin"] == pytest.approx(
        min(10_000_000 - 4 * MNQ.overnight_margin_cents, 10_000_000) / NQ.overnight_margin_cents
    )
    ours = account(10_000_000, contracts=1)
    day = SizingParameters(confidence_threshold=0.5, drawdown_bound=False)
    assert recommend(forecast(0.7), payoff(), market_state(), ours, NQ, day).target > 1


def test_the_budget_is_the_days_limit_less_what_is_lost_and_at_risk():
    """5 % of $100,000 less $1,000 lost and $1,000 at risk: half of $3,000 buys two contracts of $614.50."""
    owner = account(9_900_000, day_pnl_cents=-100_000)
    owner = msgspec.structs.replace(owner, stop_risk_cents=100_000)
    loose = SizingParameters(confidence_threshold=0.5, drawdown_bound=False)
    got = recommend(forecast(0.7), payoff(), market_state(), owner, NQ, loose)
    assert {step.name: step.after for step in got.trace}["remaining_budget"] == pytest.approx(0.5 * 300_000 / 61_450)
    assert (got.target, got.bound) == (2, "remaining_budget")


def test_micros_are_named_only_for_a_flat_account_that_could_not_buy_one():
    assert ask(0.6, equity=3_000_000, micro=MNQ).micro_contracts > 0
    assert ask(0.6, equity=3_000_000, micro=MNQ, held=1).micro_contracts == 0
    assert ask(0.7, micro=MNQ).micro_contracts == 0
    assert (
        ask(0.4, equity=3_000_000, micro=MNQ).micro_contracts == ask(0.6, equity=3_000_000, micro=MNQ).micro_contracts
    )


@pytest.mark.parametrize("field", ["max_kelly_fraction", "kelly_multiplier", "ladder_step", "max_capital_risk"])
def test_a_share_may_be_one_and_not_zero(field):
    assert parameters_defect(SizingParameters(**{field: 1.0})) == ""
    for bad in (0.0, math.nextafter(1.0, 2.0)):
        assert parameters_defect(SizingParameters(**{field: bad})).startswith(f"{field} is {bad}")


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("daily_loss_limit", 1.0, 0.0),
        ("confidence_threshold", 1.0, 0.0),
        ("wealth_floor", 0.999, 1.0),
        ("breach_probability", 0.999, 1.0),
        ("wealth_floor", 0.001, 0.0),
        ("stop_atr", 0.1, 0.0),
        ("stop_atr", 9.0, math.inf),
        ("daily_loss_limit_cents", 1, 0),
        ("daily_loss_limit_cents", 1, math.inf),
        ("trading_capital_cents", 1, 0),
        ("trading_capital_cents", 1, math.inf),
        ("fixed_fraction", 0.0, -0.1),
        ("fixed_fraction", 1.0, 1.1),
        ("max_position_size", 0, -1),
        ("max_position_size", 1, math.inf),
    ],
)
def test_a_setting_is_refused_just_beyond_its_range(field, good, bad):
    assert parameters_defect(SizingParameters(**{field: good})) == ""
    assert parameters_defect(SizingParameters(**{field: bad})).startswith(f"{field} is {bad}")


def test_the_sentence_of_a_refusal_says_what_the_number_must_be():
    owner = account(25_000_000)
    nothing = recommend(forecast(), payoff(), market_state(0.0), owner, NQ, BREAK_EVEN_ENTRY)
    assert nothing.reason == "No trade: the ATR in ticks is 0.0, and must lie above zero and be finite."
    certain = msgspec.structs.replace(forecast(), p_up=1.0)
    got = recommend(certain, payoff(), market_state(), owner, NQ, BREAK_EVEN_ENTRY)
    assert got.reason == "No trade: the calibrated p of up is 1.0, and must lie above zero and below one."
    assert (got.p_side, got.break_even, got.side) == (1.0, 1.0, 0)
    blank = msgspec.structs.replace(forecast(), p_up=math.nan, p_low=math.nan)
    got = recommend(blank, payoff(), market_state(), owner, NQ, BREAK_EVEN_ENTRY)
    assert got.reason == "No trade: the models gave no number for the calibrated p of up."
    nothing = recommend(forecast(), payoff(), market_state(math.nan), owner, NQ, BREAK_EVEN_ENTRY)
    assert nothing.reason == "No trade: the ATR in ticks is not a number."
    assert ask(level=math.nan).reason == "No trade: the risk multiplier is not a number."
    owing = msgspec.structs.replace(owner, stop_risk_cents=-1)
    got = recommend(forecast(), payoff(), market_state(), owing, NQ, BREAK_EVEN_ENTRY)
    assert got.reason == "No trade: the stop risk in cents is -1, and must be zero or more."
    assert "the risk multiplier is -0.5" in ask(level=-0.5).reason
    lost = msgspec.structs.replace(owner, day_pnl_cents=-math.inf)
    got = recommend(forecast(), payoff(), market_state(), lost, NQ, BREAK_EVEN_ENTRY)
    assert got.reason == "No trade: the day's P&L in cents is -inf."


def test_no_probability_that_cannot_be_goes_on():
    broken = msgspec.structs.replace(forecast(), p_up=1.5, p_low=-0.2)
    got = recommend(broken, payoff(), market_state(), account(), NQ, BREAK_EVEN_ENTRY)
    assert (got.p_side, got.p_low) == (0.5, 0.5)
    for p in (0.0, 1.0):
        got = recommend(
            msgspec.structs.replace(broken, p_low=p), payoff(), market_state(), account(), NQ, SizingParameters()
        )
        assert got.p_low == p
    assert (got.fraction, got.raw_contracts, got.r_cents, got.stop_distance_ticks) == (0.0, 0.0, 0, 0)
    assert (got.mean_r, got.kelly_full, got.micro_contracts, got.without_p_low, got.trace) == (0.0, 0.0, 0, 0, ())
    certain = msgspec.structs.replace(forecast(), p_low=1.0)
    got = recommend(certain, payoff(), market_state(), account(), NQ, BREAK_EVEN_ENTRY)
    assert got.reason == "No trade: the p_low is 1.0, and must lie above zero and below one."


def test_a_fixed_fraction_is_sized_as_a_share_of_capital():
    """2 % of $250,000 at $614.50 a contract."""
    fixed = SizingParameters(kelly_enabled=False, fixed_fraction=0.02, drawdown_bound=False)
    got = ask(0.7, parameters=fixed)
    assert got.raw_contracts == pytest.approx(0.02 * 25_000_000 / 61_450) or got.bound == "max_position_size"
    assert got.fraction == 0.02
    assert {step.name: step.after for step in got.trace}["fixed_size"] == 0.02


def test_one_contract_flips_one_contract():
    off = SizingParameters(kelly_enabled=False)
    assert (ask(0.7, parameters=off, held=-1).target, ask(0.3, parameters=off, held=1).target) == (1, -1)
