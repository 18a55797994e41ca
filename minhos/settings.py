"""Typed settings: `config/minhos.toml`, `config/kelly_risk_parameters.json`, `config/events.csv`.

Read only by services and commands; rooms take the small frozen structs made here.  A misspelt key says which
was meant, contradicting switches are refused, and a value out of range names itself.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from minhos.errors import SettingsError, SymbolError
from minhos.market.instruments import instrument
from minhos.market.symbols import Symbol, parse_symbol
from minhos.market.types import Instrument
from minhos.models.forecast import LSTM
from minhos.risk.events import parse_events
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters

OVERRIDES = "MINHOS_OVERRIDES"
"""Environment variable through which `start` hands its switches to the processes that it starts."""
LARGEST_SEED = 1_000_000_000
"""Libraries take seeds of 31 bits, and some fits take those that follow."""
BROKER_SYMBOL_BYTES = 64
"""Of a symbol in a DTC message, its closing zero included."""
ROOT = Path(__file__).resolve().parent.parent
Struct = TypeVar("Struct", bound=msgspec.Struct)


def home() -> Path:
    """Where configuration and data lie: the checkout, or the folder named by MINHOS_HOME."""
    return Path(os.environ.get("MINHOS_HOME", ROOT))


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MarketSettings(Section):
    symbol: str = "NQ"
    """What is forecast: a root (front month by volume) or a contract."""
    order_root: str = ""
    """Root that is traded; empty for the same (NQ bars, MNQ orders: "MNQ")."""
    instruments: dict[str, dict[str, object]] = {}
    """Overrides by root: commission_cents, slippage_ticks, stop_slippage_ticks, day_margin_cents,
    overnight_margin_cents."""


class DataSettings(Section):
    source: str = ""
    """File or folder of bars; empty for the simulated market, or for the bridge alone."""
    bridge: str = ""
    """host:port of `minh.py bridge` beside Sierra Chart; with a source, the bridge stands in while that fails."""
    bridge_password: str = ""
    """Better in the environment variable MINHOS_BRIDGE_PASSWORD."""
    bridge_fingerprint: str = ""
    """SHA-256 of its certificate, as the bridge prints it; empty for a bridge without TLS."""
    bridge_folder: str = ""
    """Where the bridge's files are mirrored; empty for data/bridge."""
    feed: str = ""
    """Name of a feed of the user's own (`parts`); empty for the bridge, the folder or the simulated market."""
    timezone: str = ""
    """Zone of stamps without an offset, as "Europe/Berlin"; empty: found from the data, or refused."""
    stamps: Literal["", "open", "close"] = ""
    """Whether a stamp is the open or the close of its bar; empty: found from the data, or refused."""
    flush_interval_ms: int = Field(5000, ge=0)
    """Sierra Chart's "Intraday File Flush Time": how often it writes what has happened."""
    grace_ms: int = Field(2000, ge=0)
    """How much later than that a bar is closed without a newer record, or counts as missing."""

    def bridge_address(self) -> tuple[str, int]:
        """Host and port of the bridge.  Raises SettingsError for what is no address, or no fingerprint."""
        host, _, port = self.bridge.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise SettingsError(f'[data] bridge = "{self.bridge}" is no address; write it like "192.168.1.20:11199".')
        if self.bridge_fingerprint and not re.fullmatch(r"([0-9a-fA-F]{2}[: ]?){32}", self.bridge_fingerprint):
            raise SettingsError(
                f'[data] bridge_fingerprint = "{self.bridge_fingerprint}" is no SHA-256; copy the 64 hex digits that '
                "`minh.py bridge` prints."
            )
        return host.strip("[]"), int(port)


class SimulationSettings(Section):
    kind: Literal["ou", "regime", "break", "null"] = "ou"
    """The simulated market: mean-reverting, with regimes, with an edge that breaks, or without any edge."""
    ceiling: float = Field(0.58, ge=0.5, le=0.62)
    """Best possible accuracy on it, as a share; 0.5 is no edge."""
    seed: int = 7
    """The same seed makes the same market."""
    history_days: int = Field(90, ge=25)
    """Calendar days that lie before the start and are trained on."""
    seconds_per_bar: float = Field(2.0, ge=0.0)
    """Pace: seconds of real time from one 5-minute bar to the next; 0 for as fast as they are decided."""
    days_ahead: int = Field(180, ge=1, le=1_500)
    """Calendar days that lie after the start, the default about 20 hours at 2 s a bar; then the market is over."""
    start: str = "2025-10-06T09:30:00-04:00"
    """A Monday 09:30 in New York; the clock stands there until the first bundle is live."""


