"""The pages over a filled store: what they show, and that nothing from the open web is ever markup."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from contracts.clock import DAY_MS, MINUTE_MS, ManualClock
from contracts.evidence import Evidence
from contracts.series import counts
from desk.feed import FeedState
from desk.figures import TIMES
from tests.desk import made_up
from tests.desk.conftest import StandingFeed

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">'
RIGHT_TO_LEFT = "\u202eevitagen \u0627\u0644\u0628\u0648\u0631\u0635\u0629"


def hostile_alert() -> list[object]:
    proof = made_up.evidence(made_up.NOW)
    document = proof.documents[0].model_copy(
        update={
            "snippet": HOSTILE + RIGHT_TO_LEFT,
            "url": "javascript:alert(3)",
            "source": HOSTILE,
            "highlights": [(3, 9), (-5, 2), (7, 4000)],
        }
    )
    proof = proof.model_copy(
        update={
            "documents": [document],
            "counterfactual": HOSTILE,
            "sources": {HOSTILE: 3},
            "sources_silent": [HOSTILE],
        }
    )
    return [made_up.transition(f"entity:{HOSTILE}", 1, why=HOSTILE + RIGHT_TO_LEFT, evidence=proof),
            made_up.score(1, made_up.NOW - MINUTE_MS, entity=HOSTILE, snippet=HOSTILE, source=HOSTILE, url="javascript:alert(4)"),
            made_up.heartbeat(HOSTILE, made_up.NOW)]  # fmt: skip


@pytest.mark.usefixtures("busy")
def test_the_board_shows_open_alerts_first_then_recent_then_recorded(client: TestClient) -> None:
    text = client.get("/").text
    names = re.findall(r'<bdi data-f="name">([^<]+)</bdi></a>', text)
    assert names[:4] == ["BlockFi", "FTX", "Solana", "Market moves"]
    assert names[4:7] == ["Celsius Network", "All documents", "Three Arrows Capital"]
    assert names[7:] == ["Voyager Digital", "Celsius Network", "terra", "Tornado Cash"]
    assert "Recorded while learning, not paged" in text
    assert "<title>(4) Board" in text


@pytest.mark.usefixtures("busy")
def test_a_row_has_its_counts_its_expectation_its_age_and_its_sentence(client: TestClient) -> None:
    alert = made_up.transition().alert
    row = client.get("/").text.partition(f'<tr id="a-{alert}"')[2].partition("</tr>")[0]
    for shown in (
        "Critical",
        "Negative spike",
        "17 negative of 24 distinct texts",
        ">17<",
        ">in 24 h<",
        ">0.71<",
        ">11.3<",
        ">Firing<",
        ">7 h<",
    ):
        assert shown in row
    assert re.search(r'class="since" d="M\d', row)


def test_a_fed_board_without_alerts_is_calm_and_says_what_that_means(
    client: TestClient, write: Callable[..., None]
) -> None:
    write(
        *made_up.a_day_of_news(),
        *(made_up.heartbeat(name, made_up.NOW) for name in ("CoinDesk", "Decrypt", "The Block")),
    )
    text = client.get("/").text
    assert '<div data-mood="quiet">' in text
    assert '<div data-mood="blind" hidden>' in text
    assert "No alert is open." in text
    assert re.search(r"3 sources alive</span>, newest document <time[^>]+>2022-11-09 13:00 UTC<", text)


def test_a_board_that_is_not_fed_is_never_calm(
    client: TestClient, feed: StandingFeed, write: Callable[..., None]
) -> None:
    write(made_up.heartbeat("CoinDesk", made_up.NOW))
    feed.now = FeedState(reachable=False, since_ms=made_up.NOW - 60_000, reason="NoBrokersAvailable")
    text = client.get("/").text
    assert '<div data-mood="blind">' in text
    assert '<div data-mood="quiet" hidden>' in text
    assert re.search(r'data-level="loud"><strong[^>]*>Kafka cannot be read<', text)
    assert "2022-11-09 12:59 UTC" in text


def test_time_passing_without_a_sign_makes_the_board_loud(
    client: TestClient, clock: ManualClock, write: Callable[..., None]
) -> None:
    write(made_up.heartbeat("CoinDesk", made_up.NOW))
    assert 'data-level="loud"><strong data-f' not in client.get("/").text
    clock.advance(31_000)
    assert 'data-level="loud"><strong data-f="title">Nothing comes in<' in client.get("/").text


def test_a_replay_says_so_with_its_time_speed_and_progress(client: TestClient, write: Callable[..., None]) -> None:
    write(made_up.heartbeat("CoinDesk", made_up.NOW, replay=made_up.replay()), *made_up.life())
    for path in ("/", f"/alert/{made_up.transition().alert}"):
        text = client.get(path).text
        assert " data-replay" in text
        for shown in (
            "This is a replay",
            "3,600 times as fast as life",
            "85 % of 34,120 documents",
            "It learned until",
            'datetime="2022-11-09T13:00:00Z"',
        ):
            assert shown in text


@pytest.mark.usefixtures("busy")
def test_the_evidence_page_shows_everything_the_transition_carries(client: TestClient) -> None:
    text = client.get(f"/alert/{made_up.transition().alert}").text
    for shown in ("FTX", "Critical", "Negative spike", "Firing", "17 negative of 24 distinct texts", "after 6 min", "decided", "&lt;1e-8", f"24{TIMES}",
                  "threshold 9.5, margin +1.8", "Fires at 14, saw 17", "The largest story has 4 documents, 24 % of all.", "9 authors",
                  "silent", "17 documents behind this alert", "<mark>", "97 % negative", "9.0 % of the weight", "en-minilm-1", "Noticed",
                  "Incomplete.", "novel texts"):  # fmt: skip
        assert shown in text, shown
    assert text.count('class="chart ') == 2
    assert text.count('<li id="d-') == 17


@pytest.mark.usefixtures("busy")
def test_every_number_leads_to_its_documents(client: TestClient) -> None:
    text = client.get(f"/alert/{made_up.transition().alert}").text
    links = re.findall(r'<a href="(/documents\?[^"]+)">(\d+)</a>', text)
    assert len(links) == 10
    day = [client.get(link.replace("&amp;", "&")).text for link, _ in links[-2:]]
    seen = [count for score in made_up.a_day_of_news() if made_up.NOW - DAY_MS + MINUTE_MS <= score.published_ms < made_up.NOW + MINUTE_MS
            for count in counts(score) if count.series == "entity:ftx"]  # fmt: skip
    expected = [f"{sum(count.negative for count in seen)} negative", f"{len(seen)} documents"]
    assert [re.search(r'class="why">(\d+ [a-z]+)', page)[1] for page in day] == expected  # type: ignore[index]


def test_an_alert_that_is_over_still_leads_to_the_documents_that_made_it_ring(
    client: TestClient, write: Callable[..., None]
) -> None:
    steps = made_up.life(resolved=True)
    later = made_up.NOW + 3 * DAY_MS
    write(*steps[:2], steps[2].model_copy(update={"at_ms": later, "resolved_ms": later}))
    text = client.get(f"/alert/{steps[0].alert}").text
    assert f"until={made_up.NOW + MINUTE_MS}" in text
    assert f"until={later + MINUTE_MS}" not in text


def test_a_window_that_tells_its_span_is_taken_at_its_word(client: TestClient, write: Callable[..., None]) -> None:
    proof = made_up.evidence(made_up.NOW)
    told = proof.windows[0].model_copy(update={"start_ms": made_up.NOW - 7 * MINUTE_MS, "end_ms": made_up.NOW})
    write(made_up.transition(evidence=proof.model_copy(update={"windows": [told]})))
    text = client.get(f"/alert/{made_up.transition().alert}").text
    assert f"from={told.start_ms}&amp;until={told.end_ms}" in text


@pytest.mark.parametrize(("rule", "seen"), [("volume", ">24<"), ("viral", ">4<"), ("negative", ">17<")])
def test_a_row_counts_what_its_rule_is_about(
    client: TestClient, write: Callable[..., None], rule: str, seen: str
) -> None:
    write(made_up.transition(rule=rule))
    assert f'data-f="seen"{seen}' in client.get("/").text


def test_hostile_text_is_shown_and_never_markup(client: TestClient, write: Callable[..., None]) -> None:
    write(*hostile_alert())
    alert = hostile_alert()[0].alert  # type: ignore[attr-defined]
    found = client.get(f"/documents?series=entity:{HOSTILE}&from=0&until={made_up.NOW}").text
    for page in (client.get("/").text, client.get(f"/alert/{alert}").text, found):
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "javascript:" not in page
        assert "&lt;script&gt;" in page or "&lt;s<mark>" in page
    assert '<bdi data-f="name">&lt;script&gt;' in client.get("/").text
    assert 'dir="auto"' in found


def test_an_alert_whose_documents_are_gone_says_so(client: TestClient, write: Callable[..., None]) -> None:
    write(made_up.transition())
    text = client.get(f"/alert/{made_up.transition().alert}").text
    assert "12 contributing documents are no longer kept here." in text


def test_an_alert_with_no_evidence_at_all_is_still_a_page(client: TestClient, write: Callable[..., None]) -> None:
    bare = made_up.transition("source:CoinDesk", 1, rule="source", evidence=Evidence(), why="CoinDesk is silent.")
    write(bare)
    assert "This alert carries no timeline." in client.get(f"/alert/{bare.alert}").text
    assert "CoinDesk is silent." in client.get("/").text


@pytest.mark.parametrize("path", ["/alert/nothing", "/nowhere", "/documents?series=all&from=x&until=2"])
def test_a_wrong_address_is_a_page_that_says_what_is_wrong(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in {404, 422}
    assert "Back to the board" in answer.text


@pytest.mark.parametrize(
    "snippet",
    ["", "长" * 280, "a" * 280, "\u202e\u0627" * 100, "&amp;<b>"],
    ids=["nothing", "Chinese", "one word", "right to left", "markup"],
)
def test_documents_of_any_text_are_listed(client: TestClient, write: Callable[..., None], snippet: str) -> None:
    write(made_up.score(1, made_up.NOW - 1).model_copy(update={"snippet": snippet}))
    answer = client.get(f"/documents?series=entity:ftx&from=0&until={made_up.NOW}")
    assert answer.status_code == 200
    assert "1 document published" in answer.text
