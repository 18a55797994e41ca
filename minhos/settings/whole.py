"""All settings of a home, and the structs that rooms take of them.  Not for reading files: see `files`."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from minhos.errors import SettingsError
from minhos.market.instruments import instrument
from minhos.market.types import Instrument
from minhos.models.forecast import LSTM
from minhos.risk.parameters import RiskParameters
from minhos.settings.sections import (
    AutonomousSettings,
    DataSettings,
    MarketSettings,
    PaperSettings,
    Section,
    SierraSettings,
    SimulationSettings,
    TradingSection,
    TrainingSettings,
    UserSettings,
    WatchdogSettings,
    WebSettings,
)
from minhos.settings.structs import in_range, number, refuse_unknown, to_struct
from minhos.sizing.types import SizingParameters

USUAL_SIZE = SizingParameters().max_position_size
"""Contracts up to which the smaller of two settings counts without a word."""
KELLY_FILE = "kelly_risk_parameters.json"
OTHER_FILES = ("kelly", "events_text")
"""Fields of `Settings` that are read from files of their own: in `minhos.toml` they would be lost silently."""


class Settings(Section):
    """All of `minhos.toml`.  sizing and risk are kept as given and become structs in `sizing_parameters` etc."""

    market: MarketSettings = MarketSettings()
    data: DataSettings = DataSettings()
    simulation: SimulationSettings = SimulationSettings()
    paper: PaperSettings = PaperSettings()
    sizing: dict[str, object] = {}
    """As given; over kelly_risk_parameters.json, see `sizing_parameters`."""
    risk: dict[str, object] = {}
    """As given, see `risk_parameters`."""
    sierra: SierraSettings = SierraSettings()
    watchdog: WatchdogSettings = WatchdogSettings()
    training: TrainingSettings = TrainingSettings()
    autonomous: AutonomousSettings = AutonomousSettings()
    web: WebSettings = WebSettings()
    trading: TradingSection = TradingSection()
    user: UserSettings = UserSettings()
    limit: dict[str, dict[str, str | int | float | bool]] = {}
    """Options of limits of the user's own, by name: `[limit.no_fridays]`."""
    alert: dict[str, dict[str, object]] = {}
    """Options of alert channels of the user's own, by name: `[alert.my_phone]`."""
    venue: dict[str, dict[str, object]] = {}
    """Options of venues of the user's own, by name: `[venue.my_broker]`."""
    feed: dict[str, dict[str, object]] = {}
    """Options of feeds of the user's own, by name: `[feed.my_vendor]`."""
    evaluation: dict[str, dict[str, object]] = {}
    """Rules of evaluation accounts by name, for the sizing lab; none: its own three."""
    kelly: dict[str, object] = {}
    """Contents of kelly_risk_parameters.json."""
    events_text: str = ""
    """Contents of events.csv."""

    def instrument(self, symbol_or_root: str) -> Instrument:
        """The instrument with this user's commission, slippage and margins."""
        return instrument(symbol_or_root, self.market.instruments)

    def sizing_parameters(self) -> SizingParameters:
        """`[sizing]` over kelly_risk_parameters.json over the defaults.

        Of the position sizes, and of the day's limits in `[sizing]` and `[risk]`, the smaller counts.  Raises
        SettingsError for a number out of its range.
        """
        kelly = {key: value for key, value in self.kelly.items() if key != "risk_multipliers"}
        refuse_unknown(kelly, (*SizingParameters.__struct_fields__, "trading_capital"), KELLY_FILE)
        values = {**kelly, **self.sizing}
        largest = number(values, "max_position_size", USUAL_SIZE)
        if "trading_capital" in values:
            number(dict(values), "trading_capital")
        in_range(SizingParameters, {**values, "max_position_size": largest}, self.where_sizing)
        if largest != int(largest):
            raise SettingsError(f"{self.where_sizing('max_position_size')} = {largest}: give whole contracts.")
        values["max_position_size"] = min(int(largest), self.autonomous.max_position_size)
        values["kelly_enabled"] = self.autonomous.kelly_enabled and values.get("kelly_enabled", True)
        in_range(RiskParameters, self.risk)
        limits = to_struct(RiskParameters, self._risk_given(), "[risk]")
        values.setdefault("daily_loss_limit", limits.daily_loss_limit)
        values.setdefault("daily_loss_limit_cents", limits.daily_loss_limit_cents)
        if "trading_capital" in values:
            values["trading_capital_cents"] = round(100 * number(values, "trading_capital"))
        if values.get("take_micro_when_zero"):
            raise SettingsError(
                "[sizing] take_micro_when_zero = true: this version names the number of micros and does not trade them "
                'beside the full contract; [market] order_root = "MNQ" trades the micro throughout.'
            )
        sizing = to_struct(SizingParameters, values, "[sizing]")
        if "daily_loss_limit" in self.risk:
            share = min(sizing.daily_loss_limit, limits.daily_loss_limit)
            sizing = msgspec.structs.replace(sizing, daily_loss_limit=share)
        return sizing

    def risk_parameters(self) -> RiskParameters:
        """`[risk]` with the switches of `[autonomous]` and the multipliers of kelly_risk_parameters.json."""
        sizing = self.sizing_parameters()
        values: dict[str, object] = {
            "min_confidence": self.autonomous.min_confidence,
            "max_position_size": sizing.max_position_size,
            "max_capital_risk": sizing.max_capital_risk,
            "daily_loss_limit": sizing.daily_loss_limit,
        }
        if "risk_multipliers" in self.kelly:
            values["risk_multipliers"] = self.kelly["risk_multipliers"]
            in_range(RiskParameters, {"risk_multipliers": self.kelly["risk_multipliers"]}, _where_kelly)
        return to_struct(RiskParameters, {**values, **self._risk_given()}, "[risk]")

    def _risk_given(self) -> dict[str, object]:
        """`[risk]`; of its multipliers those that are not named stay as the file of Kelly or the defaults have them."""
        levels, usual = self.risk.get("risk_multipliers"), self.kelly.get("risk_multipliers")
        if not isinstance(levels, dict):
            return self.risk
        whole = {**RiskParameters().risk_multipliers, **(usual if isinstance(usual, dict) else {}), **levels}
        return {**self.risk, "risk_multipliers": whole}

    def members_off(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those that a switch has turned off: `lstm_enabled` is the LSTM's, `ensemble_enabled` that of all others."""
        switches = self.autonomous
        return tuple(n for n in names if not (switches.lstm_enabled if n == LSTM else switches.ensemble_enabled))

    def where_sizing(self, key: str) -> str:
        """How a sentence names a size's setting: by its section, or by the file that it was read from."""
        return f"[sizing] {key}" if key in self.sizing or key not in self.kelly else _where_kelly(key)

    def wanted_position_size(self) -> int:
        """`max_position_size` of sizing as it stands, before `[autonomous]` has its say."""
        return int(number({**self.kelly, **self.sizing}, "max_position_size", USUAL_SIZE))

    @property
    def simulated(self) -> bool:
        """Whether the market is generated."""
        return self.data.feed == "simulated" if self.data.feed else not self.data.source

    @property
    def venue_name(self) -> str:
        """Where orders go: `[trading] venue`, or what `[sierra] host` says."""
        return self.trading.venue or ("sierra" if self.sierra.used else "paper")


def _where_kelly(key: str) -> str:
    return f"{KELLY_FILE}: {key}"
