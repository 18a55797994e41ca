"""/docs without the internet: one small page that reads /openapi.json, and /login."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel

from minhos.web.auth import COOKIE, TOKEN_HOURS, Guard, basic_password, client_of, too_soon
from minhos.web.problems import problem, responses

NEEDED = "Wrong password, or none: send it by Basic, with any user name."


class Token(BaseModel):
    """For the header `Authorization: Bearer`."""

    access_token: str
    token_type: str = "bearer"
    expires_in: int


def routes(guard: Guard) -> APIRouter:
    """The pages, and tokens for programs."""
    router = APIRouter()

    @router.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(_text("docs.html"))

    @router.get("/login", include_in_schema=False)
    def login_page() -> HTMLResponse:
        return HTMLResponse(_text("login.html").replace("{{message}}", ""))

    @router.post("/login", include_in_schema=False)
    def login(request: Request, password: str = Form(max_length=1_000)) -> Response:
        client = client_of(request)
        if not guard.password or guard.knows(password, client):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(
                COOKIE,
                guard.new_token(),
                max_age=TOKEN_HOURS * 3_600,
                httponly=True,
                samesite="strict",
                secure=request.url.scheme == "https",
            )
            return answer
        wait_s = guard.wait_s(client)
        message = "Wrong password." + (f" Try again in {wait_s:.0f} seconds." if wait_s else "")
        return HTMLResponse(_text("login.html").replace("{{message}}", message), 401)

    @router.post("/api/token/login", tags=["other"], responses=responses(401, 403, 429))
    def token(request: Request) -> Token:
        """A token for Bearer, against the password by Basic."""
        client = client_of(request)
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if guard.password and not (kind.lower() == "basic" and guard.knows(basic_password(value), client)):
            return too_soon(guard.wait_s(client)) or problem(401, NEEDED)  # type: ignore[return-value]
        return Token(access_token=guard.new_token(), expires_in=TOKEN_HOURS * 3_600)

    return router


def _text(name: str) -> str:
    return (files("minhos.web") / "static" / name).read_text(encoding="utf-8")
