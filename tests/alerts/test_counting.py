"""The counting script on a real Redis: all or nothing, once per document, whatever is redelivered, torn or reordered.

An independent model counts the same documents in plain Python; the two must agree after any history of deliveries.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import ResponseError

from alerts import keys
from alerts.counting import plan, script_argument, split_tail, unpack_tail
from alerts.references import unpack
from contracts import codec
from contracts.messages import MentionScore, Score
from stream.scripts import Script

COUNT = Script("alerts.lua", "count")
DAY_MS = 1_667_865_600_000  # 2022-11-08


@pytest.fixture
def redis(redis_url: str) -> Redis:
    return Redis.from_url(redis_url)


def make_score(partition: int, offset: int, *, minute: int = 0, negative: float = 0.9, **changes: object) -> Score:
    content: dict[str, object] = {
        "document": f"{partition:016x}{offset:016x}",
        "origin_partition": partition,
        "origin_offset": offset,
        "appended_ms": DAY_MS + offset,
        "published_ms": DAY_MS + minute * 60_000,
        "source": "wire",
        "story": f"{partition:016x}{offset:016x}",
        "topic": {"politics": 1.0},
        "sentiment": {"negative": negative, "neutral": round(1 - negative, 3)},
        "mentions": [
            MentionScore(entity="ftx", relevance=80, session="crypto", sentiment={"negative": negative, "neutral": 0.0})
        ],
    }
    return Score.model_validate(content | changes)


class Log:
    """A partition of `scores`: what was written, in order."""

    def __init__(self) -> None:
        self.scores: list[Score] = []

    def row(self, partition: int, offset: int) -> tuple[int, int, bytes, list[tuple[str, bytes]]]:
        score = self.scores[offset]
        return partition, offset, codec.encode(score), codec.headers(score)


def apply(redis: Redis, log: Log, first: int, following: int, partition: int = 0) -> list[int]:
    redis.hsetnx(keys.POSITION, str(partition), 0)
    planned = plan([log.row(partition, offset) for offset in range(first, following)], "replay")
    answer = COUNT.run(redis, script_argument(planned, {partition: (first, following)}, 3600, audit=True))
    return [int(number) for number in answer]


def audit(redis: Redis) -> Counter[tuple[str, int, str]]:
    found: Counter[tuple[str, int, str]] = Counter()
    for key in redis.scan_iter("a:*"):
        for field, value in redis.hgetall(key).items():
            minute, _, name = field.decode().partition(":")
            found[key.decode()[2:], int(minute), name] += int(value)
    return found


def model(scores: list[Score]) -> Counter[tuple[str, int, str]]:
    """What must have been counted: every document id once."""
    expected: Counter[tuple[str, int, str]] = Counter()
    seen: set[str] = set()
    for score in scores:
        if score.status != "scored" or score.document in seen:
            continue
        seen.add(score.document)
        minute = score.published_ms // 60_000
        p = score.sentiment["negative"]
        for series in ("all", "topic:politics", "entity:ftx", "entity:ftx/topic:politics"):
            if score.position > 5:
                expected[series, minute, "copies"] += 1
                continue
            expected[series, minute, "distinct"] += 1
            expected[series, minute, "negative"] += p >= 0.5
            expected[series, minute, "mass"] += round(p * 1000)
    return Counter({place: number for place, number in expected.items() if number})


def test_a_batch_is_counted_and_moves_mark_and_position(redis: Redis) -> None:
    log = Log()
    log.scores = [make_score(0, o, minute=o) for o in range(3)]
    assert apply(redis, log, 0, 3) == [3, 0, 0, 0, 0, 0]
    assert audit(redis) == model(log.scores)
    assert redis.hget(keys.MARK, "0") == b"2"
    assert redis.hget(keys.POSITION, "0") == b"3"
    assert redis.hget(keys.DIRTY, "entity:ftx") == b"3"


def test_a_redelivered_batch_changes_nothing(redis: Redis) -> None:
    log = Log()
    log.scores = [make_score(0, o) for o in range(3)]
    apply(redis, log, 0, 3)
    before = {key: redis.dump(key) for key in redis.scan_iter()}
    assert apply(redis, log, 0, 3) == [0, 0, 3, 0, 0, 0]
    assert {key: redis.dump(key) for key in redis.scan_iter()} == before


def test_a_batch_beyond_what_redis_has_is_told_to_rewind(redis: Redis) -> None:
    log = Log()
    log.scores = [make_score(0, o) for o in range(4)]
    apply(redis, log, 0, 2)
    with pytest.raises(ResponseError, match="REWIND"):
        apply(redis, log, 3, 4)
    assert audit(redis) == model(log.scores[:2])


def test_a_gap_in_the_origins_stops_counting_and_writes_nothing(redis: Redis) -> None:
    log = Log()
    log.scores = [make_score(0, 0), make_score(0, 1), make_score(0, 3)]
    with pytest.raises(ResponseError, match="GAP partition 0: origin 3 follows 1"):
        apply(redis, log, 0, 3)
    assert not audit(redis)
    assert redis.hget(keys.MARK, "0") is None


def test_a_new_installation_starts_at_the_first_origin_it_finds(redis: Redis) -> None:
    log = Log()
    log.scores = [make_score(0, 500), make_score(0, 501)]
    assert apply(redis, log, 0, 2)[0] == 2


def test_a_document_published_twice_counts_once(redis: Redis) -> None:
    log = Log()
    log.scores = [make_score(0, 0), make_score(0, 1, document=f"{0:032x}")]
    assert apply(redis, log, 0, 2) == [1, 1, 0, 0, 0, 0]
    assert redis.hget(keys.MARK, "0") == b"1"


def test_a_rejected_record_only_moves_the_mark(redis: Redis) -> None:
    log = Log()
    log.scores = [make_score(0, 0, status="rejected", reason="language", topic={}, sentiment={}, mentions=[])]
    assert apply(redis, log, 0, 1) == [0, 0, 0, 0, 0, 0]
    assert redis.hget(keys.MARK, "0") == b"0"
    assert not audit(redis)


def test_a_record_that_cannot_be_read_passes_its_place_by_its_origin_header(redis: Redis) -> None:
    redis.hset(keys.POSITION, "0", 0)
    planned = plan([(0, 0, b"{broken", [("origin", b"0:7")])], "replay")
    assert [error.reason for error in planned.bad.values()] == ["undecodable"]
    COUNT.run(redis, script_argument(planned, {0: (0, 1)}, 3600))
    assert redis.hget(keys.MARK, "0") == b"7"
    assert redis.hget(keys.POSITION, "0") == b"1"


def test_visible_time_never_runs_backwards_and_the_event_minute_stays(redis: Redis) -> None:
    log = Log()
    log.scores = [make_score(0, 0, minute=10), make_score(0, 1, minute=4)]
    assert apply(redis, log, 0, 2)[3] == 1, "the second is late, within the window"
    tail = unpack_tail(redis.get(keys.tail("all")))
    day = DAY_MS // 60_000
    assert [(entry.visible_s, entry.minute) for entry in tail] == [
        (DAY_MS // 1000 + 600, day + 10),
        (DAY_MS // 1000 + 600, day + 4),
    ]


def test_what_is_later_than_a_day_is_only_counted_as_late(redis: Redis) -> None:
    log = Log()
    log.scores = [make_score(0, 0, minute=0), make_score(0, 1, minute=-1441), make_score(0, 2, minute=-61)]
    assert apply(redis, log, 0, 3) == [3, 0, 0, 0, 1, 1]
    assert len(unpack_tail(redis.get(keys.tail("all")))) == 2


def test_a_tail_is_split_at_the_watermark_and_put_together_again(redis: Redis) -> None:
    log = Log()
    log.scores = [make_score(0, o, minute=o) for o in range(5)]
    apply(redis, log, 0, 5)
    packed = redis.get(keys.tail("all"))
    tail = split_tail(packed, b"5", DAY_MS // 1000 + 120)
    assert [entry.minute - DAY_MS // 60_000 for entry in tail.ready] == [0, 1, 2]
    assert [entry.minute - DAY_MS // 60_000 for entry in unpack_tail(tail.left)] == [3, 4]
    assert tail.until(DAY_MS // 1000).left == packed[22:]


def test_references_lead_to_the_place_in_the_log(redis: Redis) -> None:
    log = Log()
    log.scores = [make_score(0, 0, negative=0.9, author="a1"), make_score(0, 1, negative=0.1)]
    apply(redis, log, 0, 2)
    (negative,) = [unpack(packed) for packed in redis.lrange(keys.negatives("entity:ftx"), 0, -1)]
    (other,) = [unpack(packed) for packed in redis.lrange(keys.others("entity:ftx"), 0, -1)]
    assert (negative.document, negative.partition, negative.offset) == (log.scores[0].document, 0, 0)
    assert (negative.p_negative, negative.source) == (0.9, "wire")
    assert (other.offset, other.p_negative) == (1, 0.1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_history_of_deliveries_counts_every_document_once(redis: Redis, data: st.DataObject) -> None:
    """Scorers rewrite, aggregators redeliver and are refused, documents come twice: the counts are those of one pass."""
    redis.flushall()
    log = Log()
    truth: list[Score] = []
    origins = data.draw(st.integers(1, 12))
    for origin in range(origins):
        twice = data.draw(st.booleans()) and origin > 0
        document = f"{data.draw(st.integers(0, origin - 1)):032x}" if twice else f"{origin:032x}"
        truth.append(
            make_score(
                0,
                origin,
                document=document,
                minute=data.draw(st.integers(0, 90)),
                negative=data.draw(st.sampled_from([0.0, 0.3, 0.5, 0.97])),
                position=data.draw(st.integers(1, 8)),
            )
        )
    # A scorer that was killed writes again from an earlier origin on: first appearances still come in order.
    reached = 0
    while reached < origins:
        start = data.draw(st.integers(0, reached))
        end = data.draw(st.integers(reached + 1, origins))
        log.scores += truth[start:end]
        reached = end
    # Aggregators deliver any stretch of the log, in any order; what does not continue is refused whole.
    for _ in range(data.draw(st.integers(0, 12))):
        first = data.draw(st.integers(0, len(log.scores) - 1))
        following = data.draw(st.integers(first + 1, len(log.scores)))
        try:
            apply(redis, log, first, following)
        except ResponseError as error:
            assert "REWIND" in str(error)  # noqa: PT017 - the refusal is expected, the counts below decide
    position = int(redis.hget(keys.POSITION, "0") or 0)
    if position < len(log.scores):
        apply(redis, log, position, len(log.scores))
    firsts: list[Score] = []
    for score in truth:
        if score.document not in {first.document for first in firsts}:
            firsts.append(score)
    late = model(firsts)
    assert audit(redis) == late
