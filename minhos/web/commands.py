"""The REST endpoints that ask for something: commands to the trader, a training, and sizing for a supposed p.

`halt` and `flatten` do what the commands of the same name do: see `minhos.safety.stop`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from minhos.assembly.heartbeats import ask_for_training_now
from minhos.assembly.live_views import LiveViews
from minhos.errors import CommandRefused
from minhos.features.types import MarketState
from minhos.journal.inbox import Scalar
from minhos.models.forecast import Forecast
from minhos.models.payoff import Payoff
from minhos.safety.stop import EXPIRES_S, ask, stop_trading
from minhos.sizing.recommend import recommend
from minhos.sizing.types import SizingParameters
from minhos.views.decisions import TraceStep, trace_steps
from minhos.views.status import mode_of, state_of
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.views.values import in_dollars, rounded
from minhos.web.auth import client_of
from minhos.web.problems import responses
from minhos.words import percent

CommandName = Literal["pause", "resume", "halt", "flatten"]
ForceName = Literal["force", "unforce"]
ANSWER_WAIT_S = 1.0


class Why(BaseModel):
    """Who asks, and why; both stand in the journal."""

    model_config = ConfigDict(extra="forbid")

    who: str = Field("", max_length=100)
    why: str = Field("", max_length=500)

    def signed(self, request: Request) -> str:
        """Who asks, with the address that the request came from."""
        return f"{self.who or 'web'} ({client_of(request)})"


class CommandAnswer(BaseModel):
    """What became of a command."""

    command: str
    accepted: bool = Field(description="It waits for the trader, or was carried out.")
    answered: bool = Field(description="The trader has answered in time: within a second, 300 ms where it is to stop.")
    answer: str
    halt_file: bool = Field(description="The HALT file exists now: nothing is traded while it does.")
    holds: bool = Field(
        True,
        description="After halt and flatten: nothing is known or feared to stand at a broker; after halt also that the "
        "HALT file is there or the trader acknowledged.",
    )


class SizeRequest(BaseModel):
    """A supposed forecast.  Market, payoff, account and settings are those of this moment."""

    model_config = ConfigDict(extra="forbid")

    win_probability: float = Field(ge=0.5, le=1.0, description="Calibrated probability of the side.")
    probability_low: float | None = Field(None, ge=0.5, le=1.0, description="Its lower bound; the same if left out.")
    side: Literal["long", "short"] = "long"
    payoff_ratio: float | None = Field(
        None, ge=0.01, le=100.0, description="Mean win over mean loss, where no model's payoff is to be used."
    )
    atr_points: float | None = Field(None, gt=0.0, le=10_000.0, description="ATR(14); the last bar's if left out.")


class SizeAnswer(BaseModel):
    """The position that such a forecast would be worth; nothing is sent."""

    state: str
    mode: str
    symbol: str
    recommended_position: int
    kelly_fraction: float | None
    full_kelly: float | None
    break_even: float | None
    capital_at_risk: float | None
    capital_at_risk_dollars: float
    risk_of_one_contract: float
    bound: str
    reason: str
    trace: list[TraceStep]


def routes(live: LiveViews) -> APIRouter:
    """All POST endpoints under /api."""
    router = APIRouter(prefix="/api", responses=responses(403, 409, 422))

    @router.post("/commands/train", tags=["commands"])
    def train(why: Why | None = None) -> CommandAnswer:
        """Ask the trainer for a training now."""
        return ask_for_training(live)

    @router.post("/commands/{name}", tags=["commands"])
    def command(name: CommandName, request: Request, why: Why | None = None) -> CommandAnswer:
        """Pause or resume; halt or flatten, which write the HALT file and wait until the position is closed."""
        reason = why or Why()
        return send_command(live, name, reason.signed(request), reason.why)

    @router.post("/kelly/calculate-position-size", tags=["kelly"])
    def calculate_position_size(request: SizeRequest) -> SizeAnswer:
        """What a forecast with that probability would be worth now; pure arithmetic, nothing is sent."""
        return live.read(lambda views, around: size_for(request, views, around))

    return router


def send_command(
    live: LiveViews,
    name: CommandName | ForceName,
    who: str,
    why: str,
    fields: Mapping[str, Scalar] = {},
) -> CommandAnswer:
    """Put it into the inbox and wait for the trader's answer; what stops trading does so also without a trader.

    Raises CommandRefused where the trader refuses it.
    """
    layout = live.layout.make()
    if name == "halt" or name == "flatten":
        done = stop_trading(live.settings, layout, name, who, why, clock=live.clock)
        return CommandAnswer(
            command=name,
            accepted=True,
            answered=done.answer is not None,
            answer=f"{name}: {done.sentence}",
            halt_file=done.halt_file,
            holds=done.holds,
        )
    answer = ask(layout, name, who, why, ANSWER_WAIT_S, live.clock, fields)
    if answer is not None and not answer.accepted:
        raise CommandRefused(answer.sentence)
    waits = f"The trader has not answered within a second; `{name}` waits {EXPIRES_S} seconds for it."
    return CommandAnswer(
        command=name,
        accepted=True,
        answered=answer is not None,
        answer=waits if answer is None else f"{name}: {answer.sentence}",
        halt_file=layout.disk.exists(layout.halt_file),
    )


def ask_for_training(live: LiveViews) -> CommandAnswer:
    """Leave a request for the trainer."""
    layout = live.layout.make()
    ask_for_training_now(layout, "web", live.clock)
    around = live.read(lambda _, around: around)
    trainer, training, runs = around.trainer, around.training_now, around.trainer_alive
    words = "The trainer begins within a second." if runs else "No trainer runs; it begins when `start` does."
    if runs and training is not None:
        words = f"A training is under way, {percent(training.share, 0)}; the trainer begins again once it is done."
    elif runs and trainer.error.startswith("Nothing is trained"):
        words = f"{trainer.error} It begins once that is mended and MinhOS started again."
    return CommandAnswer(
        command="train", accepted=True, answered=runs, answer=words, halt_file=layout.disk.exists(layout.halt_file)
    )


def size_for(request: SizeRequest, views: Views, around: Surroundings) -> SizeAnswer:
    """Sizing by the same function that trades.

    Raises:
        CommandRefused: no account, no market or no payoff is known yet; the sentence says which.
    """
    settings, account = views.settings, views.trading.ledger.account()
    if settings is None:
        raise CommandRefused("No account is known yet: start the trader first (python3 minh.py start).")
    symbol = settings.order_symbol
    instrument = settings.instruments[symbol]
    manager, risk = views.trading.manager, views.trading.risk
    sizing = manager.sizing(risk, settings.sizing) if manager else settings.sizing
    p, low = request.win_probability, request.probability_low
    side = 1 if request.side == "long" else -1
    forecast = Forecast(
        symbol,
        views.market.last_close_ns,
        {},
        p,
        p if side > 0 else 1.0 - p,
        min(p, low) if low is not None else p,
        side if p > 0.5 else 0,
        1.0,
        "supposed",
    )
    found = recommend(
        forecast,
        _payoff(request, views, sizing),
        _market(request, views),
        account,
        instrument,
        sizing,
        manager.multiplier(risk, instrument.root) if manager else 0.0,
        symbol=symbol,
    )
    at_risk = abs(found.target) * found.r_cents
    return SizeAnswer(
        state=state_of(views, around)[0],
        mode=mode_of(views, around),
        symbol=symbol,
        recommended_position=found.target,
        kelly_fraction=rounded(found.fraction),
        full_kelly=rounded(found.kelly_full),
        break_even=rounded(found.break_even),
        capital_at_risk=rounded(at_risk / account.equity_cents) if account.equity_cents > 0 else None,
        capital_at_risk_dollars=in_dollars(at_risk),
        risk_of_one_contract=in_dollars(found.r_cents),
        bound=found.bound,
        reason=found.reason,
        trace=list(trace_steps(found)),
    )


def _payoff(request: SizeRequest, views: Views, sizing: SizingParameters) -> Payoff:
    model = views.trading.model
    if request.payoff_ratio is not None:
        return Payoff(right=(request.payoff_ratio,), wrong=(-1.0,), stop_atr=sizing.stop_atr, n_right=1, n_wrong=1)
    if model is None:
        raise CommandRefused("No model serves yet whose payoff could be used: give payoff_ratio, or train first.")
    return model.payoff


def _market(request: SizeRequest, views: Views) -> MarketState:
    decision = next((made.decision for _, made in reversed(views.decisions.recent) if made.decision.state), None)
    state = decision.state if decision else None
    settings = views.settings
    assert settings is not None
    instrument = settings.instruments[settings.order_symbol]
    if request.atr_points is not None:
        ticks = request.atr_points / instrument.tick_size
        last = views.market.bars[-1].close_ticks if views.market.bars else 0
        empty = MarketState(settings.order_symbol, views.market.last_close_ns, last, ticks)
        return msgspec.structs.replace(state, atr_ticks=ticks) if state else empty
    if state is None:
        raise CommandRefused("ATR is not known yet: give atr_points, or wait for the first decided bar.")
    return state
