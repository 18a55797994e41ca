"""arm, disarm, force: going live, and a person's side or size in place of Kelly's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from minhos.assembly.naming import account_of
from minhos.commands.common import JsonOption, layout, print_json, settings, user
from minhos.commands.operate.control import WhyOption, report_answer, tell_trader
from minhos.commands.suggest import chosen_of
from minhos.commands.terminal import console, progress, say
from minhos.errors import CheckFailed, CommandRefused, MinhosError
from minhos.journal.inbox import Scalar
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SystemClock
from minhos.risk.arming import arm_payload
from minhos.risk.evidence import EvidenceState
from minhos.risk.force import SIDES, forced_of, words_of

if TYPE_CHECKING:
    from minhos.safety.arming import Condition


def arm(
    accept_unproven: Annotated[
        str | None, typer.Option("--accept-unproven", help="In your words: why to trade one micro before proof.")
    ] = None,
    why: WhyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Allow live orders until `disarm`, once for the account, when every condition is met.

    Shows first what today may cost.  Example: minh.py arm --accept-unproven "my own test, one micro"
    """
    from minhos.safety import arming
    from minhos.safety.broker_facts import ask_broker, ask_venue

    if accept_unproven is not None and not accept_unproven.strip():
        raise MinhosError('--accept-unproven wants your words, such as --accept-unproven "one micro, my own test".')
    chosen, place, clock = settings(), layout().make(), SystemClock()
    arming.refuse_unless_live(chosen, "arm")
    calendar = SessionCalendar.load()
    with progress("Arming", quiet=as_json) as report:
        report(0.0, "asking the broker")
        own = arming.has_own_venue(chosen)
        facts = ask_venue(chosen, place, clock) if own else ask_broker(chosen.sierra, clock)
        records = arming.read_records(chosen, place, calendar, report)
    worst = arming.worst_case_today_cents(
        chosen.risk_parameters(), records.account, facts.balance_cents, calendar.trade_date(clock.now_ns())
    )
    words = (accept_unproven or "").strip()
    found = arming.conditions(chosen, place, facts, records, clock, words)
    missing = arming.missing(found)
    if not as_json:
        _show(worst, found)
    answer = ""
    if not missing:
        proven = records.evidence is not None and records.evidence.state is EvidenceState.PROVEN
        answer = tell_trader("arm", why, arm_payload(records.evidence, "" if proven else words))
    if as_json:
        print_json(
            {
                "verdict": "refused" if missing else "armed",
                "account": account_of(chosen),
                "worst_case_today": None if worst is None else worst / 100,
                "plus": "gap",
                "conditions": found,
                "answer": answer,
            }
        )
    if missing:
        raise CheckFailed(f"not armed; missing: {', '.join(condition.name for condition in missing)}.")
    if not as_json:
        say(f"arm: {answer}; live orders are allowed until `disarm`.")


def disarm(why: WhyOption = "", as_json: JsonOption = False) -> None:
    """No live order that adds to a position, until `arm`; what is open keeps its stops.  Example: minh.py disarm."""
    from minhos.safety.arming import refuse_unless_live

    refuse_unless_live(settings(), "disarm")
    report_answer("disarm", tell_trader("disarm", why), as_json)


def force(
    side: Annotated[str, typer.Option("--side", help="long, short, flat or any (a size alone).")] = "any",
    size: Annotated[int | None, typer.Option("--size", help="Contracts in place of Kelly's number.")] = None,
    minutes: Annotated[float | None, typer.Option("--for", help="Minutes; without it until --clear.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Give the side and the size back to Kelly.")] = False,
    why: WhyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Put a side or a size in place of Kelly's from the next bar on; every limit still holds.

    Example: minh.py force --side long --size 2 --for 60 --why "my own view"
    """
    if clear:
        if side != "any" or size is not None or minutes is not None:
            raise MinhosError("--clear stands alone: it ends what was forced.")
        report_answer("force --clear", tell_trader("unforce", why), as_json)
        return
    if size is not None and size < 1:
        raise MinhosError(f"--size {size} is no number of contracts to hold: give at least 1, or --side flat.")
    if minutes is not None and not minutes > 0:
        raise MinhosError(f"--for {minutes:g} is no duration: give minutes above 0, or leave it out.")
    fields: dict[str, Scalar] = {
        "side": chosen_of(side, tuple(SIDES), "side"),
        "contracts": size or 0,
        "minutes": minutes or 0.0,
    }
    try:
        asked = forced_of(fields, user(), why, 0)
    except CommandRefused as error:
        raise MinhosError(str(error)) from None
    report_answer(f"force {words_of(asked)}", tell_trader("force", why, fields), as_json)


def _show(worst_cents: int | None, conditions: Sequence[Condition]) -> None:
    """The worst case first, then each condition."""
    worst = "unknown: neither balance nor equity is known" if worst_cents is None else f"−${worst_cents / 100:,.2f}"
    say(f"Worst case today: {worst}, plus gap")
    table = Table("", "condition", "value", Column("what is the case, or to do", overflow="fold"))
    for condition in conditions:
        state = "met" if condition.met else "NOT MET" if condition.needed else "missed"
        table.add_row(state, *map(Text, (condition.name, condition.value, condition.sentence)))
    console.print(table)
