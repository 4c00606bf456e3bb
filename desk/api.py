"""The read API, version 1: alerts as JSON, and whether the desk is well. Cursors are opaque."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from contracts.messages import State, Transition
from desk import figures
from desk.board import SEVERITIES
from desk.names import Names
from desk.notices import Outlook
from desk.queries import Queries
from desk.rows import AlertRow


class AlertSummary(BaseModel):
    """An alert's newest state."""

    alert: str
    number: int
    series: str
    subject: str
    rule: str
    state: str
    severity: str
    page: bool
    recorded: bool
    onset_ms: int
    at_ms: int
    fired_ms: int | None
    resolved_ms: int | None
    score: float
    peak: float
    why: str
    window_minutes: int
    negative: int
    all: int
    expected: float


class AlertPage(BaseModel):
    """Some alerts, newest onset first; `next` goes into `cursor` for those after them."""

    alerts: list[AlertSummary]
    next: str | None


class AlertDetail(BaseModel):
    """An alert with its evidence and its life."""

    subject: str
    newest: Transition
    transitions: list[Transition]


def routes(store: Queries, names: Names, outlook: Callable[[], Outlook]) -> APIRouter:
    """The routes over a store."""
    router = APIRouter()

    @router.get("/api/v1/alerts")
    def alerts(
        state: State | None = None, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
    ) -> AlertPage:
        """Alerts, newest onset first."""
        rows = store.alerts(state=state, before=_place(cursor) if cursor else None, limit=limit + 1)
        following = _cursor(rows[limit - 1]) if len(rows) > limit else None
        return AlertPage(alerts=[_summary(row, names) for row in rows[:limit]], next=following)

    @router.get("/api/v1/alerts/{alert}")
    def alert(alert: str) -> AlertDetail:
        """One alert with its evidence and every transition."""
        life = store.transitions(alert)
        if not life:
            raise HTTPException(404, "There is no such alert.")
        return AlertDetail(subject=names.subject(life[-1].series).full, newest=life[-1], transitions=life)

    @router.get("/health")
    def health() -> dict[str, Any]:
        """Whether the desk serves, and whether it is fed. It answers 503 when its database cannot be read."""
        now = outlook()
        return {
            "status": "ok" if now.fed else "not fed",
            "as_of": figures.iso(now.as_of_ms),
            "marks": {f"{topic}/{partition}": mark for (topic, partition), mark in sorted(store.marks().items())},
            "notices": [{"level": one.level, "title": one.title, "text": one.text} for one in now.notices],
            "unreadable": [
                {"topic": one.topic, "partition": one.partition, "offset": one.place, "reason": one.reason}
                for one in store.unreadable(20)
            ],
        }

    @router.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        """Prometheus metrics of this process."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


def _summary(row: AlertRow, names: Names) -> AlertSummary:
    return AlertSummary(
        alert=row.alert, number=row.number, series=row.series, subject=names.subject(row.series).full, rule=row.rule,
        state=row.state, severity=SEVERITIES[row.severity], page=row.page, recorded=row.recorded, onset_ms=row.onset_ms,
        at_ms=row.at_ms, fired_ms=row.fired_ms, resolved_ms=row.resolved_ms, score=row.score, peak=row.peak, why=row.why,
        window_minutes=row.minutes, negative=row.negative, all=row.all_texts, expected=row.expected,
    )  # fmt: skip


def _cursor(row: AlertRow) -> str:
    return base64.urlsafe_b64encode(f"{row.onset_ms}:{row.alert}".encode()).decode()


def _place(cursor: str) -> tuple[int, str]:
    try:
        onset, _, alert = base64.urlsafe_b64decode(cursor).decode().partition(":")
        return int(onset), alert
    except (binascii.Error, ValueError) as error:
        raise HTTPException(400, "The cursor is not one that this API gave out.") from error
