"""The recommendation and its trace: what size Kelly wants, and which bound held it."""

from __future__ import annotations

import msgspec


class SizingParameters(msgspec.Struct, frozen=True):
    """How a forecast becomes contracts.  Fractions are of capital at risk (R = stop distance + cost)."""

    kelly_enabled: bool = True
    """Off: the fixed size wherever the entry rule holds."""
    fixed_fraction: float = 0.0
    """With Kelly off: share of capital to put at risk; zero for one contract."""
    max_kelly_fraction: float = 0.25
    kelly_multiplier: float = 0.6
    confidence_threshold: float = 0.60
    """Calibrated p of the side below which nothing is recommended; 0.5 leaves break-even as the rule."""
    max_position_size: int = 5
    max_capital_risk: float = 0.10
    stop_atr: float = 3.0
    daily_loss_limit: float = 0.05
    drawdown_bound: bool = True
    """The drawdown-constrained Kelly bound with the day's limit as its floor."""
    wealth_floor: float = 0.95
    breach_probability: float = 0.05
    half_of_remaining_budget: bool = True
    """Adds may take one half of what the day's limit leaves; off: all of it."""
    trading_capital_cents: int | None = None
    """None: equity alone."""
    overnight_margin: bool = False
    """Hold the overnight margin instead of the day margin."""
    take_micro_when_zero: bool = False
    ladder_step: float = 1.0
    """Below `kelly_multiplier`, the size is cut in this proportion; in live mode it is the live ladder's step."""
    daily_loss_limit_cents: int | None = None
    """A limit in money beside the share; the smaller counts."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """One step of the trace.  before and after are in `unit` ("fraction" or "contracts")."""

    name: str
    before: float
    after: float
    unit: str
    reason: str


class Recommendation(msgspec.Struct, frozen=True, gc=False):
    """The target position that the forecast is worth, before risk limits.

    side: +1 long, -1 short, 0 none.  target: signed contracts of `symbol` to hold (not to trade).
    fraction: share of capital at risk that Kelly wants after every bound.  raw_contracts: before rounding
    down.  break_even: the p of the side at which the bet's mean is zero.  stop_distance_ticks: of a new lot.
    r_cents: R of one contract.  bound: name of the bound that held ("kelly" where none did).
    without_p_low: target if p were believed as it stands, for "without the slope bound: 2; with it: 0".
    micro_contracts: number of micros of equal risk where this instrument rounds to zero.
    """

    symbol: str
    close_time_ns: int
    side: int
    target: int
    fraction: float
    raw_contracts: float
    p_side: float
    p_low: float
    break_even: float
    stop_distance_ticks: int
    r_cents: int
    bound: str
    reason: str
    trace: tuple[Step, ...] = ()
    without_p_low: int = 0
    micro_contracts: int = 0
    kelly_full: float = 0.0
    mean_r: float = 0.0
    """Expected net R of one contract's bet at p_low."""
