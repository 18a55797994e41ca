"""On any path of prices, with any forecasts: what is at risk and the day's loss stay within limit and gap."""

from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.features.pipeline import WARM_UP_BARS
from minhos.market.instruments import instrument
from minhos.research.scenarios.checks import checks
from minhos.research.scenarios.play import Run, play
from minhos.research.scenarios.scene import Conditions, Scene, simulated_symbol
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters
from minhos.trading.events import TradingSettings

NQ = instrument("NQ")
SYMBOL = simulated_symbol(NQ)
FIRST = "13:30"
"""Of the nasty stretch, which may go on over the halt at 17:00 into the next trade date."""

SHIPPED = SizingParameters(confidence_threshold=0.5)
BOLD = SizingParameters(
    confidence_threshold=0.5,
    kelly_multiplier=1.0,
    max_kelly_fraction=1.0,
    drawdown_bound=False,
    half_of_remaining_budget=False,
    max_position_size=60,
)
"""Full Kelly, all of the day's budget, no bound but capital at risk, margin and the day's limit."""

forecasts = st.sampled_from([0.03, 0.2, 0.3, 0.5, 0.62, 0.7, 0.8, 0.97])
jumps = st.one_of(st.integers(-150, 150), st.integers(-150, 150), st.integers(-2500, 2500))
bars = st.tuples(jumps, jumps, jumps, forecasts, st.sampled_from(["", "", "", "", "", "locked", "silent", "thin"]))


def nasty(stretch: list) -> Scene:
    """A scene whose bars from 13:30 on each gap, go to one extreme, end elsewhere, or do not trade at all."""
    scene = Scene(NQ, 2, most_steps=3)
    first = scene.at(FIRST)
    for i, (gap, extreme, close, p_up, mood) in enumerate(stretch, start=first):
        open_ = max(2_000, scene.price(i) + gap)
        points = [(0, open_), (100, max(1_000, open_ + extreme)), (290, max(1_000, open_ + close))]
        scene.path(i, *points)
        scene.drafts[i].p_up = p_up
        if mood == "locked":
            scene.under(i, i + 1, Conditions(locked=True))
        elif mood == "thin":
            scene.under(i, i + 1, Conditions(slippage_ticks=7, most_contracts=1, spread_ticks=6.0))
    for i, (*_, mood) in enumerate(stretch, start=first):
        if mood == "silent":
            scene.drafts[i].points = []
    scene.history = scene.history.rows(slice(-2 * WARM_UP_BARS, None))
    scene.drafts = scene.drafts[first - 2 : first + len(stretch) + 6]
    return scene


def played(stretch: list, sizing: SizingParameters = SHIPPED, **changes: object) -> Run:
    risk = RiskParameters(min_confidence=0.5, max_position_size=sizing.max_position_size, **changes)
    settings = TradingSettings(sizing, risk, {SYMBOL: NQ}, SYMBOL, SYMBOL)
    return play(nasty(stretch), settings, cash_cents=40_000_000)


@given(st.lists(bars, min_size=20, max_size=60))
@settings(max_examples=30, deadline=None)
def test_every_check_holds_on_any_path(stretch):
    run = played(stretch)
    assert [check for check in checks(run) if not check.holds] == []


@given(st.lists(bars, min_size=20, max_size=60))
@settings(max_examples=30, deadline=None)
def test_every_check_holds_with_the_boldest_sizing_that_the_limits_allow(stretch):
    run = played(stretch, BOLD, max_consecutive_losses=50)
    assert [check for check in checks(run) if not check.holds] == []


@given(st.lists(bars, min_size=45, max_size=60))
@settings(max_examples=15, deadline=None)
def test_every_check_holds_where_positions_are_held_over_the_halt(stretch):
    run = played(stretch, BOLD, flat_before_halt=False, max_consecutive_losses=50)
    assert [check for check in checks(run) if not check.holds] == []
