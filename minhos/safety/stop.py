"""A person's word to the trader: put it into the inbox, and where trading is to stop, see to it that it does.

Command line, REST and page all call this.  `halt` and `flatten` write the HALT file first; a trader that acknowledges
within 300 ms closes by itself, otherwise it is done from outside (see `minhos.safety.flatten_outside`).  Either way the
broker is asked last what still stands there: a trader that acknowledges may not be able to close.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Literal

import msgspec

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.layout import Layout
from minhos.errors import JournalError
from minhos.journal.inbox import Answer, Inbox, Request, Scalar
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND
from minhos.safety.broker import is_at_broker, what_stands
from minhos.safety.flatten_outside import BY_HAND, OutsideReport, Progress, closed_until, flatten_outside
from minhos.settings import Settings
from minhos.trading.venue import Standing, describe

Stop = Literal["halt", "flatten"]
EXPIRES_S = 60
ALARM_EXPIRES_S = 7 * 24 * 3600
ACKNOWLEDGED_S = 0.3
FLAT_S = 10.0
POLL_S = 0.02
SHOWN_S = 10.0
"""How long a broker may take to show what the trader has closed."""
SHOWN_POLL_S = 0.2


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a halt or a flatten.

    answer: the trader's, None where it gave none in time.  holds: after a flatten, that the position is known to be
    flat; after a halt, that the HALT file is there or a trader acknowledged, and nothing is known or feared to stand at
    a broker.  positions: what the broker showed last, signed contracts by its symbols; None where it was not asked or
    did not answer.
    """

    command: Stop
    answer: Answer | None
    halt_file: bool
    holds: bool
    sentence: str
    outside: OutsideReport | None = None
    positions: dict[str, int] | None = None


def stop_trading(
    settings: Settings,
    layout: Layout,
    name: Stop,
    who: str,
    why: str,
    *,
    clock: Clock,
    progress: Progress | None = None,
) -> Stopped:
    """Write HALT, tell the trader, and wait until flat; where it does not answer, flatten from outside.

    Takes up to 10 seconds where the trader closes and as many until the broker shows it, and up to two minutes where
    another flatten is under way.
    """
    began_ns = clock.now_ns()
    unwritten = write_halt(layout, who, f"{name} {why}")
    try:
        answer = ask(layout, name, who, why, ACKNOWLEDGED_S, clock)
    except JournalError as error:
        answer, unwritten = None, f"{unwritten} {error}".strip()
    outside, positions = None, None
    if answer is None or not answer.accepted:
        outside = flatten_outside(settings, layout, f"{name} by {who}: {why}", clock=clock, progress=progress)
        holds = outside.flat or (name == "halt" and not outside.acted)
        why_outside = "no trader answered within 300 ms" if answer is None else f"the trader refused: {answer.sentence}"
        words, positions = f"{why_outside}; {outside.sentence}", outside.positions_after
        if outside.acted:
            leave_alarm(layout, who, f"{name} by {who}: {words}", clock)
    else:
        holds, words = _wait_until_flat(layout, began_ns, clock)
        if is_at_broker(settings, layout, clock):
            holds, words, positions = _compared(settings, layout, holds, words, clock)
        words = f"{answer.sentence}; {words}"
    halted = layout.disk.exists(layout.halt_file)
    if name == "halt" and not halted and (answer is None or not answer.accepted):
        holds, unwritten = False, f"{unwritten} NOTHING IS HALTED: a trader that starts now trades.".strip()
    held = " The HALT file is written; `python3 minh.py resume` ends the halt." if halted else f" {unwritten}"
    return Stopped(
        command=name,
        answer=answer,
        halt_file=halted,
        holds=holds,
        sentence=words + held,
        outside=outside,
        positions=positions,
    )


def write_halt(layout: Layout, who: str, why: str) -> str:
    """Write the HALT file; a sentence where even that fails."""
    try:
        layout.disk.touch(layout.halt_file)
    except OSError as error:
        return f"THE HALT FILE {layout.halt_file} COULD NOT BE WRITTEN ({error.strerror})."
    with suppress(OSError):  # on a full disk the empty file holds, too
        layout.disk.replace(layout.halt_file, f"{who}: {why}\n".encode(), durable=True)
    return ""


