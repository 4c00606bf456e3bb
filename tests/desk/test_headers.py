"""Strict headers on every answer; what comes from elsewhere is refused."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from desk.app import HERE


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize(
    "path", ["/", "/health", "/metrics", "/nowhere", "/static/desk.js", "/api/v1/alerts", "/board/state"]
)
def test_every_answer_carries_the_strict_policy(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'; trusted-types 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_no_page_loads_anything_from_elsewhere_or_styles_inline() -> None:
    for template in (HERE / "templates").iterdir():
        text = template.read_text(encoding="utf-8")
        assert "://" not in text
        assert " style=" not in text
        assert " onclick" not in text
    script = (HERE / "static" / "desk.js").read_text(encoding="utf-8")
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "://"):
        assert forbidden not in script


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8700", "127.0.0.1.evil.example"])
def test_a_foreign_name_for_this_machine_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8700", "localhost:8700", "localhost", "[::1]:8700", "[::1]"])
def test_this_machine_answers_to_its_own_names(client: TestClient, host: str) -> None:
    assert client.get("/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"sec-fetch-site": "same-origin"}, 405),
        ({"origin": "http://127.0.0.1:8700"}, 405),
        ({}, 405),
    ],
)
def test_writes_from_other_sites_are_refused(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert client.post("/health", headers=headers).status_code == status


def test_requests_are_counted_by_page_not_by_alert(client: TestClient) -> None:
    client.get("/alert/one")
    client.get("/alert/two")
    text = client.get("/metrics").text
    assert 'tocsin_desk_requests_total{page="/alert/{alert}",status="4xx"}' in text
    assert "/alert/one" not in text
