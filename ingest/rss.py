"""A feed as a live source: conditional requests, and the publisher's wishes kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ingest.feed import read_feed
from ingest.fetch import Fetcher
from ingest.intervals import max_age_s
from ingest.port import Polled, Position
from ingest.source_kinds import RssSource

_ACCEPT = (
    "application/rss+xml, application/atom+xml, application/rdf+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.1"
)
MAX_AGE_MAX_S = 3_600.0  # a publisher that calls its news fresh for a year has not thought of feeds


class Rss:
    """One feed.

    Args:
        spec: what `sources.yaml` says.
        fetcher: of the process.
        headers: with their secrets in place.
    """

    def __init__(self, spec: RssSource, fetcher: Fetcher, headers: Mapping[str, str]) -> None:
        self._spec = spec
        self._fetcher = fetcher
        self._headers = dict(headers)

    async def poll(self, now_ms: int, position: Position) -> Polled:
        """Ask whether there is something new; the position is what the server calls the answer (ETag, Last-Modified)."""
        spec = self._spec
        headers = {"accept": _ACCEPT} | self._headers
        same = position.get("url") == spec.url
        if same and position.get("etag"):
            headers["if-none-match"] = str(position["etag"])
        if same and position.get("modified"):
            headers["if-modified-since"] = str(position["modified"])
        answer = await self._fetcher.get(spec.url, headers, robots=spec.robots, secret=bool(self._headers))
        floor_s = min(max_age_s(answer.headers.get("cache-control")), MAX_AGE_MAX_S)
        note = f"{spec.url} has moved to {answer.url}: change it in sources.yaml" if answer.moved else ""
        if answer.status == 304:
            return Polled(position, unchanged=True, floor_s=floor_s, note=note)
        # Parsing takes its time, and hundreds of feeds share this event loop.
        feed = await asyncio.to_thread(
            read_feed, answer.body, dict(answer.headers), source=spec.name, fetched_ms=now_ms, zone=spec.timezone,
            lang=spec.language, kind=spec.documents,
        )  # fmt: skip
        reached = {
            "url": spec.url,
            "etag": answer.headers.get("etag", "")[:1_000],
            "modified": answer.headers.get("last-modified", "")[:200],
        }
        return Polled(reached, feed.items, floor_s=max(floor_s, feed.ttl_s), note=note or feed.broken)

    async def close(self) -> None:
        """Nothing is held: connections are the fetcher's."""
