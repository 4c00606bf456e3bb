"""What every answer carries, and which requests get none. Pure ASGI: a wrapper that buffers would stop the stream of events."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.metrics import DESK_REQUESTS

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Mapping[bytes, bytes] = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
}
READING = ("GET", "HEAD", "OPTIONS")


class Guard:
    """Adds the headers, counts the request, and refuses what comes from elsewhere.

    A page on another site may make a browser send requests here. Its writes are refused by `Sec-Fetch-Site`, else by
    `Origin`. A name of its own that it points at this machine is refused by `Host`.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        """Guard `app`, which answers to these host names."""
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS.items()]
                DESK_REQUESTS.labels(_page(scope), f"{message['status'] // 100}xx").inc()
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if refusal:
            await PlainTextResponse(refusal, 403)(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    def _refusal(self, method: str, headers: Headers) -> str:
        host = headers.get("host", "")
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        if name.lower() not in self._hosts:
            return "This desk does not answer to that host name.\n"
        if method in READING:
            return ""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        same = site in {"same-origin", "none"} if site else origin is None or origin.partition("//")[2] == host
        return "" if same else "Requests from other sites are refused.\n"


def _page(scope: Mapping[str, Any]) -> str:
    route = scope.get("route")
    return getattr(route, "path", None) or ("/static" if scope["path"].startswith("/static/") else "other")
