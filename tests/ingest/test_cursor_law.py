"""Cursors on the real Redis: whatever owners come, go and wake, what is saved is what the last owner saved, all or nothing."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from contracts.clock import DAY_MS
from contracts.errors import Fenced
from ingest.cursor import Cursor, CursorStore

BEGIN_MS = 20_000 * DAY_MS
SAVES = st.lists(
    st.tuples(
        st.sampled_from(["one", "other"]),
        st.booleans(),  # whether it takes the source over first, from an owner that was frozen past its lease
        st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), max_size=4),  # (document, day)
    ),
    max_size=12,
)


def identity(number: int) -> str:
    return f"{number:032x}"


@pytest.fixture
def redis(redis_url: str) -> Redis:
    return Redis.from_url(redis_url)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SAVES)
def test_what_is_saved_is_what_the_last_owner_saved(
    redis: Redis, saves: list[tuple[str, bool, list[tuple[int, int]]]]
) -> None:
    redis.flushall()
    stores = {name: CursorStore(redis, "wire", 60.0) for name in ("one", "other")}
    owner: str | None = None
    line, published = 0, set[str]()
    for at, (name, takes_over, documents) in enumerate(saves, 1):
        if takes_over:
            redis.delete("lease:source:wire")
            assert stores[name].take()
            owner = name
        cursor = Cursor(line=at, items=len(published), ends={0: at}, read_from={0: at - 1})
        batch = {identity(number): BEGIN_MS + day * DAY_MS for number, day in documents}
        if name == owner:
            stores[name].save(cursor, batch)
            line = at
            published |= batch.keys()
        else:
            with pytest.raises(Fenced):
                stores[name].save(cursor, batch)
        for store in stores.values():
            loaded = store.load()
            assert (loaded.line if loaded else 0) == line
            assert loaded is None or (loaded.ends, loaded.read_from) == ({0: line}, {0: line - 1})
            assert store.known([identity(number) for number in range(31)]) == published


@given(
    st.builds(
        Cursor,
        line=st.integers(0, 2**40),
        items=st.integers(0, 2**40),
        event_ms=st.integers(0, 2**43),
        ends=st.dictionaries(st.integers(0, 31), st.integers(0, 2**40)),
        read_from=st.dictionaries(st.integers(0, 31), st.integers(0, 2**40)),
        done=st.booleans(),
    )
)
def test_a_cursor_is_read_again_as_it_was(cursor: Cursor) -> None:
    assert Cursor.model_validate_json(cursor.model_dump_json()) == cursor
