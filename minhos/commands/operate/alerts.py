"""test-alerts: does every channel take a message?"""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from minhos.assembly.alert_routes import Channel, channels_of
from minhos.commands.common import JsonOption, print_json, settings_with_parts
from minhos.commands.terminal import progress, say
from minhos.errors import CheckFailed, MinhosError
from minhos.processes.alerts import ask_for, hand_over, send_of
from minhos.views.messages import Severity

TITLE, TEXT = "MinhOS test", "This is a test of an alert channel; nothing happened."


class Told(msgspec.Struct, frozen=True):
    """What became of one channel's test.  problem: empty where it took the message."""

    name: str
    taken: bool
    problem: str = ""


def send_test_alerts(
    name: Annotated[str, typer.Argument(help="Of one channel; all without it.", show_default=False)] = "",
    as_json: JsonOption = False,
) -> None:
    """Send a test message to your alert channels, now, also in quiet hours.  Example: minh.py test-alerts phone.

    Exit code 1 where one did not take it.
    """
    channels = channels_of(settings_with_parts())
    if not channels:
        raise MinhosError(
            f"There is no alert channel{f' {name!r}' if name else ''}: "
            'write [alert.phone] with urls = ["ntfy://ntfy.sh/my-topic"] into minhos.toml.'
        )
    chosen = [channel for channel in channels if name in ("", channel.name)]
    if not chosen:
        names = ", ".join(dict.fromkeys(channel.name for channel in channels))
        raise MinhosError(f"No alert channel is called {name!r}; there are {names}.")
    told = []
    with progress("Alerts", quiet=as_json) as report:
        for i, channel in enumerate(chosen):
            report(i / len(chosen), channel.label)
            told.append(_try(channel))
    if as_json:
        print_json({"channels": told})
    for each in () if as_json else told:
        say(f"{each.name}: {'took it.' if each.taken else each.problem}")
    if not all(each.taken for each in told):
        raise CheckFailed("a channel did not take the message: " + ", ".join(t.name for t in told if not t.taken) + ".")


def _try(channel: Channel) -> Told:
    try:
        if channel.ping:
            ask_for(channel.ping)
        else:
            hand_over(send_of(channel), Severity.INFO, TITLE, TEXT)
    except (Exception, SystemExit) as error:  # whatever a user's channel raises
        return Told(channel.label, False, f"{type(error).__name__}: {error}")
    return Told(channel.label, True)
