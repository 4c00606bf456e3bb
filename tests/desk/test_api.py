"""The read API."""

from __future__ import annotations

import sqlite3

import pytest
from fastapi.testclient import TestClient

from contracts.messages import Transition
from desk.store import Store
from tests.desk import made_up


@pytest.mark.usefixtures("busy")
def test_a_cursor_walks_through_all_alerts_once(client: TestClient) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = client.get(f"/api/v1/alerts?limit=3{cursor}").json()
        seen += [alert["alert"] for alert in page["alerts"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(seen) == len(set(seen)) == 11


@pytest.mark.usefixtures("busy")
def test_alerts_can_be_asked_for_by_state(client: TestClient) -> None:
    page = client.get("/api/v1/alerts?state=firing").json()
    assert [(one["subject"], one["severity"]) for one in page["alerts"]] == [
        ("BlockFi · Law and regulation", "critical"), ("Solana", "warning"), ("FTX", "critical"),
    ]  # fmt: skip
    assert (page["alerts"][2]["negative"], page["alerts"][2]["expected"], page["alerts"][2]["window_minutes"]) == (
        17,
        0.71,
        1440,
    )


@pytest.mark.usefixtures("busy")
def test_one_alert_is_its_transitions_as_they_were_written(client: TestClient) -> None:
    steps = made_up.life()
    detail = client.get(f"/api/v1/alerts/{steps[0].alert}").json()
    assert [Transition.model_validate(step) for step in detail["transitions"]] == steps
    assert detail["newest"]["state"] == "firing"


def test_what_is_not_there_or_malformed_is_said_in_json(client: TestClient) -> None:
    assert client.get("/api/v1/alerts/nothing").json() == {"detail": "There is no such alert."}
    assert client.get("/api/v1/alerts?cursor=!!").status_code == 400
    assert client.get("/api/v1/alerts?state=sleeping").status_code == 422


@pytest.mark.usefixtures("busy")
def test_health_says_how_far_the_desk_has_read(client: TestClient) -> None:
    health = client.get("/health").json()
    assert health["status"] == "ok"
    assert health["marks"]["alerts/0"] == len(made_up.a_board())


def test_health_of_a_desk_that_is_not_fed_says_so(client: TestClient) -> None:
    assert client.get("/health").json()["status"] == "not fed"


def test_a_database_that_cannot_be_read_is_a_clear_503(
    client: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked() -> None:
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error

    monkeypatch.setattr(store, "sources", locked)
    answer = client.get("/")
    assert answer.status_code == 503
    assert "database is locked. Nothing is lost" in answer.text
