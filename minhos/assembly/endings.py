"""How a process of a home ends, and what follows from it: three tables that children and supervisor both go by.

A child asks `ending_of` what its error is and ends with that exit code; who tends it reads the code and looks into
`POLICY`.  No ending of one child is a reason to end another.  When a child is started again is `processes.tended`'s.
"""

from __future__ import annotations

import enum
import errno
import sqlite3
from typing import NamedTuple

from minhos.errors import (
    DtcError,
    FeedError,
    InUse,
    JournalError,
    MinhosError,
    OrderStateError,
    ReconciliationError,
    VenueError,
)


class Ending(enum.IntEnum):
    """Why a process ended; the value is its exit code.  Any other code, a signal's too, is a passing fault."""

    ASKED = 0
    """It was told to."""
    PASSING = 1
    """What it needs is away, locked, full or broken, or it failed: it may work later, without anybody's doing."""
    MISTAKE = 2
    """A person has to change something first."""
    FATAL = 4
    """What it keeps contradicts itself: trying again soon is no help."""
    DONE = 5
    """There is nothing more to do: the generated market is over."""

    @classmethod
    def of_code(cls, code: int) -> Ending:
        """From an exit code of the operating system."""
        return cls(code) if code in {each.value for each in cls} else cls.PASSING


class Then(enum.Enum):
    """What follows for the child that ended.  Its value: the same for people, after what it is."""

    ENDS_THE_START = "ends this start"
    """Only where nothing is held: what was typed is wrong, and no process has begun to look after anything."""
    AGAIN = "is tried again"
    """After half a second, then after twice as long, up to half a minute."""
    LATER = "is looked at again every minute"
    LEFT = "is left as it is"


class Policy(NamedTuple):
    """What follows from each ending of one child."""

    first_mistake: Then
    """A mistake before it ever ran under this supervisor."""
    mistake: Then
    """A mistake at a later start, such as settings that are half saved."""
    passing: Then
    fatal: Then
    done: Then
    asked: Then


_A, _L = Then.AGAIN, Then.LATER
POLICY: dict[str, Policy] = {
    #                  first mistake        mistake  passing  fatal  done       asked
    "trader": Policy(Then.ENDS_THE_START, _A, _A, _L, Then.LEFT, _A),
    "trainer": Policy(_L, _A, _A, _L, _A, _A),
    "web": Policy(_L, _A, _A, _L, _A, _A),
    "watchdog": Policy(_L, _A, _A, _L, _A, _A),
    "alerts": Policy(_L, _A, _A, _L, _A, _A),
}
"""By child.  `asked`: by somebody else than its supervisor, for then it is not looked at any more."""

AWAY = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EIO,
        errno.EAGAIN,
        errno.EBUSY,
        errno.EINTR,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ETIMEDOUT,
        errno.EADDRINUSE,
    }
)
"""Errors of the operating system that pass: full, read-only or failing disks, too many files, a port in use."""

OF_ERRORS: tuple[tuple[type[BaseException], Ending], ...] = (
    (OrderStateError, Ending.FATAL),
    (ReconciliationError, Ending.FATAL),
    (InUse, Ending.PASSING),
    (JournalError, Ending.PASSING),
    (VenueError, Ending.PASSING),
    (FeedError, Ending.PASSING),
    (DtcError, Ending.PASSING),
    (sqlite3.Error, Ending.PASSING),
    (OSError, Ending.PASSING),
    (MinhosError, Ending.MISTAKE),
)
"""The first that fits.  What is in none of them is a defect of ours: a passing fault."""


def ending_of(error: BaseException, *, ran: bool) -> Ending:
    """What an error is that ends a process.

    ran: it had opened.  Then its settings were good, and what is wrong came later: no mistake at a start.
    """
    found = next((ending for kind, ending in OF_ERRORS if isinstance(error, kind)), Ending.PASSING)
    if found is Ending.MISTAKE and (ran or is_away(error.__cause__)):
        return Ending.PASSING
    return found


def is_away(error: BaseException | None) -> bool:
    """Whether the operating system's error may pass by itself."""
    return isinstance(error, OSError) and error.errno in AWAY


def what_follows(name: str, ending: Ending, *, first: bool) -> Then:
    """first: the child never ran under this supervisor."""
    policy = POLICY.get(name, POLICY["trainer"])
    return {
        Ending.ASKED: policy.asked,
        Ending.PASSING: policy.passing,
        Ending.MISTAKE: policy.first_mistake if first else policy.mistake,
        Ending.FATAL: policy.fatal,
        Ending.DONE: policy.done,
    }[ending]
