"""The life of an order as one literal table; what is not in it is refused, and trading stops.

How many contracts are filled is the order's own number, not a state: WORKING covers "partly filled".  The table
says nothing of positions: every fill reaches the ledger, also one whose transition is refused here.
"""

from __future__ import annotations

import enum

from minhos.errors import OrderStateError
from minhos.trading.venue import OrderStatus


class OrderState(enum.StrEnum):
    """Where an order is, as far as we know."""

    INTENDED = "intended"
    """In the journal, not yet on the wire."""
    SENT = "sent"
    WORKING = "working"
    RESIZE_SENT = "resize_sent"
    CANCEL_SENT = "cancel_sent"
    UNKNOWN = "unknown"
    """No answer, or a restart between intent and answer: no new risk until the venue was asked."""
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class Trigger(enum.StrEnum):
    """What happens to an order: by us (send, request_*), by the venue, or by the clock (time_out)."""

    SEND = "send"
    ACCEPT = "accept"
    REJECT = "reject"
    PARTIAL_FILL = "partial_fill"
    FILL = "fill"
    REQUEST_RESIZE = "request_resize"
    RESIZE = "resize"
    REQUEST_CANCEL = "request_cancel"
    CANCEL = "cancel"
    CANCEL_REJECT = "cancel_reject"
    """A cancel or a resize was refused: venues answer both alike."""
    TIME_OUT = "time_out"
    DISOWN = "disown"
    """Asked for its orders and fills, the venue knows nothing of this one."""
    RELIST = "relist"
    """Asked for its orders, the venue lists one as working that had ended."""


S, T = OrderState, Trigger

