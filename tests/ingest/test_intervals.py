from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.intervals import backoff_s, max_age_s, next_interval_s, rate_limit_s, retry_after_s


@given(st.floats(10, 86_400), st.integers(0, 50))
def test_an_interval_stays_in_its_bounds_and_falls_only_when_something_came(now_s: float, fresh: int) -> None:
    after = next_interval_s(now_s, fresh, shortest_s=60, longest_s=3_600)
    assert 60 <= after <= 3_600
    if 60 <= now_s <= 3_600:
        assert after <= now_s if fresh else after >= now_s


@given(st.integers(1, 10_000), st.integers())
def test_backoff_doubles_up_to_its_most_with_jitter_over_its_upper_half(failures: int, seed: int) -> None:
    full = min(3_600, 30 * 2 ** min(failures - 1, 20))
    assert full / 2 <= backoff_s(failures, Random(seed)) <= full


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), ("", None), ("120", 120), (" 5 ", 5), ("99999999", 86_400), ("soon", None), ("-5", None),
     ("Tue, 08 Nov 2022 12:01:00 GMT", 60), ("Tue, 08 Nov 2022 11:00:00 GMT", 0)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, 1_667_908_800_000) == seconds


def test_max_age_is_found_among_others() -> None:
    assert max_age_s("public, max-age=300") == 300
    assert max_age_s("s-maxage=9") == 0
    assert max_age_s(None) == 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, 0), ({"X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "60"}, 0), ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}, 60),
     ({"ratelimit-remaining": "0", "ratelimit-reset": "1667908830"}, 30), ({"x-rate-limit-remaining": "0"}, 0), ({"x-ratelimit-remaining": "none"}, 0)],
)  # fmt: skip
def test_an_api_that_is_used_up_says_until_when(headers: dict[str, str], seconds: float) -> None:
    assert rate_limit_s(headers, 1_667_908_800_000) == seconds
