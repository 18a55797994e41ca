"""integration: behind the script of the same purpose."""

from __future__ import annotations

from minhos.commands.common import JsonOption, layout, print_json, settings
from minhos.commands.terminal import console, say
from minhos.errors import CheckFailed
from minhos.services.kelly_service import KellyService
from minhos.views.health import ServiceHealth


def integration(as_json: JsonOption = False) -> None:
    """Is every part there, from data to order?  Example: minh.py integration."""
    health = KellyService(settings(last=True), layout()).health()
    verdict = verdict_of(health)
    if as_json:
        print_json({"verdict": verdict, "health": health})
    else:
        console.print(f"ML integration: {verdict}", highlight=False)
        say(f"status: {health.state} ({health.mode}): {health.reason}")
        for part in health.components:
            say(f"  {part.name}: {part.status}, {part.detail}")
    if verdict == "not operational":
        raise CheckFailed(health.reason)


def verdict_of(health: ServiceHealth) -> str:
    """Operational only while it runs; where nothing was started nothing has failed either."""
    if health.status == "healthy":
        return "operational"
    failed = any(part.status == "failed" for part in health.components)
    return "not operational" if failed else "installed, operational once `python3 minh.py start` runs"
