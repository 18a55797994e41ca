"""The pipeline: causal, reproducible, finite whatever comes, and the same live as over a history."""

from __future__ import annotations

import functools

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import FeedError
from minhos.features.parameters import PARAMETERS
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION, WARM_UP_BARS, FeaturePipeline, compute
from minhos.features.talib_guard import talib
from minhos.features.types import Observation
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.market.types import UNKNOWN, Bar, Bars
from minhos.testing.builders import NQ, ns

CALENDAR = SessionCalendar.load()
LAST = WARM_UP_BARS + 40
WINDOW = PARAMETERS.window


@functools.cache
def history(n: int = 1200, seed: int = 1) -> Bars:
    """Bars on the exchange's sessions, over several breaks and a weekend."""
    start = ns("2025-10-01T18:00:00-04:00")
    return simulate(MarketModel(kind="regime", seed=seed), NQ, CALENDAR, start, n).bars


def observe(bars: list[Bar]) -> list[Observation | None]:
    """What the pipeline says of each bar; windows are kept as copies."""
    pipeline = FeaturePipeline(NQ, CALENDAR)
    observations = []
    for bar in bars:
        observation = pipeline.update(bar)
        if observation is not None:
            observation = msgspec.structs.replace(observation, window=observation.window.copy())
        observations.append(observation)
    return observations


def feature(rows: np.ndarray, name: str) -> np.ndarray:
    return rows[..., FEATURE_NAMES.index(name)]


def changed(bar: Bar, **fields) -> Bar:
    return msgspec.structs.replace(bar, **fields)


def shifted(bar: Bar, ticks: int, **fields) -> Bar:
    """The bar at other prices."""
    names = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    return changed(bar, **{name: getattr(bar, name) + ticks for name in names}, **fields)


def test_names_are_distinct_and_few():
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    assert 30 <= len(FEATURE_NAMES) <= 40
    assert len(FEATURE_VERSION) == 12


def test_the_first_observation_comes_when_it_is_promised():
    observations = observe(list(history())[:LAST])
    assert [one is not None for one in observations] == [i >= WARM_UP_BARS - 1 for i in range(LAST)]
    first = observations[WARM_UP_BARS - 1]
    assert first.row.shape == (len(FEATURE_NAMES),)
    assert first.window.shape == (WINDOW, len(FEATURE_NAMES))
    assert first.row.dtype == first.window.dtype == np.float32
    assert first.window.any(axis=1).all()


def test_a_window_is_the_last_sixty_rows():
    observations = [one for one in observe(list(history())) if one is not None]
    rows = np.array([one.row for one in observations])
    for i in range(WINDOW - 1, len(observations)):
        window = observations[i].window
        assert window.flags.c_contiguous
        np.testing.assert_array_equal(window, rows[i - WINDOW + 1 : i + 1])


def test_a_history_gives_what_live_gives_bit_for_bit():
    bars = history()
    table = compute(bars, CALENDAR)
    for i, observation in enumerate(observe(list(bars))):
        assert table.valid[i] == (observation is not None)
        if observation is not None:
            np.testing.assert_array_equal(table.rows[i].view(np.uint32), observation.row.view(np.uint32))
            state = observation.state
            assert table.atr_ticks[i] == state.atr_ticks
            assert table.volatility_ratio[i] == state.volatility_ratio
            assert table.volume_ratio[i] == state.volume_ratio
    assert table.anchor_time_ns == bars.close_time_ns[0]


@settings(deadline=None, max_examples=15)
@given(
    t=st.integers(WARM_UP_BARS - 1, LAST - 2),
    price=st.integers(-5000, 5000),
    volume=st.integers(0, 10**6),
    k=st.integers(1, 20),
)
def test_features_do_not_see_the_future(t, price, volume, k):
    """Bars t + 1 to t + k are changed or left out: nothing at or before t moves by a bit."""
    bars = list(history())[: t + 1 + k]
    full = observe(bars)
    other = bars[: t + 1] + [shifted(bar, price, volume=volume) for bar in bars[t + 1 :]]
    for version in (observe(other), observe(bars[: t + 1])):
        for i in range(WARM_UP_BARS - 1, t + 1):
            np.testing.assert_array_equal(full[i].window.view(np.uint32), version[i].window.view(np.uint32))
            assert full[i].state.atr_ticks == version[i].state.atr_ticks


