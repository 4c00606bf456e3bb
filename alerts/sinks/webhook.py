"""Signed webhooks.

The body is the transition as JSON. `Tocsin-Signature: t=SECONDS,v1=HEX` where HEX = HMAC-SHA256(key, "SECONDS." + body);
a receiver refuses a signature that does not match or a time too far from its own. `Idempotency-Key: alert/number` stays
the same over retries, so a receiver that remembers keys gets every transition once.
"""

from __future__ import annotations

import hashlib
import hmac

import httpx

from alerts.sinks.sink import DeliveryError
from contracts import codec
from contracts.messages import Transition

TOLERANCE_S = 300
_PERMANENT = {400, 401, 403, 404, 405, 410, 413, 415, 422}


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
        # No redirects: a receiver that moved is told to be configured, not followed to who knows where.
        self._client = httpx.Client(timeout=timeout_s, follow_redirects=False, headers={"user-agent": "tocsin"})

    def send(self, transition: Transition, now_ms: int) -> None:
        """One attempt.

        Raises:
            DeliveryError: the receiver is away, answers with an error or with a redirect.
        """
        body = codec.encode(transition)
        headers = {
            "content-type": "application/json",
            "idempotency-key": f"{transition.alert}/{transition.number}",
            "tocsin-signature": sign(self._key, body, now_ms // 1000),
            "tocsin-evidence": f"{self._desk_url}/alert/{transition.alert}",
        }
        try:
            answer = self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise DeliveryError(f"{type(error).__name__}: {error}") from error
        if answer.is_success:
            return
        after = answer.headers.get("retry-after", "")
        raise DeliveryError(
            f"answered {answer.status_code}",
            permanent=answer.status_code in _PERMANENT or answer.is_redirect,
            retry_after_s=float(after) if after.isdigit() else None,
        )
