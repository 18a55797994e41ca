"""`POST /api/commands/force` and `/unforce`: a person's side or size in place of Kelly's.

Arming is not offered here: only the command line arms live trading.
"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import Field

from minhos.assembly.live_views import LiveViews
from minhos.journal.inbox import Scalar
from minhos.risk.force import MOST_CONTRACTS, MOST_MINUTES, forced_of
from minhos.web.commands import CommandAnswer, Why, send_command
from minhos.web.problems import responses


class ForceRequest(Why):
    """A side, a size, or both; every limit still holds."""

    side: Literal["long", "short", "flat", "any"] = Field("any", description="any: the side stays Kelly's.")
    size: int | None = Field(None, ge=1, le=MOST_CONTRACTS, description="Contracts; left out: Kelly's number.")
    minutes: float | None = Field(None, gt=0.0, le=MOST_MINUTES, description="Left out: until `unforce`.")

    def payload(self) -> dict[str, Scalar]:
        """The command's fields.  Raises CommandRefused where there is nothing to force."""
        payload: dict[str, Scalar] = {
            "side": self.side,
            "contracts": self.size or 0,
            "minutes": self.minutes or 0.0,
        }
        forced_of(payload, self.who, self.why, 0)
        return payload


def routes(live: LiveViews) -> APIRouter:
    """Both endpoints; they come before those of `commands`, whose path would take their names."""
    router = APIRouter(prefix="/api/commands", tags=["commands"], responses=responses(403, 409, 422))

    @router.post("/force")
    def force(asked: ForceRequest, request: Request) -> CommandAnswer:
        """Put a side or a size in place of Kelly's from the next bar on; the limits still hold."""
        return send_command(live, "force", asked.signed(request), asked.why, asked.payload())

    @router.post("/unforce")
    def unforce(request: Request, why: Why | None = None) -> CommandAnswer:
        """Give side and size back to Kelly."""
        reason = why or Why()
        return send_command(live, "unforce", reason.signed(request), reason.why)

    return router