class PaperSettings(Section):
    initial_cash: float = Field(250_000, gt=0)
    """Dollars with which a new paper journal begins."""
    delay_bars: int = Field(0, ge=0, le=12)
    """Opens to let pass before a market order fills; 0: the next one."""
    account: str = "paper"
    """Name of the paper account; each has a journal of its own."""


class TradingSection(Section):
    venue: str = ""
    """Name of a venue of the user's own (`parts`); empty for Sierra Chart where it has a host, else the paper venue."""
    account: str = "own"
    """Its account's name in the journal."""
    mode: Literal["paper", "live"] = "paper"
    """`live` where its orders are real money."""


class SierraSettings(Section):
    """Where Sierra Chart's DTC server listens; without a host the orders go to our own paper venue."""

    host: str = ""
    """The machine on which Sierra Chart runs; empty: orders go to our own paper venue."""
    port: int = Field(11099, ge=1, le=65535)
    """Port of Sierra Chart's DTC server for orders."""
    account: str = "Sim1"
    """Sim1, Sim2, ... are Sierra Chart's simulated accounts; any other is real money."""
    mode: Literal["paper", "live"] = "paper"
    """Must agree with the account: `live` for any but Sierra Chart's simulated ones."""
    username: str = ""
    """Only where Sierra Chart requires authentication."""
    password: str = ""
    """Better in the environment variable MINHOS_SIERRA_PASSWORD."""
    encoding: Literal["binary", "json", "json_compact"] = "binary"
    """Must agree with the encoding chosen in Sierra Chart's DTC server settings."""
    tls: bool = False
    """Encrypt the connection; must agree with Sierra Chart's server."""
    legs: Literal["stop_and_target", "stop"] = "stop_and_target"
    """What a bracket carries; `check-sierra` finds out whether the stop alone is taken."""
    target_atr: float = Field(20.0, gt=3.0)
    """Distance of a bracket's target in ATR: so far that it takes no part in what is bet on."""
    request_timeout_s: float = Field(5.0, gt=0.0)
    """Seconds after which a request without an answer counts as failed."""
    reconcile_every_s: float = Field(60.0, ge=1.0)
    """Seconds between two comparisons of our orders and position with those that the broker shows."""
    heartbeat_s: int = Field(10, ge=1, le=60)
    """Seconds between two heartbeats; a connection that is silent for twice as long is lost."""
    broker_symbols: dict[str, str] = {}
    """The broker's name by contract, where it is none of the usual forms: MNQZ25 = "F.US.MNQZ25"."""

    def names_at_broker(self) -> dict[str, str]:
        """`broker_symbols` by our contracts' names.  Raises SettingsError for what is no contract or no name."""
        names: dict[str, str] = {}
        for contract, name in self.broker_symbols.items():
            ours = _contract(contract)
            where = f"[sierra.broker_symbols] {contract} = {name!r}"
            if ours is None:
                raise SettingsError(f'{where}: {contract!r} is no contract that MinhOS trades; write it like "MNQZ25".')
            if not 0 < len(name.strip()) < BROKER_SYMBOL_BYTES or not name.isprintable() or not name.isascii():
                raise SettingsError(f"{where}: give the name as File >> Find Symbol shows it, at most 63 characters.")
            theirs = _contract(name, ours.year)
            if theirs is not None and theirs.contract != ours.contract:
                raise SettingsError(f"{where}: that is {theirs.contract}, another contract; orders would go to it.")
            if ours.contract in names or name.strip() in names.values():
                raise SettingsError(f"{where}: contract or name stands there twice; keep one of them.")
            names[ours.contract] = name.strip()
        return names

    @property
    def used(self) -> bool:
        return bool(self.host)

    @property
    def simulated_account(self) -> bool:
        return re.fullmatch(r"Sim\d+", self.account) is not None


