"""Messages to the user and the journal.

Written by scripts/make_dtc_messages.py from layouts.json; change the table, not this file.
"""

from typing import ClassVar

from minhos.dtc.messages.base import Message


class UserMessage(Message, frozen=True, gc=False):
    """Type 700; 262 bytes in binary."""

    TYPE: ClassVar[int] = 700

    user_message: str = ""
    is_popup_message: int = 1


class GeneralLogMessage(Message, frozen=True, gc=False):
    """Type 701; 132 bytes in binary."""

    TYPE: ClassVar[int] = 701

    message_text: str = ""


class AlertMessage(Message, frozen=True, gc=False):
    """Type 702; 164 bytes in binary."""

    TYPE: ClassVar[int] = 702

    message_text: str = ""
    trade_account: str = ""


class JournalEntryAdd(Message, frozen=True, gc=False):
    """Type 703; 272 bytes in binary."""

    TYPE: ClassVar[int] = 703

    journal_entry: str = ""
    date_time: int = 0


class JournalEntriesRequest(Message, frozen=True, gc=False):
    """Type 704; 16 bytes in binary."""

    TYPE: ClassVar[int] = 704

    request_id: int = 0
    start_date_time: int = 0


class JournalEntriesReject(Message, frozen=True, gc=False):
    """Type 705; 104 bytes in binary."""

    TYPE: ClassVar[int] = 705

    request_id: int = 0
    reject_text: str = ""


class JournalEntryResponse(Message, frozen=True, gc=False):
    """Type 706; 280 bytes in binary."""

    TYPE: ClassVar[int] = 706

    journal_entry: str = ""
    date_time: int = 0
    is_final_response: int = 0
