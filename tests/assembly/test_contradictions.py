"""Every row of the table of contradictions has a case here that it alone refuses, with both keys named; nothing that is
refused at a start is ever written."""

from __future__ import annotations

import json

import pytest
import tomlkit

from minhos.errors import SettingsError
from minhos.settings import contradictions, load, path_of
from minhos.settings.contradictions import TABLE

CASES: dict[str, dict[str, object]] = {
    "another index": {"market.symbol": "NQ", "market.order_root": "ES"},
    "free round trip": {
        "market.instruments.NQ.commission_cents": 0,
        "market.instruments.NQ.slippage_ticks": 0,
    },
    "margins": {
        "market.instruments.NQ.day_margin_cents": 200_000,
        "market.instruments.NQ.overnight_margin_cents": 100_000,
    },
    "watchdog's order": {"watchdog.alarm_after_s": 50, "watchdog.act_after_s": 40},
    "no model": {"autonomous.lstm_enabled": False, "autonomous.ensemble_enabled": False},
    "too few members": {"risk.min_members": 2, "autonomous.ensemble_enabled": False},
    "two sizes": {"sizing.max_position_size": 8, "autonomous.max_position_size": 6},
    "max_position_size of risk beyond sizing": {"risk.max_position_size": 5, "sizing.max_position_size": 4},
    "max_capital_risk of risk beyond sizing": {"risk.max_capital_risk": 0.2, "sizing.max_capital_risk": 0.1},
    "two capitals": {"sizing.trading_capital": 50_000, "risk.trading_capital_cents": 4_000_000},
    "two confidences": {"autonomous.min_confidence": 0.6, "risk.min_confidence": 0.7},
    "two Kelly switches": {"autonomous.kelly_enabled": True, "sizing.kelly_enabled": False},
    "fixed share beyond risk": {"sizing.fixed_fraction": 0.2, "sizing.max_capital_risk": 0.1},
    "near target": {"sierra.target_atr": 10, "sizing.stop_atr": 12},
    "rising multipliers": {"risk.risk_multipliers.MEDIUM": 0.4, "risk.risk_multipliers.HIGH": 0.6},
    "always stale": {"data.flush_interval_ms": 30_000, "risk.stale_after_s.paper": 20},
    "always old": {"training.retrain_every_days": 20, "risk.model_max_age_days": 10},
    "orders of a minute and a day": {"risk.max_orders_a_minute": 20, "risk.max_orders_a_day": 10},
    "asked again before the answer": {"sierra.request_timeout_s": 60, "sierra.reconcile_every_s": 30},
    "live without a venue": {"trading.mode": "live"},
    "live without a host": {"sierra.mode": "live"},
    "a feed beside the bridge": {"data.feed": "folder", "data.bridge": "localhost:11199"},
    "one port for two": {"web.port": 11_099, "sierra.host": "localhost"},
    "drawdown of an account": {"evaluation.mine.max_drawdown": 60_000, "evaluation.mine.account": 50_000},
    "day's limit of an account": {
        "evaluation.mine.daily_loss_limit": 3_000,
        "evaluation.mine.max_drawdown": 2_000,
    },
}


def toml(values: dict[str, object]) -> str:
    document = tomlkit.document()
    for key, value in values.items():
        table = document
        *sections, name = path_of(key)
        for section in sections:
            table = table.setdefault(section, tomlkit.table())
        table[name] = value
    return tomlkit.dumps(document)


def loaded(folder, text: str):
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "minhos.toml").write_text(text, encoding="utf-8")
    return load(folder)


def test_every_row_has_a_case_and_every_case_a_row():
    assert [row.name for row in TABLE] == list(CASES)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_row_refuses_its_case_alone_and_names_what_contradicts_itself(tmp_path, monkeypatch, row):
    values = CASES[row.name]
    assert set(values) <= set(row.keys)
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, toml(values))
    sentence = str(caught.value)
    assert sum(key.rpartition(".")[2] in sentence for key in row.keys) >= min(2, len(row.keys))
    for value in values.values():
        assert str(value).lower() in sentence.lower() or f"{value:.10g}" in sentence
    monkeypatch.setattr(contradictions, "TABLE", tuple(each for each in TABLE if each is not row))
    loaded(tmp_path, toml(values))


@pytest.mark.parametrize(
    ("text", "kelly", "words"),
    [
        ("", '{"kelly_multiplier": 0.5, "kelly_multiplier": 0.25}', "has 'kelly_multiplier' twice, as 0.5 and 0.25"),
        ("[web]\nport = 1\nport = 2\n", "", "minhos.toml is not valid TOML"),
        ("[risk.risk_multipliers]\nEMERGENCY = 0.1\n", "", "risk_multipliers.EMERGENCY = 0.1: must be 0, because"),
        ("[watchdog]\nalarm_after_s = 3600\n", "", "must lie between 2 and 60"),
        ("[risk]\nmin_members = 6\n", "", "there are 5 at most"),
        ("[sizing]\ntrading_capital_cents = 1000000\n", '{"trading_capital": 5000}', "one amount with several names"),
        ('[evaluation.mine]\naccount = "much"\n', "", "[evaluation.mine] account = 'much': give a number"),
        ('[evaluation.mine]\ntrails = "often"\n', "", "[evaluation.mine] trails = 'often': write one of end_of_day"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, text, kelly, words):
    (tmp_path / "config").mkdir()
    if kelly:
        (tmp_path / "config" / "kelly_risk_parameters.json").write_text(kelly, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, text)
    assert words in str(caught.value)


def test_one_multiplier_may_be_set_and_the_others_stay_as_the_kelly_file_has_them(tmp_path):
    usual = {"LOW": 1.0, "MEDIUM": 0.7, "HIGH": 0.5, "CRITICAL": 0.2, "EMERGENCY": 0.0}
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "kelly_risk_parameters.json").write_text(json.dumps({"risk_multipliers": usual}))
    chosen = loaded(tmp_path, "[risk.risk_multipliers]\nHIGH = 0.3\n")
    assert chosen.risk_parameters().risk_multipliers == {**usual, "HIGH": 0.3}
