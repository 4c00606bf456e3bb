"""Prometheus Alertmanager, API v2. It groups, silences and forwards by its own configuration, so it gets every alert by itself.

An alert's labels are what stays the same through its life (alert, series, entity, topic, rule, severity): Alertmanager tells
alerts apart by them. Severity is the one that may rise; then the lower one is ended and the higher one begun.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from alerts import texts
from alerts.matchers import labels_of
from alerts.sinks import http
from alerts.sinks.sink import Notice
from alerts.texts import Wording
from contracts.messages import Severity, Transition

ALIVE = "TocsinAlive"
KEPT_FOR_RESENDS = 5  # an alert stays alive in Alertmanager for so many missed resends
_SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")


class AlertmanagerSink:
    """Posts to one Alertmanager.

    Args:
        url: its base address.
        resend_s: how often all open alerts are sent again.
        timeout_s: of one request.
        wording: of summaries.
    """

    def __init__(self, url: str, resend_s: float, timeout_s: float, wording: Wording) -> None:
        self._address = f"{url.rstrip('/')}/api/v2/alerts"
        self.resend_s = resend_s
        self._wording = wording
        self._client = http.client(timeout_s)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, notice: Notice, now_ms: int) -> None:
        """One attempt.

        Raises:
            DeliveryError: Alertmanager is away or refuses.
        """
        if notice.kind == "alive":
            alive = {
                "labels": {"alertname": ALIVE, "severity": "none"},
                "annotations": {"summary": "Tocsin is alive; page when this alert stops coming"},
                "startsAt": _iso(now_ms),
                "endsAt": _iso(now_ms + int(self.resend_s * KEPT_FOR_RESENDS * 1000)),
            }
            self._post([alive])
            return
        self.send_all(notice.transitions, now_ms)

    def send_all(self, transitions: Iterable[Transition], now_ms: int) -> None:
        """Many at once: what has ended with its end, what is open with an end that the next resend moves on."""
        alerts = [alert for transition in transitions for alert in self._alerts(transition, now_ms)]
        if alerts:
            self._post(alerts)

    def _alerts(self, transition: Transition, now_ms: int) -> list[dict[str, Any]]:
        ended = transition.state in ("resolved", "withdrawn")
        begun_ms = transition.decided_ms or now_ms
        end_ms = now_ms if ended else now_ms + int(self.resend_s * KEPT_FOR_RESENDS * 1000)
        lower = _SEVERITIES[: _SEVERITIES.index(transition.severity)]
        return [
            self._alert(transition, transition.severity, min(begun_ms, end_ms), end_ms),
            *(self._alert(transition, severity, min(begun_ms, now_ms) - 1000, now_ms) for severity in lower),
        ]

    def _alert(self, transition: Transition, severity: str, start_ms: int, end_ms: int) -> dict[str, Any]:
        labels = labels_of(transition) | {"alertname": "TocsinAlert", "severity": severity}
        labels.pop("state")
        return {
            "labels": {name: value for name, value in labels.items() if value},
            "annotations": {
                "summary": texts.title(transition, self._wording),
                "description": texts.body(transition, self._wording),
            },
            "startsAt": _iso(start_ms),
            "endsAt": _iso(end_ms),
            "generatorURL": self._wording.link(transition.alert),
        }

    def _post(self, alerts: list[dict[str, Any]]) -> None:
        http.attempt(
            self._client,
            "POST",
            self._address,
            content=orjson.dumps(alerts),
            headers={"content-type": "application/json"},
        )


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
