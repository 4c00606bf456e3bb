"""The aggregator's shell: `scores` in, Redis out. N workers; each batch is one atomic script.

1. It starts from the position in Redis, not from the committed offset: what Redis lost is read again. While nothing comes
   that would show it, it looks once a second whether Redis has gone back.
2. A batch is planned (`counting`, pure) and applied by `lua/count.lua`, which refuses a batch that does not continue what
   Redis has.
3. A Redis that is away is waited for with the same batch unacknowledged; whatever else goes wrong ends the process.
4. Scores that cannot be read go to dead letters; their place still counts as passed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import structlog
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ResponseError
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisSlow

from alerts import keys
from alerts.counting import Batch, Counted, plan, script_argument
from alerts.installation import topic_generation, verify_generation, verify_redis
from contracts import metrics
from contracts.clock import Clock
from contracts.errors import Inconsistent, Rewind
from contracts.settings import Settings
from contracts.topics import DOCUMENTS, SCORES
from stream.dead_letters import bury
from stream.records import Record
from stream.scripts import Script
from stream.worker import WorkerSettings, create_worker, rejected_reason

STAGE = "aggregator"
AWAY = (RedisAway, RedisSlow, BusyLoadingError)
BACKLOG_LIMIT = 200_000  # entries not evaluated: beyond it counting waits for the evaluator, so that Redis stays small
_COUNT = Script("alerts.lua", "count")
_BEGIN = Script("alerts.lua", "begin_partition")
log = structlog.get_logger(__name__)


def connect(url: str, timeout_s: float, password: str | None = None) -> Redis:
    """A client that never retries by itself: a repeated script must be our decision, with the same gate."""
    return Redis.from_url(url, password=password, socket_timeout=timeout_s, retry=Retry(NoBackoff(), 0))


class Aggregator:
    """The stage that counts.

    Args:
        settings: of the whole process; it uses kafka, redis, aggregator and clock.
        clock: where wall time comes from.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._mode: Literal["wall", "replay"] = settings.clock
        password = settings.redis.password.get_secret_value() if settings.redis.password else None
        self._redis = connect(settings.redis.url, settings.redis.timeout_s, password)
        self._producer: Any = None

    async def start(self) -> None:
        """Verify Redis and the topics, connect for dead letters."""
        await self._patiently(lambda: verify_redis(self._redis))
        generation = await asyncio.to_thread(topic_generation, self._settings.kafka.bootstrap)
        await self._patiently(lambda: verify_generation(self._redis, generation))
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka.bootstrap, acks="all", enable_idempotence=True
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Close connections."""
        if self._producer is not None:
            await self._producer.stop()
        await self._redis.aclose()

    async def positions(self, committed: dict[int, int]) -> dict[int, int]:
        """The position in Redis per partition; where it lies before the log's beginning, the beginning, loudly.

        Raises:
            Inconsistent: Redis has counted more than the logs hold.
        """
        bounds = await asyncio.to_thread(_log_bounds, self._settings.kafka.bootstrap, sorted(committed))
        arguments = [number for partition in sorted(committed) for number in (partition, *bounds[partition])]
        answer = await self._patiently(lambda: _BEGIN.arun(self._redis, *arguments))
        positions = dict(zip(sorted(committed), (int(offset) for offset in answer), strict=True))
        for topic, sign in ((SCORES.name, -1), (DOCUMENTS.name, -2)):
            ahead = [partition for partition, offset in positions.items() if offset == sign]
            if ahead:
                raise Inconsistent(
                    f"Redis has counted more of `{topic}` than the log holds (partitions {ahead}): the broker lost the end "
                    "of its log. Restore the broker's data, or start anew with an empty Redis database"
                )
        return positions

    async def verify(self, positions: dict[int, int]) -> None:
        """Redis still has what was applied up to these positions.

        Raises:
            Rewind: it went back, and nothing has come since that would have shown it.
        """
        if not positions:
            return
        found = await self._patiently(lambda: self._redis.hmget(keys.POSITION, [str(p) for p in positions]))
        for (partition, position), have in zip(positions.items(), found, strict=True):
            if int(have or -1) < position:
                metrics.REWINDS.labels(STAGE).inc()
                raise Rewind(f"partition {partition}: Redis has gone back from {position} to {int(have or -1)}")

    async def process(self, batch: Sequence[Record], spans: dict[int, tuple[int, int]]) -> None:
        """Count a batch: all of it or nothing."""
        planned = plan([(r.partition, r.offset, r.value, r.headers) for r in batch], self._mode)
        for index, error in planned.bad.items():
            await bury(self._producer, SCORES.name, batch[index], STAGE, error, self._clock.wall_ms())
        argument = self._argument(planned, spans)
        await self._wait_for_evaluator()
        try:
            done = Counted(*await self._patiently(lambda: _COUNT.arun(self._redis, argument)))
        except ResponseError as error:
            if str(error).startswith("REWIND"):
                metrics.REWINDS.labels(STAGE).inc()
                raise Rewind(str(error)) from error
            if str(error).startswith("GAP"):
                raise Inconsistent(
                    f"{error}: documents between were never scored, or a scorer wrote out of order; counting on would "
                    "hide the loss. See deploy/GUARANTEES.md, `a gap in the origins`"
                ) from error
            raise
        self._measure(batch, done, len(planned.bad), planned.newest_ms)

    def _argument(self, planned: Batch, spans: dict[int, tuple[int, int]]) -> bytes:
        settings = self._settings.aggregator
        return script_argument(planned, spans, settings.claim_s, audit=settings.audit)

    def _measure(self, batch: Sequence[Record], done: Counted, dead: int, newest_ms: int) -> None:
        metrics.COUNTED_DOCUMENTS.inc(done.counted)
        for result, number in (
            ("ok", done.counted),
            ("duplicate", done.duplicates),
            ("repeat", done.repeats),
            ("dead", dead),
        ):
            if number:
                metrics.STAGE_MESSAGES.labels(STAGE, result).inc(number)
        for age, number in (
            ("window", done.late_window),
            ("baseline", done.late_baseline),
            ("beyond", done.late_beyond),
        ):
            if number:
                metrics.LATE_DOCUMENTS.labels(age).inc(number)
        if newest_ms:
            metrics.STAGE_WATERMARK.labels(STAGE).set(newest_ms / 1000)
        now_ms = self._clock.wall_ms()
        for record in batch[-1:]:
            metrics.STAGE_LAG_SECONDS.labels(STAGE).set(max(0, now_ms - record.appended_ms) / 1000)
            metrics.HOP_SECONDS.labels("count").observe(max(0, now_ms - record.appended_ms) / 1000)

    async def condemn(self, record: Record, spans: dict[int, tuple[int, int]], error: Exception) -> None:
        """Dead-letter a score that cannot be counted, and pass its place with its origin marked as seen."""
        await bury(self._producer, SCORES.name, record, STAGE, rejected_reason(error), self._clock.wall_ms())
        planned = plan([(record.partition, record.offset, None, record.headers)], self._mode)
        argument = self._argument(planned, spans)
        await self._patiently(lambda: _COUNT.arun(self._redis, argument))

    async def _wait_for_evaluator(self) -> None:
        said = False
        while True:
            dirty: int = await self._patiently(lambda: self._redis.hlen(keys.DIRTY))
            if dirty < BACKLOG_LIMIT:
                return
            if not said:
                log.warning("counting waits for the evaluator", series_not_evaluated=dirty)
                said = True
            await self._clock.asleep(0.5)

    async def _patiently(self, ask: Any) -> Any:
        """Retry while Redis is merely away: the same request, unacknowledged upstream."""
        wait_s = 0.05
        while True:
            try:
                return await ask()
            except AWAY as error:
                log.warning("Redis is away; the batch waits", error=str(error))
                await self._clock.asleep(wait_s)
                wait_s = min(wait_s * 2, 2.0)


def _log_bounds(bootstrap: str, partitions: Sequence[int]) -> dict[int, tuple[int, int, int, int]]:
    """Partition -> beginning and end of `scores`, beginning and end of `documents`."""
    from kafka import KafkaConsumer, TopicPartition  # noqa: PLC0415 - only here, and blocking

    consumer = KafkaConsumer(bootstrap_servers=bootstrap.split(","), enable_auto_commit=False)
    try:
        places = [TopicPartition(topic, number) for topic in (SCORES.name, DOCUMENTS.name) for number in partitions]
        # The end of `documents` is asked for last: what is scored is never beyond it.
        beginnings, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
    finally:
        consumer.close()
    scores, documents = places[: len(partitions)], places[len(partitions) :]
    return {
        tp.partition: (beginnings[tp], ends[tp], beginnings[of], ends[of])
        for tp, of in zip(scores, documents, strict=True)
    }


def create_app(settings: Settings, slot: str, clock: Clock) -> Any:
    """The Faust app of one aggregator; run it with `faust.Worker(app)`."""
    worker = WorkerSettings(
        stage=STAGE,
        slot=slot,
        topic=SCORES.name,
        batch=settings.aggregator.batch_scores,
        linger_s=settings.aggregator.linger_s,
        watchdog_s=settings.aggregator.watchdog_s,
        home=settings.home,
    )
    aggregator = Aggregator(settings, clock)
    return create_worker(worker, settings.kafka, aggregator, verify=aggregator.verify)
