"""An API that answers JSON as a live source: pages by cursor, what is new by time, and the rate that it allows.

position: since_ms, everything published before it was taken; next, where a walk through the pages goes on; walked_ms, the
newest time of that walk, which becomes since_ms when the walk is over. A walk that is longer than `pages_max` goes on at the
next look, so that a source that was away for days is caught up in order and in pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import jmespath
import orjson
from jmespath.exceptions import JMESPathError

from contracts.clock import MINUTE_MS
from contracts.errors import Rejected
from ingest.batch import Dead
from ingest.dates import parse_time_ms
from ingest.fetch import Answer, Fetcher
from ingest.intervals import max_age_s, rate_limit_s
from ingest.json_items import JsonMapping, text_of
from ingest.normalise import Item
from ingest.port import Polled, Position, SourceTrouble
from ingest.source_kinds import JsonSource, Since

MAX_AGE_MAX_S = 3_600.0
AHEAD_MAX_MS = 5 * MINUTE_MS  # an item dated beyond this must not move `since` past those that are not


class HttpJson:
    """One API.

    Args:
        spec: what `sources.yaml` says.
        fetcher: of the process.
        headers: with their secrets in place.
        parameters: likewise.
    """

    def __init__(
        self, spec: JsonSource, fetcher: Fetcher, headers: Mapping[str, str], parameters: Mapping[str, str]
    ) -> None:
        self._spec = spec
        self._fetcher = fetcher
        self._headers = {"accept": "application/json"} | dict(headers)
        self._secret = bool(headers) or bool(parameters)
        self._parameters = dict(parameters)
        self._mapping = JsonMapping(spec.name, spec.items, spec.map, spec.documents, spec.language, spec.timezone)
        self._next = jmespath.compile(spec.paging.next) if spec.paging else None

    async def poll(self, now_ms: int, position: Position) -> Polled:
        """Walk through the pages until what is known already, or `pages_max` of them."""
        since_ms, following = int(position.get("since_ms", 0)), str(position.get("next", ""))
        walked_ms = int(position.get("walked_ms", 0))
        items: list[Item] = []
        dead: list[Dead] = []
        floor_s = 0.0
        pages_max = self._spec.paging.pages_max if self._spec.paging else 1
        for _ in range(pages_max):
            answer = await self._ask(since_ms, following)
            content = _json(answer)
            found, broken = self._read(content, now_ms, answer.url)
            items += found
            dead += broken
            floor_s = max(
                min(max_age_s(answer.headers.get("cache-control")), MAX_AGE_MAX_S), rate_limit_s(answer.headers, now_ms)
            )
            times = [when for item in found if (when := parse_time_ms(item.published, item.zone)) is not None]
            walked_ms = max([walked_ms, *(when for when in times if when <= now_ms + AHEAD_MAX_MS)])
            before, following = following, self._following(content, answer.url)
            if (not found and not broken) or following == before or (times and max(times) < since_ms):
                following = ""
            if not following or rate_limit_s(answer.headers, now_ms) > 0:
                break
        reached = {"next": following, "since_ms": since_ms, "walked_ms": walked_ms}
        if not following:
            reached = {"next": "", "since_ms": max(since_ms, walked_ms), "walked_ms": 0}
        again_s = max(floor_s, 1.0) if following else None
        return Polled(reached, items, dead, unchanged=not items, floor_s=floor_s, again_s=again_s)

    async def _ask(self, since_ms: int, following: str) -> Answer:
        spec = self._spec
        asked = spec.url
        added = dict(self._parameters)
        if spec.since and since_ms:
            added[spec.since.parameter] = _since(spec.since, since_ms)
        if following and spec.paging and spec.paging.parameter:
            added[spec.paging.parameter] = following
        elif following:
            asked = following
            if urlsplit(asked)[:2] != urlsplit(spec.url)[:2]:
                raise SourceTrouble("redirect", f"the next page lies at {asked}, on another host", lasting=True)
            added = {name: value for name, value in self._parameters.items() if f"{name}=" not in asked}
        return await self._fetcher.get(_with(asked, added), self._headers, robots=spec.robots, secret=self._secret)

    def _read(self, content: Any, now_ms: int, url: str) -> tuple[list[Item], list[Dead]]:
        try:
            return self._mapping.read(content, now_ms)
        except Rejected as rejected:
            raise SourceTrouble("shape", f"{_bare(url)}: {rejected.detail}") from rejected

    def _following(self, content: Any, url: str) -> str:
        if self._next is None:
            return ""
        try:
            return text_of(self._next.search(content))
        except JMESPathError as error:
            raise SourceTrouble("shape", f"{_bare(url)}: next page: {error}") from error

    async def close(self) -> None:
        """Nothing is held: connections are the fetcher's."""


def _json(answer: Answer) -> Any:
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise SourceTrouble("no_json", f"{_bare(answer.url)}: the answer is no JSON: {error}") from error


def _since(since: Since, since_ms: int) -> str:
    at_ms = max(0, since_ms - int(since.overlap_s * 1000))
    if since.form == "ms":
        return str(at_ms)
    if since.form == "s":
        return str(at_ms // 1000)
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%d" if since.form == "day" else "%Y-%m-%dT%H:%M:%SZ")


def _with(url: str, added: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    kept: Sequence[tuple[str, str]] = [
        pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in added
    ]
    return urlunsplit(parts._replace(query=urlencode([*kept, *added.items()])))


def _bare(url: str) -> str:
    """An address without its query, in which a token may stand."""
    return urlunsplit(urlsplit(url)._replace(query="", fragment=""))
