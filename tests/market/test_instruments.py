"""The money of each future, and what settings may change of it."""

from __future__ import annotations

import pytest

from minhos.errors import SettingsError, SymbolError
from minhos.market.instruments import INSTRUMENTS, instrument
from minhos.market.symbols import MONTHS, ROOTS


def test_every_root_has_its_instrument() -> None:
    assert tuple(INSTRUMENTS) == ROOTS
    assert all(i.root == root and i.months == "".join(MONTHS) for root, i in INSTRUMENTS.items())


@pytest.mark.parametrize(
    ("root", "dollars_a_point"),
    [("NQ", 20), ("MNQ", 2), ("ES", 50), ("MES", 5), ("RTY", 50), ("M2K", 5), ("YM", 5), ("MYM", 0.5)],
)
def test_point_values(root: str, dollars_a_point: float) -> None:
    assert INSTRUMENTS[root].tick_value_cents / INSTRUMENTS[root].tick_size == pytest.approx(100 * dollars_a_point)


@pytest.mark.parametrize("root", ["NQ", "ES", "RTY", "YM"])
def test_a_micro_is_a_tenth(root: str) -> None:
    mini, micro = INSTRUMENTS[root], INSTRUMENTS[INSTRUMENTS[root].micro_root]
    assert mini.tick_size == micro.tick_size
    assert mini.tick_value_cents == 10 * micro.tick_value_cents
    assert mini.overnight_margin_cents == 10 * micro.overnight_margin_cents
    assert mini.day_margin_cents == 10 * micro.day_margin_cents


def test_round_trip_of_nq_in_points() -> None:
    nq = INSTRUMENTS["NQ"]  # two commissions of $2.25 and one tick a side: $4.50 / $20 + 2 x 0.25 = 0.725 points
    assert nq.to_points(nq.round_trip_cost_ticks()) == pytest.approx(2 * 2.25 / 20 + 2 * 0.25)


@pytest.mark.parametrize("text", ["NQ", "NQU25-CME", "nqz5.cme", "F.US.ENQZ25", "NQ-SIM"])
def test_any_form_finds_its_instrument(text: str) -> None:
    assert instrument(text) is INSTRUMENTS["NQ"]


def test_settings_change_the_named_root_only() -> None:
    overrides = {"NQ": {"commission_cents": 150, "slippage_ticks": 2}}
    assert (instrument("NQ", overrides).commission_cents, instrument("NQ", overrides).slippage_ticks) == (150, 2)
    assert instrument("MNQ", overrides) == INSTRUMENTS["MNQ"]
    assert INSTRUMENTS["NQ"].commission_cents == 225


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"NQ": {"commision_cents": 1}}, "did you mean commission_cents"),
        ({"NQ": {"tick_size": 1}}, "cannot be set"),
        ({"NZ": {"commission_cents": 1}}, "did you mean NQ"),
        ({"NQ": {"commission_cents": -1}}, "at least 0"),
        ({"NQ": {"commission_cents": 2.5}}, "whole number"),
        ({"NQ": {"slippage_ticks": True}}, "whole number"),
    ],
)
def test_overrides_that_are_not_understood(overrides: dict[str, dict[str, object]], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        instrument("ES", overrides)


def test_unknown_root() -> None:
    with pytest.raises(SymbolError, match="did you mean MNQ"):
        instrument("MNX")
