"""A request to cancel or shrink an order at the broker, and what became of it."""

from __future__ import annotations

import msgspec

from minhos.dtc.messages import Message
from minhos.venues.sierra import wire
from minhos.venues.sierra.tracked import Tracked


class Request(msgspec.Struct, frozen=True):
    """A leg that is to shrink to `left` contracts; 0 cancels it.  answers: how many it had before."""

    leg: Tracked
    left: int
    answers: int

    @property
    def is_settled(self) -> bool:
        return not self.leg.may_rest or self.leg.answers > self.answers

    @property
    def failed(self) -> str:
        """Why it did not come about; empty where it did."""
        if not self.leg.may_rest or (self.is_settled and not self.leg.refusal):
            return ""
        what = f"{'cancel' if not self.left else 'change'} of order {self.leg.order.order_id}"
        return f"the {what} was refused: {self.leg.refusal}" if self.is_settled else f"the {what} was not answered"

    def message(self, account: str) -> Message:
        """What goes over the wire."""
        leg = self.leg
        if not self.left:
            return wire.cancel(leg.server_id, leg.order.order_id, account)
        total = self.left + max(leg.filled, leg.reported)
        return wire.change_quantity(leg.server_id, leg.order.order_id, account, total)
