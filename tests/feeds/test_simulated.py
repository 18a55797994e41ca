"""Simulated markets: the calendar, the look of prices, and that their ceilings are what they claim."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minhos.errors import CalendarError, SettingsError
from minhos.feeds.simulated.market import SimulatedMarket, simulate
from minhos.feeds.simulated.model import MarketModel, ou_accuracy, ou_variance, steady_variance
from minhos.feeds.simulated.oracle import regime_oracle, regime_returns
from minhos.market.calendar import SessionCalendar
from minhos.testing.builders import NQ, ns

CALENDAR = SessionCalendar.load()
START = ns("2023-10-01T18:00:00-04:00")
TWO_YEARS = 143_000


def market(n_bars: int = 3000, **parameters) -> SimulatedMarket:
    return simulate(MarketModel(**parameters), NQ, CALENDAR, START, n_bars)


def labels(of: SimulatedMarket) -> tuple[np.ndarray, np.ndarray]:
    """Sign of open[t+2] - open[t+1], and where both opens lie in the session of bar t."""
    bars = of.bars
    date = CALENDAR.trade_dates_of_bars(bars.close_time_ns)
    return np.sign(bars.open_ticks[2:] - bars.open_ticks[1:-1]), date[2:] == date[:-2]


@pytest.fixture(scope="module")
def null_markets() -> list[SimulatedMarket]:
    return [market(TWO_YEARS, kind="null", seed=seed) for seed in range(1, 8)]


def test_bars_lie_on_the_sessions_of_the_exchange():
    bars = market().bars
    sessions = CALENDAR.sessions(START, int(bars.close_time_ns[-1]))
    expected = np.concatenate([CALENDAR.expected_closes(session) for session in sessions])
    np.testing.assert_array_equal(bars.close_time_ns, expected[: len(bars)])


def test_a_market_may_start_within_a_session():
    start = ns("2023-10-02T09:30:00-04:00")
    bars = simulate(MarketModel(), NQ, CALENDAR, start, 10).bars
    assert bars.close_time_ns[0] == ns("2023-10-02T09:35:00-04:00")


def test_prices_are_whole_ticks_within_high_and_low():
    bars = market().bars
    assert bars.simulated
    assert bars.contracts == ("NQ-SIM",)
    assert bars.open_ticks[0] == NQ.to_ticks(20_000.0)
    assert (bars.high_ticks >= np.maximum(bars.open_ticks, bars.close_ticks)).all()
    assert (bars.low_ticks <= np.minimum(bars.open_ticks, bars.close_ticks)).all()


def test_within_a_session_a_bar_opens_at_the_last_close():
    bars = market().bars
    date = CALENDAR.trade_dates_of_bars(bars.close_time_ns)
    same = date[1:] == date[:-1]
    np.testing.assert_array_equal(bars.open_ticks[1:][same], bars.close_ticks[:-1][same])
    assert (bars.open_ticks[1:][~same] != bars.close_ticks[:-1][~same]).any()


@pytest.mark.parametrize("kind", ["ou", "regime", "null"])
def test_a_longer_market_begins_with_the_shorter_one(kind):
    short, long = market(700, kind=kind), market(2000, kind=kind)
    np.testing.assert_array_equal(short.p_up, long.p_up[:700])
    for column in ("close_time_ns", "open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume", "ask_volume"):
        np.testing.assert_array_equal(getattr(short.bars, column), getattr(long.bars, column)[:700])


def test_seeds_give_different_markets():
    assert (market(seed=1).bars.close_ticks != market(seed=2).bars.close_ticks).mean() > 0.9


def test_returns_look_like_those_of_an_index_future(null_markets):
    excess_kurtosis, ties, daily = [], [], []
    for one in null_markets:
        bars = one.bars
        move = np.log(bars.close_ticks / bars.open_ticks)
        excess_kurtosis.append(((move - move.mean()) ** 4).mean() / move.var() ** 2 - 3.0)
        side, exists = labels(one)
        ties.append((side == 0)[exists].mean())
        date = CALENDAR.trade_dates_of_bars(bars.close_time_ns)
        closes = bars.close_ticks[:-1][date[1:] != date[:-1]]
        daily.append(np.diff(np.log(closes)).std())
    assert 9.0 < np.median(excess_kurtosis) < 14.0
    assert 0.011 < np.median(ties) < 0.014
    assert 0.011 < np.median(daily) < 0.013


def test_volume_is_that_of_a_liquid_contract_and_its_sides_tell_nothing(null_markets):
    one = null_markets[0]
    bars = one.bars
    assert 400_000 < bars.volume.mean() * 276 < 700_000
    np.testing.assert_array_equal(bars.bid_volume + bars.ask_volume, bars.volume)
    side, exists = labels(one)
    flow = ((bars.ask_volume - bars.bid_volume) / bars.volume)[:-2]
    assert abs(np.corrcoef(flow[exists], side[exists])[0, 1]) < 4.0 / math.sqrt(exists.sum())


@pytest.mark.parametrize(
    ("rho", "ceiling", "v"),
    [
        (0.90, 0.52, 0.03551),
        (0.90, 0.54, 0.08217),
        (0.90, 0.56, 0.14189),
        (0.90, 0.58, 0.21730),
        (0.90, 0.60, 0.31204),
        (0.90, 0.62, 0.43120),
        (0.80, 0.54, 0.12229),
        (0.80, 0.62, 0.64533),
        (0.97, 0.52, 0.02004),
        (0.97, 0.58, 0.13923),
    ],
)
def test_ou_variance_of_a_ceiling(rho, ceiling, v):
    assert ou_variance(ceiling, rho) == pytest.approx(v, abs=6e-6)


def test_steady_variance_solves_its_equation():
    v, rho = 0.2173, 0.9
    p = steady_variance(v, rho)
    assert p == pytest.approx(rho**2 * p / (1.0 + p) + v * (1.0 - rho**2), abs=1e-12)
    r2 = math.sin(math.pi * (ou_accuracy(v, rho) - 0.5)) ** 2
    assert (v - p) / (1.0 + v) == pytest.approx(r2, abs=1e-12)


def ceiling_of(model: MarketModel) -> float:
    """Accuracy of the oracle: a formula for OU, a fixed long run (± 0.001) for the regime market."""
    if model.drift == "ou":
        return ou_accuracy(model.drift_variance(), model.rho)
    n, rng = 200_000, np.random.default_rng(0)
    phi, switches = np.full(n, model.strength()), rng.random(n) < model.q
    p_up = regime_oracle(regime_returns(rng.standard_normal(n), switches, phi), phi, model.q)
    return float(np.maximum(p_up, 1.0 - p_up).mean())


@pytest.mark.parametrize(
    ("phi", "ceiling"), [(0.15, 0.528), (0.19, 0.5403), (0.25, 0.5596), (0.31, 0.5795), (0.40, 0.610), (0.43, 0.6205)]
)
def test_regime_ceiling_of_a_strength(phi, ceiling):
    assert ceiling_of(MarketModel(kind="regime", phi=phi)) == pytest.approx(ceiling, abs=0.0015)


@pytest.mark.parametrize("kind", ["ou", "regime"])
@pytest.mark.parametrize("ceiling", [0.54, 0.58, 0.62])
def test_the_oracle_is_as_sure_and_as_right_as_the_ceiling(kind, ceiling):
    one = market(TWO_YEARS, kind=kind, ceiling=ceiling)
    confidence = np.maximum(one.p_up, 1.0 - one.p_up).mean()
    assert confidence == pytest.approx(ceiling, abs=0.002)
    assert ceiling_of(one.model) == pytest.approx(ceiling, abs=0.0015)
    side, exists = labels(one)
    counted = exists & (side != 0)
    accuracy = ((one.p_up[:-2] > 0.5) == (side > 0))[counted].mean()
    assert accuracy == pytest.approx(confidence, abs=4.0 * math.sqrt(0.25 / counted.sum()))


@pytest.mark.parametrize("kind", ["ou", "regime"])
def test_the_oracle_is_calibrated(kind):
    one = market(TWO_YEARS, kind=kind, ceiling=0.58)
    side, exists = labels(one)
    counted = exists & (side != 0)
    p_up, up = one.p_up[:-2][counted], (side > 0)[counted]
    for part in np.array_split(np.argsort(p_up), 10):
        assert up[part].mean() == pytest.approx(p_up[part].mean(), abs=4.0 * math.sqrt(0.25 / len(part)))


def test_a_market_that_breaks_to_nothing():
    middle = ns("2023-11-15T09:30:00-05:00")
    one = market(20_000, kind="break", ceiling=0.62, break_time_ns=middle)
    after = one.bars.close_time_ns > middle
    assert (one.p_up[after] == 0.5).all()
    assert np.maximum(one.p_up, 1.0 - one.p_up)[~after].mean() == pytest.approx(0.62, abs=0.01)


def test_a_market_that_reverses():
    middle = ns("2023-11-15T09:30:00-05:00")
    one = market(20_000, kind="break", ceiling=0.62, breaks_to="reversed", break_time_ns=middle)
    move = (one.bars.close_ticks - one.bars.open_ticks).astype(float)
    after = one.bars.close_time_ns > middle
    assert np.corrcoef(move[~after][1:], move[~after][:-1])[0, 1] > 0.1
    assert np.corrcoef(move[after][1:], move[after][:-1])[0, 1] < -0.1
    side, exists = labels(one)
    counted = exists & (side != 0) & after[:-2]
    assert ((one.p_up[:-2] > 0.5) == (side > 0))[counted].mean() == pytest.approx(0.62, abs=0.02)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"kind": "bull"}, "unknown"),
        ({"ceiling": 0.7}, "ceiling 0.7"),
        ({"rho": 1.0}, "rho = 1.0"),
        ({"kind": "break", "breaks_from": "regime", "breaks_to": "reversed", "break_time_ns": 1}, "cannot break"),
        ({"kind": "regime", "q": 0.01}, "needs phi"),
    ],
)
def test_impossible_parameters_are_refused(parameters, words):
    with pytest.raises(SettingsError, match=words):
        MarketModel(**parameters)


def test_a_break_needs_a_time():
    with pytest.raises(SettingsError, match="needs break_time_ns"):
        market(kind="break")


def test_the_calendar_ends():
    with pytest.raises(CalendarError):
        simulate(MarketModel(), NQ, CALENDAR, ns("2032-12-01T12:00:00-05:00"), TWO_YEARS)
