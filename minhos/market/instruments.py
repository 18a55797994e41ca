"""The futures that MinhOS trades: grid, money, costs and margins.

Tick sizes and values are the exchange's; commissions, slippage and margins are defaults that settings
override, because they are the broker's.  Not for names of contracts: see `symbols`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import msgspec

from minhos import ranges
from minhos.errors import SettingsError
from minhos.market.symbols import root_of
from minhos.market.types import Instrument

_E_MINI_COMMISSION, _MICRO_COMMISSION = 225, 65

INSTRUMENTS: dict[str, Instrument] = {
    i.root: i
    for i in (
        Instrument(
            "NQ",
            "E-mini Nasdaq-100",
            0.25,
            500,
            commission_cents=_E_MINI_COMMISSION,
            day_margin_cents=100_000,
            overnight_margin_cents=3_000_000,
            micro_root="MNQ",
        ),
        Instrument(
            "MNQ",
            "Micro E-mini Nasdaq-100",
            0.25,
            50,
            commission_cents=_MICRO_COMMISSION,
            day_margin_cents=10_000,
            overnight_margin_cents=300_000,
        ),
        Instrument(
            "ES",
            "E-mini S&P 500",
            0.25,
            1250,
            commission_cents=_E_MINI_COMMISSION,
            day_margin_cents=50_000,
            overnight_margin_cents=2_000_000,
            micro_root="MES",
        ),
        Instrument(
            "MES",
            "Micro E-mini S&P 500",
            0.25,
            125,
            commission_cents=_MICRO_COMMISSION,
            day_margin_cents=5_000,
            overnight_margin_cents=200_000,
        ),
        Instrument(
            "RTY",
            "E-mini Russell 2000",
            0.1,
            500,
            commission_cents=_E_MINI_COMMISSION,
            day_margin_cents=50_000,
            overnight_margin_cents=900_000,
            micro_root="M2K",
        ),
        Instrument(
            "M2K",
            "Micro E-mini Russell 2000",
            0.1,
            50,
            commission_cents=_MICRO_COMMISSION,
            day_margin_cents=5_000,
            overnight_margin_cents=90_000,
        ),
        Instrument(
            "YM",
            "E-mini Dow",
            1.0,
            500,
            commission_cents=_E_MINI_COMMISSION,
            day_margin_cents=50_000,
            overnight_margin_cents=1_300_000,
            micro_root="MYM",
        ),
        Instrument(
            "MYM",
            "Micro E-mini Dow",
            1.0,
            50,
            commission_cents=_MICRO_COMMISSION,
            day_margin_cents=5_000,
            overnight_margin_cents=130_000,
        ),
    )
}
"""By root."""

OVERRIDABLE = (
    "commission_cents",
    "slippage_ticks",
    "stop_slippage_ticks",
    "day_margin_cents",
    "overnight_margin_cents",
)
"""What is the broker's and may be set per root."""


def is_micro(root: str) -> bool:
    """Whether it is the micro contract of another one."""
    return any(i.micro_root == root for i in INSTRUMENTS.values())


def instrument(root_or_symbol: str, overrides: Mapping[str, Mapping[str, object]] | None = None) -> Instrument:
    """The instrument of a root or of a symbol in any form, with the settings' values for that root.

    overrides: root to {field: value}; the fields are OVERRIDABLE, the values whole numbers of at least 0.
    Raises SymbolError for an unknown root, SettingsError for an override that is not understood.
    """
    known = INSTRUMENTS[root_of(root_or_symbol)]
    if not overrides:
        return known
    for root, values in overrides.items():
        _check(root, values)
    return msgspec.structs.replace(known, **overrides.get(known.root, {}))


def _check(root: str, values: Mapping[str, object]) -> None:
    if root not in INSTRUMENTS:
        raise SettingsError(f"instruments.{root} is not an instrument; {_hint(root, tuple(INSTRUMENTS))}")
    for key, value in values.items():
        if key not in OVERRIDABLE:
            raise SettingsError(f"instruments.{root}.{key} cannot be set; {_hint(key, OVERRIDABLE)}")
        if type(value) is not int or value < 0:
            raise SettingsError(f"instruments.{root}.{key} = {value!r} must be a whole number of at least 0")
    usual = INSTRUMENTS[root]
    ranges.check(
        values, ranges.INSTRUMENT, lambda key: f"[market.instruments.{root}] {key}", lambda key: getattr(usual, key)
    )


def _hint(word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.4)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
