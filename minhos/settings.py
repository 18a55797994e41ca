"""Typed settings: `config/minhos.toml`, `config/kelly_risk_parameters.json`, `config/events.csv`.

Read only by services and commands; rooms take the small frozen structs made here.  A misspelt key says which
was meant, contradicting switches are refused, and a value out of range names itself.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import math
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from minhos import ranges
from minhos.errors import SettingsError, SymbolError
from minhos.market.instruments import INSTRUMENTS, instrument
from minhos.market.symbols import Symbol, parse_symbol
from minhos.market.types import Instrument
from minhos.models.forecast import LSTM
from minhos.risk.events import parse_events
from minhos.risk.parameters import RiskParameters
from minhos.risk.types import Level
from minhos.sizing.types import SizingParameters

OVERRIDES = "MINHOS_OVERRIDES"
"""Environment variable through which `start` hands its switches to the processes that it starts."""
LARGEST_SEED = 1_000_000_000
"""Libraries take seeds of 31 bits, and some fits take those that follow."""
LARGEST_NUMBER = 2**63 - 1
"""What TOML promises for a whole number."""
TOO_LONG = f"has a whole number beyond {LARGEST_NUMBER}, which no setting is; write a shorter one."
TOO_DEEP = (
    "has lists or tables within each other so deep that no setting is there; remove what is in too many brackets."
)
BROKER_SYMBOL_BYTES = 64
"""Of a symbol in a DTC message, its closing zero included."""
ROOT = Path(__file__).resolve().parent.parent
Struct = TypeVar("Struct", bound=msgspec.Struct)
Number = TypeVar("Number", int, float, None)
FIRST_YEAR, LAST_YEAR = 2008, 2032
"""Of the contracts that the table of sessions knows."""
USUAL_SIZE = SizingParameters().max_position_size
"""Contracts up to which the smaller of two settings counts without a word."""
RULES_OF_EVALUATION = (*ranges.ACCOUNT_RULES, "trails")
"""Keys of `[evaluation.NAME]`."""
KELLY_FILE = "kelly_risk_parameters.json"


ACCOUNT_NAME = (
    "it names the file of the account's journal: 1 to 31 letters, digits, dots, underscores and hyphens, the first "
    "of them no dot"
)


def home() -> Path:
    """Where configuration and data lie: the checkout, or the folder named by MINHOS_HOME."""
    return Path(os.environ.get("MINHOS_HOME", ROOT))


def within(default: Number, low: float, high: float, why: str) -> Number:
    """A number's field: its default, its range with both ends, and the end of the sentence that refuses another."""
    field: Number = Field(default, ge=low, le=high, json_schema_extra={"why": why})
    return field


def account_name(default: str) -> str:
    """A field that names an account of ours: a part of its journal's file name, which `backup` finds again."""
    field: str = Field(default, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,30}$", json_schema_extra={"why": ACCOUNT_NAME})
    return field


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
    flush_interval_ms: int = within(5000, 0, 600_000, "every bar is closed that much later")
    """Sierra Chart's "Intraday File Flush Time": how often it writes what has happened."""
    grace_ms: int = within(2000, 0, 60_000, "every bar is closed that much later")
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
    ceiling: float = within(0.58, 0.5, 0.62, "0.5 is no edge, and nothing beyond 0.62 is like a market")
    """Best possible accuracy on it, as a share; 0.5 is no edge."""
    seed: int = within(7, 0, LARGEST_SEED, "libraries take seeds of 31 bits")
    """The same seed makes the same market."""
    history_days: int = within(90, 25, 3650, "a first model learns from 20 sessions, and ten years fill a machine")
    """Calendar days that lie before the start and are trained on."""
    seconds_per_bar: float = within(2.0, 0.0, 300.0, "a bar is five minutes, and a pace of 300 is real time")
    """Pace: seconds of real time from one 5-minute bar to the next; 0 for as fast as they are decided."""
    days_ahead: int = within(180, 1, 1500, "a simulated market is drawn before it runs, and four years fill a machine")
    """Calendar days that lie after the start, the default about 20 hours at 2 s a bar; then the market is over."""
    start: str = "2025-10-06T09:30:00-04:00"
    """A Monday 09:30 in New York; the clock stands there until the first bundle is live."""


class PaperSettings(Section):
    initial_cash: float = within(
        250_000, 100.0, 1e9, "an account has at least a hundred dollars and less than a billion"
    )
    """Dollars with which a new paper journal begins."""
    delay_bars: int = within(0, 0, 12, "an order of an hour ago is another decision")
    """Opens to let pass before a market order fills; 0: the next one."""
    account: str = account_name("paper")
    """Name of the paper account; each has a journal of its own."""


