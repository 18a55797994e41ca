"""The trader on a folder of .scid files that grow: days with breaks and half-days, faults, restarts and a roll."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from live_folder import (
    BETS,
    CALENDAR,
    FIRST,
    MINUTE,
    MODEL,
    N_BARS,
    SECOND,
    START,
    Desk,
    File,
    bars_of,
    expected_closes,
)
from structlog.testing import capture_logs

from minhos.market.types import Bars
from minhos.testing.builders import ns
from minhos.trading import events as ev
from minhos.trading.types import Outcome

WEDNESDAY, HOLIDAY, HALF_DAY = (CALENDAR.session_on(date) for date in (20251126, 20251127, 20251128))
UNDISTURBED = (Outcome.TRADE, Outcome.HOLD, Outcome.NO_TRADE, Outcome.BLOCKED)


def by_hour(close_ns: int) -> float:
    """A forecast that changes its mind every hour."""
    return 0.7 if close_ns // (60 * MINUTE) % 2 else 0.3


def front(folder: Path) -> File:
    return File(folder / "NQZ25-CME.scid", bars_of(FIRST, N_BARS, symbol="NQZ25"))


def desk_of(tmp_path: Path, name: str, **changes) -> Desk:
    """One contract that is followed from START on."""
    folder = tmp_path / f"data-{name}"
    folder.mkdir()
    return Desk(tmp_path / name, [front(folder)], START, **{"p_up": by_hour, **BETS, **changes})


@pytest.fixture(scope="module")
def quiet(tmp_path_factory) -> Desk:
    """From Wednesday afternoon over the break, the holiday's half session and its break into Friday."""
    with capture_logs() as logs:
        desk = desk_of(tmp_path_factory.mktemp("quiet"), "quiet")
        desk.run_until(HALF_DAY.open_ns + 60 * MINUTE)
    assert [line for line in logs if line["log_level"] not in ("info", "debug")] == []
    return desk


def test_every_expected_bar_is_decided_once_and_nothing_in_closed_hours(quiet: Desk) -> None:
    decisions = quiet.decisions()
    assert [d.close_time_ns for d in decisions] == expected_closes(START, quiet.clock.time_ns)
    assert HOLIDAY.early
    assert {d.outcome for d in decisions} <= set(UNDISTURBED)
    assert sum(bool(d.orders) for d in decisions) > 10
    assert quiet.of(ev.Alarm) == []


def test_the_heartbeat_says_that_the_market_is_closed_and_when_it_opens(quiet: Desk) -> None:
    closed = [beat for beat in quiet.heartbeats if not beat.market_open]
    assert {beat.next_open_ns for beat in closed} == {HOLIDAY.open_ns, HALF_DAY.open_ns}
    assert all(WEDNESDAY.close_ns <= beat.market_time_ns < HALF_DAY.open_ns for beat in closed)
    assert all(beat.feed.connected for beat in quiet.heartbeats)
    assert not any(beat.feed.delayed for beat in closed)


def test_what_leaves_the_data_as_they_are_leaves_every_decision_as_it_is(quiet: Desk, tmp_path: Path) -> None:
    """Torn tails, records updated in place, a file written anew, and restarts."""
    desk = desk_of(tmp_path, "disturbed")
    file, opened = desk.files[0], HOLIDAY.open_ns
    file.torn_ns = (START + 20 * MINUTE, START + 40 * MINUTE)
    file.in_place_ns = (opened + 60 * MINUTE, opened + 120 * MINUTE)
    desk.at |= {
        START + 47 * MINUTE: lambda: file.rewrite(drop=0),
        opened + 152 * MINUTE: desk.restart,
        HOLIDAY.close_ns + 30 * MINUTE: desk.restart,
        HALF_DAY.open_ns + 22 * MINUTE: lambda: file.rewrite(drop=400),
    }
    with capture_logs() as logs:
        desk.run_until(HALF_DAY.open_ns + 60 * MINUTE)
    assert [line for line in logs if line["log_level"] not in ("info", "debug")] == []
    assert desk.at == {}
    assert desk.of(ev.Alarm) == []
    for decision, undisturbed in zip(desk.decisions(), quiet.decisions(), strict=True):
        assert ev.encode(ev.DecisionMade(decision)) == ev.encode(ev.DecisionMade(undisturbed)), decision.reason


