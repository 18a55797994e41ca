"""The web process: `python -m minhos.web [--host HOST] [--port PORT]`."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress

import uvicorn

from minhos.assembly.endings import ending_of
from minhos.assembly.layout import Layout
from minhos.assembly.logs import configure
from minhos.errors import MinhosError
from minhos.settings import home, load
from minhos.web.app import create_app
from minhos.web.listening import listen


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
    except (MinhosError, OSError) as error:
        with suppress(OSError):
            print(f"MinhOS web: {error}", file=sys.stderr, flush=True)
        return ending_of(error, ran=False).value
    config = uvicorn.Config(app, log_level="warning", ws_max_size=1 << 20, timeout_graceful_shutdown=3)
    uvicorn.Server(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
