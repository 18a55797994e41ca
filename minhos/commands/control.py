"""halt, resume, pause, flatten: a person's word to the trader, from the terminal."""

from __future__ import annotations

import getpass
import time
from contextlib import suppress
from typing import Annotated

import typer

from minhos.commands.common import JsonOption, console, layout, print_json
from minhos.errors import CommandRefused, MinhosError
from minhos.journal.inbox import Inbox
from minhos.market.clock import SystemClock
from minhos.market.types import NANOS_PER_SECOND

WAIT_S = 2.0
EXPIRES_S = 60
WhyOption = Annotated[str, typer.Option("--why", help="Kept in the journal beside your name.")]


def tell_trader(name: str, why: str) -> str:
    """Put a command into the inbox and wait a moment for the trader's answer.

    Raises:
        CommandRefused: no trader answered; the HALT file, where one was written, holds all the same.
    """
    clock = SystemClock()
    inbox = Inbox(layout().make().inbox)
    now_ns = clock.now_ns()
    number = inbox.put(getpass.getuser(), name, {"why": why}, now_ns, now_ns + EXPIRES_S * NANOS_PER_SECOND)
    end_ns = clock.monotonic_ns() + int(WAIT_S * NANOS_PER_SECOND)
    while clock.monotonic_ns() < end_ns:
        answer = inbox.answer(number)
        if answer is not None:
            return answer
        time.sleep(0.02)
    raise CommandRefused(
        f"no trader answered within {WAIT_S:.0f} seconds; `{name}` waits {EXPIRES_S} seconds for one to start, "
        "`python3 minh.py status` shows what runs."
    )


def halt(why: WhyOption = "", as_json: JsonOption = False) -> None:
    """Stop trading at once: writes the HALT file, cancels and closes.  Example: minh.py halt --why "news"."""
    place = layout().make()
    place.halt_file.touch()
    with suppress(OSError):
        place.halt_file.write_text(f"{getpass.getuser()}: {why}\n", encoding="utf-8")
    try:
        answer = tell_trader("halt", why)
    except MinhosError as error:
        answer = f"the HALT file is written; {error}"
    _say("halt", answer, as_json)


def resume(why: WhyOption = "", as_json: JsonOption = False) -> None:
    """End a halt, a pause or an EMERGENCY; removes the HALT file.  Example: minh.py resume."""
    place = layout().make()
    place.halt_file.unlink(missing_ok=True)
    _say("resume", tell_trader("resume", why), as_json)


def pause(why: WhyOption = "", as_json: JsonOption = False) -> None:
    """No new risk; what is open keeps its stops.  Example: minh.py pause --why "lunch"."""
    _say("pause", tell_trader("pause", why), as_json)


def flatten(why: WhyOption = "", as_json: JsonOption = False) -> None:
    """Cancel orders, close the position and pause.  Example: minh.py flatten."""
    _say("flatten", tell_trader("flatten", why), as_json)


def _say(name: str, answer: str, as_json: bool) -> None:
    if as_json:
        print_json({"command": name, "answer": answer})
    else:
        console.print(f"{name}: {answer}", highlight=False, markup=False)