def test_seven_minutes_without_data_are_named_and_not_traded(tmp_path: Path) -> None:
    desk, end = desk_of(tmp_path, "gap"), START + 60 * MINUTE
    silent = (START + 19 * MINUTE, START + 26 * MINUTE)
    desk.files[0].silent_ns = silent
    desk.run_until(end)
    decisions = desk.decisions()
    assert [d.close_time_ns for d in decisions] == expected_closes(START, end)
    missing = [d for d in decisions if d.outcome is Outcome.MISSING_BAR]
    assert [d.close_time_ns for d in missing] == [START + 25 * MINUTE]
    assert "No bar of NQZ25 came" in missing[0].reason
    for decision in decisions:
        if silent[0] < decision.close_time_ns <= silent[1]:
            assert not [order for order in decision.orders if order.stop_distance_ticks]


def test_a_gap_that_is_filled_in_later_warms_the_features_and_trades_nothing(tmp_path: Path) -> None:
    desk, end = desk_of(tmp_path, "filled"), START + 60 * MINUTE
    file = desk.files[0]
    desk.at = {
        START + 21 * MINUTE: lambda: setattr(file, "delay_ns", 100 * MINUTE),
        START + 34 * MINUTE: lambda: setattr(file, "delay_ns", 0),
    }
    desk.run_until(end)
    slices = [event.slice for event in desk.of(ev.SliceClosed)]
    bars = [bar.close_time_ns for closed in slices for bar in closed.bars]
    assert bars == expected_closes(START, end)
    late = {d.close_time_ns for d in desk.decisions() if d.outcome is Outcome.LATE}
    assert late == {START + minutes * MINUTE for minutes in (30,)}
    assert {s.close_time_ns for s in slices if s.missing} == late
    assert all(not d.orders for d in desk.decisions() if d.close_time_ns in late)


@pytest.mark.parametrize("minutes", [2, 10])
def test_a_delayed_source_is_shown_whole_and_never_traded(tmp_path: Path, minutes: int) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    file = front(folder)
    file.delay_ns = minutes * MINUTE
    desk, end = Desk(tmp_path / "home", [file], START, p_up=by_hour, **BETS), START + 60 * MINUTE
    desk.run_until(end)
    decisions = desk.decisions()
    whole = {bar.close_time_ns: bar for bar in bars_of(FIRST, N_BARS, symbol="NQZ25")}
    bars = [bar for event in desk.of(ev.SliceClosed) for bar in event.slice.bars]
    assert len(bars) >= 9
    assert bars == [whole[bar.close_time_ns] for bar in bars]
    assert [d for d in decisions if d.orders] == []
    assert len({d.close_time_ns for d in decisions}) >= 10
    assert all(beat.feed.delayed for beat in desk.heartbeats[1:])


def test_bars_that_closed_while_the_trader_was_down_are_history(quiet: Desk, tmp_path: Path) -> None:
    desk = desk_of(tmp_path, "down")
    desk.run_until(START + 31 * MINUTE)
    desk.stop()
    anchor = desk.decisions()[-1].anchor_time_ns
    desk.clock.time_ns += 21 * MINUTE - 10 * SECOND
    desk.write()
    desk.trader = desk.begin()
    desk.run_until(START + 90 * MINUTE)
    decisions = desk.decisions()
    down = expected_closes(START + 31 * MINUTE, START + 52 * MINUTE)
    traded = [d.close_time_ns for d in decisions if d.outcome is not Outcome.LATE]
    assert traded == [close for close in expected_closes(START, desk.clock.time_ns) if close not in down]
    assert {d.anchor_time_ns for d in decisions} == {anchor}
    atr = {d.close_time_ns: d.state.atr_ticks for d in quiet.decisions()}
    assert all(d.state.atr_ticks == atr[d.close_time_ns] for d in decisions if d.outcome is not Outcome.LATE)


