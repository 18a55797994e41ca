"""A journal replayed decides the same, over restarts and changes; what was tampered with is named."""

import msgspec
import pytest
from recorded_journal import CALENDAR, MODEL, SETTINGS, SYMBOL, FromFeatures, bars, trading

from minhos.features.pipeline import FeaturePipeline
from minhos.journal.memory import MemoryJournal
from minhos.market.types import NANOS_PER_SECOND, Price, Slice
from minhos.research.replay import replay, standard_features
from minhos.testing.builders import NQ
from minhos.trading import events as ev
from minhos.trading.decide import RULES, RULES_VERSION
from minhos.trading.recovery import reconcile


def recorded() -> MemoryJournal:
    """Two days of history, then trading with a restart, prices, a late and a missing bar, new settings and model."""
    journal, history = MemoryJournal(), list(bars())
    cut, again = len(history) // 2, 3 * len(history) // 4
    engine = trading(journal, history[cut - 1].close_time_ns)
    engine.load_history(history[:cut], reset=True)
    for i, bar in enumerate(history[cut:], start=cut):
        if i == again:
            engine = trading(journal, bar.close_time_ns - bar.interval_ns)
            engine.load_history(history[:i], reset=True)
            reconcile(engine, engine.clock.now_ns())
        if i == again + 40:
            engine.activate_settings(msgspec.structs.replace(SETTINGS, auto_trading=False, settings_id="b"))
        if i == again + 60:
            engine.activate_settings(SETTINGS)
            engine.activate_model(msgspec.structs.replace(MODEL, bundle_id="bundle-b"), FromFeatures("bundle-b"))
        if i % 7 == 0:
            engine.on_price(Price(SYMBOL, bar.open_time_ns + NANOS_PER_SECOND, bar.open_ticks))
        slice_bars = () if i == cut + 30 else (bar,)
        engine.on_slice(Slice(bar.close_time_ns, slice_bars, late=i == cut + 50))
    return journal


JOURNAL = recorded()


def changed(kind: str, nth: int, change, journal: MemoryJournal = JOURNAL) -> MemoryJournal:
    """A copy of the journal with one event changed."""
    copy, seen = MemoryJournal(), 0
    for record in journal.records():
        payload = record.payload
        if record.kind == kind:
            if seen == nth:
                payload = ev.encode(change(ev.decode(kind, payload)))
            seen += 1
        copy.append(record.kind, payload, record.time_ns)
    return copy


def test_a_recorded_journal_replays_identically_over_a_restart_and_changes():
    decisions = [ev.decode(r.kind, r.payload).decision for r in JOURNAL.records(kinds=("DecisionMade",))]
    assert {str(d.outcome) for d in decisions} >= {"trade", "late", "missing_bar", "no_trade"}
    assert len({d.bundle_id for d in decisions}) == len({d.settings_id for d in decisions}) == 2
    report = replay(JOURNAL)
    assert (report.verdict, report.decisions, report.differing, report.first) == (
        "identical",
        len(decisions),
        0,
        None,
    ), report.sentence


def test_a_changed_decision_is_named_by_time_and_field():
    def more(event: ev.DecisionMade) -> ev.DecisionMade:
        return ev.DecisionMade(msgspec.structs.replace(event.decision, target=event.decision.target + 1))

    report = replay(changed("DecisionMade", 10, more))
    assert (report.verdict, report.differing) == ("differs", 1)
    (difference,) = report.first.fields
    assert (difference.field, int(difference.recorded)) == ("target", int(difference.recomputed) + 1)
    assert report.first.time in report.sentence


def test_across_versions_of_the_rules_the_versions_are_named_and_the_decisions_counted():
    def older(event: ev.EngineStarted) -> ev.EngineStarted:
        return msgspec.structs.replace(event, rules_version=0)

    def more(event: ev.DecisionMade) -> ev.DecisionMade:
        return ev.DecisionMade(msgspec.structs.replace(event.decision, target=event.decision.target + 1))

    same = replay(changed("EngineStarted", 0, older))
    assert (same.verdict, [count.version for count in same.rules]) == ("identical", [0, RULES_VERSION])
    assert sum(count.decisions for count in same.rules) == same.decisions
    report = replay(changed("DecisionMade", 10, more, changed("EngineStarted", 0, older)))
    assert (report.verdict, [count.differing for count in report.rules]) == ("differs", [1, 0])
    old = report.rules[0].decisions
    assert f"1 of {old:,} by rules 0 (not known to this version of MinhOS)" in report.sentence
    assert f"by rules {RULES_VERSION} ({RULES[RULES_VERSION]})" in report.sentence


def test_a_journal_of_0_1_0_was_decided_by_rules_1():
    fields = msgspec.msgpack.decode(ev.encode(ev.EngineStarted(1, "paper", "a", "0.1.0", 1)))
    for name in ("rules_version", "fold_version"):
        del fields[name]
    started = ev.decode("EngineStarted", msgspec.msgpack.encode(fields))
    assert (started.rules_version, started.fold_version) == (1, 1)


def test_a_changed_bar_changes_what_the_features_say():
    def higher(event: ev.HistoryLoaded) -> ev.HistoryLoaded:
        *rest, last = event.bars
        raised = msgspec.structs.replace(last, high_ticks=last.high_ticks + 400)
        return msgspec.structs.replace(event, bars=(*rest, raised))

    report = replay(changed("HistoryLoaded", 0, higher))
    assert report.verdict == "differs"
    assert any(d.field == "state.atr_ticks" for d in report.first.fields)


def test_a_changed_forecast_changes_its_decision():
    def surer(event: ev.DecisionMade) -> ev.DecisionMade:
        told = event.decision.forecast
        sure = msgspec.structs.replace(told, p_up=0.9, p_low=0.9, side=1)
        return ev.DecisionMade(msgspec.structs.replace(event.decision, forecast=sure))

    first_forecast = next(
        i
        for i, r in enumerate(JOURNAL.records(kinds=("DecisionMade",)))
        if (f := ev.decode(r.kind, r.payload).decision.forecast) and f.p_up < 0.6
    )
    report = replay(changed("DecisionMade", first_forecast, surer))
    assert any(d.field.startswith("recommendation") for d in report.first.fields)


@pytest.mark.parametrize(("shift", "beyond"), [(0.0, False), (1e-8, False), (1e-4, True)])
def test_forecasts_are_compared_apart(shift, beyond):
    report = replay(JOURNAL, bundles=lambda name: FromFeatures(name, shift))
    assert report.verdict == "identical"
    assert report.forecasts.compared > 100
    assert (report.forecasts.beyond > 0) is beyond
    assert report.forecasts.largest == pytest.approx(shift, abs=1e-7)


def test_forecasts_without_their_bundle_are_counted():
    check = replay(JOURNAL, bundles=lambda _: None).forecasts
    assert check.compared == 0 < check.without_bundle


def test_a_replay_tells_how_far_it_is():
    told = []
    long = MemoryJournal()
    for record in JOURNAL.records():
        long.append(record.kind, record.payload, record.time_ns)
    for i in range(5_000):
        long.append("Alarm", ev.encode(ev.Alarm(i, "poll")), i)
    replay(long, progress=lambda share, text: told.append((share, text)))
    assert told
    assert all(0.0 < share <= 1.0 for share, _ in told)


def test_the_pipeline_that_replays_is_the_one_that_trades():
    make = standard_features(CALENDAR)
    assert isinstance(make(NQ).__self__, FeaturePipeline)