def test_a_restart_at_the_anchor_repeats_everything():
    bars = list(history())
    first = observe(bars[200:])
    anchor = first[-1].anchor_time_ns
    again = observe([bar for bar in bars if bar.close_time_ns >= anchor])
    assert anchor == bars[200].close_time_ns
    for one, other in zip(first, again, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one.window.view(np.uint32), other.window.view(np.uint32))


def test_a_copy_goes_its_own_way():
    bars = list(history())
    pipeline = FeaturePipeline(NQ, CALENDAR)
    for bar in bars[:LAST]:
        pipeline.update(bar)
    copy = pipeline.copy()
    assert copy.ready
    copy.update(shifted(bars[LAST], 500))
    straight = observe(bars[: LAST + 1])[-1]
    np.testing.assert_array_equal(pipeline.update(bars[LAST]).window, straight.window)


@pytest.mark.parametrize("steps_back", [0, 1])
def test_a_repeated_or_older_bar_is_refused(steps_back):
    bars = list(history())
    pipeline = FeaturePipeline(NQ, CALENDAR)
    pipeline.update(bars[0])
    pipeline.update(bars[1])
    with pytest.raises(FeedError, match="repeats or reorders"):
        pipeline.update(bars[1 - steps_back])


def test_another_interval_is_refused():
    bar = changed(history().bar(0), interval_ns=60 * 10**9)
    with pytest.raises(FeedError, match="300 s, not of 60 s"):
        FeaturePipeline(NQ, CALENDAR).update(bar)


def test_a_bar_outside_every_session_is_passed_over():
    bars = list(history())
    outside = changed(bars[275], close_time_ns=ns("2025-10-02T17:30:00-04:00"))
    assert bars[275].close_time_ns < outside.close_time_ns < bars[276].close_time_ns
    assert observe([*bars[:276], outside, *bars[276:LAST]])[-1].row.tolist() == observe(bars[:LAST])[-1].row.tolist()


def test_no_return_crosses_a_change_of_contract():
    """The new contract trades 800 ticks higher; but for its first bar's own gap nothing tells the difference."""
    bars = list(history())[:LAST]
    roll = 320
    gap = bars[roll].open_ticks - bars[roll - 1].close_ticks
    rolled = bars[:roll] + [shifted(bar, 800, symbol="NQ-NEXT") for bar in bars[roll:]]
    seamless = bars[:roll] + [shifted(bar, -gap) for bar in bars[roll:]]
    for one, other in zip(observe(rolled), observe(seamless), strict=True):
        if one is not None:
            np.testing.assert_array_equal(one.row, other.row)
            assert one.state.atr_ticks == other.state.atr_ticks


def test_a_session_begins_with_its_own_return_only():
    bars = list(history())
    t = 2 * 276
    moved = bars[:t] + [shifted(bar, 3000) for bar in bars[t:]]
    plain, gapped = observe(bars)[t], observe(moved)[t]
    assert bars[t].close_time_ns - bars[t - 1].close_time_ns > bars[t].interval_ns
    for name in ("return_1", "return_24", "drift_12", "momentum_belief"):
        assert feature(plain.row, name) == feature(gapped.row, name)
    assert feature(gapped.row, "ema_fast") > feature(plain.row, "ema_fast")


