"""Settings: defaults, misspelt keys, contradictions, and that every switch of autonomous execution has an effect."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from minhos.assembly.trading import load_model, trading_settings
from minhos.errors import SettingsError
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION
from minhos.models.registry import Registry
from minhos.research.backtest import run_backtest
from minhos.research.sizing_lab.prop_firm import AccountRules
from minhos.settings import OVERRIDES, RULES_OF_EVALUATION, Settings, load
from minhos.testing.builders import NQ, bundle_contents


def written(folder: Path, toml: str = "", kelly: object = None, events: str = "") -> Path:
    config = folder / "config"
    config.mkdir(exist_ok=True)
    (config / "minhos.toml").write_text(toml, encoding="utf-8")
    if kelly is not None:
        text = kelly if isinstance(kelly, str) else json.dumps(kelly)
        (config / "kelly_risk_parameters.json").write_text(text, encoding="utf-8")
    (config / "events.csv").write_text(events, encoding="utf-8")
    return folder


def test_without_files_the_documented_defaults_hold(tmp_path):
    settings = load(tmp_path)
    sizing, risk = settings.sizing_parameters(), settings.risk_parameters()
    assert (sizing.max_kelly_fraction, sizing.kelly_multiplier, sizing.confidence_threshold) == (0.25, 0.6, 0.6)
    assert (sizing.max_position_size, sizing.max_capital_risk, sizing.daily_loss_limit) == (5, 0.10, 0.05)
    assert risk.min_confidence == 0.65
    assert risk.max_consecutive_losses == 3
    assert settings.autonomous.sends_orders()
    assert settings.members_off(("lstm", "xgboost", "a_member_of_my_own")) == ()
    assert settings.simulated


def test_the_shipped_files_are_the_defaults(tmp_path):
    shipped = load(Path(__file__).resolve().parents[2])
    bare = load(tmp_path)
    assert shipped.sizing_parameters() == bare.sizing_parameters()
    assert shipped.risk_parameters() == bare.risk_parameters()


@pytest.mark.parametrize(
    ("toml", "share", "cents"),
    [
        ("[risk]\ndaily_loss_limit = 0.03\n", 0.03, None),
        ("[risk]\ndaily_loss_limit = 0.03\n[sizing]\ndaily_loss_limit = 0.02\n", 0.02, None),
        ("[risk]\ndaily_loss_limit_cents = 100_000\n", 0.05, 100_000),
    ],
)
def test_sizes_know_the_day_s_limit_of_the_risk_manager(tmp_path, toml, share, cents):
    sizing = load(written(tmp_path, toml)).sizing_parameters()
    assert (sizing.daily_loss_limit, sizing.daily_loss_limit_cents) == (share, cents)


@pytest.mark.parametrize(
    "line", ['max_position_size = "x"', "max_position_size = nan", 'trading_capital = "a lot"', "trading_capital = inf"]
)
def test_a_size_that_is_no_number_is_refused_with_its_value(tmp_path, line):
    key, value = line.split(" = ")
    with pytest.raises(SettingsError, match=rf"{key} = '?{value.strip(chr(34))}'? is no number"):
        load(written(tmp_path, f"[sizing]\n{line}\n")).sizing_parameters()


@pytest.mark.parametrize(
    ("toml", "meant"),
    [
        ("[simulaton]\nseed = 1\n", "simulation"),
        ("[simulation]\nsede = 1\n", "seed"),
        ("[risk]\nmax_consecutive_loses = 2\n", "max_consecutive_losses"),
        ("[sizing]\nkelly_multiplyer = 0.5\n", "kelly_multiplier"),
        ("[autonomous]\nmin_confidense = 0.7\n", "min_confidence"),
    ],
)
def test_a_misspelt_key_says_which_was_meant(tmp_path, toml, meant):
    with pytest.raises(SettingsError, match=f"did you mean '{meant}'"):
        load(written(tmp_path, toml))


def test_a_value_out_of_range_names_itself(tmp_path):
    with pytest.raises(SettingsError, match=r"simulation\.ceiling = 0\.9"):
        load(written(tmp_path, "[simulation]\nceiling = 0.9\n"))


@pytest.mark.parametrize(
    "names",
    [
        ("auto_trading", "enable_auto_trading"),
        ("auto_trading", "auto_execution_enabled"),
        ("enable_auto_trading", "auto_execution_enabled"),
    ],
)
def test_one_switch_with_three_names_must_agree_with_itself(tmp_path, names):
    first, second = names
    with pytest.raises(SettingsError, match="one switch with three names"):
        load(written(tmp_path, f"[autonomous]\n{first} = true\n{second} = false\n"))
    settings = load(written(tmp_path, f"[autonomous]\n{first} = false\n{second} = false\n"))
    assert not settings.autonomous.sends_orders()


def test_the_kelly_file_and_the_toml_meet_in_one_place(tmp_path):
    multipliers = {"LOW": 1.0, "MEDIUM": 0.7, "HIGH": 0.4, "CRITICAL": 0.2, "EMERGENCY": 0.0}
    kelly = {"kelly_multiplier": 0.25, "max_position_size": 3, "risk_multipliers": multipliers}
    settings = load(written(tmp_path, "[sizing]\nkelly_multiplier = 0.5\n", kelly))
    assert settings.sizing_parameters().kelly_multiplier == 0.5
    assert settings.sizing_parameters().max_position_size == 3
    assert msgspec.to_builtins(settings.risk_parameters())["risk_multipliers"]["MEDIUM"] == 0.7


@pytest.mark.parametrize(("text", "words"), [("{nonsense", "not valid JSON"), ("[1, 2]", "one JSON object")])
def test_a_broken_kelly_file_is_refused_with_its_path(tmp_path, text, words):
    with pytest.raises(SettingsError, match=f"kelly_risk_parameters.json.*{words}"):
        load(written(tmp_path, kelly=text))


def test_a_broken_toml_is_refused_with_its_path(tmp_path):
    with pytest.raises(SettingsError, match=r"minhos\.toml is not valid TOML"):
        load(written(tmp_path, "[risk\n"))


def test_news_times_travel_into_the_decision(tmp_path):
    text = "time,name,currency\n2025-10-15T08:30:00-04:00,CPI,USD\n"
    settings = load(written(tmp_path, events=text))
    assert trading_settings(settings, NQ, "NQZ25").events_text == text


def test_what_start_was_told_reaches_the_processes(tmp_path, monkeypatch):
    monkeypatch.setenv(OVERRIDES, '{"simulation": {"ceiling": 0.53}, "web": {"port": 9000}}')
    settings = load(tmp_path)
    assert (settings.simulation.ceiling, settings.web.port) == (0.53, 9000)


def test_any_setting_that_matters_changes_the_settings_id():
    def identity(**autonomous: object) -> str:
        return trading_settings(Settings(autonomous=autonomous), NQ, "NQZ25").settings_id

    changed = [identity(**{name: False}) for name in ("ml_enabled", "auto_trading", "kelly_enabled", "lstm_enabled")]
    assert len({identity(), *changed}) >= 4
    assert identity() == identity()


# The switches of autonomous execution --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def market():
    """A simulated fortnight with its features, and a bundle of tiny models."""
    from minhos.features.pipeline import compute
    from minhos.feeds.simulated.market import simulate
    from minhos.feeds.simulated.model import MarketModel
    from minhos.market.calendar import SessionCalendar
    from minhos.testing.builders import MONDAY_OPEN

    calendar = SessionCalendar.load()
    bars = simulate(MarketModel(kind="ou", ceiling=0.58, seed=7), NQ, calendar, MONDAY_OPEN, 1200).bars
    return bars, compute(bars, calendar), calendar


@pytest.fixture(scope="module")
def info(tmp_path_factory):
    contents = bundle_contents(simulated=True, feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION)
    return Registry(tmp_path_factory.mktemp("registry")).save(contents)


def backtested(market, info, **autonomous: object):
    bars, table, calendar = market
    settings = Settings(autonomous=autonomous, sizing={"drawdown_bound": False})
    activation, forecaster = load_model(info, 0, settings.members_off)
    forecasts = {}
    for i in range(bars_warm := int(table.valid.argmax()) + 59, len(bars)):
        window = table.rows[i - 59 : i + 1]
        if table.valid[i - 59 : i + 1].all():
            close = int(bars.close_time_ns[i])
            forecasts[close] = forecaster.predict(bars.contracts[0], close, table.rows[i], window)
    assert bars_warm < len(bars)
    symbol = bars.contracts[0]
    return run_backtest(
        bars,
        forecasts,
        table,
        activation,
        trading_settings(settings, bars.instrument, symbol),
        calendar,
        cash_cents=100_000_000,
    )


def largest(result) -> int:
    return max(abs(decision.target) for decision in result.decisions)


def test_all_switches_on_it_trades_more_than_one_contract(market, info):
    result = backtested(market, info)
    assert result.fills
    assert largest(result) > 1


def test_kelly_off_means_one_contract(market, info):
    result = backtested(market, info, kelly_enabled=False)
    assert result.fills
    assert largest(result) == 1


@pytest.mark.parametrize("switch", ["auto_trading", "enable_auto_trading", "auto_execution_enabled", "ml_enabled"])
def test_off_means_that_no_order_is_sent(market, info, switch):
    result = backtested(market, info, **{switch: False})
    assert not result.fills
    assert largest(result) > 0, "it still says what it would do"


def test_require_approval_means_that_no_order_is_sent(market, info):
    assert not backtested(market, info, require_approval=True).fills


def test_lstm_off_takes_one_member_out(market, info):
    result = backtested(market, info, lstm_enabled=False)
    forecast = next(decision.forecast for decision in result.decisions if decision.forecast)
    assert len(forecast.members) == 4
    assert forecast.missing == (), (
        "what a switch turns off is not missing: no size is cut and nothing is degraded for it"
    )


def test_ensemble_off_leaves_too_few_members_for_new_risk(market, info):
    result = backtested(market, info, ensemble_enabled=False)
    forecast = next(decision.forecast for decision in result.decisions if decision.forecast)
    assert tuple(forecast.members) == ("lstm",)
    assert not result.fills


def test_min_confidence_and_max_position_size_bind(market, info):
    assert not backtested(market, info, min_confidence=1.0).fills
    assert largest(backtested(market, info, max_position_size=2)) == 2


@pytest.mark.parametrize("toml", ["[kelly]\nmax_kelly_fraction = 0.5\n", 'events_text = "nonsense"\n'])
def test_what_belongs_into_another_file_is_not_lost_silently(tmp_path, toml):
    with pytest.raises(SettingsError, match=r"minhos\.toml has no key"):
        load(written(tmp_path, toml))


def test_each_switch_leaves_exactly_the_others_whatever_members_there_are():
    members = ("lstm", "xgboost", "a_member_of_my_own")
    assert Settings(autonomous={"ensemble_enabled": False}).members_off(members) == members[1:]
    assert Settings(autonomous={"lstm_enabled": False}).members_off(members) == ("lstm",)


@pytest.mark.parametrize(
    ("toml", "kelly", "why"),
    [
        ("", '{"kelly_multiplier": 1' + 400 * "0" + "}", "whole number"),
        ("", '{"kelly_multiplier": 1' + 5000 * "0" + "}", "whole number"),
        ("", '{"a": ' + 100_000 * "[" + 100_000 * "]" + "}", "brackets"),
        ("[sizing]\nmax_position_size = 1" + 400 * "0", None, "whole number"),
        ("[web]\nport = 1" + 5000 * "0", None, "whole number"),
        ("a = " + 5000 * "[" + 5000 * "]", None, "brackets"),
    ],
)
def test_a_file_that_no_reader_bears_is_refused_in_a_sentence_that_names_it(tmp_path, toml, kelly, why):
    file = "minhos.toml" if kelly is None else "kelly_risk_parameters.json"
    with pytest.raises(SettingsError, match=rf"{file} has .*{why}") as refused:
        load(written(tmp_path, toml, kelly))
    assert len(str(refused.value)) < 300 + len(str(tmp_path))


def test_a_mark_of_the_encoding_before_a_file_is_no_part_of_it(tmp_path):
    mark = "\ufeff"
    events = "time,name,currency\n2026-01-09T08:30:00-05:00,Payrolls,USD\n"
    written(tmp_path, f"{mark}[web]\nport = 8111\n", f'{mark}{{"kelly_multiplier": 0.5}}', mark + events)
    chosen = load(tmp_path)
    assert (chosen.web.port, chosen.sizing_parameters().kelly_multiplier) == (8111, 0.5)
    assert chosen.events_text == events


@pytest.mark.parametrize(
    ("toml", "section", "meant"),
    [
        ("[risk.levels]\ndrawdwon = [0.01]\n", "[risk.levels]", "drawdown"),
        ("[risk.stale_after_s]\nlvie = 5\n", "[risk.stale_after_s]", "live"),
        ("[evaluation.mine]\nacount = 3\n", "[evaluation.mine]", "account"),
    ],
)
def test_a_misspelt_key_in_a_table_within_a_section_says_which_was_meant(tmp_path, toml, section, meant):
    with pytest.raises(SettingsError, match=re.escape(section) + f" has no key .* did you mean '{meant}'"):
        load(written(tmp_path, toml))


def test_every_rule_of_an_evaluation_account_is_a_key_of_its_section():
    assert {*RULES_OF_EVALUATION, "name"} == {*AccountRules.__struct_fields__}
