"""Others bring their documents: `POST /v1/documents`. 202 only when Kafka has them.

Requests that arrive while a batch is being published wait together and are published as the next one, so that the rate grows
with the load and one request alone waits for nobody. A request is answered 429 with Retry-After while the buffer is full, Kafka
is away or the source is paused; nothing of it is kept then. A document brought twice is one document: by its `id`, else its
`url`, else its place under the Idempotency-Key of its request.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from contracts import metrics
from contracts.clock import Clock
from contracts.errors import Fenced, Unavailable, UserError
from contracts.settings import Ingest
from ingest.normalise import Item
from ingest.ownership import Ownership
from ingest.port import Polled
from ingest.source_kinds import PushSource

DOCUMENTS_MAX = 1_000
BODY_MAX_BYTES = 32 * 1024 * 1024
TEXT_MAX_CHARACTERS = 400_000  # more than normalising reads
AWAY_S, FULL_S = 5, 1  # Retry-After
KEYS_REMEMBERED = 10_000
log = structlog.get_logger(__name__)

Text = Annotated[str, Field(max_length=TEXT_MAX_CHARACTERS)]
Short = Annotated[str, Field(max_length=2_000)]


class Brought(BaseModel):
    """A document as a sender brings it."""

    model_config = ConfigDict(extra="forbid")
    id: Short = ""
    url: Short = ""
    title: Text = ""
    body: Text = ""
    author: Short = ""
    published: Short | int | float | None = None
    source: Annotated[str, Field(max_length=100)] = ""
    lang: Annotated[str, Field(max_length=16)] = ""
    kind: Annotated[str, Field(pattern="^(news|comment)?$")] = ""
    entities: Annotated[list[Short], Field(max_length=100)] = []


_BATCH = TypeAdapter(list[Brought])


class _Refused(Exception):
    def __init__(self, status: int, why: str, retry_after_s: int = 0) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class _Waiting:
    items: list[Item]
    published: asyncio.Future[None]


class Push:
    """The door of one push source.

    Args:
        spec: what `sources.yaml` says.
        settings: of the stage.
        clock: the wall.
        tokens: sender -> token, in the clear.
    """

    def __init__(self, spec: PushSource, settings: Ingest, clock: Clock, tokens: Mapping[str, str]) -> None:
        self._spec = spec
        self._settings = settings
        self._clock = clock
        self._senders = {_digest(token.encode()): name for name, token in tokens.items()}
        if "" in tokens.values():
            raise UserError(f"source {spec.name!r}, senders: a token is empty")
        self._queue: deque[_Waiting] = deque()
        self._queued = 0
        self._work = asyncio.Event()
        self._keys: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._ownership: Ownership | None = None
        self._server: uvicorn.Server | None = None
        self.port = spec.port

    async def serve(self, ownership: Ownership, held: asyncio.Event, in_thread: Callable[..., Awaitable[Any]]) -> None:
        """Listen from when the source is ours first; only then, since another process may hold the port until it dies.

        Raises:
            UserError: the port is taken.
        """
        await held.wait()
        self._ownership = ownership
        listening = self._listen()
        config = uvicorn.Config(
            self.app(), log_config=None, access_log=False, lifespan="off", server_header=False, timeout_keep_alive=30,
            timeout_graceful_shutdown=5, h11_max_incomplete_event_size=64 * 1024,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        log.info(
            "taking documents", source=self._spec.name, address=f"http://{self._spec.host}:{self.port}/v1/documents"
        )
        # Signals stay with the process: uvicorn takes them in the main thread only, and this is not it.
        serving = asyncio.create_task(self._server.serve([listening]))
        try:
            await self._publish(ownership, in_thread)
        finally:
            self._server.should_exit = True
            for waiting in self._queue:
                waiting.published.cancel()
            await serving

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._spec.host else socket.AF_INET
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((self._spec.host, self._spec.port))
            listening.listen(2_048)
        except OSError as error:
            listening.close()
            raise UserError(
                f"source {self._spec.name!r}: {self._spec.host}:{self._spec.port} cannot be listened at: {error.strerror}; "
                "give it another port"
            ) from error
        self.port = int(listening.getsockname()[1])
        return listening

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.should_exit = True

    async def _publish(self, ownership: Ownership, in_thread: Callable[..., Awaitable[Any]]) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._queue:
                taken: list[_Waiting] = []
                items: list[Item] = []
                while self._queue and (not items or len(items) + len(self._queue[0].items) <= DOCUMENTS_MAX):
                    taken.append(self._queue.popleft())
                    items += taken[-1].items
                try:
                    await in_thread(ownership.accept, Polled(ownership.cursor.position, items))
                except (Unavailable, Fenced) as error:
                    log.warning("pushed documents were not published", source=self._spec.name, why=str(error))
                    for waiting in taken:
                        if not waiting.published.done():
                            waiting.published.set_exception(_Refused(429, "Kafka is away; bring it again", AWAY_S))
                else:
                    for waiting in taken:
                        if not waiting.published.done():
                            waiting.published.set_result(None)
                finally:
                    self._queued -= len(items)

    def app(self) -> FastAPI:
        """The web application."""
        app = FastAPI(title="Tocsin push", docs_url=None, redoc_url=None, openapi_url=None)

        @app.post("/v1/documents")
        async def documents(request: Request) -> Response:
            try:
                received = await self._take(request)
                status, headers = 202, dict[str, str]()
                content: dict[str, int | str] = {"received": received}
            except _Refused as refused:
                status, content = refused.status, {"error": refused.why}
                headers = {"retry-after": str(refused.retry_after_s)} if refused.retry_after_s else {}
            metrics.PUSH_REQUESTS.labels(str(status)).inc()
            return Response(orjson.dumps(content), status, headers, "application/json")

        return app

    async def _take(self, request: Request) -> int:
        sender = self._sender(request.headers.get("authorization", ""))
        self._demand_room()
        body = await _body(request)
        key = request.headers.get("idempotency-key", "").strip()
        if len(key) > 255:
            raise _Refused(400, "Idempotency-Key is longer than 255 characters")
        items = self._items(sender, _documents(body), key)
        self._demand_same(sender, key, body)
        self._demand_room(len(items))
        published: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(items, published))
        self._queued += len(items)
        self._work.set()
        await published
        return len(items)

    def _sender(self, authorization: str) -> str:
        scheme, _, token = authorization.partition(" ")
        given = _digest(token.strip().encode())
        found = ""
        for digest, name in self._senders.items():
            if hmac.compare_digest(digest, given):
                found = name
        if scheme.lower() != "bearer" or not found:
            raise _Refused(401, "send a sender's token: Authorization: Bearer ...")
        return found

    def _demand_room(self, documents: int = 0) -> None:
        ownership = self._ownership
        if ownership is None or not ownership.held:
            raise _Refused(429, "Kafka is away, or another process takes documents now; bring it again", AWAY_S)
        now_ms = self._clock.wall_ms()
        paused_ms = max(ownership.health.paused_until_ms, ownership.stage.paused_until_ms) - now_ms
        if paused_ms > 0:
            raise _Refused(429, ownership.health.why or ownership.stage.why(now_ms), paused_ms // 1000 + 1)
        if ownership.health.paused_until_ms:
            ownership.health.paused_until_ms, ownership.health.why = 0, ""
        if self._queued + documents > self._settings.buffer_documents:
            raise _Refused(429, f"{self._queued} documents are waiting; bring it again", FULL_S)

    def _demand_same(self, sender: str, key: str, body: bytes) -> None:
        """One key is one request: another body under it is a mistake of the sender's."""
        if not key:
            return
        digest = _digest(body)
        known = self._keys.setdefault((sender, key), digest)
        if known != digest:
            raise _Refused(409, "this Idempotency-Key was used for another request")
        self._keys.move_to_end((sender, key))
        if len(self._keys) > KEYS_REMEMBERED:
            self._keys.popitem(last=False)

    def _items(self, sender: str, documents: list[Brought], key: str) -> list[Item]:
        now_ms = self._clock.wall_ms()
        items: list[Item] = []
        for number, document in enumerate(documents):
            if not document.title.strip() and not document.body.strip():
                raise _Refused(400, f"document {number}: neither title nor body holds any text")
            own_id = document.id or ("" if document.url else f"key {key} {number}" if key else "")
            if not own_id and not document.url and document.published is None:
                raise _Refused(
                    400,
                    f"document {number}: send id, url or published, or an Idempotency-Key, so that it is known again",
                )
            items.append(
                Item(
                    source=f"{sender}/{document.source}" if document.source else sender, fetched_ms=now_ms,
                    published=document.published, id=own_id, url=document.url, title=document.title, body=document.body,
                    author=document.author, lang=self._spec.language or document.lang,
                    kind=document.kind or self._spec.documents, entities=tuple(document.entities), zone=self._spec.timezone,
                )
            )  # fmt: skip
        return items


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            raise _Refused(413, f"more than {BODY_MAX_BYTES} bytes; bring it in smaller batches")
    return bytes(body)


def _documents(body: bytes) -> list[Brought]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _Refused(400, f"no JSON: {error}") from error
    if isinstance(content, dict):
        content = content.get("documents", [content])
    if not isinstance(content, list) or not content:
        raise _Refused(400, 'send a list of documents, or {"documents": [...]}')
    if len(content) > DOCUMENTS_MAX:
        raise _Refused(413, f"{len(content)} documents; at most {DOCUMENTS_MAX} at once")
    try:
        return _BATCH.validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _Refused(400, f"document {place}: {first['msg']}") from error


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