class WatchdogSettings(Section):
    action: Literal["alarm", "flatten"] = "flatten"
    """What is done about a dead or silent trader with an open position at the broker."""
    alarm_after_s: float = Field(10.0, gt=0.0)
    """Seconds of silence of the trader after which it raises an alarm."""
    act_after_s: float = Field(60.0, gt=0.0)
    """Seconds of silence after which it acts."""


class TrainingSettings(Section):
    size: Literal["", "demo", "standard"] = ""
    """The recipe: demo (fast) or standard; empty: by the number of bars."""
    seed: int = Field(1, ge=0, le=LARGEST_SEED)
    """Of every random number in training; the same seed and bars make the same bundle."""
    processes: int = Field(2, ge=1)
    """Fits side by side, of one thread each."""
    retrain_every_days: int = Field(7, ge=1)
    """Calendar days between two trainings by the trainer."""
    days: int | None = Field(None, ge=1)
    """Only the last so many trading days are trained on; left out: all."""


class AutonomousSettings(Section):
    ml_enabled: bool = True
    """Off: no orders are sent, whatever the other switches say."""
    auto_trading: bool | None = None
    """Off: decisions are made and shown, no orders are sent.  One switch with the two names below."""
    enable_auto_trading: bool | None = None
    """Another name of `auto_trading`; unequal values are refused."""
    auto_execution_enabled: bool | None = None
    """Another name of `auto_trading`; unequal values are refused."""
    require_approval: bool = False
    """On: recommendations are shown, nothing is sent by itself."""
    min_confidence: float = Field(0.65, ge=0.5, le=1.0)
    """Calibrated probability of the side below which nothing is added; 0.5 leaves break-even as the rule."""
    max_position_size: int = Field(5, ge=0)
    """Contracts of one instrument at most; the smaller of this and the one for sizing counts."""
    kelly_enabled: bool = True
    """Off: one contract, whatever Kelly says."""
    ensemble_enabled: bool = True
    """Off: only the LSTM votes."""
    lstm_enabled: bool = True
    """Off: only the ensemble votes."""

    def sends_orders(self) -> bool:
        """One switch with three names: unequal values are refused."""
        given = {
            name: value
            for name in ("auto_trading", "enable_auto_trading", "auto_execution_enabled")
            if (value := getattr(self, name)) is not None
        }
        if len(set(given.values())) > 1:
            text = ", ".join(f"{name} = {str(value).lower()}" for name, value in given.items())
            raise SettingsError(
                f"[autonomous] {text}: these are one switch with three names; give them the same value or keep one."
            )
        return all(given.values()) and self.ml_enabled and not self.require_approval


class WebSettings(Section):
    host: str = "127.0.0.1"
    """Address of the page and the interface; another than this machine needs a password."""
    port: int = Field(8000, ge=1, le=65535)
    """Port of the page and the interface."""
    password: str = ""
    """Asked for by the page and the interface; empty: none, on this machine alone."""
    names: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")], ...] = ()
    """Further names under which the page is opened, such as "trading.example.com"; under others nothing is answered."""


class UserSettings(Section):
    file: str = ""
    """A Python file of the user's own that registers parts (`minhos.parts`); under the home where it is not whole."""


def _contract(text: str, reference_year: int | None = None) -> Symbol | None:
    """The dated contract that the text names, None for anything else."""
    try:
        symbol = parse_symbol(text, reference_year)
    except SymbolError:
        return None
    return symbol if symbol.dated else None


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

        Of the position sizes, and of the day's limits in `[sizing]` and `[risk]`, the smaller counts.
        """
        kelly = {key: value for key, value in self.kelly.items() if key != "risk_multipliers"}
        values = {**kelly, **self.sizing}
        largest = int(_number(values, "max_position_size", 5))
        values["max_position_size"] = min(largest, self.autonomous.max_position_size)
        values["kelly_enabled"] = self.autonomous.kelly_enabled and values.get("kelly_enabled", True)
        limits = to_struct(RiskParameters, self.risk, "[risk]")
        values.setdefault("daily_loss_limit", limits.daily_loss_limit)
        values.setdefault("daily_loss_limit_cents", limits.daily_loss_limit_cents)
        if "trading_capital" in values:
            values["trading_capital_cents"] = round(100 * _number(values, "trading_capital"))
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
        return to_struct(RiskParameters, {**values, **self.risk}, "[risk]")

    def members_off(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those that a switch has turned off: `lstm_enabled` is the LSTM's, `ensemble_enabled` that of all others."""
        switches = self.autonomous
        return tuple(n for n in names if not (switches.lstm_enabled if n == LSTM else switches.ensemble_enabled))

    @property
    def simulated(self) -> bool:
        """Whether the market is generated."""
        return self.data.feed == "simulated" if self.data.feed else not self.data.source

    @property
    def venue_name(self) -> str:
        """Where orders go: `[trading] venue`, or what `[sierra] host` says."""
        return self.trading.venue or ("sierra" if self.sierra.used else "paper")


