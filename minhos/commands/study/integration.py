"""integration: behind the script of the same purpose."""

from __future__ import annotations

from minhos.commands.common import JsonOption, layout, print_json, settings
from minhos.commands.terminal import console, say
from minhos.errors import CheckFailed
from minhos.services.kelly_service import KellyService


def integration(as_json: JsonOption = False) -> None:
    """Is every part there, from data to order?  Example: minh.py integration."""
    health = KellyService(settings(), layout()).health()
    working = health.status == "healthy"
    if as_json:
        print_json({"verdict": "operational" if working else "not operational", "health": health})
    else:
        console.print(f"ML integration: {'operational' if working else 'NOT operational'}", highlight=False)
        say(f"status: {health.state} ({health.mode}): {health.reason}")
        for part in health.components:
            say(f"  {part.name}: {part.status}, {part.detail}")
    if not working:
        raise CheckFailed(health.reason)
