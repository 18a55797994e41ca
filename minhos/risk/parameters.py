"""The settings of risk, each with its default and the reason for it.

Frozen structs that `minhos.toml` fills (`[risk]`); they are journaled when they become active, so a replay judges
with the settings of its day.  Shares are 0 to 1, money is integer cents, durations carry their unit in the name.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from minhos.errors import SettingsError
from minhos.risk.types import Level

Mode = Literal["simulated", "paper", "live"]
LevelName = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL", "EMERGENCY"]


def _default_multipliers() -> dict[str, float]:
    return {"LOW": 1.0, "MEDIUM": 0.8, "HIGH": 0.5, "CRITICAL": 0.25, "EMERGENCY": 0.0}


class LevelParameters(msgspec.Struct, frozen=True):
    """Where each component of the risk level reaches MEDIUM, HIGH, CRITICAL, EMERGENCY.

    A shorter tuple never reaches the levels that it does not name.  Drawdown, volatility_ratio and spread_ticks rise
    with danger; volume_ratio and data_quality fall.  The ratios' thresholds leave an ordinary opening (ATR about 2.5
    times the day's mean) at LOW.
    """

    drawdown: tuple[float, ...] = (0.05, 0.10, 0.15, 0.20)
    """Share of the peak of equity that is lost."""
    volatility_ratio: tuple[float, ...] = (3.0, 4.0, 6.0)
    """ATR over its mean of the last day."""
    spread_ticks: tuple[float, ...] = (3.0, 5.0, 8.0)
    volume_ratio: tuple[float, ...] = (0.25, 0.10, 0.05)
    """Volume over the mean of the same time of day."""
    data_quality: tuple[float, ...] = (0.98, 0.95, 0.90)
    model_partial: LevelName = "MEDIUM"
    """A member of the recipe is missing or failed."""
    model_old: LevelName = "MEDIUM"
    """The bundle is older than `model_max_age_days`."""
    model_failed: LevelName = "CRITICAL"
    """There is no forecast."""
    margin: float = 0.10
    """Hysteresis: a level ends only when the value is better than its threshold by this share of it ..."""
    calm_bars: int = 3
    """... on this many bars in a row."""

    def __post_init__(self) -> None:
        for name in ("drawdown", "volatility_ratio", "spread_ticks", "volume_ratio", "data_quality"):
            values = getattr(self, name)
            falling = name in ("volume_ratio", "data_quality")
            if len(values) > 4 or list(values) != sorted(values, reverse=falling):
                order = "falling" if falling else "rising"
                raise SettingsError(f"levels.{name} = {values}: give at most four {order} thresholds, MEDIUM first.")
        if not 0.0 <= self.margin < 1.0 or self.calm_bars < 1:
            raise SettingsError(f"levels.margin = {self.margin} must lie in [0, 1) and levels.calm_bars be 1 or more.")


class StaleAfter(msgspec.Struct, frozen=True):
    """Seconds after its close at which a bar is too old to trade on, by mode."""

    simulated: float = 30.0
    paper: float = 30.0
    live: float = 30.0


class RiskParameters(msgspec.Struct, frozen=True):
    """All limits.  Raises SettingsError for a value that makes no sense, naming it."""

    max_position_size: int = 5
    """Contracts of one instrument, whatever Kelly wants."""
    max_capital_risk: float = 0.10
    """Share of capital that all open stops together may lose; an absolute ceiling, sizing stays far below."""
    trading_capital_cents: int | None = None
    """Capital is the smaller of this and equity; None: equity."""

    daily_loss_limit: float = 0.05
    """Share of equity at the start of the trade date; open positions, commissions and manual trades count."""
    daily_loss_limit_cents: int | None = None
    """The same in money; the smaller of both counts."""
    max_consecutive_losses: int = 3
    """Closed losing trades in a row that stop trading; at a 50 % loss rate that happens every 14 trades."""
    after_losses: Literal["trade_date", "cooldown", "manual"] = "trade_date"
    """What ends that stop: the next trade date, `cooldown_minutes`, or `resume`."""
    cooldown_minutes: float = 60.0
    trailing_drawdown_cents: int | None = None
    """Prop firms' rule: flat for good when equity, open profit included, is this far below its highest; None: off."""
    trailing_locks_at_start: bool = True
    """The trailing floor stops rising once it reaches the starting balance."""

    min_confidence: float = 0.65
    """Calibrated probability of the side below which nothing is added; 0.5 leaves break-even as the rule."""
    min_agreement: float = 0.60
    """Share of present members on the forecast's side."""
    min_members: int = 3
    """Members that must be present for new risk."""
    model_max_age_days: float = 30.0

    trading_hours: Literal["all", "rth"] = "all"
    flat_before_halt: bool = True
    """No position over a session's end: a bet across it is not what the models forecast."""
    no_adds_before_halt_minutes: float = 10.0
    """The last bet that still has its bar: decided 10 minutes before, in at the next open, out before the halt."""
    flat_before_halt_minutes: float = 5.0
    flat_by: str = ""
    """New York "HH:MM" at which everything is closed until the next session; empty for none."""
    blackout_before_minutes: float = 5.0
    blackout_after_minutes: float = 5.0
    """No adds around the times of `config/events.csv`."""
    expiry_days: float = 2.0
    """No position this close to a contract's expiry."""
    overnight_margin_before_close_minutes: float = 15.0
    """From here to the session's end a position needs the overnight margin, unless it is closed before the halt."""

    stale_after_s: StaleAfter = StaleAfter()
    allow_delayed_data: bool = False
    """Delayed data are for looking, not for trading."""
    min_data_quality: float = 0.90
    max_volatility_ratio: float = 5.0
    """Above: no adds.  Science offers no number; five times the day's mean is beyond any ordinary opening."""
    min_volume_ratio: float = 0.05
    max_spread_ticks: float = 8.0

    max_orders_a_minute: int = 10
    max_orders_a_day: int = 600
    """A flip at each of a day's 276 bars is 552 orders."""
    max_round_trips_a_day: int = 300
    max_commission_share_a_day: float = 0.02
    """Commissions of the trade date as a share of the equity it started with."""

    accept_unproven: bool = False
    """Live: trade before the evidence says PROVEN, one micro contract at most."""
    require_arming: bool = True
    """Live: send nothing until `arm`."""
    ladder_steps: tuple[float, ...] = (0.25, 0.40, 0.60)
    """Live: at most this share of Kelly, one step higher after each `ladder_trades` trades without a stop."""
    ladder_trades: int = 50

    levels: LevelParameters = LevelParameters()
    risk_multipliers: dict[str, float] = msgspec.field(default_factory=_default_multipliers)
    """By level; on the size that Kelly wants."""

    def __post_init__(self) -> None:
        for name in _SHARES:
            _refuse_unless(name, getattr(self, name), 0.0, 1.0)
        for name in _AMOUNTS:
            _refuse_unless(name, getattr(self, name), 0.0, math.inf)
        for name in ("daily_loss_limit_cents", "trailing_drawdown_cents", "trading_capital_cents"):
            if (cents := getattr(self, name)) is not None and cents <= 0:
                raise SettingsError(f"{name} = {cents}: give an amount above zero, or leave it out to switch it off.")
        if self.flat_before_halt_minutes > self.no_adds_before_halt_minutes:
            raise SettingsError(
                f"flat_before_halt_minutes = {self.flat_before_halt_minutes} must not exceed "
                f"no_adds_before_halt_minutes = {self.no_adds_before_halt_minutes}: what was closed would be re-opened."
            )
        if self.flat_by:
            minutes_of_day(self.flat_by)
        if not self.ladder_steps or list(self.ladder_steps) != sorted(self.ladder_steps) or self.ladder_trades < 1:
            raise SettingsError(
                f"ladder_steps = {list(self.ladder_steps)} must be rising multipliers such as [0.25, 0.4, 0.6], and "
                f"ladder_trades = {self.ladder_trades} at least 1."
            )
        for step in self.ladder_steps:
            _refuse_unless("ladder_steps", step, 0.01, 1.0)
        self._check_multipliers()

    def _check_multipliers(self) -> None:
        names = [level.name for level in Level]
        if sorted(self.risk_multipliers) != sorted(names):
            raise SettingsError(
                f"risk_multipliers must name {', '.join(names)}; got {', '.join(self.risk_multipliers)}."
            )
        for name, value in self.risk_multipliers.items():
            _refuse_unless(f"risk_multipliers.{name}", value, 0.0, 1.0)

    def multiplier(self, level: Level) -> float:
        """Share of Kelly's size that this level leaves."""
        return self.risk_multipliers[level.name]

    def day_loss_limit_cents(self, day_start_equity_cents: float) -> float:
        """What the trade date may lose, in cents: the smaller of the share and the amount."""
        share = self.daily_loss_limit * day_start_equity_cents
        return share if self.daily_loss_limit_cents is None else min(share, self.daily_loss_limit_cents)