class TradingSection(Section):
    venue: str = ""
    """Name of a venue of the user's own (`parts`); empty for Sierra Chart where it has a host, else the paper venue."""
    account: str = account_name("own")
    """Its account's name in the journal."""
    mode: Literal["paper", "live"] = "paper"
    """`live` where its orders are real money."""


class SierraSettings(Section):
    """Where Sierra Chart's DTC server listens; without a host the orders go to our own paper venue."""

    host: str = ""
    """The machine on which Sierra Chart runs; empty: orders go to our own paper venue."""
    port: int = within(11099, 1, 65_535, "ports have 16 bits")
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
    target_atr: float = within(20.0, 4.0, 1000.0, "a target that near takes part in what is bet on")
    """Distance of a bracket's target in ATR: so far that it takes no part in what is bet on."""
    request_timeout_s: float = within(5.0, 0.1, 120.0, "an answer takes its time, and who waits for minutes is blind")
    """Seconds after which a request without an answer counts as failed."""
    reconcile_every_s: float = within(60.0, 1.0, 3600.0, "what differs from the broker must be seen within the hour")
    """Seconds between two comparisons of our orders and position with those that the broker shows."""
    heartbeat_s: int = within(10, 1, 60, "a connection that is gone must be seen within a minute or two")
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
    alarm_after_s: float = within(
        10.0, 2.0, 3600.0, "the trader is heard every second, and an hour unwatched is too long"
    )
    """Seconds of silence of the trader after which it raises an alarm."""
    act_after_s: float = within(
        60.0, 2.0, 86_400.0, "the trader is heard every second, and a day unwatched is too long"
    )
    """Seconds of silence after which it acts."""


class TrainingSettings(Section):
    size: Literal["", "demo", "standard"] = ""
    """The recipe: demo (fast) or standard; empty: by the number of bars."""
    seed: int = within(1, 0, LARGEST_SEED, "libraries take seeds of 31 bits")
    """Of every random number in training; the same seed and bars make the same bundle."""
    processes: int = within(2, 1, 256, "each fit takes a core of this machine")
    """Fits side by side, of one thread each."""
    retrain_every_days: int = within(7, 1, 3650, "a day is the least that brings new bars, and ten years are never")
    """Calendar days between two trainings by the trainer."""
    days: int | None = within(None, 1, 10_000, "it is a number of trading days; left out it is all of them")
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
    min_confidence: float = within(0.65, 0.5, 1.0, "it is the probability of the likelier side")
    """Calibrated probability of the side below which nothing is added; 0.5 leaves break-even as the rule."""
    max_position_size: int = within(5, 0, 100, "more than a hundred contracts are no individual's order")
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
    port: int = within(8000, 1, 65_535, "ports have 16 bits")
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

        Of the position sizes, and of the day's limits in `[sizing]` and `[risk]`, the smaller counts.  Raises
        SettingsError for a number out of its range.
        """
        kelly = {key: value for key, value in self.kelly.items() if key != "risk_multipliers"}
        refuse_unknown(kelly, (*SizingParameters.__struct_fields__, "trading_capital"), KELLY_FILE)
        values = {**kelly, **self.sizing}
        largest = _number(values, "max_position_size", USUAL_SIZE)
        if "trading_capital" in values:
            _number(dict(values), "trading_capital")
        in_range(SizingParameters, {**values, "max_position_size": largest}, self.where_sizing)
        if largest != int(largest):
            raise SettingsError(f"{self.where_sizing('max_position_size')} = {largest}: give whole contracts.")
        values["max_position_size"] = min(int(largest), self.autonomous.max_position_size)
        values["kelly_enabled"] = self.autonomous.kelly_enabled and values.get("kelly_enabled", True)
        in_range(RiskParameters, self.risk)
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
            in_range(RiskParameters, {"risk_multipliers": self.kelly["risk_multipliers"]}, _where_kelly)
        return to_struct(RiskParameters, {**values, **self.risk}, "[risk]")

    def members_off(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those that a switch has turned off: `lstm_enabled` is the LSTM's, `ensemble_enabled` that of all others."""
        switches = self.autonomous
        return tuple(n for n in names if not (switches.lstm_enabled if n == LSTM else switches.ensemble_enabled))

    def where_sizing(self, key: str) -> str:
        """How a sentence names a size's setting: by its section, or by the file that it was read from."""
        return f"[sizing] {key}" if key in self.sizing or key not in self.kelly else _where_kelly(key)

    def wanted_position_size(self) -> int:
        """`max_position_size` of sizing as it stands, before `[autonomous]` has its say."""
        return int(_number({**self.kelly, **self.sizing}, "max_position_size", USUAL_SIZE))

    @property
    def simulated(self) -> bool:
        """Whether the market is generated."""
        return self.data.feed == "simulated" if self.data.feed else not self.data.source

    @property
    def venue_name(self) -> str:
        """Where orders go: `[trading] venue`, or what `[sierra] host` says."""
        return self.trading.venue or ("sierra" if self.sierra.used else "paper")


