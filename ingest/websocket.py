"""A stream over WebSocket as a live source: connects, goes on from its cursor, and hands over what has come.

What was handed over and not published is read again: the position that comes back is then not the one handed out, and the
connection is made anew from it. While nobody takes what comes, the connection's own window fills and the sender waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import jmespath
import orjson
from jmespath.exceptions import JMESPathError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from contracts.clock import Clock
from contracts.errors import Rejected
from ingest.addresses import Network
from ingest.batch import Dead
from ingest.fetch import resolve
from ingest.intervals import retry_after_s
from ingest.json_items import RAW_MAX_BYTES, JsonMapping, text_of
from ingest.normalise import Item
from ingest.port import Polled, Position, SourceTrouble
from ingest.source_kinds import WebSocketSource

OPEN_S = 15.0
ITEMS_MAX = 500  # of one look
LINGER_S = 0.25  # a look ends this long after its first message
WAIT_S = 5.0  # a look that brings nothing ends after this
MESSAGE_MAX_BYTES = 1024 * 1024


class WebSocket:
    """One stream.

    Args:
        spec: what `sources.yaml` says.
        clock: the wall.
        networks: private networks that it may lie in.
        headers: with their secrets in place.
        subscribe: likewise.
        agent: the User-Agent.
    """

    def __init__(
        self,
        spec: WebSocketSource,
        clock: Clock,
        networks: Sequence[Network],
        headers: Mapping[str, str],
        subscribe: Sequence[str],
        agent: str,
    ) -> None:
        self._spec = spec
        self._clock = clock
        self._networks = networks
        self._headers = dict(headers)
        self._subscribe = list(subscribe)
        self._agent = agent
        self._mapping = JsonMapping(
            spec.name, spec.items, spec.map, spec.documents, spec.language, spec.timezone, spec.where
        )
        self._cursor = jmespath.compile(spec.cursor) if spec.cursor else None
        self._connection: ClientConnection | None = None
        self._handed: dict[str, Any] | None = None
        self._heard_ms = 0

    async def poll(self, now_ms: int, position: Position) -> Polled:
        """What has come since the last look: at once what is there, else the first to come."""
        if self._connection is None or dict(position) != self._handed:
            await self._connect(position)
        items: list[Item] = []
        dead: list[Dead] = []
        reached = dict(position)
        try:
            async for message in self._messages():
                cursor = self._read(message, now_ms, items, dead)
                if cursor:
                    reached["cursor"] = cursor
        except ConnectionClosed as error:
            self._connection = None
            if not items and not dead:
                raise SourceTrouble("broken_off", f"{self._spec.url} closed the connection: {error}") from error
        quiet_s = (self._clock.wall_ms() - self._heard_ms) / 1000
        if quiet_s > self._spec.quiet_s:
            await self.close()
            raise SourceTrouble("quiet", f"{self._spec.url} has sent nothing for {quiet_s:.0f} s")
        self._handed = reached
        return Polled(reached, items, dead, unchanged=not items, again_s=0.0)

    async def _messages(self) -> Any:
        """Messages until ITEMS_MAX of them, or LINGER_S after the first, or WAIT_S without any."""
        connection = self._connection
        if connection is None:
            return
        wait_s = WAIT_S
        for _ in range(ITEMS_MAX):
            try:
                async with asyncio.timeout(wait_s):
                    message = await connection.recv()
            except TimeoutError:
                return
            self._heard_ms = self._clock.wall_ms()
            wait_s = LINGER_S
            yield message

    def _read(self, message: str | bytes, now_ms: int, items: list[Item], dead: list[Dead]) -> str:
        """Take a message in; its cursor, empty for none."""
        raw = message.encode("utf-8", "replace") if isinstance(message, str) else message
        try:
            content = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            shown = raw[:RAW_MAX_BYTES] if self._spec.documents == "news" else b""  # a comment's author may stand in it
            dead.append(Dead(shown, Rejected("undecodable", f"a message is no JSON: {error}")))
            return ""
        try:
            found, broken = self._mapping.read(content, now_ms)
            items += found
            dead += broken
            return text_of(self._cursor.search(content)) if self._cursor else ""
        except (Rejected, JMESPathError) as error:
            dead.append(Dead(b"", Rejected("malformed", str(error)[:500])))
            return ""

    async def _connect(self, position: Position) -> None:
        await self.close()
        url, parts = self._from(position), urlsplit(self._spec.url)
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        address = (await resolve(parts.hostname or "", port, self._networks))[0]
        try:
            self._connection = await connect(
                url, host=address, port=port, additional_headers=self._headers, user_agent_header=self._agent,
                open_timeout=OPEN_S, max_size=MESSAGE_MAX_BYTES, max_queue=64, proxy=None,
            )  # fmt: skip
            for message in self._subscribe:
                await self._connection.send(message)
        except InvalidStatus as error:
            status = error.response.status_code
            after = retry_after_s(error.response.headers.get("retry-after"), self._clock.wall_ms())
            raise SourceTrouble(
                f"http_{status}",
                f"{self._spec.url} answers {status}",
                retry_after_s=after,
                lasting=status in {401, 403, 404},
            ) from error
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
            await self.close()
            raise SourceTrouble("refused", f"{self._spec.url}: {error or type(error).__name__}") from error
        self._heard_ms = self._clock.wall_ms()

    def _from(self, position: Position) -> str:
        """The address, with the cursor to go on from."""
        spec, cursor = self._spec, str(position.get("cursor", ""))
        if not cursor or not spec.cursor_parameter:
            return spec.url
        if spec.rewind and cursor.isdigit():
            cursor = str(max(0, int(cursor) - spec.rewind))
        parts = urlsplit(spec.url)
        added = urlencode({spec.cursor_parameter: cursor})
        return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection, self._handed = self._connection, None, None
        if connection is not None:
            await connection.close()
