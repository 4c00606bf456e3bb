"""One stream to many browsers: slow readers are cut, closing ends everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator

from desk.hub import BACKLOG, Hub


async def rest(stream: AsyncIterator[bytes]) -> list[bytes]:
    return [chunk async for chunk in stream]


async def test_every_reader_gets_the_first_chunk_and_then_the_same_bytes() -> None:
    hub = Hub()
    one, other = hub.stream(b"first"), hub.stream(b"other first")
    assert [await anext(one), await anext(other)] == [b"first", b"other first"]
    chunk = b"news"
    hub.send(chunk)
    assert await anext(one) is chunk
    assert await anext(other) is chunk
    await one.aclose()  # type: ignore[attr-defined]
    assert hub.readers == 1
    await other.aclose()  # type: ignore[attr-defined]


async def test_a_reader_that_falls_behind_is_cut_and_the_others_go_on() -> None:
    hub = Hub()
    slow, quick = hub.stream(b"1"), hub.stream(b"1")
    await anext(slow)
    await anext(quick)
    for n in range(BACKLOG + 1):
        hub.send(b"%d" % n)
        assert await anext(quick) == b"%d" % n
    assert hub.readers == 1
    assert await rest(slow) == []
    await quick.aclose()  # type: ignore[attr-defined]


async def test_closing_ends_every_stream_and_starts_none() -> None:
    hub = Hub()
    stream = hub.stream(b"1")
    await anext(stream)
    hub.close()
    assert await rest(stream) == []
    assert await rest(hub.stream(b"late")) == []
