"""Are the inputs fit to trade on?  Known, fresh, real-time, whole, and from an ordinary market."""

from __future__ import annotations

import math

from minhos.risk.limits.caps import no_adds, unknown
from minhos.risk.parameters import Mode, RiskParameters
from minhos.risk.types import Cap, RiskContext

INF = math.inf


class KnownValues:
    """No new risk on NaN or infinity, wherever in the context it stands.

    One sum shows whether all numbers are finite; only when it is not is the culprit looked for.
    """

    name = "known values"

    def cap(self, context: RiskContext) -> Cap | None:
        account, state = context.account, context.state
        numbers: list[float] = [
            *(account.cash_cents, account.equity_cents, account.day_start_equity_cents, account.peak_equity_cents),
            *(account.day_pnl_cents, account.stop_risk_cents, account.commission_day_cents),
            *(context.position, context.data_age_s, context.data_quality),
        ]
        if state is not None:
            numbers += (state.atr_ticks, state.volatility_ratio, state.volume_ratio, state.close_ticks)
        if context.adds:
            wanted, forecast = context.recommendation, context.forecast
            numbers += (wanted.fraction, wanted.p_side, wanted.p_low, wanted.break_even, wanted.r_cents, wanted.target)
            if forecast is not None:
                numbers += (forecast.p_up, forecast.p_low, forecast.score, forecast.agreement)
                numbers += forecast.members.values()
        if math.isfinite(sum(numbers)) and (state is None or state.atr_ticks > 0.0):
            return None
        culprits = {what: value for what, value in self._values(context) if not math.isfinite(value)}
        if not culprits and state is not None:
            culprits = {"atr_ticks": state.atr_ticks}
        return unknown(self.name, context, **culprits)

    def _values(self, context: RiskContext) -> list[tuple[str, float]]:
        """Every number that was added up, with its name."""
        forecast = context.forecast
        parts = [
            (
                context.account,
                (
                    "cash_cents",
                    "equity_cents",
                    "day_start_equity_cents",
                    "peak_equity_cents",
                    "day_pnl_cents",
                    "stop_risk_cents",
                    "commission_day_cents",
                ),
            ),
            (context, ("position", "data_age_s", "data_quality")),
            (context.state, ("atr_ticks", "volatility_ratio", "volume_ratio", "close_ticks")),
            (context.recommendation, ("fraction", "p_side", "p_low", "break_even", "r_cents", "target")),
            (forecast, ("p_up", "p_low", "score", "agreement")),
        ]
        named = [(name, getattr(part, name)) for part, names in parts if part is not None for name in names]
        return named + (list(forecast.members.items()) if forecast is not None else [])


class StaleData:
    """No adds when the bar closed too long ago, or seems to close in the future: the clocks disagree."""

    name = "stale data"

    def __init__(self, parameters: RiskParameters, mode: Mode = "paper") -> None:
        self._limit_s: float = getattr(parameters.stale_after_s, mode)

    def cap(self, context: RiskContext) -> Cap | None:
        age = context.data_age_s
        if -self._limit_s <= age <= self._limit_s:
            return None
        if not math.isfinite(age):
            return unknown(self.name, context, data_age_s=age)
        return no_adds(self.name, context, f"the bar is {age:.0f} s old; {self._limit_s:.0f} s are allowed")


class DelayedData:
    """No adds on data that their source delays."""

    name = "delayed data"

    def __init__(self, parameters: RiskParameters) -> None:
        self._allowed = parameters.allow_delayed_data

    def cap(self, context: RiskContext) -> Cap | None:
        if not context.delayed or self._allowed:
            return None
        return no_adds(self.name, context, "the source says that its data are delayed")


class DataQuality:
    """No adds on data with too many gaps or errors."""

    name = "data quality"

    def __init__(self, parameters: RiskParameters) -> None:
        self._minimum = parameters.min_data_quality

    def cap(self, context: RiskContext) -> Cap | None:
        quality = context.data_quality
        if self._minimum <= quality < INF:
            return None
        if not math.isfinite(quality):
            return unknown(self.name, context, data_quality=quality)
        return no_adds(self.name, context, f"data quality {quality:.1%} is below {self._minimum:.0%}")


class UnusualMarket:
    """No adds while volatility, volume or spread is out of the ordinary."""

    name = "unusual market"

    def __init__(self, parameters: RiskParameters) -> None:
        self._volatility = parameters.max_volatility_ratio
        self._volume = parameters.min_volume_ratio
        self._spread = parameters.max_spread_ticks

    def cap(self, context: RiskContext) -> Cap | None:
        state = context.state
        if state is None:
            return no_adds(self.name, context, "the market's state is not known yet")
        volatility, volume, spread = state.volatility_ratio, state.volume_ratio, state.spread_ticks
        if 0.0 <= volatility <= self._volatility and self._volume <= volume < INF and not spread > self._spread:
            return None
        if not (math.isfinite(volatility) and math.isfinite(volume)):
            return unknown(self.name, context, volatility_ratio=volatility, volume_ratio=volume)
        if volatility > self._volatility:
            return no_adds(self.name, context, f"volatility is {volatility:.1f} times the day's mean")
        if volume < self._volume:
            return no_adds(self.name, context, f"volume is {volume:.0%} of what is usual at this time")
        return no_adds(self.name, context, f"the spread is {spread:.0f} ticks; {self._spread:.0f} are allowed")
