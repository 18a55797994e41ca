"""The sections of `minhos.toml` one by one: every key with its default, range and meaning.

Not for what two sections say of each other: see `contradictions`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from minhos.errors import SettingsError, SymbolError
from minhos.market.symbols import Symbol, parse_symbol

LARGEST_SEED = 1_000_000_000
"""Libraries take seeds of 31 bits, and some fits take those that follow."""
BROKER_SYMBOL_BYTES = 64
"""Of a symbol in a DTC message, its closing zero included."""
Number = TypeVar("Number", int, float, None)
ACCOUNT_NAME = (
    "it names the file of the account's journal: 1 to 31 letters, digits, dots, underscores and hyphens, the first "
    "of them no dot"
)


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
    alarm_after_s: float = within(10.0, 2.0, 60.0, "the trader is heard every second, and a minute unwatched is long")
    """Seconds of silence of the trader after which it raises an alarm."""
    act_after_s: float = within(
        60.0, 2.0, 900.0, "the trader is heard every second, and a quarter of an hour unwatched is long"
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
