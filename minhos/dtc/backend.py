"""The port `Backend`: what a DTC server serves.  The server keeps the procedures; a backend knows the facts.

| method | called when |
|---|---|
| open(publish) | the server starts; publish(message, symbol) pushes: market data by symbol, the rest to all |
| logon(request) | a client logs on; the answer's result says whether it may |
| query(request) | 300, 303, 305, 400, 506, 601: the rows, unnumbered; none is a valid answer |
| snapshot(request) | 101, 102: what is sent at once; updates follow through publish |
| trade(requests) | 201, 203, 204, 208, 209 alone, or a parent 208 with its 201; the updates for all clients |
| history(request) | 800: the records, oldest first; `Packed` where there are many |

Where a backend refuses it returns `Refused` with the sentence for the client; the server wraps it in the reject
message of that request.  Symbol and request numbers, message counts and final flags are the server's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from minhos.dtc.messages import HistoricalPriceDataRequest, LogonRequest, LogonResponse, Message

Publish = Callable[[Message, str], None]


class Refused(msgspec.Struct, frozen=True):
    """No, and why."""

    reason: str


class Packed(msgspec.Struct, frozen=True):
    """History as pieces of whole binary messages, their request's number in them: hundreds of records at a time."""

    pieces: Iterable[bytes]


class Backend(Protocol):
    """See the table above; no method may block."""

    def open(self, publish: Publish) -> None: ...

    def logon(self, request: LogonRequest) -> LogonResponse: ...

    def query(self, request: Message) -> Sequence[Message] | Refused: ...

    def snapshot(self, request: Message) -> Sequence[Message] | Refused: ...

    def trade(self, requests: Sequence[Message]) -> Iterable[Message]: ...

    def history(self, request: HistoricalPriceDataRequest) -> Iterable[Message] | Packed | Refused: ...
