"""The web process: `python -m minhos.web [--host HOST] [--port PORT]`."""

from __future__ import annotations

import argparse
import socket
import sys

import uvicorn

from minhos.assembly.layout import Layout
from minhos.assembly.logs import configure
from minhos.errors import MinhosError, SettingsError
from minhos.settings import home, load
from minhos.web.app import create_app

MISTAKE = 2


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal; returns the exit code."""
    parser = argparse.ArgumentParser(prog="minhos.web", description="The dashboard and its REST interface.")
    parser.add_argument("--host", help="address to listen on; default: [web] host")
    parser.add_argument("--port", type=int, help="port to listen on; default: [web] port")
    given = vars(parser.parse_args(arguments))
    try:
        layout = Layout(home())
        overrides = {"web": {key: value for key, value in given.items() if value is not None}}
        settings = load(layout.home, overrides)
        configure("web", layout.home)
        app = create_app(settings, layout.make())
        listener = listen(settings.web.host, settings.web.port)
    except MinhosError as error:
        print(f"MinhOS web: {error}", file=sys.stderr)
        return MISTAKE
    config = uvicorn.Config(app, log_level="warning", ws_max_size=1 << 20, timeout_graceful_shutdown=3)
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def listen(host: str, port: int) -> socket.socket:
    """A socket on that address.  Raises SettingsError where another program has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"Port {port} on {host} cannot be used ({error.strerror}): another program, perhaps an earlier MinhOS, "
            f"has it; stop that one, or choose another with --port or [web] port."
        ) from error
    return listener


if __name__ == "__main__":
    raise SystemExit(main())
