"""Errors as problem details (RFC 9457): a status, a title and one sentence; never a traceback."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from minhos.errors import MinhosError
from minhos.web.headers import HEADERS

TITLES = {
    400: "Bad request",
    401: "Sign in",
    403: "Refused",
    404: "Not found",
    405: "Method not allowed",
    409: "Not possible now",
    421: "Another host",
    422: "Not understood",
    429: "Too many attempts",
    500: "A fault of ours",
}


class Problem(BaseModel):
    """What was wrong, in one sentence."""

    type: str = "about:blank"
    title: str
    status: int = Field(ge=400, le=599)
    detail: str


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem as a response."""
    body = Problem(title=TITLES.get(status, "Problem"), status=status, detail=detail)
    return JSONResponse(body.model_dump(), status, headers=headers, media_type="application/problem+json")


def responses(*codes: int) -> dict[int | str, dict[str, Any]]:  # FastAPI's own type of `responses`
    """How an endpoint declares its problems."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {code: {"description": TITLES[code], "model": Problem, "content": content} for code in codes}


def install(app: FastAPI) -> None:
    """Turn every error of requests into a problem."""

    @app.exception_handler(MinhosError)
    async def refused(request: Request, error: MinhosError) -> JSONResponse:
        return problem(409, str(error))

    @app.exception_handler(RequestValidationError)
    async def not_understood(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        return problem(422, f"{where}: {first['msg'].lower()}.")

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), dict(error.headers) if error.headers else None)

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> JSONResponse:  # outside the middlewares, which add headers
        text = f"{request.method} {request.url.path} failed ({type(error).__name__}); the web log has the traceback."
        return problem(500, text, HEADERS)


def install_unknown(app: FastAPI) -> None:
    """Answer what no endpoint under /api answers with a problem, not with the page's 404.  Call it after the routes."""
    known = list(app.routes)

    @app.api_route("/api/{rest:path}", include_in_schema=False, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def unknown(request: Request, rest: str) -> JSONResponse:
        if any(route.matches(request.scope)[0] is Match.PARTIAL for route in known):
            return problem(405, f"/api/{rest} does not take {request.method}; /docs says what it takes.")
        return problem(404, f"There is no /api/{rest}; /docs lists what there is.")