_SHARES = (
    "max_capital_risk",
    "daily_loss_limit",
    "min_confidence",
    "min_agreement",
    "min_data_quality",
    "max_commission_share_a_day",
)
_AMOUNTS = (
    "max_position_size",
    "max_consecutive_losses",
    "cooldown_minutes",
    "min_members",
    "model_max_age_days",
    "no_adds_before_halt_minutes",
    "flat_before_halt_minutes",
    "blackout_before_minutes",
    "blackout_after_minutes",
    "expiry_days",
    "overnight_margin_before_close_minutes",
    "max_volatility_ratio",
    "min_volume_ratio",
    "max_spread_ticks",
    "max_orders_a_minute",
    "max_orders_a_day",
    "max_round_trips_a_day",
)


def _refuse_unless(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingsError(f"{name} = {value} must lie between {low:g} and {high:g}.")


def minutes_of_day(text: str) -> int:
    """Minutes since midnight of "HH:MM", which must lie before 17:00, when New York's trade date ends.

    Raises:
        SettingsError: another format, or a time in the evening session.
    """
    hour, _, minute = text.partition(":")
    if len(text) == 5 and hour.isdigit() and minute.isdigit() and int(minute) < 60 and int(hour) < 17:
        return 60 * int(hour) + int(minute)
    raise SettingsError(f'flat_by = {text!r}: give a New York time before 17:00 as "HH:MM", such as "16:10".')
