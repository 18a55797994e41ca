"""The bench that asks how often MinhOS is fooled, on one market."""

from __future__ import annotations

from minhos.bench import honesty


def test_one_market_without_an_edge_proves_nothing_and_hides_no_leak(monkeypatch):
    monkeypatch.setattr(honesty, "N_BETS", 1500)
    monkeypatch.setattr(honesty, "N_LEARNT", 1500)
    monkeypatch.setattr(honesty, "N_BARS", 3700)
    monkeypatch.setattr(honesty, "CANARY_BARS", 3500)
    figures = {figure.name: figure for figure in honesty.run(seeds=[3], processes=1)}
    assert figures["proven/null"].value == 0.0
    assert figures["bets/null"].value == 1500
    assert abs(figures["accuracy/null"].value - 0.5) < 4 * 0.5 / 1500**0.5
    for name in ("canaries/false_alarm", "canaries/silent/column", "canaries/silent/rows"):
        assert (figures[name].value, figures[name].met) == (0.0, True)
        assert "of 1 seeds" in figures[name].unit