TABLE: dict[tuple[OrderState, Trigger], OrderState] = {
    (S.INTENDED, T.SEND): S.SENT,
    (S.INTENDED, T.ACCEPT): S.WORKING,  # a stop that the venue attached to our entry: this is the first we hear of it
    (S.INTENDED, T.REJECT): S.REJECTED,  # an attached stop that the venue would not take
    (S.INTENDED, T.PARTIAL_FILL): S.WORKING,  # an attached stop hit in the moment it was placed
    (S.INTENDED, T.FILL): S.FILLED,  # the same, whole
    (S.INTENDED, T.CANCEL): S.CANCELLED,  # taken back before it was sent: halted between intent and wire
    (S.INTENDED, T.RESIZE): S.WORKING,  # an attached stop that grew before it was reported
    (S.INTENDED, T.REQUEST_CANCEL): S.CANCEL_SENT,  # an attached stop whose lot is gone
    (S.INTENDED, T.TIME_OUT): S.UNKNOWN,  # restarted between intent and wire: it may or may not have left
    (S.SENT, T.ACCEPT): S.WORKING,
    (S.SENT, T.REJECT): S.REJECTED,
    (S.SENT, T.PARTIAL_FILL): S.WORKING,  # fill before acknowledgement
    (S.SENT, T.FILL): S.FILLED,  # fill before acknowledgement
    (S.SENT, T.RESIZE): S.WORKING,  # its first word says how large it is
    (S.SENT, T.REQUEST_CANCEL): S.CANCEL_SENT,
    (S.SENT, T.CANCEL): S.CANCELLED,  # accepted and cancelled by the venue in one answer
    (S.SENT, T.TIME_OUT): S.UNKNOWN,  # never sent again: ask
    (S.WORKING, T.ACCEPT): S.WORKING,  # acknowledged again: after a reconnection, or late after a first fill
    (S.WORKING, T.REJECT): S.REJECTED,  # accepted by the server, refused by the exchange
    (S.WORKING, T.PARTIAL_FILL): S.WORKING,
    (S.WORKING, T.FILL): S.FILLED,
    (S.WORKING, T.REQUEST_RESIZE): S.RESIZE_SENT,
    (S.WORKING, T.RESIZE): S.WORKING,  # the venue resized by itself: a stop that grows with its entry's next fill
    (S.WORKING, T.REQUEST_CANCEL): S.CANCEL_SENT,
    (S.WORKING, T.CANCEL): S.CANCELLED,  # unasked: the venue's risk desk, the session's end, or its lot is gone
    (S.WORKING, T.CANCEL_REJECT): S.WORKING,  # a second answer to a cancel that was already refused
    (S.WORKING, T.TIME_OUT): S.UNKNOWN,  # the connection was lost while it worked
    (S.RESIZE_SENT, T.ACCEPT): S.WORKING,  # cancel and replace: the venue reports the replacement as new, under our id
    (S.RESIZE_SENT, T.REJECT): S.REJECTED,  # cancel and replace: the old one is gone and the new one was refused
    (S.RESIZE_SENT, T.PARTIAL_FILL): S.RESIZE_SENT,
    (S.RESIZE_SENT, T.FILL): S.FILLED,  # hit before the resize arrived
    (S.RESIZE_SENT, T.RESIZE): S.WORKING,
    (S.RESIZE_SENT, T.REQUEST_RESIZE): S.RESIZE_SENT,  # its lot shrank again
    (S.RESIZE_SENT, T.REQUEST_CANCEL): S.CANCEL_SENT,
    (S.RESIZE_SENT, T.CANCEL): S.CANCELLED,
    (S.RESIZE_SENT, T.CANCEL_REJECT): S.WORKING,  # resize refused: it works on, with the old number of contracts
    (S.RESIZE_SENT, T.TIME_OUT): S.UNKNOWN,
    (S.CANCEL_SENT, T.ACCEPT): S.CANCEL_SENT,  # the acknowledgement crossed our cancel
    (S.CANCEL_SENT, T.REJECT): S.REJECTED,  # the refusal crossed our cancel
    (S.CANCEL_SENT, T.PARTIAL_FILL): S.CANCEL_SENT,  # the rest may still be cancelled
    (S.CANCEL_SENT, T.FILL): S.FILLED,  # filled before the cancel arrived
    (S.CANCEL_SENT, T.RESIZE): S.CANCEL_SENT,  # the answer to an earlier resize
    (S.CANCEL_SENT, T.REQUEST_CANCEL): S.CANCEL_SENT,  # cancelled twice: harmless
    (S.CANCEL_SENT, T.CANCEL): S.CANCELLED,
    (S.CANCEL_SENT, T.CANCEL_REJECT): S.WORKING,  # too late to cancel: it works on, a fill is likely on its way
    (S.CANCEL_SENT, T.TIME_OUT): S.UNKNOWN,
    (S.UNKNOWN, T.ACCEPT): S.WORKING,
    (S.UNKNOWN, T.REJECT): S.REJECTED,
    (S.UNKNOWN, T.PARTIAL_FILL): S.WORKING,
    (S.UNKNOWN, T.FILL): S.FILLED,
    (S.UNKNOWN, T.RESIZE): S.WORKING,
    (S.UNKNOWN, T.REQUEST_CANCEL): S.UNKNOWN,  # cancelling what may not exist adds no risk and answers nothing
    (S.UNKNOWN, T.CANCEL): S.CANCELLED,
    (S.UNKNOWN, T.CANCEL_REJECT): S.UNKNOWN,  # "cannot cancel": filled, gone, or never there; still to be asked
    (S.UNKNOWN, T.TIME_OUT): S.UNKNOWN,
    (S.UNKNOWN, T.DISOWN): S.REJECTED,  # asked, and neither an order nor a fill of it is there
    (S.FILLED, T.ACCEPT): S.FILLED,  # acknowledgement after the fill
    (S.FILLED, T.CANCEL_REJECT): S.FILLED,  # the answer to a cancel that came too late
    (S.FILLED, T.CANCEL): S.FILLED,  # venues close a filled order's book entry with "cancelled"
    (S.FILLED, T.RESIZE): S.FILLED,  # the answer to a resize, said late or twice
    (S.FILLED, T.RELIST): S.WORKING,  # the fill was not true, or there is more of it than we sent
    (S.FILLED, T.TIME_OUT): S.FILLED,  # a timer that was set before the fill
    (S.CANCELLED, T.ACCEPT): S.CANCELLED,  # acknowledgement out of order
    (S.CANCELLED, T.PARTIAL_FILL): S.CANCELLED,  # fill after cancel: it was filled in part before it was cancelled
    (S.CANCELLED, T.FILL): S.FILLED,  # fill after cancel: the fill is true, the cancel was not
    (S.CANCELLED, T.CANCEL): S.CANCELLED,
    (
        S.CANCELLED,
        T.REJECT,
    ): S.CANCELLED,  # gone by the lists or taken back, and its refusal is said late: gone either way
    (S.CANCELLED, T.CANCEL_REJECT): S.CANCELLED,  # we cancelled what the venue had already cancelled
    (S.CANCELLED, T.RESIZE): S.CANCELLED,  # the answer to a resize, said late or twice
    (S.CANCELLED, T.RELIST): S.WORKING,  # the cancel was not true: the broker's lists had lacked it for a while
    (S.CANCELLED, T.TIME_OUT): S.CANCELLED,
    (S.REJECTED, T.REJECT): S.REJECTED,
    (S.REJECTED, T.CANCEL): S.REJECTED,  # disowned after two surveys, and its end is said late: gone either way
    (S.REJECTED, T.CANCEL_REJECT): S.REJECTED,
    (S.REJECTED, T.ACCEPT): S.REJECTED,  # disowned after two surveys, and accepted late: if it works, surveys list it
    (S.REJECTED, T.RESIZE): S.REJECTED,
    (S.REJECTED, T.PARTIAL_FILL): S.REJECTED,  # disowned, and its fill is said late: the fill is true
    (S.REJECTED, T.FILL): S.FILLED,
    (S.REJECTED, T.RELIST): S.WORKING,  # disowned, and there after all
    (S.REJECTED, T.TIME_OUT): S.REJECTED,
}

FINAL = frozenset({S.FILLED, S.CANCELLED, S.REJECTED})
"""Nothing more is awaited of an order in these."""
UNANSWERED = frozenset({S.INTENDED, S.SENT, S.UNKNOWN})
"""The venue has not said that it holds an order in these."""

TRIGGER_OF_STATUS: dict[OrderStatus, Trigger] = {
    OrderStatus.ACCEPTED: T.ACCEPT,
    OrderStatus.REJECTED: T.REJECT,
    OrderStatus.CANCELLED: T.CANCEL,
    OrderStatus.CANCEL_REJECTED: T.CANCEL_REJECT,
    OrderStatus.RESIZED: T.RESIZE,
    OrderStatus.PARTIALLY_FILLED: T.PARTIAL_FILL,
    OrderStatus.FILLED: T.FILL,
    OrderStatus.UNKNOWN: T.TIME_OUT,
    OrderStatus.NOT_FOUND: T.DISOWN,
    OrderStatus.LISTED: T.RELIST,
}


def transition(state: OrderState, trigger: Trigger) -> OrderState:
    """The state that follows; raises OrderStateError where the table has none."""
    after = TABLE.get((state, trigger))
    if after is None:
        raise OrderStateError(
            f"An order that is {state} cannot meet {trigger}: the venue contradicts our record, "
            f"so trading stops until the order was compared with the broker's own list."
        )
    return after
