"""What happens to the machine and its processes, each a few plain values; `stage` carries them out."""

from __future__ import annotations

from minhos.testing.world.fault import Fault


class Kill(Fault, frozen=True, kw_only=True):
    """A process ends at once."""

    name: str


class Crash(Fault, frozen=True, kw_only=True):
    """The trader ends in the middle of a turn: with its n-th event from that moment on, which is journaled still."""

    events: int


class Hang(Fault, frozen=True, kw_only=True):
    """A process lives and has no turn, as one that is stopped or waits for its memory from the disk."""

    name: str


class SetClock(Fault, frozen=True, kw_only=True):
    """The machine's time of day jumps by so much and stays so."""

    by_ms: int


class Suspend(Fault, frozen=True, kw_only=True):
    """The machine sleeps; market and broker do not."""


class NetworkDown(Fault, frozen=True, kw_only=True):
    """Every connection is lost, and none can be made."""


class PidGivenAgain(Fault, frozen=True, kw_only=True):
    """A process dies, and the system gives its number to a stranger."""

    name: str


MachineFault = Kill | Crash | Hang | SetClock | Suspend | NetworkDown | PidGivenAgain
