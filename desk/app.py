"""The web application: pages, the stream of events, the read API. `create_app` makes it; importing starts nothing."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from contracts.clock import Clock
from contracts.settings import Desk
from contracts.watchlist import read_watchlist
from desk import figures, names
from desk.api import routes
from desk.database import is_away
from desk.documents import read_documents
from desk.evidence import read_page
from desk.feed import Feed
from desk.headers import Guard
from desk.hub import Hub, event
from desk.live import LiveBoard
from desk.names import Names
from desk.store import Store

HERE = Path(__file__).parent
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MISSING = "This page does not exist, or the alert is older than what the desk keeps."


class _Static(StaticFiles):
    """Files whose address carries their version may be kept for good."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """A file, to be kept."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def create_app(settings: Desk, store: Store, feed: Feed, clock: Clock) -> FastAPI:
    """The desk over a store that `feed` fills.

    `app.state.hub` is to be closed before the server waits for its connections; `app.state.following` is the task that
    sends news, whose failure is the process's.

    Raises:
        UserError: the watchlist is there and cannot be read.
    """
    known = Names.of(read_watchlist(settings.watchlist)) if settings.watchlist.exists() else Names()
    hub = Hub()
    live = LiveBoard(store, feed, known, clock, hub)
    templates = _templates()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.following = asyncio.create_task(live.run())
        yield
        hub.close()
        app.state.following.cancel()
        await asyncio.gather(app.state.following, return_exceptions=True)

    app = FastAPI(
        title="Tocsin desk",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.state.hub = hub
    app.add_middleware(GZipMiddleware, minimum_size=600)
    app.add_middleware(Guard, hosts={*LOOPBACK, settings.host})
    app.mount("/static", _Static(directory=HERE / "static"), name="static")
    app.include_router(routes(store, known, live.outlook))

    def shown(request: Request, template: str, status: int = 200, **values: Any) -> Response:
        return templates.TemplateResponse(
            request, template, values, status_code=status, headers={"cache-control": "no-store"}
        )

    @app.get("/", include_in_schema=False)
    def board(request: Request) -> Response:
        """The live board."""
        seen, version = live.page()
        return shown(request, "board.html", board=seen, version=version, outlook=seen.outlook)

    @app.get("/board/state", include_in_schema=False)
    def board_state() -> Response:
        """All of the board, for a page that missed something."""
        return Response(
            orjson.dumps(live.state()), media_type="application/json", headers={"cache-control": "no-store"}
        )

    @app.get("/events", include_in_schema=False)
    async def events() -> StreamingResponse:
        """The stream of what changes, beginning with all of the board."""
        first = b"retry: 1000\n" + event("board", await asyncio.to_thread(live.state))
        return StreamingResponse(
            hub.stream(first),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    @app.get("/alert/{alert}", include_in_schema=False)
    def evidence(request: Request, alert: str) -> Response:
        """The evidence of an alert."""
        found = read_page(store, known, alert)
        if found is None:
            raise HTTPException(404, _MISSING)
        return shown(request, "alert.html", page=found, outlook=live.outlook())

    @app.get("/documents", include_in_schema=False)
    def documents(
        request: Request,
        series: str,
        from_: Annotated[int, Query(alias="from", ge=0, lt=2**62)],
        until: Annotated[int, Query(ge=0, lt=2**62)],
        *,
        negative: bool = False,
    ) -> Response:
        """The documents behind a number."""
        found = read_documents(store, known, series, from_, until, negative=negative)
        return shown(request, "documents.html", page=found, outlook=live.outlook())

    def failed(request: Request, status: int, message: str) -> Response:
        if request.url.path.startswith(("/api/", "/board/", "/health", "/events")):
            return JSONResponse({"detail": message}, status)
        return shown(request, "error.html", status, message=message, code=status, outlook=None)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        standard = error.status_code == 404 and error.detail == "Not Found"
        return failed(request, error.status_code, _MISSING if standard else str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return failed(request, 422, f"{'.'.join(str(part) for part in first['loc'][1:])}: {first['msg']}")

    @app.exception_handler(sqlite3.OperationalError)
    async def unreadable(request: Request, error: sqlite3.OperationalError) -> Response:
        if not is_away(error):
            raise error
        return failed(request, 503, f"The desk's database cannot be read now: {error}. Nothing is lost; try again.")

    return app


def _templates() -> Jinja2Templates:
    templates = Jinja2Templates(HERE / "templates")
    files = sorted((HERE / "static").iterdir())
    version = hashlib.blake2b(b"".join(file.read_bytes() for file in files), digest_size=4).hexdigest()
    templates.env.globals.update(asset=lambda name: f"/static/{name}?v={version}", names=names)
    for name in ("utc", "iso", "minute", "day_minute", "span", "count", "percent"):
        templates.env.filters[name] = getattr(figures, name)
    templates.env.trim_blocks = templates.env.lstrip_blocks = True
    return templates