def _where_evaluation(name: str, key: str) -> str:
    return f"[evaluation.{name}] {key}"


def _where_kelly(key: str) -> str:
    return f"{KELLY_FILE}: {key}"


RANGES: dict[type[msgspec.Struct], tuple[str, Mapping[str, ranges.Range]]] = {
    SizingParameters: ("[sizing]", ranges.SIZING),
    RiskParameters: ("[risk]", ranges.RISK),
}
"""Section and ranges of the structs that a section becomes."""


def in_range(
    kind: type[msgspec.Struct], values: Mapping[str, object], where: Callable[[str], str] | None = None
) -> None:
    """Refuse a number of that section that lies outside its range.  Raises SettingsError."""
    section, allowed = RANGES[kind]
    usual = msgspec.to_builtins(kind())

    def usual_of(path: str) -> object:
        found: object = usual
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return found

    ranges.check(values, allowed, where or (lambda key: f"{section} {key}"), usual_of)


def to_struct(kind: type[Struct], values: dict[str, object], where: str) -> Struct:
    """A frozen struct from a section of the settings.

    Raises:
        SettingsError: an unknown key (with the likely one) or a value of the wrong kind.
    """
    _refuse_unknown_within(kind, values, where)
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {error}; see `config show` for every key and its value.") from error


def _refuse_unknown_within(kind: type[msgspec.Struct], values: Mapping[str, object], where: str) -> None:
    """Say which key was meant, in the tables within that section too."""
    refuse_unknown(values, kind.__struct_fields__, where)
    for field in msgspec.structs.fields(kind):
        table = values.get(field.name)
        if isinstance(table, Mapping) and isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            _refuse_unknown_within(field.type, table, f"{where.rstrip(']')}.{field.name}]")


def _number(values: dict[str, object], key: str, default: float = math.nan) -> float:
    """A finite number of `[sizing]`, taken out of it.  Raises SettingsError with the value."""
    value = values.pop(key, default)
    if not ranges.is_number(value) or not (isinstance(value, int) or math.isfinite(value)):
        raise SettingsError(f"[sizing] {key} = {value!r} is no number; give one such as 5, without quotes.")
    return value


def refuse_unknown(values: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    """Say which key was meant."""
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            meant = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}."
            raise SettingsError(f"{where} has no key {key!r}: {meant}")


AS_STARTED = "MINHOS_SETTINGS"
"""Environment variable through which `start` names the copy of the files that all of its processes go by, so that one
that is started again does not go by others than the rest."""
FILES = ("minhos.toml", KELLY_FILE, "events.csv")


def texts_of(folder: Path) -> dict[str, str]:
    """The files of a home's settings by name, as they stand; an absent one is empty.  Raises SettingsError."""
    return {name: _read_text(folder / "config" / name) for name in FILES}


def load(
    folder: Path | None = None,
    overrides: Mapping[str, Mapping[str, object]] | None = None,
    *,
    copy: Path | None = None,
) -> Settings:
    """Settings of that home folder; files that are absent leave the defaults.  overrides: section → key → value.

    A process that `start` began reads the copy of the files that was made then; copy: the same for others, where there
    is one.

    Raises:
        SettingsError: a file that cannot be read, an unknown key, a contradiction or a value out of range.
    """
    place = folder or home()
    config, texts = place / "config", _copied(copy) or texts_of(place)
    values = read_toml(config / "minhos.toml", texts["minhos.toml"])
    for source in (switches(), overrides or {}):
        for section, entries in source.items():
            given = values.setdefault(section, {})
            if isinstance(given, dict):  # anything else is refused by `parse`
                values[section] = {**given, **entries}
    refuse_unknown(values, tuple(name for name in Settings.model_fields if name not in OTHER_FILES), "minhos.toml")
    values["kelly"] = _read_json(config / KELLY_FILE, texts[KELLY_FILE])
    values["events_text"] = texts["events.csv"]
    _place_mirror(values, folder or home())
    settings = parse(values)
    settings.sierra.names_at_broker()
    settings.risk_parameters()
    parse_events(settings.events_text)
    refuse_contradictions(settings)
    return settings


