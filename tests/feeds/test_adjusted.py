"""Prices that were adjusted over the rolls: recognised with the evidence, trained on where asked, never sized on."""

from __future__ import annotations

import datetime as dt
import re
from itertools import accumulate
from pathlib import Path

import msgspec
import numpy as np
import pytest
from market_days import Row, days, wall, write

from minhos.assembly.trading import load_model
from minhos.errors import DataError, DataRefused
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION
from minhos.feeds.check import check_data
from minhos.feeds.stitch import concatenate
from minhos.feeds.tables.bases import adjusted_prices
from minhos.feeds.tables.checks import Columns
from minhos.feeds.tables.tables import read_file
from minhos.market.levels import FIRST_YEAR, YEAR_ENDS
from minhos.market.symbols import Symbol, contract_expiry_ns
from minhos.models.registry import Registry
from minhos.risk.limits.signal import TradedPrices
from minhos.risk.types import Action
from minhos.settings import Settings
from minhos.studies.history import history_of
from minhos.testing.builders import bundle_contents, risk_context
from minhos.training.process import load_bars, save_bars

TRADED = days(20250908, 25)
HOUR_NS = 3600 * 10**9


def iso(time_ns: int) -> str:
    return wall(time_ns, "UTC", "%Y-%m-%dT%H:%M:%SZ")


def times(rows: list[Row], factor: float, until: int, digits: int = 2) -> list[Row]:
    return [
        Row(r.open_ns, *(round(p * factor, digits) for p in r[1:5]), r.volume) if i < until else r
        for i, r in enumerate(rows)
    ]


RATIO = {
    "up to the last roll, in cents": (times(TRADED, 1.0102, 2208), r"beside the tick grid of 0.25 until 2025-09-1\d"),
    "to the end, in cents": (times(TRADED, 0.9871, len(TRADED)), r"on one of 0.2468"),
    "to the end, with all digits": (times(TRADED, 1.0102, len(TRADED), 9), r"on one of 0.252[56]"),
    "over two rolls": (times(times(TRADED, 1.01, 2208, 9), 1.008, 1104), "until 2025-09-1"),
}


@pytest.mark.parametrize("name", RATIO)
def test_prices_that_were_adjusted_by_ratios(tmp_path: Path, name: str) -> None:
    rows, evidence = RATIO[name]
    number = "{:.9f}".format if name.endswith("digits") else "{:.2f}".format
    path = write(tmp_path / "NQ.csv", rows, iso, number=number)
    (bars,), notes = read_file(path)
    assert bars.adjusted.startswith("prices are ratio-adjusted: ")
    assert bars.adjusted in notes.lines
    assert re.search(evidence, bars.adjusted), bars.adjusted


@pytest.mark.parametrize("digits", [2, 9])
def test_prices_beside_the_grid_for_another_reason_are_said_as_such(tmp_path: Path, digits: int) -> None:
    rng = np.random.default_rng(5)
    walk = accumulate(rng.normal(0, 3.0, len(TRADED)).tolist(), initial=25_000.0)
    index = [
        Row(r.open_ns, *(round(p, digits) for p in (at, at + 4, at - 4, at + 1)), r.volume)
        for r, at in zip(TRADED, walk, strict=False)
    ]
    (bars,), notes = read_file(write(tmp_path / "NQ.csv", index, iso, number=f"{{:.{digits}f}}".format))
    assert bars.adjusted == ""
    assert any("beside the tick grid" in line for line in notes.lines)
    assert read_file(write(tmp_path / "NQZ25.csv", TRADED, iso))[0][0].adjusted == ""


