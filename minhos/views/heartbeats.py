"""What each process says of itself every second or so, and how far a training is: one struct a file in `data/run`.

Only values.  `minhos.assembly.heartbeats` writes and reads them, always whole; the names in the files are those of
the fields, and other versions of MinhOS read them: a field may be added, never renamed.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from minhos.market.types import NANOS_PER_SECOND


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """What every process says."""

    PROCESS: ClassVar[str] = ""
    """Its name, which is also that of the file."""

    pid: int = 0
    home: str = ""
    """The home folder that it works in; empty in what earlier versions wrote."""
    created_s: float = 0.0
    """When the operating system started it, UNIX seconds; 0 in what earlier versions wrote."""
    time_ns: int = 0
    """When this was written, by the machine's clock, which may be set."""
    steady_ns: int = 0
    """The same by its clock that never goes back, which every process of a machine reads alike until it is switched
    off; 0 in what earlier versions wrote."""
    version: str = ""
    """Of MinhOS; empty in what earlier versions wrote."""
    state: str = ""
    switches: dict[str, dict[str, str | int | float | bool]] = {}
    """What its start was told beside the settings' files, by section: `start --data` runs another market than these."""

    def age_s(self, now_ns: int, steady_ns: int) -> float:
        """Seconds since it was written, by whichever clock shows more; not below zero.

        The one may be set back to before it was written, and comes near it again then; the other begins anew when the
        machine is switched on, and says nothing of what was written before.  steady_ns: 0 where it is not known.
        """
        steady = steady_ns - self.steady_ns if steady_ns and self.steady_ns else 0
        return max(abs(now_ns - self.time_ns), steady) / NANOS_PER_SECOND


class FeedBeat(msgspec.Struct, frozen=True):
    """What the trader's feed says of itself."""

    connected: bool = False
    live: bool = False
    delayed: bool = False
    last_bar_ns: int = 0
    detail: str = ""


class TraderBeat(Heartbeat, frozen=True, kw_only=True):
    """state: running, or stopped where it ended in order."""

    PROCESS: ClassVar[str] = "trader"

    market_time_ns: int = 0
    """The time of its market, which on a simulated one is not the machine's."""
    mode: str = ""
    scope: str = ""
    account: str = ""
    journal: str = ""
    trade_date: int = 0
    venue: str = ""
    venue_ready: bool = True
    venue_reason: str = ""
    positions: dict[str, int] = {}
    """Signed contracts by contract symbol."""
    serving: bool = False
    """A model forecasts."""
    no_model: str = ""
    """Why none does, where more is known than that there is none: a bundle that was refused."""
    feed: FeedBeat = FeedBeat()
    market_open: bool | None = None
    next_open_ns: int = 0
    store: str = ""
    """Why events cannot be stored or commands read now: no new risk; empty where they can."""
    store_away_s: float = 0.0

    @property
    def held(self) -> dict[str, int]:
        """The positions without zeros."""
        return {symbol: contracts for symbol, contracts in self.positions.items() if contracts}


class TrainerBeat(Heartbeat, frozen=True, kw_only=True):
    """state: waiting or training."""

    PROCESS: ClassVar[str] = "trainer"

    scope: str = ""
    error: str = ""
    """Why the last training failed; empty where it did not."""


class WebBeat(Heartbeat, frozen=True, kw_only=True):
    """sequence: of the newest event that the page has taken in."""

    PROCESS: ClassVar[str] = "web"

    port: int = 0
    sequence: int = 0


class WatchdogBeat(Heartbeat, frozen=True, kw_only=True):
    """state: idle, fine, flat, alarm or act."""

    PROCESS: ClassVar[str] = "watchdog"

    sentence: str = ""
    last_action: str = ""
    """What it did since the trader was last heard."""
    supervisor: str = ""
    """What is wrong with the supervisor; empty for nothing."""


class AlertsBeat(Heartbeat, frozen=True, kw_only=True):
    """sent: alarms handed to the user's channels since it started.  failures: the last of each channel, by name."""

    PROCESS: ClassVar[str] = "alerts"

    sent: int = 0
    failures: dict[str, str] = {}


class SupervisorBeat(Heartbeat, frozen=True, kw_only=True):
    """children: process ids by name.  children_created_s: as `created_s`.  refused: why a child is not started."""

    PROCESS: ClassVar[str] = "supervisor"

    children: dict[str, int] = {}
    children_created_s: dict[str, float] = {}
    restarts: dict[str, int] = {}
    refused: dict[str, str] = {}


class TrainingProgress(msgspec.Struct, frozen=True):
    """How far a training is.  share: 0 to 1, below zero where it failed."""

    scope: str = ""
    share: float = 0.0
    message: str = ""
    time_ns: int = 0

    @property
    def failed(self) -> bool:
        return self.share < 0.0


class TrainingRequest(msgspec.Struct, frozen=True):
    """A person asks the trainer for a training now."""

    time_ns: int = 0
    who: str = ""
