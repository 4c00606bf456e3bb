"""Live sources in the real process on the real Kafka and Redis: every item once, whatever happens to whom."""

from __future__ import annotations

import json
import signal
import socket
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from contracts.codec import SOURCE_HEADER
from tests.ingest.publisher_site import Site, Visit, rss

if TYPE_CHECKING:
    from conftest import Ingest

pytestmark = pytest.mark.system
TOKEN = "a-token-of-a-test"  # noqa: S105 - of this test


@pytest.fixture
def site() -> Iterator[Site]:
    pages = Site()
    server = pages.serve()
    yield pages
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def near_and_quick(ingest: Ingest) -> None:
    ingest.environment |= {
        "TOCSIN_INGEST__PRIVATE_NETWORKS": "127.0.0.0/8",
        "TOCSIN_INGEST__HOST_INTERVAL_S": "0",
        "TOCSIN_INGEST__LIVE_HEARTBEAT_S": "1",
        "TOCSIN_INGEST__LIVE_LEASE_S": "10",
        "PUSH_TOKEN": TOKEN,
    }


def feed(site: Site, name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "rss", "url": f"{site.address}/{name}", "every_s": 10, "robots": False, **more}


def titles(ingest: Ingest) -> list[str]:
    return sorted(document.title for document in ingest.documents())


def test_a_feed_becomes_documents_and_a_broken_one_beside_it_stops_nothing(ingest: Ingest, site: Site) -> None:
    site.pages["/good"] = lambda visit: visit.conditional(rss("FTX halts withdrawals", "Older"))
    site.pages["/bad"] = lambda visit: visit.answer(b"<html>no feed</html>")
    site.pages["/down"] = lambda visit: visit.answer(b"", 500)
    ingest.sources(*(feed(site, name) for name in ("good", "bad", "down", "gone")))
    ingest.start()
    ingest.until(lambda: ingest.published() == 2)
    ingest.until(lambda: any(beat.source == "gone" and beat.why for beat in ingest.heartbeats()))
    assert titles(ingest) == ["FTX halts withdrawals", "Older"]
    (ftx,) = [document for document in ingest.documents() if document.title.startswith("FTX")]
    assert [mention.entity for mention in ftx.mentions] == ["ftx"]
    assert {dict(record.headers)[SOURCE_HEADER] for record in ingest.records("documents")} == {b"good"}
    first = {beat.source: beat for beat in reversed(ingest.heartbeats())}
    assert set(first) == {"good", "bad", "down", "gone"}
    assert "404" in next(beat.why for beat in ingest.heartbeats() if beat.source == "gone" and beat.why)
    beats = ingest.records("sources")
    assert beats[0].timestamp <= min(record.timestamp for record in ingest.records("documents"))
    assert ingest.stop() == 0
    last = {beat.source: beat for beat in ingest.heartbeats()}
    assert not last["good"].alive
    assert last["good"].why == "stopped in good order"


def test_after_a_kill_a_feed_is_asked_conditionally_and_only_what_is_new_is_published(
    ingest: Ingest, site: Site
) -> None:
    shown = ["one", "two"]
    site.pages["/news"] = lambda visit: visit.conditional(rss(*reversed(shown)))
    ingest.sources(feed(site, "news"))
    ingest.start()
    # Its second look comes after what the first one learned has been saved.
    ingest.until(lambda: ingest.published() == 2 and len(site.visits) >= 2)
    ingest.kill()
    shown.append("three")
    ingest.start()
    ingest.until(lambda: ingest.published() == 3)
    assert titles(ingest) == ["one", "three", "two"]
    assert site.visits[-1].header("if-none-match")


@pytest.mark.parametrize("seed", [1, 2])
def test_every_item_of_live_sources_is_published_once_through_kills_at_any_moment(
    ingest: Ingest, site: Site, seed: int
) -> None:
    """Two feeds that grow, and an API with pages; the process is killed five times."""
    rows = 600

    def api(visit: Visit) -> None:
        start = int(visit.query.get("cursor", "0"))
        items = [
            {"key": f"api {n}", "head": f"api item {n}: markets {n * 7919}"}
            for n in range(start, min(start + 40, rows))
        ]
        following = start + 40 if start + 40 < rows else None
        visit.answer(json.dumps({"data": items, "next": following}).encode())

    for name in ("left", "right"):
        site.pages[f"/{name}-{seed}"] = lambda visit, name=name: visit.conditional(
            rss(*(f"{name} item {n}: shares {n * 7919}" for n in range(300)))
        )
    site.pages["/api"] = api
    json_source = {
        "name": f"api-{seed}", "kind": "json", "url": f"{site.address}/api", "every_s": 10, "items": "data",
        "map": {"id": "key", "title": "head"}, "paging": {"next": "next", "parameter": "cursor", "pages_max": 3},
    }  # fmt: skip
    ingest.sources(feed(site, f"left-{seed}"), feed(site, f"right-{seed}"), json_source)
    total = 600 + rows
    for at in (1, 200, 420 + 100 * seed, 700, 1_000):
        ingest.start()
        ingest.until(lambda at=at: ingest.published() >= at)  # type: ignore[misc]
        ingest.kill()
    ingest.start()
    ingest.until(lambda: ingest.published() >= total)
    beats = len(ingest.heartbeats())
    ingest.until(lambda: len(ingest.heartbeats()) > beats + 12)
    counted = Counter(titles(ingest))
    assert set(counted.values()) == {1}
    assert len(counted) == total