def hourly(root: str, first: int, last: int, rolled: float, *, adjusted: bool, one_way: bool = True) -> Columns:
    """Hours from the end of one year to that of another through the index's closes; rolled: points a quarter."""
    ends = dict(enumerate(YEAR_ENDS[root], FIRST_YEAR))
    at = [int(dt.datetime(y, 12, 31, 20, tzinfo=dt.UTC).timestamp()) * 10**9 for y in range(first, last + 1)]
    ns = np.arange(at[0] - 100 * HOUR_NS, at[-1] + 300 * 24 * HOUR_NS, HOUR_NS)
    close = np.interp(ns, at, [ends[y] for y in range(first, last + 1)])
    quarters = (ns - ns[-1]) // (91 * 24 * HOUR_NS)
    off = -rolled * (quarters + 1) * np.where(one_way, 1, (-1) ** (np.abs(quarters) // 4))
    close = np.round((close + off * adjusted) * 4) / 4
    return Columns(ns, np.stack([close, close + 1, close - 1, close]), np.ones((4, len(ns)), np.int64))


@pytest.mark.parametrize(
    ("root", "first", "last", "rolled"),
    [("NQ", 2022, 2024, 200.0), ("ES", 2022, 2024, 55.0), ("YM", 2014, 2020, 80.0), ("MES", 2014, 2021, -12.0)],
)
def test_prices_that_were_adjusted_by_differences(root: str, first: int, last: int, rolled: float) -> None:
    of = {"MES": "ES"}.get(root, root)
    found = adjusted_prices(hourly(of, first, last, rolled, adjusted=True), Symbol(root), 0.25)
    assert found.startswith("prices are back-adjusted: they stand off the index by the rolls since then (")
    assert f"at the end of {first}" in found
    assert adjusted_prices(hourly(of, first, last, rolled, adjusted=False), Symbol(root), 0.25) == ""


@pytest.mark.parametrize(("root", "carry"), [("ES", 0.035), ("NQ", 0.045), ("YM", 0.03), ("ES", -0.02)])
def test_a_contract_that_trades_at_carry_is_not_adjusted(root: str, carry: float) -> None:
    columns = hourly(root, 2022, 2024, 0.0, adjusted=False)
    left = np.maximum(contract_expiry_ns(f"{root}Z25") - columns.ns, 0) / (365 * 24 * HOUR_NS)
    prices = np.round(columns.prices * (1 + carry * left) * 4) / 4
    assert adjusted_prices(columns._replace(prices=prices), Symbol(root, "Z", 2025), 0.25) == ""


@pytest.mark.parametrize("level", [0.6, 0.8, 0.95, 1.05, 1.3])
def test_a_walk_of_its_own_is_not_taken_for_adjusted_prices(level: float) -> None:
    columns = hourly("NQ", 2018, 2023, 0.0, adjusted=False)
    walk = level * columns.prices[3][-1] * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.002, len(columns.ns))))
    prices = np.stack([np.round(walk * 4) / 4] * 4)
    assert adjusted_prices(columns._replace(prices=prices), Symbol("NQ"), 0.25) == ""


def test_prices_below_zero_are_named_for_what_they_are(tmp_path: Path) -> None:
    lowered = [Row(r.open_ns, *(p - 25_002 for p in r[1:5]), r.volume) for r in TRADED[:2000]]
    with pytest.raises(DataError, match=r"rows have prices below zero, as -\d+.*: they were back-adjusted"):
        read_file(write(tmp_path / "NQ.csv", lowered, iso))


def test_they_are_refused_but_for_training_where_asked(tmp_path: Path) -> None:
    rows, _ = RATIO["up to the last roll, in cents"]
    path = write(tmp_path / "NQ.csv", rows, iso)
    report = check_data(path)
    assert report.verdict == "refused"
    assert report.reason.startswith("refused: prices are ratio-adjusted: ")
    assert report.reason.endswith("or only train on these with --adjusted")
    allowed = check_data(path, adjusted=True)
    assert allowed.verdict == "accepted"
    assert allowed.reason.endswith(": for training alone")
    with pytest.raises(DataRefused, match="nothing is sized on them"):
        history_of(path, Settings())
    bars = history_of(path, Settings(), adjusted=True).bars
    assert bars.adjusted
    assert concatenate([msgspec.structs.replace(bars, adjusted=""), bars]).adjusted == bars.adjusted
    save_bars(bars, tmp_path / "bars.npz")
    assert load_bars(tmp_path / "bars.npz").adjusted == bars.adjusted


def test_nothing_is_sized_on_a_model_that_learnt_from_them(tmp_path: Path) -> None:
    contents = bundle_contents(feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION)
    registry = Registry(tmp_path)
    assert load_model(registry.save(contents), 0)[0].adjusted == ""
    learnt = msgspec.structs.replace(contents, adjusted="prices are ratio-adjusted: so they are")
    activation, _ = load_model(registry.save(learnt), 0)
    assert activation.adjusted == "prices are ratio-adjusted: so they are"
    cap = TradedPrices().cap(risk_context(3, adjusted=activation.adjusted))
    assert cap is not None
    assert (cap.contracts, cap.action) == (0, Action.NO_ADDS)
    assert "trained on adjusted prices (prices are ratio-adjusted: so they are)" in cap.reason
    assert TradedPrices().cap(risk_context(1, position=3, adjusted=activation.adjusted)) is None
    assert TradedPrices().cap(risk_context(3)) is None
