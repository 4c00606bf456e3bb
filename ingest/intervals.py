"""When a live source is looked at again: pure.

A source that brings something is looked at sooner, one that brings nothing later, within bounds; what the publisher says
(`Retry-After`, `Cache-Control: max-age`, `ttl`) is a floor. After a failure the pause doubles, with jitter over its whole
upper half, so that a hundred feeds of one host that was down do not come back in one second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random

from ingest.dates import parse_time_ms

SHRINK, GROW = 0.7, 1.25
BACKOFF_FIRST_S = 30.0
BACKOFF_MAX_S = 3_600.0
REFUSED_S = 6 * 3_600.0  # after 401, 403, 404, 410 or a robots.txt that forbids: a person has to act
RETRY_AFTER_MAX_S = 24 * 3_600.0
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


def next_interval_s(now_s: float, fresh: int, *, shortest_s: float, longest_s: float) -> float:
    """The interval that follows one of `now_s` seconds in which `fresh` new items came."""
    return min(longest_s, max(shortest_s, now_s * (SHRINK if fresh else GROW)))


def backoff_s(
    failures: int, random: Random, *, first_s: float = BACKOFF_FIRST_S, most_s: float = BACKOFF_MAX_S
) -> float:
    """The pause after the `failures`-th failure in a row, 1 being the first."""
    full = min(most_s, first_s * 2.0 ** min(failures - 1, 20))
    return full * random.uniform(0.5, 1.0)


def spread_s(interval_s: float, random: Random) -> float:
    """The interval moved by up to a tenth, so that feeds that started together drift apart."""
    return interval_s * random.uniform(0.95, 1.05)


def retry_after_s(value: str | None, now_ms: int) -> float | None:
    """What a `Retry-After` header asks for, seconds or a date; at most a day. None without a header that can be read."""
    if not value:
        return None
    text = value.strip()
    if text.isdigit() and len(text) < 10:
        return min(float(text), RETRY_AFTER_MAX_S)
    when = parse_time_ms(text)
    return None if when is None else min(max(0.0, (when - now_ms) / 1000), RETRY_AFTER_MAX_S)


def max_age_s(cache_control: str | None) -> float:
    """How long the publisher calls an answer fresh, seconds; 0 when it does not say."""
    found = _MAX_AGE.search(cache_control or "")
    return min(float(found.group(1)), RETRY_AFTER_MAX_S) if found else 0.0


def rate_limit_s(headers: Mapping[str, str], now_ms: int) -> float:
    """How long an API wants no further request, by its rate-limit headers, seconds; 0 while there are requests left.

    `X-RateLimit-Remaining` and `-Reset` (seconds from now or since 1970), `RateLimit-...`, and `X-Rate-Limit-...`.
    """
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    for prefix in ("x-ratelimit-", "ratelimit-", "x-rate-limit-"):
        remaining, reset = lower.get(f"{prefix}remaining", ""), lower.get(f"{prefix}reset", "")
        try:
            if float(remaining) > 0:
                continue
            seconds = float(reset)
        except ValueError:
            continue
        if seconds > 1_000_000_000:  # a moment, not a span: in seconds, or milliseconds
            seconds = (seconds if seconds < 100_000_000_000 else seconds / 1000) - now_ms / 1000
        return min(max(0.0, seconds), RETRY_AFTER_MAX_S)
    return 0.0
