"""Grafana annotations: one region per alert, from onset to resolution, found again by its tag before one is posted."""

from __future__ import annotations

from typing import Any

import orjson

from alerts import texts
from alerts.sinks import http
from alerts.sinks.sink import DeliveryError, Notice
from alerts.texts import Wording
from contracts.messages import Transition
from contracts.series import entity_of, topic_of


class GrafanaSink:
    """Writes to one Grafana.

    Args:
        url: its base address.
        token: of a service account that may write annotations.
        dashboard: uid that the annotations belong to; empty = they show on every dashboard that asks for the tag `tocsin`.
        timeout_s: of one request.
        wording: of the texts.
    """

    def __init__(self, url: str, token: bytes, dashboard: str, timeout_s: float, wording: Wording) -> None:
        self._address = f"{url.rstrip('/')}/api/annotations"
        self._dashboard = dashboard
        self._wording = wording
        self._client = http.client(
            timeout_s, {"authorization": f"Bearer {token.decode()}", "content-type": "application/json"}
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, notice: Notice, now_ms: int) -> None:
        """One attempt; several alerts are several regions, and one that is there already is changed, not doubled.

        Raises:
            DeliveryError: Grafana is away or refuses.
        """
        for transition in notice.transitions:
            self._region(transition)

    def _region(self, transition: Transition) -> None:
        tag = f"alert:{transition.alert}"
        found = self._json(
            http.attempt(self._client, "GET", self._address, params={"tags": tag, "limit": 2, "type": "annotation"})
        )
        region = self._content(transition, tag)
        if found:
            number = found[0]["id"]
            region.pop("dashboardUID", None)
            http.attempt(self._client, "PATCH", f"{self._address}/{number}", content=orjson.dumps(region))
        else:
            http.attempt(self._client, "POST", self._address, content=orjson.dumps(region))

    def _content(self, transition: Transition, tag: str) -> dict[str, Any]:
        tags = ["tocsin", tag, transition.rule, transition.severity]
        tags += [f"entity:{entity}" for entity in [entity_of(transition.series)] if entity]
        tags += [f"topic:{topic}" for topic in [topic_of(transition.series)] if topic]
        content: dict[str, Any] = {
            "time": transition.onset_ms,
            "timeEnd": max(transition.resolved_ms or transition.at_ms, transition.onset_ms + 1),
            "tags": tags,
            "text": f"{texts.title(transition, self._wording)}\n{self._wording.link(transition.alert)}",
        }
        if self._dashboard:
            content["dashboardUID"] = self._dashboard
        return content

    @staticmethod
    def _json(body: bytes) -> list[dict[str, Any]]:
        try:
            content = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise DeliveryError(f"the answer is not Grafana's: {error}") from error
        if not isinstance(content, list):
            raise DeliveryError("the answer is not Grafana's: no list of annotations")
        return content