def test_plain_indicators_are_talibs_batch():
    bars = history()
    table = compute(bars, CALENDAR)
    high, low, close, volume = (
        column.astype(float) for column in (bars.high_ticks, bars.low_ticks, bars.close_ticks, bars.volume)
    )
    atr = talib.ATR(high, low, close, 14)
    upper, middle, _ = talib.BBANDS(close, 20)
    expected = {
        "rsi": talib.RSI(close, 14) / 50.0 - 1.0,
        "macd_histogram": talib.MACD(close, 12, 26, 9)[2] / atr,
        "bollinger_position": (close - middle) / (upper - middle),
        "stochastic": talib.STOCH(high, low, close, 14, 3, slowd_period=3)[0] / 50.0 - 1.0,
        "money_flow": talib.MFI(high, low, close, volume, 14) / 50.0 - 1.0,
        "adx": talib.ADX(high, low, close, 14) / 100.0,
        "ema_fast": np.clip((close - talib.EMA(close, 9)) / atr, -5.0, 5.0),
        "ema_slow": np.clip((close - talib.EMA(close, 21)) / atr, -5.0, 5.0),
    }
    valid = table.valid
    np.testing.assert_array_equal(table.atr_ticks[valid], atr[valid])
    for name, values in expected.items():
        np.testing.assert_array_equal(feature(table.rows, name)[valid], values[valid].astype(np.float32), name)


def test_the_state_of_the_market_in_numbers():
    bars = history()
    table = compute(bars, CALENDAR)
    t = len(bars) - 1
    atr = talib.ATR(*(x.astype(float) for x in (bars.high_ticks, bars.low_ticks, bars.close_ticks)), 14)
    assert table.volatility_ratio[t] == pytest.approx(atr[t] / atr[t - 275 : t + 1].mean())
    slot_before = [i for i in range(t) if (bars.close_time_ns[t] - bars.close_time_ns[i]) % (86_400 * 10**9) == 0]
    assert table.volume_ratio[t] == pytest.approx(bars.volume[t] / bars.volume[slot_before].mean())


def test_unknown_sides_give_no_order_flow():
    bars = [changed(bar, bid_volume=UNKNOWN, ask_volume=UNKNOWN) for bar in list(history())[:LAST]]
    last = observe(bars)[-1]
    assert feature(last.row, "order_flow") == feature(last.row, "order_flow_slow") == 0.0


def test_order_flow_is_the_share_at_the_ask_less_that_at_the_bid():
    bars = list(history())[:LAST]
    bars[-1] = changed(bars[-1], volume=1000, bid_volume=300, ask_volume=700)
    assert feature(observe(bars)[-1].row, "order_flow") == np.float32(0.4)


@pytest.mark.parametrize(
    "prices",
    [lambda i: 80_000, lambda i: 1, lambda i: 80_000 + 10**7 * (i % 2), lambda i: 80_000 * (1 + 99 * (i > 350))],
    ids=["constant", "one tick", "huge swings", "one huge gap"],
)
@pytest.mark.parametrize("volume", [0, 1, 10**12])
def test_rows_are_finite_and_bounded_whatever_comes(prices, volume):
    bars = [
        changed(
            bar,
            open_ticks=prices(i),
            high_ticks=prices(i),
            low_ticks=prices(i),
            close_ticks=prices(i),
            volume=volume,
            bid_volume=0,
            ask_volume=volume,
        )
        for i, bar in enumerate(list(history())[:LAST])
    ]
    for observation in observe(bars):
        if observation is not None:
            assert np.isfinite(observation.row).all()
            assert np.abs(observation.row).max() <= 16.0
            assert np.isfinite(observation.state.atr_ticks)


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.tuples(st.integers(-4000, 4000), st.integers(0, 3000), st.integers(0, 10**6)), min_size=1, max_size=60)
)
def test_rows_stay_finite_after_any_bars(tail):
    bars = list(history())[: WARM_UP_BARS + len(tail)]
    for i, (move, span, volume) in enumerate(tail, start=WARM_UP_BARS):
        open_ = bars[i - 1].close_ticks
        low, high = min(open_, open_ + move) - span, max(open_, open_ + move) + span
        bars[i] = changed(
            bars[i],
            open_ticks=open_,
            high_ticks=high,
            low_ticks=low,
            close_ticks=open_ + move,
            volume=volume,
            bid_volume=volume,
            ask_volume=0,
        )
    rows = np.array([one.row for one in observe(bars) if one is not None])
    assert np.isfinite(rows).all()
    assert np.abs(rows).max() <= 16.0


def test_progress_is_told():
    told = []
    compute(history(), CALENDAR, lambda share, sentence: told.append((share, sentence)))
    assert told[0] == (0.0, "Features of bar 0 of 1,200.")
