"""Every exception that MinhOS raises on purpose: what was wrong, with the value, and what to do about it.

Each message is one sentence written for a trader.  A command prints it and exits; nothing here is ever
shown as a traceback.  What is not in this tree is a defect of MinhOS.
"""

from __future__ import annotations


class MinhosError(Exception):
    """Base of the tree; `exit_code` is what a command returns to the shell."""

    exit_code = 2


class SettingsError(MinhosError):
    """A setting is unknown, contradictory or out of range."""


class InUse(MinhosError):
    """Another program has now what is needed, as a port; it may be free later."""


class PartsError(MinhosError):
    """A part of the user's own does not load, clashes with another or is not the one that was used before."""


class SymbolError(MinhosError):
    """A symbol cannot be read as one of the futures that MinhOS knows."""


class DataError(MinhosError):
    """A data file is missing, foreign, truncated or cannot be understood without being told more."""


class DataRefused(DataError):
    """The data can be read but must not be used: thin, wrong contract, too many gaps."""

    exit_code = 1


class NotEnoughData(DataError):
    """Fewer bars, sessions or bets than a method needs; the message says how many are missing."""


class CalendarError(MinhosError):
    """A time lies outside the table of sessions."""


class ModelError(MinhosError):
    """A bundle is missing, damaged or does not fit the features that run."""


class TrainingError(MinhosError):
    """Training could not produce a bundle."""


class JournalError(MinhosError):
    """The journal cannot be opened, written or trusted."""


class JournalEmpty(JournalError):
    """The file exists and its tables do not: the trader is making it at this moment."""


class JournalBroken(JournalError):
    """A record of the journal is not what was written: everything from `first_broken` on is without proof.

    keep: up to where a repair can keep it; by default to the record before.
    """

    exit_code = 1

    def __init__(self, path: object, first_broken: int, reason: str, keep: int | None = None) -> None:
        self.first_broken, self.reason = first_broken, reason
        self.keep = first_broken - 1 if keep is None else keep
        super().__init__(
            f"The journal {path} is broken at record {first_broken}: {reason}. Ways out, with MinhOS stopped: "
            f"`python3 minh.py restore BACKUP.zip`, or `python3 minh.py repair --until {self.keep}`, which goes on "
            "from there and keeps the file as it is beside the new one."
        )


class InboxDamaged(JournalError):
    """The inbox's file is not what SQLite wrote: what stood in it is lost, a new one can be begun."""


class OrderStateError(MinhosError):
    """An order made a transition that the state table does not contain; trading stops."""


class ReconciliationError(MinhosError):
    """The venue and the journal disagree on an order, a fill or a position."""


class VenueError(MinhosError):
    """The venue cannot be reached or refused what it was asked."""


class FeedError(MinhosError):
    """The feed stopped, went stale or contradicts itself."""


class CommandRefused(MinhosError):
    """A command was understood and must not be carried out now; the message says why."""

    exit_code = 1


class CheckFailed(MinhosError):
    """What was to be checked does not hold."""

    exit_code = 1


class LeakSuspected(CheckFailed):
    """A run sees bars that it must not see yet; its figures are no results and nothing of it is saved."""


class DtcError(MinhosError):
    """A DTC peer cannot be reached, does not speak the protocol, or was about to be sent what it cannot carry."""


class DtcRejected(DtcError):
    """The DTC server understood what it was asked and refused it; asking again will not help."""


class DtcTimeout(DtcError):
    """The DTC server did not answer in time; whether it carried out what it was asked is unknown."""


class DtcDisconnected(DtcError):
    """The connection to the DTC server ended; whether it carried out what was under way is unknown."""
