"""The report's parts alone: the verdict's sentence, curves with bands, thinned lines, numbers as text."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.research.luck.deflation import deflated
from minhos.research.luck.tried import tried, wrong_by_date
from minhos.research.measures.edge import Edge, daily_net_r, edge
from minhos.research.measures.prediction import Prediction, prediction
from minhos.research.out_of_sample import OutOfSample
from minhos.research.report.curves import equity_curve, months, shadow_curve, trade_rows
from minhos.research.report.figures import thinned
from minhos.research.report.values import Data
from minhos.research.report.verdict import leak_of, verdict_of
from minhos.research.sizing_lab.fractions import growth_by_date
from minhos.settings import Settings
from minhos.studies.studies import stage_of
from minhos.testing.markets import oracle_study
from minhos.training.results.canaries import Canaries, LaterBars

DATA = Data(
    "NQZ25",
    ("NQZ25",),
    "2025-10-06T00:00:00+00:00",
    "2025-12-19T00:00:00+00:00",
    13_000,
    9_000,
    50,
    "walk-forward",
    "r",
    ("lightgbm",),
    (),
    0.5,
    False,
)


@pytest.fixture(scope="module")
def study() -> OutOfSample:
    return oracle_study("ou", 0.58, sessions=12)


@pytest.fixture(scope="module")
def parts(study: OutOfSample) -> tuple[Prediction, Edge]:
    return prediction(study.signals), edge(study.signals)


def sentence(parts: tuple[Prediction, Edge], data: Data = DATA, trials: int = 1, **changes: object) -> tuple[str, str]:
    found, bets = parts[0], msgspec.structs.replace(parts[1], **changes)
    return verdict_of(data, found, bets, deflated(np.sin(np.arange(60.0)) + 0.4, trials))


def test_an_edge_needs_the_slope_the_bets_and_the_interval(parts: tuple[Prediction, Edge]) -> None:
    assert sentence(parts)[0] == "edge"
    assert sentence(parts, msgspec.structs.replace(DATA, slope_low=0.0))[0] == "no_edge"
    assert sentence(parts, bets=29)[0] == "no_edge"
    assert sentence(parts, interval=(-0.01, 0.05))[0] == "no_edge"
    assert sentence(parts, interval=None)[0] == "no_edge"
    assert sentence(parts, msgspec.structs.replace(DATA, sessions=19))[0] == "too_little_data"
    short = msgspec.structs.replace(parts[0], moved=999)
    assert sentence((short, parts[1]))[0] == "too_little_data"


def test_the_sentence_has_every_number_that_it_rests_on(parts: tuple[Prediction, Edge]) -> None:
    right, bets = parts[0].accuracy, parts[1]
    assert right is not None
    text = sentence(parts, trials=14)[1]
    for expected in (
        f"right on {100 * right.accuracy:.1f} % of {right.n:,} bars",
        f"majority {100 * right.majority:.1f} %",
        f"{bets.bets:,} bets earned {bets.mean_net_r:.4f} R each after costs",
        "the best of 14 trials without skill",
        "the shadow book has proven it",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bets": 0, "mean_net_r": None, "interval": None}, "without bets no number of days proves anything"),
        ({"bets": 12, "interval": None}, "12 bets are too few to say how long, 30 are needed"),
        ({"mean_net_r": -0.02, "interval": (-0.04, 0.0), "bets_needed": None}, "no number of days would prove"),
        (
            {"interval": (-0.01, 0.05), "bets_on_paper": 900, "dates_on_paper": 45.2, "bets_needed": 700},
            "about 46 trade dates on paper (900 bets)",
        ),
    ],
)
def test_how_much_longer_to_trade_on_paper(
    parts: tuple[Prediction, Edge], changes: dict[str, object], words: str
) -> None:
    word, text = sentence(parts, state="unproven", **changes)
    assert word == "no_edge"
    assert words in text


def test_a_simulated_market_and_a_leak_come_first(parts: tuple[Prediction, Edge]) -> None:
    simulated = msgspec.structs.replace(DATA, simulated=True)
    assert sentence(parts, simulated)[1].startswith("SIMULATED: An edge")
    word, text = leak_of(simulated, Canaries(None, None, LaterBars(5, (0,), 0)))
    assert word == "no_edge"
    assert text.startswith("SIMULATED: LEAK SUSPECTED: Features change")


def test_the_shadow_curve_is_the_sum_of_the_days(study: OutOfSample) -> None:
    curve, (dates, daily) = shadow_curve(study.signals), daily_net_r(study.signals)
    assert curve.trade_dates == tuple(dates.tolist())
    assert curve.values == pytest.approx(np.cumsum(daily))
    assert all(low <= high for low, high in zip(curve.band_low, curve.band_high, strict=True))
    assert min(curve.drawdown) >= 0.0


def test_four_dates_have_no_band(study: OutOfSample) -> None:
    few = study.signals.take(study.signals.trade_date <= np.unique(study.signals.trade_date)[3])
    assert shadow_curve(few).band_low == ()


def test_equity_months_and_trades_are_those_of_the_backtest(study: OutOfSample) -> None:
    result = stage_of(study, Settings()).backtest()
    curve = equity_curve(result)
    assert curve.values[-1] == pytest.approx(result.equity_cents[result.trade_date > 0][-1] / 100)
    found = months(result, curve)
    assert sum(month.dollars for month in found) == pytest.approx(curve.values[-1] - result.initial_cash_cents / 100)
    assert sum(month.trades for month in found) == len(result.trades)
    rows = trade_rows(result)
    assert sum(row.pnl for row in rows) == pytest.approx(sum(t.trade.pnl_cents for t in result.trades) / 100)


def test_wrong_forecasts_by_date_are_counted(study: OutOfSample) -> None:
    wrong, names = wrong_by_date(study)
    signals = study.signals.take(study.signals.decided)
    first = signals.trade_date == signals.trade_date[0]
    by_hand = 1.0 - ((signals.score > 0.5) == (signals.up > 0.5))[first].mean()
    assert names[-1] == "all together"
    assert wrong[0, -1] == pytest.approx(by_hand)


def test_few_dates_are_too_few_for_the_test_of_the_best(study: OutOfSample) -> None:
    found = tried(study, *growth_by_date(None))
    assert (found.members, found.sizes, found.overfitting) == (None, None, None)
    assert "100 periods" in found.missing["test of the best member"]
    assert found.missing["test of the best size"] == "nothing was sized"


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=600), st.integers(10, 80))
def test_a_thinned_line_keeps_its_ends_and_extremes(values: list[float], at_most: int) -> None:
    x, y = thinned(np.arange(len(values)), values, at_most)
    assert len(x) == len(y) <= max(at_most, 1)
    assert (y[0], y[-1], min(y), max(y)) == (values[0], values[-1], min(values), max(values))
    assert x == sorted(x)
    assert all(values[i] == v for i, v in zip(x, y, strict=True))