def refuse_contradictions(settings: Settings) -> None:
    """Every rule between two settings, in one place; a range of one alone is in `ranges` and in its field.

    Raises SettingsError, with both values and the way out.
    """
    market, autonomous, watchdog = settings.market, settings.autonomous, settings.watchdog
    sizing, risk = settings.sizing_parameters(), settings.risk_parameters()
    autonomous.sends_orders()
    for name, rules in settings.evaluation.items():
        refuse_unknown(rules, RULES_OF_EVALUATION, f"[evaluation.{name}]")
        ranges.check(rules, ranges.ACCOUNT_RULES, partial(_where_evaluation, name))
    symbol = _known_symbol("[market] symbol", market.symbol)
    if market.order_root:
        order_root = _known_symbol("[market] order_root", market.order_root).root
        index = {symbol.root, *(root for root, known in INSTRUMENTS.items() if known.micro_root == symbol.root)}
        index |= {INSTRUMENTS[symbol.root].micro_root} - {""}
        if order_root not in index:
            raise SettingsError(
                f'[market] order_root = "{market.order_root}": forecasts of {symbol.root} say nothing of another '
                f"index; name {' or '.join(sorted(index))}, or leave it empty."
            )
    settings.instrument(symbol.root)
    for root in market.instruments:
        costs = settings.instrument(root)
        if costs.round_trip_cost_ticks() <= 0.0:
            raise SettingsError(
                f"[market.instruments.{root}] commission_cents = 0 and slippage_ticks = 0: a round trip that costs "
                "nothing makes every coin flip a bet; set one of them above zero."
            )
    act_s, alarm_s = watchdog.act_after_s, watchdog.alarm_after_s
    if act_s < alarm_s:
        raise SettingsError(
            f"[watchdog] act_after_s = {act_s:g} lies before alarm_after_s = {alarm_s:g}: it must tell before it acts; "
            "give act_after_s the larger of the two."
        )
    if not autonomous.lstm_enabled and not autonomous.ensemble_enabled:
        raise SettingsError(
            "[autonomous] lstm_enabled = false and ensemble_enabled = false: no model is left that could vote; turn "
            "one on, or send no orders with auto_trading = false."
        )
    given, most = settings.wanted_position_size(), autonomous.max_position_size
    if given != most and max(given, most) > USUAL_SIZE:
        larger = max(given, most)
        raise SettingsError(
            f"{settings.where_sizing('max_position_size')} = {given} and [autonomous] max_position_size = {most}: the "
            f"smaller counts, and the {larger} would be cut without a word; set both: `minh.py config set "
            f"sizing.max_position_size {larger} autonomous.max_position_size {larger}`."
        )
    for key in ("max_position_size", "max_capital_risk"):
        wanted, allowed = settings.risk.get(key), getattr(sizing, key)
        if ranges.is_number(wanted) and getattr(risk, key) > allowed:
            raise SettingsError(
                f"[risk] {key} = {wanted}: sizing stops at {key} = {allowed} before; set [sizing] {key} too, or leave "
                "it out."
            )
    if sizing.fixed_fraction > sizing.max_capital_risk:
        raise SettingsError(
            f"[sizing] fixed_fraction = {sizing.fixed_fraction:g}: more than max_capital_risk = "
            f"{sizing.max_capital_risk:g}, which would cut it; raise that, or lower this."
        )
    if settings.sierra.target_atr <= sizing.stop_atr:
        raise SettingsError(
            f"[sierra] target_atr = {settings.sierra.target_atr:g} lies nearer than the stop of [sizing] stop_atr = "
            f"{sizing.stop_atr:g}; a target must take no part in the bet: set it to 20 or more."
        )
    multipliers = [risk.risk_multipliers[level.name] for level in Level]
    if multipliers != sorted(multipliers, reverse=True):
        raise SettingsError(
            f"risk_multipliers = {risk.risk_multipliers}: a worse level may not have the larger size; let them fall "
            "from LOW to EMERGENCY."
        )
    _check_start(settings.simulation.start)
    _check_zone(settings.data.timezone)


