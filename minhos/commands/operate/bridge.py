"""bridge: serve Sierra Chart's files to a MinhOS on another machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minhos.commands.common import layout
from minhos.commands.terminal import console
from minhos.market.clock import SystemClock
from minhos.processes.bridge import Bridge, BridgeOptions, sierra_folder
from minhos.processes.process import run


def bridge(
    folder: Annotated[Path | None, typer.Option("--folder", help="Sierra Chart's data folder.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 127.0.0.1 for this machine alone.")] = "0.0.0.0",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the data; 0 for any free one.")] = 11199,
    history_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The same data for clients that ask history apart.")
    ] = 11198,
    password: Annotated[str, typer.Option(envvar="MINHOS_BRIDGE_PASSWORD", help="What the other side must give.")] = "",
    tls: Annotated[bool, typer.Option("--tls/--no-tls", help="Encrypt, with a certificate made on first use.")] = True,
) -> None:
    r"""Serve Sierra Chart's files over DTC.  Example: minh.py bridge --folder C:\SierraChart\Data --password secret."""
    options = BridgeOptions(
        folder=sierra_folder(folder),
        host=host,
        port=port,
        history_port=history_port,
        password=password,
        certificates=layout().data / "certificates" if tls else None,
    )

    def announce() -> None:
        names = serving.backend.symbols()
        _say(f"{options.folder}: {len(names)} files, {', '.join(names[:8]) or 'none yet'}")
        _say(f"listening on {host}, port {serving.ports[0]} (history also on {serving.ports[1]}); Ctrl-C ends it")
        if not tls:
            _say("without TLS: password and data can be read by everyone in this network")
        _say("on the other machine, in config/minhos.toml under [data], beside bridge_password:")
        for line in serving.lines():
            _say(f"  {line}")

    clock = SystemClock()
    serving = Bridge(options, _say, clock, announce)
    run(serving, clock)
    _say("the bridge has ended")


def _say(line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
