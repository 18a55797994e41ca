"""`check-sierra`: the bridge that serves Sierra Chart's files, where the settings name one; they are copied here."""

from __future__ import annotations

import asyncio
from pathlib import Path

from minhos.assembly.mirror import copied, mirror_options, running_mirror
from minhos.errors import SettingsError
from minhos.sierra_check.context import Desk
from minhos.sierra_check.finding import Finding, failed, ok

START_IT = "Run `minh.py bridge` beside Sierra Chart, and put the lines that it prints under [data]."


async def bridge(desk: Desk) -> list[Finding]:
    """Whether it is reached and all that it has is here; nothing where there is none."""
    settings, step = desk.settings, "bridge"
    if not settings.data.bridge:
        return []
    try:
        folder = Path(settings.data.bridge_folder)
        mirror = running_mirror(mirror_options(settings), folder, settings.market.symbol, desk.clock)
    except SettingsError as error:
        return [failed(step, str(error), START_IT)]
    whole = await asyncio.to_thread(copied, mirror, desk.progress)
    status = mirror.status()
    if not whole:
        return [failed(step, status.trouble or f"The bridge at {settings.data.bridge} sends nothing.", START_IT)]
    if not status.symbols:
        return [ok(step, "Another process, as the trader, keeps the copy.")]
    told = {"symbols": list(status.symbols), "records": status.records, "folder": str(mirror.folder)}
    return [ok(step, f"{', '.join(status.symbols)}: {status.records:,} records came; the copy is whole.", told)]
