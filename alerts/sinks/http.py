"""One HTTP attempt, with its outcome as the notifier understands it. Answers are read up to a limit and no further."""

from __future__ import annotations

from typing import Any

import httpx

from alerts.sinks.sink import DeliveryError

ANSWER_BYTES = 256 * 1024  # what a sink may answer; more is cut off unread
LONGEST_RETRY_AFTER_S = 3600.0
_PERMANENT = {400, 401, 403, 404, 405, 410, 413, 415, 422}


def client(timeout_s: float, headers: dict[str, str] | None = None) -> httpx.Client:
    """A client that follows no redirect: a receiver that moved is told to be configured, not followed to who knows where."""
    return httpx.Client(timeout=timeout_s, follow_redirects=False, headers={"user-agent": "tocsin", **(headers or {})})


def attempt(session: httpx.Client, method: str, url: str, **arguments: Any) -> bytes:
    """The body of a successful answer.

    Raises:
        DeliveryError: the receiver is away, answers with an error or a redirect, or its certificate is not good.
    """
    try:
        with session.stream(method, url, **arguments) as answer:
            body = b""
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > ANSWER_BYTES:
                    break
            status, after, redirect = answer.status_code, answer.headers.get("retry-after", ""), answer.is_redirect
    except httpx.HTTPError as error:
        raise DeliveryError(f"{type(error).__name__}: {error}") from error
    if 200 <= status < 300:
        return body[:ANSWER_BYTES]
    said = body[:200].decode("utf-8", "replace").strip()
    raise DeliveryError(
        f"answered {status}{f': {said}' if said else ''}",
        permanent=status in _PERMANENT or redirect,
        retry_after_s=min(float(after), LONGEST_RETRY_AFTER_S) if after.isdigit() else None,
    )
