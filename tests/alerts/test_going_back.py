"""A Redis that went back, a broker that lost its tail, a Redis that may forget, topics made anew: each is seen and says so.

`python tests/model --off RULE` prints the history in which each check is needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgpack
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import ResponseError

from alerts import keys
from alerts.aggregator import Aggregator, connect
from alerts.counting import ENTRY_BYTES, Tail, plan, script_argument, split_tail
from alerts.installation import verify_generation, verify_redis
from contracts import codec
from contracts.clock import ManualClock
from contracts.errors import Fenced, Inconsistent, Rewind, UserError
from contracts.messages import Score
from contracts.settings import Settings
from stream.records import Record
from stream.scripts import Script

BEGIN, COUNT, COMMIT = (Script("alerts.lua", name) for name in ("begin_partition", "count", "commit"))
NOW_MS = 1_667_865_600_000


@pytest.fixture
def redis(redis_url: str) -> Redis:
    return Redis.from_url(redis_url)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[AsyncRedis]:
    connection = connect(redis_url, 10.0)
    yield connection
    await connection.aclose()


def row(offset: int, origin: int) -> tuple[int, int, bytes, list[tuple[str, bytes]]]:
    score = Score.model_validate(
        {
            "document": f"{origin:032x}", "origin_partition": 0, "origin_offset": origin, "appended_ms": NOW_MS,
            "published_ms": NOW_MS + origin * 1000, "source": "wire", "story": f"{origin:032x}",
            "topic": {"politics": 1.0}, "sentiment": {"negative": 0.9, "neutral": 0.1}, "mentions": [],
        }
    )  # fmt: skip
    return 0, offset, codec.encode(score), codec.headers(score)


def count(redis: Redis, offset: int, *origins: int) -> None:
    redis.hsetnx(keys.POSITION, "0", offset)
    rows = [row(offset + at, origin) for at, origin in enumerate(origins)]
    planned = plan(rows, "replay")
    COUNT.run(redis, script_argument(planned, {0: (offset, offset + len(origins))}, 3600))


def begin(redis: Redis, scores: tuple[int, int], documents: tuple[int, int]) -> list[int]:
    return [int(offset) for offset in BEGIN.run(redis, 0, *scores, *documents)]


def test_an_aggregator_goes_on_where_redis_is(redis: Redis) -> None:
    assert begin(redis, (0, 9), (0, 9)) == [0]
    count(redis, 0, 0, 1, 2)
    assert begin(redis, (0, 9), (0, 9)) == [3]


def test_where_retention_removed_scores_it_goes_on_at_the_beginning(redis: Redis) -> None:
    assert begin(redis, (5, 9), (5, 9)) == [5]
    assert redis.hget(keys.MARK, "0") is None, "which origin comes first there, nobody can know"
    count(redis, 5, 7)
    assert redis.hget(keys.MARK, "0") == b"7"


def test_where_nothing_was_removed_the_first_origin_must_be_the_first_document(redis: Redis) -> None:
    begin(redis, (0, 9), (0, 9))
    with pytest.raises(ResponseError, match="GAP partition 0: origin 1 follows -1"):
        count(redis, 0, 1)


def test_positions_and_marks_ahead_of_their_logs_are_told_apart(redis: Redis) -> None:
    count_from_the_beginning(redis)
    assert begin(redis, (0, 3), (0, 3)) == [3]
    assert begin(redis, (0, 2), (0, 3)) == [-1]
    assert begin(redis, (0, 3), (0, 2)) == [-2]


def count_from_the_beginning(redis: Redis) -> None:
    begin(redis, (0, 9), (0, 9))
    count(redis, 0, 0, 1, 2)


@pytest.mark.parametrize(("bounds", "topic"), [((0, 2, 0, 3), "scores"), ((0, 3, 0, 2), "documents")])
async def test_a_broker_that_lost_its_tail_stops_the_start_and_says_which_and_what_to_do(
    redis: Redis, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bounds: tuple[int, ...], topic: str
) -> None:
    count_from_the_beginning(redis)
    monkeypatch.setattr("alerts.aggregator._log_bounds", lambda _, partitions: dict.fromkeys(partitions, bounds))
    aggregator = Aggregator(Settings(home=tmp_path, redis={"url": redis_url}), ManualClock(NOW_MS))
    with pytest.raises(Inconsistent, match=rf"more of `{topic}` than the log holds .*\[0\].*Restore the broker's data"):
        await aggregator.positions({0: 0})
    await aggregator.stop()


async def test_a_redis_that_went_back_is_noticed_while_nothing_comes(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    count_from_the_beginning(redis)
    aggregator = Aggregator(Settings(home=tmp_path, redis={"url": redis_url}), ManualClock(NOW_MS))
    await aggregator.verify({})
    await aggregator.verify({0: 3})
    await aggregator.verify({0: 2})  # another worker has gone on with the partition
    with pytest.raises(Rewind, match="partition 1: Redis has gone back from 4 to -1"):
        await aggregator.verify({0: 3, 1: 4})
    await aggregator.stop()


def commit(redis: Redis, tail: Tail, *, epoch: int = 1, came_from: str = "", to: str = "9") -> None:
    content = {
        "epoch": epoch, "from": came_from, "to": to, "book": b"book", "states": ["all", b"state"],
        "trims": [["all", tail.seen, tail.left, tail.version]], "unsent": [],
    }  # fmt: skip
    COMMIT.run(redis, msgpack.packb(content, use_bin_type=False))


def looked(redis: Redis, until_s: int = NOW_MS) -> Tail:
    return split_tail(redis.get(keys.tail("all")) or b"", redis.hget(keys.DIRTY, "all") or b"", until_s)


def test_what_is_counted_while_the_evaluator_thinks_stays_dirty(redis: Redis) -> None:
    redis.set("epoch:evaluator", 1)
    count(redis, 0, 0)
    tail = looked(redis)
    count(redis, 1, 1)
    commit(redis, tail)
    assert redis.hget(keys.DIRTY, "all") == b"2"
    assert len(redis.get(keys.tail("all"))) == ENTRY_BYTES
    commit(redis, looked(redis), came_from="9", to="10")
    assert redis.hget(keys.DIRTY, "all") is None
    assert redis.get(keys.tail("all")) is None


def test_a_tail_that_redis_lost_between_look_and_commit_is_not_evaluated_twice(redis: Redis) -> None:
    redis.set("epoch:evaluator", 1)
    count(redis, 0, 0)
    tail = looked(redis)
    redis.delete(keys.tail("all"), keys.DIRTY)  # the last second is gone; `evaluated` and the epoch are older than that
    with pytest.raises(ResponseError, match="STALE the tail of all is not what the evaluator read"):
        commit(redis, tail)
    assert redis.get(keys.EVALUATED) is None
    assert redis.get(keys.state("all")) is None


def test_a_leader_that_was_replaced_writes_nothing(redis: Redis) -> None:
    redis.set("epoch:evaluator", 2)
    count(redis, 0, 0)
    with pytest.raises(Fenced):
        commit(redis, looked(redis), epoch=1)
    assert redis.get(keys.EVALUATED) is None


async def test_a_redis_without_append_only_file_is_refused(client: AsyncRedis) -> None:
    await verify_redis(client)
    await client.config_set("appendonly", "no")
    try:
        with pytest.raises(
            UserError, match="no append-only file, so a restart would lose counts: set `appendonly yes`"
        ):
            await verify_redis(client)
    finally:
        await client.config_set("appendonly", "yes")


async def test_a_redis_that_evicts_is_refused(client: AsyncRedis) -> None:
    await client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        await verify_redis(client)  # without a limit it never evicts
        await client.config_set("maxmemory", "1gb")
        with pytest.raises(UserError, match=r"evicts keys \(maxmemory-policy allkeys-lru\).*noeviction"):
            await verify_redis(client)
    finally:
        await client.config_set("maxmemory", "0")
        await client.config_set("maxmemory-policy", "noeviction")


async def test_topics_made_anew_are_refused_with_a_remedy(client: AsyncRedis) -> None:
    await verify_generation(client, {"scores": "first/8", "documents": "one/8"})
    await verify_generation(client, {"scores": "first/8", "documents": "one/8"})
    with pytest.raises(
        Inconsistent, match=r"`scores` is not the one that Redis has counted \(it was first/8.*empty Redis"
    ):
        await verify_generation(client, {"scores": "second/8", "documents": "one/8"})
    with pytest.raises(Inconsistent, match="it was one/8, it is one/32"):
        await verify_generation(client, {"documents": "one/32"})


async def test_a_score_that_nobody_can_count_is_buried_and_its_place_and_origin_are_passed(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    count_from_the_beginning(redis)
    buried: list[tuple[str, bytes]] = []

    class Letters:
        async def send_and_wait(self, topic: str, value: bytes, **_: object) -> None:
            buried.append((topic, value))

        async def stop(self) -> None: ...

    aggregator = Aggregator(Settings(home=tmp_path, redis={"url": redis_url}), ManualClock(NOW_MS))
    aggregator._producer = Letters()
    poison = Record(0, 3, b"key", b"{}", [("origin", b"0:3")])
    await aggregator.condemn(poison, {0: (3, 4)}, ValueError("a bug that this record wakes"))
    await aggregator.stop()
    assert redis.hget(keys.POSITION, "0") == b"4"
    assert redis.hget(keys.MARK, "0") == b"3"
    assert [topic for topic, _ in buried] == ["scores.dead"]
    assert b'"reason":"poison"' in buried[0][1]
    assert b"a bug that this record wakes" in buried[0][1]
    count(redis, 4, 4)
