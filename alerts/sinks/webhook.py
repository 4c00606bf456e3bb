"""Signed webhooks.

The body is the transition as JSON; a group or digest is `{"kind": ..., "transitions": [...]}`. The signature is
`Tocsin-Signature: t=SECONDS,v1=HEX` where HEX = HMAC-SHA256(key, "SECONDS." + body); a receiver refuses one that does not
match or a time too far from its own. `Idempotency-Key` stays the same over retries, so a receiver that remembers keys gets
every notice once.
"""

from __future__ import annotations

import hashlib
import hmac

import orjson

from alerts.sinks import http
from alerts.sinks.sink import Notice
from contracts import codec

TOLERANCE_S = 300


def sign(key: bytes, body: bytes, seconds: int) -> str:
    """The value of `Tocsin-Signature`. `seconds`: wall time, Unix."""
    digest = hmac.new(key, f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def verify(key: bytes, body: bytes, signature: str, now_s: int) -> bool:
    """Whether a request is ours and fresh: what a receiver does, kept here so that it is tested and can be copied."""
    parts = dict(part.partition("=")[::2] for part in signature.split(","))
    stamp = parts.get("t", "")
    if not stamp.isdigit() or abs(now_s - int(stamp)) > TOLERANCE_S:
        return False
    return hmac.compare_digest(sign(key, body, int(stamp)), signature)


class WebhookSink:
    """Posts to one address."""

    def __init__(self, url: str, key: bytes, timeout_s: float, desk_url: str) -> None:
        self._url = url
        self._key = key
        self._desk_url = desk_url
        self._client = http.client(timeout_s)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, notice: Notice, now_ms: int) -> None:
        """One attempt.

        Raises:
            DeliveryError: the receiver is away, answers with an error or with a redirect.
        """
        if notice.kind in ("alert", "repeat", "test"):
            body = codec.encode(notice.transitions[0])
            evidence = f"{self._desk_url}/alert/{notice.transitions[0].alert}"
        else:
            body = orjson.dumps(
                {"kind": notice.kind, "transitions": [t.model_dump(mode="json") for t in notice.transitions]}
            )
            evidence = f"{self._desk_url}/"
        headers = {
            "content-type": "application/json",
            "idempotency-key": notice.key,
            "tocsin-kind": notice.kind,
            "tocsin-signature": sign(self._key, body, now_ms // 1000),
            "tocsin-evidence": evidence,
        }
        http.attempt(self._client, "POST", self._url, content=body, headers=headers)