def with_next_contract(folder: Path, bars: Bars, leads_from_ns: int) -> list[File]:
    """The front contract and the next one, 50 points higher, which trades ten times as much from some moment on."""
    other = bars_of(FIRST, N_BARS, symbol="NQH26", points=50.0)
    factor = (other.close_time_ns > leads_from_ns) * 99 + 1
    volume = (bars.volume // 120) * 12 * factor
    other = msgspec.structs.replace(other, volume=volume, bid_volume=volume // 2, ask_volume=volume // 2)
    return [File(folder / "NQZ25-CME.scid", bars), File(folder / "NQH26-CME.scid", other)]


@pytest.mark.parametrize("restarts", [False, True])
def test_the_roll_leaves_the_old_contract_flat_and_goes_on_in_the_new_one(tmp_path: Path, restarts: bool) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    files = with_next_contract(folder, bars_of(FIRST, N_BARS, symbol="NQZ25"), HOLIDAY.open_ns)
    start = HOLIDAY.close_ns - 20 * MINUTE
    desk = Desk(tmp_path / "home", files, start, **BETS, risk={"flat_before_halt": False}, p_up=lambda _: 0.7)
    opened = HALF_DAY.open_ns
    if restarts:
        desk.at = {
            opened - 10 * MINUTE: desk.restart,
            opened + 7 * MINUTE: desk.restart,
            opened + 33 * MINUTE: desk.restart,
        }
    desk.run_until(opened + 90 * MINUTE)
    decisions = desk.decisions()
    assert [d.close_time_ns for d in decisions] == expected_closes(start, desk.clock.time_ns)
    before = [d for d in decisions if d.close_time_ns <= HOLIDAY.close_ns]
    assert before[-1].target > 0
    leaving = next(d for d in decisions if d.close_time_ns > HOLIDAY.close_ns)
    assert leaving.symbol == "NQZ25"
    assert "NQH26 traded more than NQZ25 on 20251127: first flat in NQZ25" in leaving.reason
    assert leaving.target == 0
    after = decisions[decisions.index(leaving) + 2 :]
    assert {d.symbol for d in after} == {"NQH26"}
    assert any(d.orders for d in after)
    assert {d.anchor_time_ns for d in decisions} == {decisions[0].anchor_time_ns}
    held = {p.symbol for p in desk.trader.engine.state.ledger.account().positions}
    assert held <= {"NQH26"}
    assert desk.of(ev.Alarm) == []
    ranges = [abs(d.state.atr_ticks / leaving.state.atr_ticks - 1.0) for d in after[:3]]
    assert max(ranges) < 0.5, "the 200 ticks between the contracts are in no range"


def test_no_order_within_two_days_of_expiry(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    first = ns("2025-12-14T18:00-05:00")
    start = ns("2025-12-17T09:10-05:00")
    desk = Desk(
        tmp_path / "home",
        [File(folder / "NQZ25-CME.scid", bars_of(first, 900, symbol="NQZ25"))],
        start,
        **BETS,
        p_up=lambda _: 0.7,
    )
    desk.run_until(start + 60 * MINUTE)
    limit = ns("2025-12-19T09:30-05:00") - 2 * 24 * 60 * MINUTE
    decisions = desk.decisions()
    assert any(d.orders for d in decisions if d.close_time_ns < limit)
    inside = [d for d in decisions if d.close_time_ns >= limit]
    assert len(inside) > 5
    assert all("expires in" in d.reason and d.target == 0 for d in inside)
    assert not [order for d in inside[1:] for order in d.orders]


@pytest.mark.parametrize(("days", "is_old"), [(29, False), (31, True)])
def test_a_bundle_that_is_too_old_is_said_in_the_level(tmp_path: Path, days: int, is_old: bool) -> None:
    desk = desk_of(tmp_path, "old")
    created_ns = START - days * 24 * 60 * MINUTE
    model = msgspec.structs.replace(MODEL, bundle_id="bundle-old", created_ns=created_ns)
    desk.trader.engine.activate_model(model, desk.trader.engine.forecasts)
    desk.run_until(START + 5 * MINUTE)
    reasons = [component.reason for component in desk.trader.engine.state.risk.markets["NQ"].components]
    assert ("model old" in reasons) is is_old
