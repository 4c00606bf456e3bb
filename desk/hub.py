"""One stream of events to many browsers. An event is serialised once, whoever listens.

A reader that falls behind is cut: its EventSource comes back by itself and gets a snapshot. Several server processes would
need a bus between their hubs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import orjson

from contracts.metrics import DESK_READERS

BACKLOG = 16  # events a reader may be behind


def event(name: str, data: object) -> bytes:
    r"""A server-sent event.

    >>> event("board", {"v": 1})
    b'event: board\ndata: {"v":1}\n\n'
    """
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


class Hub:
    """Who listens."""

    def __init__(self) -> None:
        self._readers: set[asyncio.Queue[bytes | None]] = set()
        self._closed = False

    @property
    def readers(self) -> int:
        """How many listen."""
        return len(self._readers)

    def send(self, chunk: bytes) -> None:
        """Give an event to every reader; cut those that are full."""
        for reader in tuple(self._readers):
            try:
                reader.put_nowait(chunk)
            except asyncio.QueueFull:
                self._cut(reader)

    def close(self) -> None:
        """End every stream. To be called before the server waits for its connections, else that wait takes all its patience."""
        self._closed = True
        for reader in tuple(self._readers):
            self._cut(reader)

    def _cut(self, reader: asyncio.Queue[bytes | None]) -> None:
        self._readers.discard(reader)
        while not reader.empty():
            reader.get_nowait()
        reader.put_nowait(None)

    async def stream(self, first: bytes) -> AsyncIterator[bytes]:
        """What one reader gets: `first`, then every event until the hub closes or the reader falls behind."""
        if self._closed:
            return
        reader: asyncio.Queue[bytes | None] = asyncio.Queue(BACKLOG)
        self._readers.add(reader)
        DESK_READERS.set(len(self._readers))
        try:
            yield first
            while (chunk := await reader.get()) is not None:
                yield chunk
        finally:
            self._readers.discard(reader)
            DESK_READERS.set(len(self._readers))