def ask(
    layout: Layout,
    name: str,
    who: str,
    why: str,
    wait_s: float,
    clock: Clock,
    fields: Mapping[str, Scalar] = {},
) -> Answer | None:
    """Put a command into the inbox; the trader's answer, or None where it gives none within wait_s.

    fields: the command's own, beside why.
    Raises JournalError where the inbox cannot be used.
    """
    now_ns = clock.now_ns()
    inbox = Inbox(layout.inbox, layout.database)
    try:
        number = inbox.put(
            Request(
                name=name,
                who=who,
                why=why,
                fields=dict(fields),
                created_ns=now_ns,
                expires_ns=now_ns + EXPIRES_S * NANOS_PER_SECOND,
            )
        )
        end_ns = clock.monotonic_ns() + int(wait_s * NANOS_PER_SECOND)
        while True:
            answer = inbox.answer(number)
            if answer is not None or clock.monotonic_ns() >= end_ns:
                return answer
            clock.sleep(POLL_S)
    finally:
        inbox.close()


def leave_alarm(layout: Layout, who: str, text: str, clock: Clock) -> bool:
    """Have the trader journal an alarm when it is back; False where the inbox cannot be used now."""
    now_ns = clock.now_ns()
    with suppress(JournalError):
        inbox = Inbox(layout.inbox, layout.database)
        try:
            expires_ns = now_ns + ALARM_EXPIRES_S * NANOS_PER_SECOND
            alarm = Request(name="alarm", who=who, fields={"text": text}, created_ns=now_ns, expires_ns=expires_ns)
            inbox.put(alarm)
            return True
        finally:
            inbox.close()
    return False


def _wait_until_flat(layout: Layout, since_ns: int, clock: Clock) -> tuple[bool, str]:
    """Whether a heartbeat younger than since_ns says that nothing is held, and the sentence."""
    end_ns = clock.monotonic_ns() + int(FLAT_S * NANOS_PER_SECOND)
    held: dict[str, int] | None = None
    trouble = ""
    while True:
        beat = heartbeats.read(layout, TraderBeat)
        if beat is not None and beat.time_ns >= since_ns:
            held, trouble = beat.held, "" if beat.venue_ready else f" ({beat.venue_reason})"
            if not held:
                return True, "the position is flat."
        if clock.monotonic_ns() >= end_ns:
            break
        clock.sleep(POLL_S)
    where = "its heartbeat stands still" if held is None else f"it still holds {describe(held)}{trouble}"
    return False, f"after {FLAT_S:g} seconds {where}: see `python3 minh.py status`."


def _compared(
    settings: Settings, layout: Layout, flat: bool, words: str, clock: Clock
) -> tuple[bool, str, dict[str, int] | None]:
    """Whether nothing of ours stands at the broker, the sentence, and the positions that it shows.

    flat: what the trader says; then its last cancels may still be under way, and the broker gets a moment.
    """
    end_ns = clock.monotonic_ns() + int(SHOWN_S * NANOS_PER_SECOND)
    while True:
        stands = what_stands(settings, layout, clock, "MinhOS halt")
        if stands.nothing:
            return True, "the position is flat, and the broker shows neither a position nor an order.", {}
        if not flat or stands.positions is None or clock.monotonic_ns() >= end_ns:
            break
        clock.sleep(SHOWN_POLL_S)
    if stands.positions is None:
        return (
            False,
            f"{words} The broker cannot be asked: {stands.problem} What stands there is unknown. {BY_HAND}",
            None,
        )
    return False, f"{words} {_open_at_broker(stands, clock)}", stands.positions


def _open_at_broker(stands: Standing, clock: Clock) -> str:
    """What is still open, and what to do about it."""
    orders = f"{stands.n_orders} working order{'' if stands.n_orders == 1 else 's'}"
    if not stands.positions:
        return f"The broker shows no position and {orders}: cancel in Sierra Chart what is not to fill."
    text = f"STILL OPEN AT THE BROKER: {describe(stands.positions)}, with {orders}."
    closed = closed_until(clock)
    if closed:
        return f"{text} The market is closed until {closed}; the trader closes it then."
    return f"{text} The trader goes on trying; do not wait for it. {BY_HAND}"