def to_struct(kind: type[Struct], values: dict[str, object], where: str) -> Struct:
    """A frozen struct from a section of the settings.

    Raises:
        SettingsError: an unknown key (with the likely one) or a value of the wrong kind.
    """
    refuse_unknown(values, kind.__struct_fields__, where)
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {error}; see `config show` for every key and its value.") from error


def _number(values: dict[str, object], key: str, default: float = math.nan) -> float:
    """A finite number of `[sizing]`, taken out of it.  Raises SettingsError with the value."""
    value = values.pop(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SettingsError(f"[sizing] {key} = {value!r} is no number; give one such as 5, without quotes.")
    return value


def refuse_unknown(values: dict[str, object], known: tuple[str, ...], where: str) -> None:
    """Say which key was meant."""
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            meant = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}."
            raise SettingsError(f"{where} has no key {key!r}: {meant}")


def load(folder: Path | None = None, overrides: Mapping[str, Mapping[str, object]] | None = None) -> Settings:
    """Settings of that home folder; files that are absent leave the defaults.  overrides: section → key → value.

    Raises:
        SettingsError: a file that cannot be read, an unknown key, a contradiction or a value out of range.
    """
    config = (folder or home()) / "config"
    values = _read_toml(config / "minhos.toml")
    for source in (switches(), overrides or {}):
        for section, entries in source.items():
            given = values.setdefault(section, {})
            if isinstance(given, dict):  # anything else is refused by `parse`
                values[section] = {**given, **entries}
    refuse_unknown(values, tuple(name for name in Settings.model_fields if name not in OTHER_FILES), "minhos.toml")
    values["kelly"] = _read_json(config / "kelly_risk_parameters.json")
    values["events_text"] = _read_text(config / "events.csv")
    _place_mirror(values, folder or home())
    settings = parse(values)
    settings.autonomous.sends_orders()
    settings.sierra.names_at_broker()
    settings.risk_parameters()
    parse_events(settings.events_text)
    return settings


def _place_mirror(values: dict[str, object], folder: Path) -> None:
    """With a bridge the mirror has a folder, which is the source where no other is named."""
    data = values.get("data")
    if not isinstance(data, dict) or not data.get("bridge"):
        return
    mirror = data.get("bridge_folder") or str(folder / "data" / "bridge")
    values["data"] = {**data, "bridge_folder": mirror, "source": data.get("source") or mirror}
    parse({"data": values["data"]}).data.bridge_address()


def switches() -> dict[str, dict[str, str | int | float | bool]]:
    """What the command that started this process was told on its command line, by section."""
    text = os.environ.get(OVERRIDES)
    values: dict[str, dict[str, str | int | float | bool]] = json.loads(text) if text else {}
    return values


def parse(values: dict[str, object]) -> Settings:
    """Settings from nested dictionaries, with sentences instead of validation reports."""
    refuse_unknown(values, tuple(Settings.model_fields), "minhos.toml")
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        section = values.get(name)
        if isinstance(kind, type) and issubclass(kind, Section) and isinstance(section, dict):
            refuse_unknown(section, tuple(kind.model_fields), f"[{name}]")
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{where} = {first['input']!r}: {first['msg'].lower()}.") from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}.") from error


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(_read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from error


def _read_json(path: Path) -> dict[str, object]:
    text = _read_text(path)
    try:
        values = json.loads(text) if text else {}
    except json.JSONDecodeError as error:
        raise SettingsError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path} must hold one JSON object, not {type(values).__name__}.")
    return values
