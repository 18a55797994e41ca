"""`create_app()`: REST, WebSocket and the page, over what the journal says.  It needs no argument and no trader."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Query, Response, WebSocket

import minhos
from minhos.assembly.in_use import settings_in_use
from minhos.assembly.layout import Layout
from minhos.assembly.live_views import LiveViews
from minhos.settings import Settings, home
from minhos.web import api, commands, docs, force, metrics, page, problems
from minhos.web.auth import Guard, GuardMiddleware, check_host
from minhos.web.headers import HeadersMiddleware
from minhos.web.live import Sockets

DESCRIPTION = "Forecasts, sizes, risk and trades of MinhOS.  A GET reads what is stored; a POST asks the trader."


def create_app(settings: Settings | None = None, layout: Layout | None = None) -> FastAPI:
    """The web application.

    Raises:
        SettingsError: a setting cannot be read, or strangers could reach the page without a password.
    """
    layout = layout or Layout(home())
    settings = settings or settings_in_use(layout, last=True)[0]
    check_host(settings.web.host, settings.web.password)
    live = LiveViews(settings, layout)
    guard = Guard(settings.web.password, live.clock, (settings.web.host, *settings.web.names))
    sockets = Sockets(live)

    @asynccontextmanager
    async def following(_: FastAPI) -> AsyncIterator[None]:
        live.start()
        yield
        live.stop()

    app = FastAPI(
        title="MinhOS",
        version=minhos.__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=following,
    )
    app.state.live = live
    problems.install(app)
    app.include_router(api.routes(live))
    app.include_router(force.routes(live))
    app.include_router(commands.routes(live))
    app.include_router(docs.routes(guard))

    @app.get("/metrics", include_in_schema=False)
    def prometheus() -> Response:
        return Response(metrics.exposition(live), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.websocket("/api/ws")
    async def socket(websocket: WebSocket, after: int | None = Query(None, ge=0)) -> None:
        await sockets.connect(websocket, after)

    problems.install_unknown(app)
    page.install(app, live)
    app.add_middleware(GuardMiddleware, guard=guard)
    app.add_middleware(HeadersMiddleware)
    return app
