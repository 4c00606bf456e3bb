"""Streams over WebSocket: a Jetstream of our own that cuts off, resumes and talks nonsense."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve

from contracts.clock import WallClock
from ingest.addresses import read_networks
from ingest.port import Polled, SourceTrouble
from ingest.source_kinds import WebSocketSource
from ingest.websocket import WebSocket

NOON = 1_667_908_800_000


def post(number: int, *, text: str = "", operation: str = "create") -> str:
    """A message as Jetstream sends it."""
    record = {
        "$type": "app.bsky.feed.post",
        "text": text or f"post {number}",
        "createdAt": "2022-11-08T12:00:00.000Z",
        "langs": ["en"],
    }
    commit = {"operation": operation, "collection": "app.bsky.feed.post", "rkey": f"r{number}", "record": record}
    return json.dumps({"did": "did:plc:jo", "time_us": 1_000_000_000 + number, "kind": "commit", "commit": commit})


@dataclass
class Jetstream:
    """Sends every post from the cursor on, `cut_after` of them per connection."""

    posts: list[str]
    cut_after: int = 1_000
    port: int = 0
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    told: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    agents: list[str] = field(default_factory=list)

    async def __call__(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        self.asked.append(query)
        self.agents.append(connection.request.headers["user-agent"])
        start = int(query.get("cursor", ["0"])[0])
        ahead = [each for each in self.posts if each[:1] != "{" or json.loads(each).get("time_us", start) >= start]
        for each in ahead[: self.cut_after]:
            await connection.send(each)
        if len(ahead) > self.cut_after:
            await connection.close()
            return
        async for message in connection:
            self.told.put_nowait(str(message))


@pytest.fixture
async def jetstream() -> AsyncIterator[Jetstream]:
    stream = Jetstream([post(n) for n in range(30)])
    async with serve(stream, "127.0.0.1", 0) as server:
        stream.port = next(iter(server.sockets)).getsockname()[1]
        yield stream


def source(jetstream: Jetstream, **more: Any) -> WebSocket:
    values = {"name": "bluesky", "kind": "websocket", "preset": "jetstream", "rewind": 5,
              "url": f"ws://127.0.0.1:{jetstream.port}/subscribe?wantedCollections=app.bsky.feed.post"} | more  # fmt: skip
    spec = WebSocketSource.model_validate(values)
    return WebSocket(spec, WallClock(), read_networks("127.0.0.0/8"), spec.headers, spec.subscribe, "Tocsin/test")


async def test_posts_are_mapped_and_what_is_no_new_post_is_left_out(jetstream: Jetstream) -> None:
    jetstream.posts = [
        post(1),
        post(2, operation="delete"),
        '{"kind": "identity", "time_us": 1000000003}',
        "nonsense",
        post(4),
    ]
    stream = source(jetstream)
    polled = await stream.poll(NOON, {})
    assert [item.id for item in polled.items] == [
        "did:plc:jo/app.bsky.feed.post/r1",
        "did:plc:jo/app.bsky.feed.post/r4",
    ]
    first = polled.items[0]
    assert (first.body, first.lang, first.kind, first.author) == ("post 1", "en", "comment", "did:plc:jo")
    assert first.url == "https://bsky.app/profile/did:plc:jo/post/r1"
    assert [(dead.rejected.reason, dead.raw) for dead in polled.dead] == [("undecodable", b"")]
    assert polled.position == {"cursor": "1000000004"}
    assert jetstream.agents == ["Tocsin/test"]
    await stream.close()


async def test_a_stream_that_breaks_off_goes_on_from_its_cursor_set_back_a_little(jetstream: Jetstream) -> None:
    jetstream.cut_after = 10
    stream, position, seen = source(jetstream), {}, []
    troubles: list[str] = []
    while len(set(seen)) < 30:
        try:
            polled: Polled = await stream.poll(NOON, position)
        except SourceTrouble as trouble:
            troubles.append(trouble.reason)
            continue
        position = dict(polled.position)
        seen += [item.id for item in polled.items]
    assert sorted(set(seen)) == sorted(f"did:plc:jo/app.bsky.feed.post/r{n}" for n in range(30))
    assert set(troubles) <= {"broken_off"}
    assert [query.get("cursor") for query in jetstream.asked[:3]] == [None, ["1000000004"], ["1000000008"]]
    await stream.close()


async def test_what_was_handed_over_and_not_published_is_read_again(jetstream: Jetstream) -> None:
    stream = source(jetstream)
    first = await stream.poll(NOON, {})
    again = await stream.poll(NOON, {})
    assert len(first.items) == len(again.items) == 30
    assert len(jetstream.asked) == 2, "it connected anew from the position that was saved"
    await stream.close()


async def test_a_generic_stream_is_subscribed_to(jetstream: Jetstream) -> None:
    jetstream.posts = ['{"items": [{"h": "A"}, {"h": "B"}]}']
    stream = source(jetstream, preset="", items="items", map={"title": "h"}, subscribe=['{"op": "subscribe"}'])
    polled = await stream.poll(NOON, {})
    assert [item.title for item in polled.items] == ["A", "B"]
    assert await jetstream.told.get() == '{"op": "subscribe"}'
    await stream.close()


async def test_nobody_there_and_a_house_address_are_troubles(jetstream: Jetstream) -> None:
    nobody = source(jetstream, url="ws://127.0.0.1:1/")
    with pytest.raises(SourceTrouble, match="refused"):
        await nobody.poll(NOON, {})
    spec = WebSocketSource.model_validate(
        {"name": "x", "kind": "websocket", "preset": "jetstream", "url": f"ws://127.0.0.1:{jetstream.port}/"}
    )
    guarded = WebSocket(spec, WallClock(), (), {}, [], "Tocsin/test")
    with pytest.raises(SourceTrouble, match="no public address"):
        await guarded.poll(NOON, {})
    assert not jetstream.asked
