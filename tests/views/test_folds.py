"""Views are folds: worked examples from hand-built events, and the same result however the journal was read."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from minhos.journal.reader import reader
from minhos.journal.store import Journal
from minhos.market.calendar import SessionCalendar
from minhos.market.types import NANOS_PER_MINUTE, NANOS_PER_SECOND
from minhos.models.forecast import Forecast
from minhos.risk.types import Level
from minhos.testing.builders import MONDAY_OPEN, NQ, forecast, ns, random_bars, trading_events
from minhos.trading import events as ev
from minhos.trading.recovery import SNAPSHOT, take_snapshot
from minhos.trading.types import Outcome
from minhos.views import checklist, health, kelly, ml, status
from minhos.views.asked_for import ASKED
from minhos.views.heartbeats import FeedBeat, TraderBeat, TrainerBeat, TrainingProgress
from minhos.views.orders import order_lines, position_lines
from minhos.views.risk import risk_view
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.views.training_report import Line, Lines, Payoff, TrainingReport

CALENDAR = SessionCalendar.load()
NOTHING = Surroundings()
NOW = MONDAY_OPEN + 3600 * NANOS_PER_SECOND


def folded(events: list[ev.Event]) -> Views:
    views = Views(CALENDAR)
    for sequence, event in enumerate(events, 1):
        views.apply(sequence, event)
    return views


def running(**changes: object) -> Surroundings:
    """A trader that was heard of a second ago, its market at the last bar."""
    trader = TraderBeat(
        state="running",
        time_ns=NOW - NANOS_PER_SECOND,
        market_time_ns=NOW,
        mode="simulated",
        serving=True,
        market_open=True,
        feed=FeedBeat(connected=True, live=True, detail="a feed"),
    )
    return msgspec.structs.replace(Surroundings(now_ns=NOW, mode="simulated", trader=trader, ceiling=0.58), **changes)


def everything(views: Views, around: Surroundings) -> list[object]:
    """Every page at once."""
    return [
        status.trading_status(views, around),
        kelly.dashboard(views, around),
        kelly.performance(views, around),
        kelly.recent(views, around),
        ml.ml_performance(views, around),
        ml.ml_calibration(views, around),
        ml.ml_models(views, around),
        ml.ml_predictions(views, around),
        health.service_health(views, around),
        checklist.checklist(views, around),
    ]


def test_out_of_nothing_there_is_nothing_and_no_zeros() -> None:
    views = Views(CALENDAR)
    now = kelly.dashboard(views, NOTHING)
    assert now.state == "not_running"
    assert "python3 minh.py start" in now.status.reason
    widget = now.recommendation
    assert [
        widget.kelly_fraction,
        widget.recommended_position,
        widget.win_probability,
        widget.capital_at_risk,
        widget.model_agreement,
        widget.last_update,
    ] == [None] * 6
    assert now.performance.win_rate is None
    assert now.performance.equity is None
    assert status.trading_status(views, NOTHING).account is None
    assert health.service_health(views, NOTHING).status == "unhealthy"
    assert checklist.checklist(views, NOTHING).met == 0
    assert everything(views, NOTHING)


def test_the_widgets_seven_metrics_are_those_of_the_last_decision_with_a_forecast() -> None:
    views = folded(trading_events(5))  # the last of five bars holds 2 contracts
    widget = kelly.recommendation(views, running())
    assert widget.recommended_position == 2
    assert widget.win_probability == 0.7
    assert widget.kelly_fraction == 0.02
    assert widget.model_agreement == 1.0
    assert widget.capital_at_risk == pytest.approx(2 * 61_450 / 25_000_000, abs=1e-6)
    assert widget.capital_at_risk_dollars == 2 * 614.50
    assert widget.last_update == "2025-10-06T13:55:00Z"
    assert widget.age_s == (NOW - (MONDAY_OPEN + 25 * NANOS_PER_MINUTE)) / NANOS_PER_SECOND
    assert widget.slope_sentence.startswith("Without the slope bound (p_low): 0 contracts; with it: 2, because")
    assert widget.banner.startswith("SIMULATED: far easier than any real market (50 to 52.5 %)")
    assert "58.0 %" in widget.banner


def test_a_closed_trade_counts_in_cents_and_in_days() -> None:
    bars = list(random_bars(12))
    pnl = 2 * NQ.tick_value_cents * (bars[7].open_ticks - bars[4].open_ticks) - 900
    views = folded(trading_events())
    summary = views.performance.summary()
    assert (summary.trades, summary.wins + summary.losses) == (1, 1)
    assert summary.mean_trade == summary.total_pnl == pnl / 100
    (day,) = views.performance.by_day()
    assert (day.trade_date, day.pnl, day.trades) == (20251006, pnl / 100, 1)
    assert status.trading_status(views, NOTHING).account.equity == (25_000_000 + pnl) / 100
    (line,) = views.performance.trade_lines(10, views.instruments)
    assert line.entry == bars[4].open_ticks * 0.25
    assert line.exit_reason == "exit"


def test_drawdown_is_the_worst_share_of_a_peak_at_closes() -> None:
    events = trading_events(4)
    equities = iter([25_000_000, 26_000_000, 24_700_000, 25_500_000])
    changed = [
        ev.DecisionMade(msgspec.structs.replace(event.decision, equity_cents=next(equities)))
        if isinstance(event, ev.DecisionMade)
        else event
        for event in events
    ]
    assert folded(changed).performance.summary().max_drawdown == pytest.approx(1 - 247 / 260, abs=1e-6)


def test_a_forecast_that_is_no_number_is_not_scored_and_no_page_fails_for_it() -> None:
    nan = float("nan")
    spoilt = [
        ev.DecisionMade(msgspec.structs.replace(event.decision, forecast=_spoilt(event, nan)))
        if isinstance(event, ev.DecisionMade) and i % 3 == 0
        else event
        for i, event in enumerate(trading_events(60))
    ]
    views = folded(spoilt)
    n_spoilt = str(spoilt).count("p_up=nan")
    assert n_spoilt > 10
    assert views.scores.void >= n_spoilt
    assert 0 < views.scores.calibration().n <= 60 - n_spoilt
    assert health.service_health(views, running()).state


def _spoilt(event: ev.DecisionMade, nan: float) -> Forecast:
    assert event.decision.forecast is not None
    return msgspec.structs.replace(event.decision.forecast, p_up=nan, p_low=nan, score=nan)


def test_the_days_add_up_though_a_bar_comes_after_the_next_dates_first() -> None:
    equities = {0: 25_000_000, 2: 25_100_000, 1: 25_150_000, 3: 25_130_000}
    days = {0: "2025-10-06", 1: "2025-10-06", 2: "2025-10-07", 3: "2025-10-07"}
    views = folded(trading_events(0))
    first = next(event for event in trading_events(1) if isinstance(event, ev.DecisionMade)).decision
    for i, equity in equities.items():
        close_ns = ns(f"{days[i]}T15:0{i}Z")
        decision = msgspec.structs.replace(first, equity_cents=equity, close_time_ns=close_ns)
        views.performance.on_decision(ev.DecisionMade(decision))
    lines = views.performance.by_day()
    assert [line.trade_date for line in lines] == [20251006, 20251007]
    assert sum(line.pnl for line in lines) == 1_300


def test_forecasts_are_scored_by_the_open_after_next() -> None:
    n = 40
    opens = [bar.open_ticks for bar in random_bars(n)]
    labels = [later > entry for entry, later in itertools.pairwise(opens[1:]) if later != entry]
    everything_line, bets = folded(trading_events(n)).scores.lines()
    assert everything_line.n == bets.n == len(labels)
    assert everything_line.accuracy == pytest.approx(sum(labels) / len(labels), abs=1e-6)  # every forecast says up
    assert everything_line.majority == pytest.approx(max(sum(labels), n - 2 - sum(labels)) / len(labels), abs=1e-6)
    assert everything_line.break_even == 0.52


def test_a_forecast_without_a_side_is_silent_and_neither_right_nor_wrong() -> None:
    events = [
        ev.DecisionMade(msgspec.structs.replace(event.decision, forecast=forecast(0.5, close_time_ns=close)))
        if isinstance(event, ev.DecisionMade) and (close := event.decision.close_time_ns)
        else event
        for event in trading_events(20)
    ]
    views = folded(events)
    line = views.scores.lines()[0]
    assert (line.accuracy, line.low, line.n, line.majority) == (None, None, 0, None)
    assert line.silent == len(views.scores.scored) > 10
    assert views.scores.calibration().n == 0


def test_a_gap_between_bars_voids_the_label() -> None:
    events = trading_events(12)
    without = [e for e in events if not (isinstance(e, ev.SliceClosed) and e.slice.close_time_ns == events_close(5))]
    views = folded(without)
    assert views.scores.void >= 1
    assert views.scores.lines()[0].n < 10


def events_close(i: int) -> int:
    return MONDAY_OPEN + (i + 1) * 5 * NANOS_PER_MINUTE


def test_a_record_before_the_snapshot_that_makes_no_sense_hides_neither_the_pause_nor_the_way_out(tmp_path) -> None:
    events = trading_events(6)
    odd = next(n for n, event in enumerate(events, 1) if isinstance(event, ev.DecisionMade))
    pause = ev.CommandReceived(NOW, "journal-1", "pause", "engine", f"The journal is broken at record {odd}")
    journal, state = Journal.open(tmp_path / "j.sqlite", {"mode": "simulated"}), folded(events)
    for sequence, event in enumerate(events, 1):
        journal.append(ev.kind_of(event), b"\xc1" if sequence == odd else ev.encode(event), 0)
    journal.snapshot(SNAPSHOT, len(events), take_snapshot(state.trading))
    journal.append(ev.kind_of(pause), ev.encode(pause), 0)
    journal.close()
    views = Views(CALENDAR)
    list(views.catch_up(reader(tmp_path / "j.sqlite")))
    assert views.unread.startswith(f"Record {odd} of the journal cannot be read")
    assert "`python3 minh.py repair` says" in views.unread
    now, reason = status.state_of(views, Surroundings(journal_error=views.unread))
    assert now == "halted"
    assert f"The journal is broken at record {odd}" in reason


def test_reading_in_one_go_in_parts_or_from_a_snapshot_comes_to_the_same(tmp_path) -> None:
    events = trading_events(20)
    journal = Journal.open(tmp_path / "j.sqlite", {"mode": "simulated"})
    state = Views(CALENDAR)
    for sequence, event in enumerate(events, 1):
        journal.append(ev.kind_of(event), ev.encode(event), MONDAY_OPEN)
        state.apply(sequence, event)
        if sequence == 30:
            journal.snapshot(SNAPSHOT, sequence, take_snapshot(state.trading))
    at_once, in_parts, by_snapshot = folded(events), Views(CALENDAR), Views(CALENDAR)
    with_reader = reader(tmp_path / "j.sqlite")
    for until in (7, 8, 31, len(events)):
        for sequence in in_parts.follow(with_reader):
            if sequence == until:
                break
    list(in_parts.follow(with_reader))
    list(by_snapshot.catch_up(with_reader))
    journal.close()
    for views in (in_parts, by_snapshot):
        assert views.sequence == len(events)
        assert everything(views, running()) == everything(at_once, running())


def test_an_event_is_taken_in_once() -> None:
    events = trading_events()
    views = folded(events)
    before = everything(views, running())
    for sequence, event in enumerate(events, 1):
        views.apply(sequence, event)
    assert everything(views, running()) == before


def test_orders_and_positions_are_those_of_the_trading_state() -> None:
    views = folded(trading_events(6))
    (position,) = position_lines(views.trading.ledger.account())
    assert (position.contracts, position.lots[0].stop) == (2, position.entry - 120 * 0.25)
    assert [line.state for line in order_lines(views.trading.book, views.instruments, 9)] == ["filled"]
    assert folded(trading_events(12)).trading.ledger.account().positions == ()


@pytest.mark.parametrize(
    ("around", "state"),
    [
        (running(), "live"),
        (running(halt_file=True), "halted"),
        (running(now_ns=NOW + 60 * NANOS_PER_SECOND), "not_running"),
        (running(trader_gone=True), "not_running"),
        (running(trader=msgspec.structs.replace(running().trader, state="stopped")), "not_running"),
        (running(trader=None), "not_running"),
        (running(trader=None, halt_file=True), "halted"),
        (running(journal_error="The journal is damaged."), "degraded"),
        (
            running(trader=msgspec.structs.replace(running().trader, market_open=False, next_open_ns=NOW)),
            "market_closed",
        ),
        (running(trader=msgspec.structs.replace(running().trader, serving=False)), "no_predictions"),
        (running(trader=msgspec.structs.replace(running().trader, feed=FeedBeat(detail="gone"))), "degraded"),
    ],
)
def test_the_state_follows_the_surroundings(around: Surroundings, state: str) -> None:
    found, reason = status.state_of(folded(trading_events()), around)
    assert found == state
    assert reason.endswith(".")


def test_a_training_is_a_state_until_the_first_model_serves() -> None:
    training = running(
        trainer=TrainerBeat(state="training", time_ns=NOW), training=TrainingProgress("NQ", 0.4, "fitting", NOW)
    )
    started = folded(trading_events(0)[:2])
    assert status.state_of(started, training)[0] == "training"
    assert status.status(started, training).training_share == 0.4
    assert status.state_of(folded(trading_events()), training)[0] == "live"


def test_no_edge_is_a_state_of_its_own() -> None:
    assert status.state_of(folded(trading_events(verdict="no_edge")), running())[0] == "no_edge"


def test_a_halt_says_who_and_what_ends_it() -> None:
    events = trading_events()
    halt = ev.CommandReceived(NOW, "1", "halt", "Ann", "news")
    views = folded([*events, halt])
    state, reason = status.state_of(views, running())
    assert state == "halted"
    assert "Ann" in reason
    assert "news" in reason
    assert "resume" in reason
    view = risk_view(
        views.trading.risk, views.trading.ledger.account(), views.settings.risk, views.last, views.bound, CALENDAR, NOW
    )
    assert [stop.name for stop in view.stops] == ["halt"]
    assert view.level == "LOW"
    resumed = folded([*events, halt, ev.CommandReceived(NOW, "2", "resume", "Ann")])
    assert status.state_of(resumed, running())[0] == "live"


def test_failed_forecasts_make_the_service_unhealthy_above_one_percent() -> None:
    events = trading_events(40)
    failing = [
        ev.DecisionMade(msgspec.structs.replace(e.decision, forecast=None, outcome=Outcome.NO_FORECAST))
        if isinstance(e, ev.DecisionMade) and e.decision.sequence % 10 == 0
        else e
        for e in events
    ]
    found = health.service_health(folded(failing), running())
    assert (found.forecasts, found.failed_forecasts, found.failed_share) == (36, 4, 0.1)
    assert found.status == "unhealthy"
    assert health.service_health(folded(events), running()).status == "healthy"


def test_latency_is_a_quantile_of_the_newest_decisions() -> None:
    views = folded(trading_events(10))  # 250, 251, ... 259 us
    assert health.latency_ms(views, 0.5) == 0.255
    assert health.latency_ms(views, 0.99) == 0.259


def test_the_health_score_is_the_mean_of_its_known_parts() -> None:
    assert health.ml_health(Views(CALENDAR), NOTHING).score is None
    found = health.ml_health(folded(trading_events()), running())
    known = [part.score for part in found.parts if part.score is not None]
    assert found.score == pytest.approx(sum(known) / len(known), abs=0.05)
    assert {part.name for part in found.parts if part.score is None} >= {"calibration", "age of the model"}


def test_until_ten_own_trades_the_holdout_stands_in_and_says_so() -> None:
    report = TrainingReport(
        simulated=True,
        lines=Lines(traded=Line("traded", 0.57, (0.54, 0.60), 400)),
        payoff=Payoff((1.0, 2.0), (-1.0, -1.0)),
    )
    views = folded(trading_events())
    stand_in = kelly.win_rates(views, running(report=report))
    assert (stand_in.source, stand_in.trades, stand_in.win_rate, stand_in.payoff_ratio) == ("bootstrap", 400, 0.57, 1.5)
    closed = next(event for event in trading_events() if isinstance(event, ev.TradeClosed))
    many = folded([*trading_events(), *[closed] * 9])
    assert kelly.win_rates(many, running(report=report)).source == "own"


def test_updates_are_numbered_by_the_journal_and_resumable() -> None:
    events = trading_events()
    views, again = folded(events), folded(events)
    numbers = [update.seq for update in views.updates.recent]
    assert numbers == sorted(set(numbers))
    assert {update.type for update in views.updates.recent} >= {"decision", "fill", "trade", "status"}
    assert [u.plain() for u in again.updates.recent] == [u.plain() for u in views.updates.recent]
    middle = numbers[len(numbers) // 2]
    assert [update.seq for update in views.updates.after(middle)] == [n for n in numbers if n > middle]


def test_a_changed_risk_is_told_once() -> None:
    halt = ev.CommandReceived(NOW, "1", "halt", "Ann", "news")
    views = folded([*trading_events(), halt, ev.Alarm(NOW, "look")])
    told = [update for update in views.updates.recent if update.type == "risk"]
    assert [update.tell()["stops"] for update in told] == [["halt"]]
    assert told[0].tell()["level"] == Level.LOW.name


def test_an_event_against_the_order_table_is_an_alert_and_no_crash() -> None:
    events = trading_events(8)
    report = next(e for e in events if isinstance(e, ev.VenueReported)).report
    wrong = ev.VenueReported(msgspec.structs.replace(report, status="rejected"))
    views = folded([*events, wrong])
    assert views.contradictions == 1
    assert health.service_health(views, running()).status == "unhealthy"


def test_the_checklist_names_value_and_command_for_every_line() -> None:
    found = checklist.checklist(folded(trading_events()), running())
    assert found.met + found.not_met + found.unknown == len(found.lines) == len(ASKED) > 100
    assert all(line.value and line.command for line in found.lines)
    by_text = {line.text: line for line in found.lines}
    assert by_text["failed forecasts below 1 %"].status == checklist.MET
    assert by_text["position sizes within constraints: 100 %"].status == checklist.MET
    assert by_text["accuracy above 60 %"].status == checklist.UNKNOWN


def test_accuracy_on_the_checklist_needs_its_lower_end_above_the_bar() -> None:
    def line(low: float) -> str:
        report = TrainingReport(simulated=True, lines=Lines(all=Line("all", 0.62, (low, 0.64), 900)))
        found = checklist.checklist(Views(CALENDAR), running(report=report))
        chosen = next(line for line in found.lines if line.text == "accuracy above 60 %")
        assert "SIMULATED" in chosen.value
        return chosen.status

    assert line(0.605) == checklist.MET
    assert line(0.599) == checklist.NOT_MET
