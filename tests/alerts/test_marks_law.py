"""Marks, tails and folding on the real Redis: any cutting of the same log into batches gives the same state.

Batches are redelivered, partitions come in any order to one another, the evaluator trims between: what the evaluator is
given in the end, and what Redis has counted, is that of one pass.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from alerts import keys
from alerts.counting import Entry, Tail, plan, script_argument, split_tail, unpack_tail
from contracts import codec
from contracts.messages import Score
from stream.scripts import Script

COUNT, COMMIT = Script("alerts.lua", "count"), Script("alerts.lua", "commit")
DAY_MS = 1_667_865_600_000
EPOCH = "epoch:evaluator"
FAR_S = DAY_MS  # later than anything that is visible

Row = tuple[int, int, bytes, list[tuple[str, bytes]]]


@pytest.fixture
def redis(redis_url: str) -> Redis:
    return Redis.from_url(redis_url)


def make_row(partition: int, offset: int, second: int, p: float) -> Row:
    identity = f"{partition:016x}{offset:016x}"
    score = Score(
        document=identity, origin_partition=partition, origin_offset=offset, appended_ms=DAY_MS,
        published_ms=DAY_MS + second * 1000, source="wire", kind="news", lang="en", story=identity, position=1 + offset % 7,
        topic={"politics": 1.0}, sentiment={"negative": p, "neutral": round(1 - p, 3)},
    )  # fmt: skip
    return partition, offset, codec.encode(score), codec.headers(score)


def count(redis: Redis, rows: list[Row]) -> None:
    gate: dict[int, tuple[int, int]] = {}
    for partition, offset, _, _ in rows:
        gate[partition] = (gate.get(partition, (offset, 0))[0], offset + 1)
    COUNT.run(redis, script_argument(plan(rows, "replay"), gate, 3600, audit=True))


def folded(entries: list[Entry]) -> Counter[tuple[int, int, str]]:
    """What the windows make of entries: sums per (visible second, event minute)."""
    sums: Counter[tuple[int, int, str]] = Counter()
    for entry in entries:
        for name in ("distinct", "negative", "copies", "mass"):
            sums[entry.visible_s, entry.minute, name] += getattr(entry, name)
    return +sums


def commit(redis: Redis, series: str, tail: Tail) -> None:
    come_from = redis.get(keys.EVALUATED) or b""
    content = {
        "epoch": 1, "from": come_from, "to": str(int(come_from or 0) + 1), "book": b"", "states": [], "unsent": [],
        "trims": [[series, tail.seen, tail.left, tail.version]] if tail.ready else [],
    }  # fmt: skip
    COMMIT.run(redis, msgpack.packb(content, use_bin_type=False))


def trim(redis: Redis, series: str, until_s: int) -> list[Entry]:
    """What the evaluator does with one series, without deciding anything."""
    tail = split_tail(redis.get(keys.tail(series)) or b"", redis.hget(keys.DIRTY, series) or b"", until_s)
    commit(redis, series, tail)
    return tail.ready


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_cutting_of_the_log_into_batches_gives_the_same_state(redis: Redis, data: st.DataObject) -> None:
    seconds = st.lists(st.tuples(st.integers(0, 200), st.sampled_from([0.1, 0.6, 0.9])), max_size=10)
    logs = {p: [make_row(p, o, *what) for o, what in enumerate(data.draw(seconds))] for p in (0, 1)}

    def begin() -> None:
        redis.flushall()
        redis.hset(keys.POSITION, mapping={"0": 0, "1": 0})
        redis.set(EPOCH, 1)

    begin()
    count(redis, [*logs[0], *logs[1]])
    whole = {key: redis.hgetall(key) for key in (keys.MARK, keys.SEEN, keys.POSITION)}
    audited = {key: redis.hgetall(key) for key in redis.scan_iter("a:*")}
    once = folded(unpack_tail(redis.get(keys.tail("all")) or b""))

    begin()
    reached = {0: 0, 1: 0}
    taken: dict[str, list[Entry]] = defaultdict(list)
    while any(reached[p] < len(logs[p]) for p in reached):
        batch: list[Row] = []
        for p in data.draw(st.permutations([0, 1])):
            first = data.draw(st.integers(0, reached[p]))  # it may be delivered again from anywhere
            until = data.draw(st.integers(reached[p], len(logs[p])))
            batch += logs[p][first:until] if until > reached[p] else []
            reached[p] = until
        if batch:
            count(redis, batch)
        if data.draw(st.booleans()):
            taken["all"] += trim(redis, "all", DAY_MS // 1000 + data.draw(st.integers(0, 220)))
    taken["all"] += trim(redis, "all", FAR_S)
    assert {key: redis.hgetall(key) for key in (keys.MARK, keys.SEEN, keys.POSITION)} == whole
    assert {key: redis.hgetall(key) for key in redis.scan_iter("a:*")} == audited
    assert folded(taken["all"]) == once
    assert redis.get(keys.tail("all")) is None
    assert redis.hget(keys.DIRTY, "all") is None, "nothing is left, so nothing is dirty"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(-1, 60), st.integers(0, 2)), max_size=6))
def test_a_series_with_a_tail_is_always_dirty(redis: Redis, looks: list[tuple[int, int]]) -> None:
    """No wake-up is lost, whatever the evaluator read and counting added in between."""
    redis.flushall()
    redis.hset(keys.POSITION, "0", 0)
    redis.set(EPOCH, 1)
    rows = [make_row(0, offset, offset * 7 % 50, 0.9) for offset in range(12)]
    reached = 0
    for seconds, more in looks:
        until_s = DAY_MS // 1000 + seconds
        tail = split_tail(redis.get(keys.tail("all")) or b"", redis.hget(keys.DIRTY, "all") or b"", until_s)
        if more:
            count(redis, rows[reached : reached + more])
            reached += more
        commit(redis, "all", tail)
        assert bool(redis.exists(keys.tail("all"))) <= bool(redis.hexists(keys.DIRTY, "all"))