def _known_symbol(where: str, text: str) -> Symbol:
    """The symbol of a setting; a contract of a year that no session is known of cannot be meant."""
    try:
        symbol = parse_symbol(text)
    except SymbolError as error:
        raise SettingsError(f'{where} = "{text}": {error}.') from error
    if symbol.dated and not FIRST_YEAR <= symbol.year <= LAST_YEAR:
        raise SettingsError(
            f'{where} = "{text}": a contract of {symbol.year}, and sessions are known from {FIRST_YEAR} to '
            f'{LAST_YEAR}; write the root "{symbol.root}" for the contract in front.'
        )
    return symbol


def _check_zone(name: str) -> None:
    if not name:
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, available_timezones(), n=1, cutoff=0.4)
        meant = f"did you mean {near[0]}?" if near else 'write it like "Europe/Berlin".'
        raise SettingsError(f'[data] timezone = "{name}" is no zone of the IANA database; {meant}') from None


def _check_start(text: str) -> None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = dt.datetime.min
    if moment.tzinfo is None or not FIRST_YEAR <= moment.year < LAST_YEAR:
        raise SettingsError(
            f'[simulation] start = "{text}": give a time with its offset between {FIRST_YEAR} and {LAST_YEAR}, such as '
            "2025-10-06T09:30:00-04:00."
        )


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
        raise SettingsError(_sentence(first["loc"], first["input"], first["msg"])) from error


def _sentence(loc: tuple[int | str, ...], value: object, message: str) -> str:
    """What is wrong with a value, with its range and the reason where it is a number."""
    where = ".".join(str(part) for part in loc)
    section = Settings.model_fields.get(str(loc[0]))
    kind = section.annotation if section is not None else None
    if len(loc) > 1 and isinstance(kind, type) and issubclass(kind, Section):
        allowed = range_of(kind, str(loc[1]))
        if allowed is not None and ranges.is_number(value):
            return ranges.refusal(where, value, allowed, kind.model_fields[str(loc[1])].default)
        field = kind.model_fields[str(loc[1])]
        if isinstance(value, str) and field.annotation is str and isinstance(field.json_schema_extra, dict):
            return f'{where} = {value!r}: {field.json_schema_extra["why"]}; set it to "{field.default}".'
    return f"{where} = {value!r}: {message.lower()}."


def range_of(section: type[Section], key: str) -> ranges.Range | None:
    """The range of a number of that section; None for what is no number."""
    field = section.model_fields[key]
    ends = [getattr(each, name) for name in ("ge", "le") for each in field.metadata if hasattr(each, name)]
    extra = field.json_schema_extra
    if len(ends) != 2 or not isinstance(extra, dict):
        return None
    return ranges.Range(ends[0], ends[1], str(extra["why"]))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark of its encoding
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}.") from error


def _copied(copy: Path | None) -> dict[str, str] | None:
    """The files as `start` copied them; None where there is no whole copy, and then the files themselves count."""
    named = os.environ.get(AS_STARTED)
    path = copy or (Path(named) if named else None)
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path is not None else None
    except (OSError, ValueError):
        return None
    whole = isinstance(found, dict) and all(isinstance(found.get(name), str) for name in FILES)
    return found if whole else None


def _refuse_endless(values: object, path: Path) -> None:
    """Raises SettingsError for a whole number, however deep, that no setting can be and no float can hold."""
    if isinstance(values, dict | list):
        for value in values.values() if isinstance(values, dict) else values:
            _refuse_endless(value, path)
    elif isinstance(values, int) and abs(values) > LARGEST_NUMBER:
        raise SettingsError(f"{path} {TOO_LONG}")


def read_toml(path: Path, text: str) -> dict[str, object]:
    """The text of that file as TOML.  Raises SettingsError, which names the file."""
    try:
        values = tomllib.loads(text)
        _refuse_endless(values, path)
        return values
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from error
    except RecursionError as error:
        raise SettingsError(f"{path} {TOO_DEEP}") from error
    except ValueError as error:
        raise SettingsError(f"{path} {TOO_LONG}") from error


def _read_json(path: Path, text: str) -> dict[str, object]:
    try:
        values = json.loads(text) if text else {}
        _refuse_endless(values, path)
    except json.JSONDecodeError as error:
        raise SettingsError(f"{path} is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise SettingsError(f"{path} {TOO_DEEP}") from error
    except ValueError as error:
        raise SettingsError(f"{path} {TOO_LONG}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path} must hold one JSON object, not {type(values).__name__}.")
    return values
