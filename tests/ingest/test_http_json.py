"""APIs that answer JSON: pages, what is new since, rates, secrets, and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from contracts.clock import HOUR_MS, WallClock
from ingest.addresses import read_networks
from ingest.fetch import Fetcher
from ingest.http_json import HttpJson
from ingest.port import SourceTrouble
from ingest.source_kinds import JsonSource
from tests.ingest.publisher_site import Site, Visit

NOON = 1_667_908_800_000  # 2022-11-08 12:00 UTC


@pytest.fixture
def site() -> Iterator[Site]:
    pages = Site()
    server = pages.serve()
    yield pages
    server.shutdown()
    server.server_close()


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    made = Fetcher(WallClock(), read_networks("127.0.0.0/8"), interval_s=0.0)
    yield made
    await made.close()


def source(site: Site, fetcher: Fetcher, **more: Any) -> HttpJson:
    values = {"name": "api", "kind": "json", "url": f"{site.address}/api", "items": "posts",
              "map": {"id": "uri", "body": "text", "time": "at", "author": "by.name"}} | more  # fmt: skip
    spec = JsonSource.model_validate(values)
    return HttpJson(spec, fetcher, spec.headers, spec.parameters)


def post(number: int, at_ms: int) -> dict[str, Any]:
    return {"uri": f"at://{number}", "text": f"post {number}", "at": at_ms, "by": {"name": "jo"}}


async def test_items_are_mapped_and_the_secret_is_sent(site: Site, fetcher: Fetcher) -> None:
    site.pages["/api"] = lambda visit: visit.answer(json.dumps({"posts": [post(1, NOON)]}).encode())
    polled = await source(site, fetcher, headers={"authorization": "Bearer x"}, parameters={"q": "bank run"}).poll(
        NOON, {}
    )
    (item,) = polled.items
    assert (item.id, item.body, item.author, item.published, item.kind) == ("at://1", "post 1", "jo", NOON, "news")
    assert site.visits[-1].header("authorization") == "Bearer x"
    assert site.visits[-1].query == {"q": "bank run"}


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_walk_longer_than_its_pages_goes_on_at_the_next_look_and_then_asks_since(
    site: Site, fetcher: Fetcher, newest_first: bool
) -> None:
    """100 posts on pages of ten, three pages a look: four looks, every post once, and since moves at the end only."""
    posts = [post(n, NOON - 100 * 1_000 + n * 1_000) for n in range(100)]

    def api(visit: Visit) -> None:
        start = int(visit.query.get("cursor", "0"))
        since_ms = int(visit.query.get("since", "0"))
        left = [each for each in posts if each["at"] >= since_ms]
        left = left[::-1] if newest_first else left
        following = str(start + 10) if start + 10 < len(left) else None
        visit.answer(json.dumps({"posts": left[start : start + 10], "cursor": following}).encode())

    site.pages["/api"] = api
    paging = {"next": "cursor", "parameter": "cursor", "pages_max": 3}
    since = {"parameter": "since", "form": "ms", "overlap_s": 0}
    walker, position, ids = source(site, fetcher, paging=paging, since=since), {}, []
    for look in range(4):
        polled = await walker.poll(NOON, position)
        position = dict(polled.position)
        ids += [item.id for item in polled.items]
        assert (polled.again_s is not None) == (look < 3)
        assert position["since_ms"] == (posts[-1]["at"] if look == 3 else 0)
    assert sorted(ids) == sorted(each["uri"] for each in posts)
    assert len(await_ids(await walker.poll(NOON, position))) == 1, "the newest is asked for again, and known"


def await_ids(polled: Any) -> list[str]:
    return [item.id for item in polled.items]


async def test_without_a_since_a_walk_ends_where_everything_is_older_than_what_was_seen(
    site: Site, fetcher: Fetcher
) -> None:
    def api(visit: Visit) -> None:
        start = int(visit.query.get("cursor", "0"))
        visit.answer(
            json.dumps(
                {"posts": [post(n, NOON - n * HOUR_MS) for n in range(start, start + 5)], "cursor": start + 5}
            ).encode()
        )

    site.pages["/api"] = api
    walker = source(site, fetcher, paging={"next": "cursor", "parameter": "cursor", "pages_max": 50})
    await walker.poll(NOON, {"since_ms": NOON - 7 * HOUR_MS, "next": "", "walked_ms": 0})
    assert site.asked["/api"] == 3, "two pages reach back seven hours; the third is known"


async def test_a_next_page_may_be_an_address_but_only_of_the_same_host(site: Site, fetcher: Fetcher) -> None:
    site.pages["/api"] = lambda visit: visit.answer(
        json.dumps({"posts": [post(1, NOON)], "next": f"{site.address}/second"}).encode()
    )
    site.pages["/second"] = lambda visit: visit.answer(
        json.dumps({"posts": [post(2, NOON)], "next": "http://elsewhere.example/"}).encode()
    )
    with pytest.raises(SourceTrouble, match="another host"):
        await source(site, fetcher, paging={"next": "next"}).poll(NOON, {})
    assert site.asked == {"/api": 1, "/second": 1}


async def test_an_api_that_is_used_up_is_left_alone(site: Site, fetcher: Fetcher) -> None:
    site.pages["/api"] = lambda visit: visit.answer(
        json.dumps({"posts": [post(1, NOON)], "cursor": "2"}).encode(),
        X_RateLimit_Remaining="0",
        X_RateLimit_Reset="90",
    )
    polled = await source(site, fetcher, paging={"next": "cursor", "parameter": "cursor"}).poll(NOON, {})
    assert (polled.floor_s, polled.again_s, polled.position["next"]) == (90, 90, "2")
    assert site.asked["/api"] == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"<html>", "no_json"), (b"", "no_json"), (b'{"posts": "none"}', "shape"), (b'{"posts": 5}', "shape")],
)
async def test_what_is_not_the_api_that_was_described_is_a_trouble(
    site: Site, fetcher: Fetcher, body: bytes, reason: str
) -> None:
    site.pages["/api"] = lambda visit: visit.answer(body)
    with pytest.raises(SourceTrouble, match=reason):
        await source(site, fetcher).poll(NOON, {})


async def test_an_item_that_is_none_is_dead_and_holds_nothing_personal(site: Site, fetcher: Fetcher) -> None:
    site.pages["/api"] = lambda visit: visit.answer(
        json.dumps({"posts": [5, "jo@example.org", post(1, NOON)]}).encode()
    )
    polled = await source(site, fetcher).poll(NOON, {})
    assert len(polled.items) == 1
    assert [dead.rejected.reason for dead in polled.dead] == ["malformed", "malformed"]
    assert b"example" not in b"".join(dead.raw for dead in polled.dead)
