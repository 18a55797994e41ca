"""The walk-forward: no forecast knows its own week, processes change nothing, and what cannot be done is refused."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from minhos.errors import NotEnoughData, TrainingError
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars
from minhos.models.combine import agreement, combine
from minhos.research.out_of_sample import OutOfSample
from minhos.research.walk_forward import fits as walk_forward_fits
from minhos.research.walk_forward.fits import ForecastStore, MemberForecasts
from minhos.research.walk_forward.walk import MINIMUM_CALIBRATION_BARS, Schedule, walk_forward
from minhos.testing.builders import NQ, ns, session_bars
from minhos.training.calibration_fit import fit_calibrator
from minhos.training.forecasts import cross_weighted, vote_weights
from minhos.training.recipe import DEMO, Recipe

CALENDAR = SessionCalendar.load()
SMALL = {
    "xgboost": {"n_estimators": 12, "learning_rate": 0.1, "max_depth": 3},
    "lightgbm": {"n_estimators": 12, "learning_rate": 0.1, "num_leaves": 7},
}
RECIPE = msgspec.structs.replace(DEMO, size="test", parameters=SMALL, members=("xgboost", "lightgbm"))
SIX_SESSIONS_FIRST = Schedule(first_train_sessions=6)


def market(sessions: int = 21, kind: str = "ou", seed: int = 1) -> Bars:
    model = MarketModel(kind=kind, ceiling=0.62, seed=seed)
    return simulate(model, NQ, CALENDAR, ns("2025-09-08T00:00:00"), sessions * 276).bars


def walk(bars: Bars, recipe: Recipe = RECIPE, schedule: Schedule = SIX_SESSIONS_FIRST, **more) -> OutOfSample:
    return walk_forward(bars, CALENDAR, recipe, schedule, **{"processes": 1, **more})


@pytest.fixture(scope="module")
def bars() -> Bars:
    return market()


@pytest.fixture(scope="module")
def found(bars: Bars) -> OutOfSample:
    return walk(bars)


def test_every_bar_after_the_first_training_has_a_forecast(bars, found):
    closes = bars.close_time_ns.tolist()
    assert list(found.forecasts) == found.bars.close_time_ns.tolist() == closes[-len(found.bars) :]
    assert found.notes.bars == len(found.bars)
    assert len(np.unique(CALENDAR.trade_dates_of_bars(bars.close_time_ns[: -len(found.bars)]))) >= 6
    assert found.schedule == "walk-forward, retrained every week"
    assert found.notes.fits == 2 * found.notes.weeks == 2 * len(found.activations)


def test_bars_of_a_week_and_after_it_change_no_forecast_before_it(bars, found):
    last_week = found.activations[-1].time_ns
    later = bars.close_time_ns > last_week
    noise = np.random.default_rng(5).integers(-40, 41, len(bars)) * later
    columns = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    changed = msgspec.structs.replace(
        bars, volume=np.where(later, 7, bars.volume), **{name: getattr(bars, name) + noise for name in columns}
    )
    other = walk(changed)
    before = [close for close in found.forecasts if close <= last_week]
    assert len(before) > 2 * MINIMUM_CALIBRATION_BARS
    assert [other.forecasts[close] for close in before] == [found.forecasts[close] for close in before]
    assert other.activations == found.activations
    after = [close for close in found.forecasts if close > last_week + 100 * bars.interval_ns]
    assert np.mean([other.forecasts[close] != found.forecasts[close] for close in after]) > 0.5


def test_the_number_of_processes_changes_nothing(bars, found):
    assert walk(bars, processes=2).forecasts == found.forecasts


def test_another_seed_is_another_walk_forward(bars, found):
    recipe = msgspec.structs.replace(RECIPE, parameters={name: {**p, "subsample": 0.5} for name, p in SMALL.items()})
    one, two = walk(bars, recipe, seed=1), walk(bars, recipe, seed=2)
    assert one.forecasts != two.forecasts


def test_nothing_is_bet_before_enough_own_forecasts_can_be_calibrated_on(found):
    silent = [f for f in found.forecasts.values() if f.p_up == 0.5]
    assert len(silent) == found.notes.uncalibrated_bars
    assert MINIMUM_CALIBRATION_BARS <= found.notes.uncalibrated_bars < len(found.forecasts) / 2
    assert {(f.side, f.p_low, f.agreement) for f in silent} == {(0, 0.5, 0.0)}
    assert [a.slope_low > 0 for a in found.activations] == [False] + [True] * (len(found.activations) - 1)
    first = found.signals.model == 0
    assert not found.signals.bets[first].any()
    assert found.signals.bets[~first].any()


def test_a_forecast_is_what_live_serving_would_say(found):
    started = {a.bundle_id: a for a in found.activations}
    for close, forecast in list(found.forecasts.items())[-300:]:
        assert started[forecast.bundle_id].time_ns < close
        assert set(forecast.members) == {"xgboost", "lightgbm"}
        assert forecast.side == (forecast.p_up > 0.5) - (forecast.p_up < 0.5)
        assert forecast.agreement == agreement(forecast.members, forecast.side)
        assert 0.5 <= forecast.p_low <= forecast.p_side


def test_votes_and_calibration_of_the_last_week_come_from_the_weeks_before_it(found):
    """By hand from the forecasts alone."""
    start_ns = found.activations[-1].time_ns
    signals = found.signals.take(found.signals.decided)
    earlier = signals.take(signals.close_time_ns + 300 * 10**9 <= start_ns)
    made = [found.forecasts[close] for close in earlier.close_time_ns.tolist()]
    known = {name: np.array([f.members[name] for f in made]) for name in ("xgboost", "lightgbm")}
    calibrator = fit_calibrator(cross_weighted(known, earlier.up), earlier.up, earlier.trade_date, z=RECIPE.z)
    weights = vote_weights(known, earlier.up)
    last = list(found.forecasts.values())[-1]
    assert found.activations[-1].slope_low == pytest.approx(calibrator.slope_low)
    assert last.score == pytest.approx(combine(last.members, weights))
    assert last.p_up == pytest.approx(calibrator.p_up(last.score))
    assert found.notes.calibration_bars == len(made)


def test_an_easy_market_is_forecast_better_than_a_coin(found):
    signals = found.signals
    judged = signals.decided & (signals.side != 0)
    hit = (signals.side * signals.move_ticks > 0)[judged]
    assert hit.mean() > 0.5 + 4 * 0.5 / np.sqrt(judged.sum())


def test_a_member_that_fails_in_one_week_is_named_and_the_others_go_on(bars, found, monkeypatch):
    real = walk_forward_fits.run_fit
    failing_week = 1

    def sometimes(plan, fit):
        if (fit.member, fit.week) == ("xgboost", failing_week):
            return walk_forward_fits.Fitted(None, 0.0, "ValueError: out of luck")
        return real(plan, fit)

    monkeypatch.setattr(walk_forward_fits, "run_fit", sometimes)
    other = walk(bars)
    assert "out of luck" in other.notes.missing["xgboost"]
    without = {f.bundle_id for f in other.forecasts.values() if f.missing == ("xgboost",)}
    assert without == {found.activations[failing_week].bundle_id}
    assert {len(f.members) for f in other.forecasts.values() if f.bundle_id in without} == {1}
    assert other.notes.fits == found.notes.fits - 1


def test_a_week_without_any_member_is_refused_with_the_reason(bars, monkeypatch):
    failed = walk_forward_fits.Fitted(None, 0.0, "MemoryError: none left")
    monkeypatch.setattr(walk_forward_fits, "run_fit", lambda plan, fit: failed)
    with pytest.raises(TrainingError, match=r"No member could be fitted for the week of 2025.*none left"):
        walk(bars)


def test_a_member_whose_library_is_absent_is_named(bars, monkeypatch):
    monkeypatch.setattr(
        walk_forward_fits, "why_missing", lambda name: "no wheel for this machine" if name == "xgboost" else ""
    )
    other = walk(bars)
    assert other.notes.missing == {"xgboost": "no wheel for this machine"}
    assert {f.missing for f in other.forecasts.values()} == {("xgboost",)}


# The fits on disk ---------------------------------------------------------------------------------------------------


def refuse_to_train(*_args, **_more):
    raise AssertionError("it trained again")


def test_a_rerun_does_not_train_again(bars, found, tmp_path, monkeypatch):
    first = walk(bars, cache=tmp_path)
    monkeypatch.setattr(walk_forward_fits, "member_forecasts", refuse_to_train)
    again = walk(bars, cache=tmp_path)
    assert again.notes == msgspec.structs.replace(first.notes, cached=True)
    assert again.forecasts == first.forecasts == found.forecasts
    for other in ({"seed": 2}, {"schedule": Schedule(every_days=6, first_train_sessions=6)}):
        with pytest.raises(AssertionError, match="trained again"):
            walk(bars, cache=tmp_path, **other)


def test_a_damaged_file_is_made_anew(bars, found, tmp_path):
    walk(bars, cache=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(with_a_bit_changed(path.read_bytes()))
    again = walk(bars, cache=tmp_path)
    assert not again.notes.cached
    assert again.forecasts == found.forecasts
    assert walk(bars, cache=tmp_path).notes.cached


@pytest.mark.parametrize("damage", ["a bit", "the end", "all", "other numbers", "another shape"])
def test_what_cannot_be_trusted_is_not_read(tmp_path, damage):
    store, names = ForecastStore(tmp_path), ("xgboost", "lightgbm")
    p = np.random.default_rng(0).random((50, 2))
    store.keep("key", MemberForecasts(names, p, {"xgboost": 1.0, "lightgbm": 2.0}, {}, 4))
    kept = store.read("key", names, 50)
    assert kept.cached
    assert kept.p.tolist() == p.tolist()
    assert (kept.names, kept.cpu_s, kept.fits) == (names, {"xgboost": 1.0, "lightgbm": 2.0}, 4)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    if damage == "a bit":
        path.write_bytes(with_a_bit_changed(whole))
    elif damage == "the end":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "all":
        path.write_bytes(b"no numbers")
    elif damage == "other numbers":
        with np.load(path) as file:
            np.savez(path, p=file["p"] + 1e-9, about=file["about"])
    assert store.read("key", names, 49 if damage == "another shape" else 50) is None


def with_a_bit_changed(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    return bytes(changed)


def test_a_walk_forward_with_a_failed_fit_is_tried_again(bars, tmp_path, monkeypatch):
    failed = walk_forward_fits.Fitted(None, 0.0, "MemoryError: none left")
    real = walk_forward_fits.run_fit
    with monkeypatch.context() as patch:
        patch.setattr(
            walk_forward_fits, "run_fit", lambda plan, fit: failed if fit.member == "xgboost" else real(plan, fit)
        )
        walk(bars, cache=tmp_path)
    again = walk(bars, cache=tmp_path)
    assert not again.notes.missing
    assert not again.notes.cached


# What cannot be done ------------------------------------------------------------------------------------------------


def test_too_few_sessions_are_refused_with_the_number(bars):
    with pytest.raises(NotEnoughData, match=r"There are 19 full sessions.* 30 to learn from.*12 more"):
        walk(bars, schedule=Schedule(first_train_sessions=30))


def test_too_few_forecasts_to_calibrate_on_are_refused_with_the_number(bars):
    with pytest.raises(NotEnoughData, match=r"1,000 of its own earlier forecasts.*these bars give 0"):
        walk(bars, schedule=Schedule(first_train_sessions=15))


def with_prices(bars: Bars, ticks: np.ndarray) -> Bars:
    return msgspec.structs.replace(bars, open_ticks=ticks, high_ticks=ticks + 1, low_ticks=ticks - 1, close_ticks=ticks)


def test_constant_prices_are_refused():
    bars = session_bars(*[400_000] * 20)
    with pytest.raises(NotEnoughData, match="price of NQZ25 is the same at the open of all"):
        walk(with_prices(bars, np.full(len(bars), 80_000)))


def test_prices_that_only_rise_are_refused():
    bars = session_bars(*[400_000] * 20)
    with pytest.raises(NotEnoughData, match="bars moved, and all of them up"):
        walk(with_prices(bars, 80_000 + np.arange(len(bars))))
