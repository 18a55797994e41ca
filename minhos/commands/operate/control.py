"""halt, resume, pause, flatten: a person's word to the trader, from the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from minhos.commands.common import JsonOption, layout, print_json, settings, user
from minhos.commands.terminal import progress, say
from minhos.errors import CommandRefused, SettingsError
from minhos.journal.inbox import Scalar
from minhos.market.clock import SystemClock
from minhos.safety.stop import EXPIRES_S, Stop, ask, stop_trading, write_halt

WAIT_S = 2.0
WhyOption = Annotated[str, typer.Option("--why", help="Kept in the journal beside your name.")]


def tell_trader(name: str, why: str, fields: Mapping[str, Scalar] = {}) -> str:
    """Put a command with its fields into the inbox and wait a moment; the sentence of the trader that accepted it.

    Raises:
        CommandRefused: no trader answered, or it refused.
    """
    answer = ask(layout().make(), name, user(), why, WAIT_S, SystemClock(), fields)
    if answer is None:
        raise CommandRefused(
            f"no trader answered within {WAIT_S:.0f} seconds; `{name}` waits {EXPIRES_S} seconds for one to start, "
            "`python3 minh.py status` shows what runs."
        )
    if not answer.accepted:
        raise CommandRefused(answer.sentence)
    return answer.sentence


def halt(why: WhyOption = "", as_json: JsonOption = False) -> None:
    """Stop trading at once: writes the HALT file, cancels and closes, also without a trader.

    Exit code 1 where a position may still be open.  Example: minh.py halt --why "news"
    """
    _stop("halt", why, as_json)


def flatten(why: WhyOption = "", as_json: JsonOption = False) -> None:
    """Cancel orders and close the position, now; writes the HALT file as `halt` does.

    Exit code 1 where a position may still be open.  Example: minh.py flatten --why "going home"
    """
    _stop("flatten", why, as_json)


def resume(why: WhyOption = "", as_json: JsonOption = False) -> None:
    """End a halt, a pause or an EMERGENCY; removes the HALT file.  Example: minh.py resume."""
    place = layout().make()
    halted = place.disk.exists(place.halt_file)
    place.disk.remove(place.halt_file)
    try:
        report_answer("resume", tell_trader("resume", why), as_json)
    except CommandRefused as error:
        raise CommandRefused(f"{'the HALT file is removed, but ' if halted else ''}{error}") from None


def pause(why: WhyOption = "", as_json: JsonOption = False) -> None:
    """No new risk; what is open keeps its stops.  Example: minh.py pause --why "lunch"."""
    report_answer("pause", tell_trader("pause", why), as_json)


def accept_position(why: WhyOption = "", as_json: JsonOption = False) -> None:
    """Book the position that the broker shows, where it stays another than the journal's and no fill explains it.

    Somebody else's fill at the last price; then `resume`.  Example: minh.py accept-position --why "closed by phone"
    """
    report_answer("accept-position", tell_trader("accept-position", why), as_json)


def _stop(name: Stop, why: str, as_json: bool) -> None:
    who = user()
    try:
        chosen = settings()
    except SettingsError as error:
        raise SettingsError(f"{write_halt(layout(), who, why) or 'the HALT file is written'}; {error}") from error
    with progress(name, quiet=as_json) as report:
        done = stop_trading(chosen, layout(), name, who, why, clock=SystemClock(), progress=report)
    if as_json:
        print_json(
            {
                "command": name,
                "answer": done.sentence,
                "holds": done.holds,
                "halt_file": done.halt_file,
                "positions": done.positions,
                "outside": done.outside,
            }
        )
    else:
        say(f"{name}: {done.sentence}")
    if not done.holds:
        raise typer.Exit(1)


def report_answer(name: str, answer: str, as_json: bool) -> None:
    """What the trader said to that command, for a person or as one object."""
    if as_json:
        print_json({"command": name, "answer": answer})
    else:
        say(f"{name}: {answer}")