def test_an_owner_that_was_frozen_past_its_lease_publishes_nothing_twice(ingest: Ingest, site: Site) -> None:
    shown = ["one"]
    site.pages["/frozen"] = lambda visit: visit.conditional(rss(*reversed(shown)))
    ingest.environment["TOCSIN_INGEST__LIVE_LEASE_S"] = "3"
    ingest.sources(feed(site, "frozen"))
    ingest.start()
    ingest.until(lambda: ingest.published() == 1)
    assert ingest.process is not None
    ingest.process.send_signal(signal.SIGSTOP)
    shown.append("two")
    follower = ingest.another()
    follower.start()
    follower.until(lambda: ingest.published() == 2)
    ingest.process.send_signal(signal.SIGCONT)
    ingest.until(lambda: "lost the source" in ingest.log())
    assert titles(ingest) == ["one", "two"]


def test_a_source_full_of_rubbish_is_paused_and_says_why_while_the_others_go_on(ingest: Ingest, site: Site) -> None:
    rubbish = "".join(f"<item><guid>{n}</guid><title> </title></item>" for n in range(150))
    site.pages["/rubbish"] = lambda visit: visit.answer(
        f"<rss version='2.0'><channel><title>t</title>{rubbish}</channel></rss>".encode()
    )
    shown = ["one"]
    site.pages["/good"] = lambda visit: visit.conditional(rss(*reversed(shown)))
    ingest.sources(feed(site, "rubbish"), feed(site, "good"))
    ingest.start()
    ingest.until(lambda: any(beat.source == "rubbish" and "paused" in beat.why for beat in ingest.heartbeats()))
    shown.append("two")
    ingest.until(lambda: ingest.published() == 2)
    assert site.asked["/rubbish"] == 1, "it is left alone"
    letters = ingest.dead_letters()
    assert {(letter.source, letter.reason) for letter in letters} == {("rubbish", "empty")}
    (why,) = {beat.why for beat in ingest.heartbeats() if "paused" in beat.why}
    assert "tocsin dead-letters list --source rubbish" in why


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bring(port: int, content: Any, token: str = TOKEN, key: str = "") -> tuple[int, dict[str, Any], str]:
    """Status, answer and Retry-After of a push."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    headers |= {"idempotency-key": key} if key else {}
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/documents", body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - our own process
            return response.status, json.loads(response.read()), ""
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), error.headers.get("retry-after", "")


def push(ingest: Ingest, port: int) -> None:
    ingest.sources(
        {"name": "push", "kind": "push", "port": port, "documents": "comment", "senders": {"desk": "${PUSH_TOKEN}"}}
    )
    ingest.start()
    ingest.until(lambda: "taking documents" in ingest.log())


def test_what_is_pushed_is_in_kafka_when_it_is_accepted_and_once_however_often_it_is_brought(ingest: Ingest) -> None:
    port = free_port()
    push(ingest, port)
    documents = [
        {"id": f"{n}", "title": f"comment {n} on FTX", "body": "call 13812345678", "author": "Jo"} for n in range(1_000)
    ]
    assert bring(port, documents)[:2] == (202, {"received": 1_000})
    assert ingest.published() == 1_000, "202 means that Kafka has it"
    assert bring(port, {"documents": documents[:10]})[0] == 202
    assert bring(port, [{"title": "undated, without id"}], key="k1")[0] == 202
    assert bring(port, [{"title": "undated, without id"}], key="k1")[0] == 202
    assert ingest.published() == 1_001
    one = next(document for document in ingest.documents() if document.title == "comment 7 on FTX")
    assert (one.source, one.kind, one.body) == ("desk", "comment", "call [phone]")
    assert one.author is not None
    assert "Jo" not in one.author

    ingest.kill()
    ingest.start()
    ingest.until(lambda: ingest.log().count("taking documents") == 2)
    assert bring(port, documents)[0] == 202
    assert ingest.published() == 1_001

    refused = {
        bring(port, documents, token="wrong")[0]: 401,  # noqa: S106 - it is wrong
        bring(port, [*documents, documents[0]])[0]: 413,
        bring(port, b"{not json")[0]: 400,
        bring(port, [{"title": " "}])[0]: 400,
        bring(port, [{"title": "no way to know it again"}])[0]: 400,
        bring(port, [{"title": "x", "id": "1", "colour": "red"}])[0]: 400,
        bring(port, [])[0]: 400,
        bring(port, [{"title": "another body", "id": "z"}], key="k1")[0]: 202,
    }
    assert all(given == wanted for given, wanted in refused.items()), refused
    assert bring(port, [{"title": "a third body", "id": "y"}], key="k1")[0] == 409
