"""A Faust worker that reads one topic in batches and acknowledges a batch only when its stage says that it is durable.

1. On assignment it starts where the stage says (the scorer: the committed offset; the aggregator: the position in Redis).
2. Every batch must continue the last one per partition; a jump forward ends the process.
3. The stage makes the batch durable; only then are its records acknowledged, and Faust commits them.
4. Any error ends the process with exit code 75. Faust would restart the agent and commit past the dropped batch.
5. A place that failed three times is taken record by record, and the culprit is condemned by the stage.
6. Between batches the stage may verify that what it made durable still is.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import faust
import structlog
from faust.sensors.monitor import Monitor

from contracts import metrics
from contracts.errors import Rejected, TocsinError
from contracts.settings import Kafka
from stream.attempts import Attempts
from stream.records import Contiguity, Record
from stream.watchdog import add_watchdog

VERIFY_S = 1.0  # between two looks whether what is durable still is
EXIT_RESTART = 75  # EX_TEMPFAIL: the supervisor restarts the process, without limit
log = structlog.get_logger(__name__)


class BatchStage(Protocol):
    """What a stage does with its topic."""

    async def start(self) -> None:
        """Connect and verify; raise to refuse the start."""

    async def positions(self, committed: dict[int, int]) -> dict[int, int]:
        """Where to read from, partition -> offset, given what the group has committed (0 where it never did)."""

    async def process(self, batch: Sequence[Record], spans: dict[int, tuple[int, int]]) -> None:
        """Make a batch durable, or raise. `spans`: partition -> (offset it continues from, next offset)."""

    async def condemn(self, record: Record, spans: dict[int, tuple[int, int]], error: Exception) -> None:
        """Dead-letter a record that cannot be processed, and make its place durable."""

    async def stop(self) -> None:
        """Close connections."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a worker runs.

    Attributes:
        stage: name of the stage and of its consumer group.
        slot: name of this process among the stage's; static membership makes a quick restart no rebalance.
        topic: what it reads.
        batch: records taken at most at once.
        linger_s: how long it waits for a batch to fill.
        watchdog_s: a partition with lag that stands still this long ends the process.
        home: where the small file of failed attempts lies.
    """

    stage: str
    slot: str
    topic: str
    batch: int
    linger_s: float
    watchdog_s: float
    home: Path


class _LightMonitor(Monitor):
    """Keeps the offsets that the watchdog needs and does no other work per event (a third of the throughput)."""

    def on_message_in(self, tp: Any, offset: int, message: Any) -> None: ...
    def on_stream_event_in(self, tp: Any, offset: int, stream: Any, event: Any) -> None:
        self.stream_inbound_time[tp] = time.monotonic()

    def on_stream_event_out(self, tp: Any, offset: int, stream: Any, event: Any, state: Any = None) -> None: ...
    def on_message_out(self, tp: Any, offset: int, message: Any) -> None: ...


def die(reason: str) -> None:
    """End this process at once, so that nothing after the failed batch is ever committed."""
    log.error("process ends and is restarted", reason=reason)
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(EXIT_RESTART)


def _faust_app(settings: WorkerSettings, kafka: Kafka) -> Any:
    return faust.App(
        settings.stage,
        broker=[f"kafka://{address}" for address in kafka.bootstrap.split(",")],
        store="memory://",
        web_enabled=False,
        datadir=settings.home / "run" / f"faust-{settings.stage}-{settings.slot}",
        topic_disable_leader=True,
        topic_allow_declare=False,
        topic_partitions=kafka.partitions,
        key_serializer="raw",
        value_serializer="raw",
        consumer_group_instance_id=f"{settings.stage}-{settings.slot}",
        broker_session_timeout=kafka.session_timeout_s,
        broker_heartbeat_interval=kafka.heartbeat_s,
        broker_rebalance_timeout=kafka.rebalance_timeout_s,
        broker_max_poll_interval=300.0,
        broker_commit_interval=kafka.commit_interval_s,
        stream_buffer_maxsize=4096,
        consumer_auto_offset_reset="earliest",
        Monitor=_LightMonitor,
    )


def _record(event: Any) -> Record:
    message = event.message
    received = message.headers or ()
    pairs = tuple(received.items()) if isinstance(received, dict) else tuple(received)
    return Record(
        message.partition, message.offset, message.key, message.value, pairs, int((message.timestamp or 0) * 1000)
    )


def create_worker(
    settings: WorkerSettings,
    kafka: Kafka,
    stage: BatchStage,
    *,
    verify: Callable[[dict[int, int]], Awaitable[None]] | None = None,
    end: Callable[[str], None] = die,
) -> Any:
    """A Faust app with one agent, `app.agents[...]`, ready for `faust.Worker(app)`.

    Args:
        settings: how it runs.
        kafka: where the broker is.
        stage: what it does.
        verify: called between batches with the positions reached, partition -> offset; an error ends the process.
        end: called with the reason when the process must end; a test passes its own.
    """
    app = _faust_app(settings, kafka)
    topic = app.topic(settings.topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    contiguity = Contiguity()
    attempts = Attempts(settings.home / "run" / f"attempts-{settings.stage}-{settings.slot}.json")

    handling = asyncio.Lock()

    async def handle(batch: Sequence[Record]) -> None:
        async with handling:
            await take(batch)

    async def take(batch: Sequence[Record]) -> None:
        spans = contiguity.accept(batch)
        places = {partition: first for partition, (first, _) in spans.items()}
        try:
            if attempts.exhausted(places):
                await _one_by_one(stage, batch, places)
                attempts.clear()
            else:
                await stage.process(batch, spans)
        except TocsinError:
            raise  # the protocol's own: a gap, a rewind, a broker that is away. No record is to blame
        except Exception:
            attempts.failed(places)
            raise
        metrics.BATCH_MESSAGES.labels(settings.stage).observe(len(batch))

    @app.agent(topic, name=settings.stage, concurrency=1)
    async def run(stream: Any) -> Any:
        async for events in stream.noack_take(settings.batch, within=settings.linger_s):
            try:
                await handle([_record(event) for event in events])
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.exception("batch failed", stage=settings.stage)
                end(f"{type(error).__name__}: {error}")
                raise
            for event in events:
                event.ack()

    app.handle_batch = handle
    _start_where_the_stage_says(app, settings, stage, contiguity, end)
    add_watchdog(app, settings.stage, settings.watchdog_s, end)
    if verify is not None:
        _verify_between_batches(app, settings.stage, contiguity, handling, verify, end)
    return app


def _verify_between_batches(
    app: Any,
    stage: str,
    contiguity: Contiguity,
    handling: asyncio.Lock,
    verify: Callable[[dict[int, int]], Awaitable[None]],
    end: Callable[[str], None],
) -> None:
    @app.timer(VERIFY_S)
    async def verify_positions(app: Any = app) -> None:
        # While a batch is handled the positions run ahead of what is durable; and the batch itself would show a loss.
        if app.rebalancing or handling.locked():
            return
        try:
            await verify(dict(contiguity.expected))
        except Exception as error:
            log.exception("what was durable is no more", stage=stage)
            end(f"{type(error).__name__}: {error}")
            raise


async def _one_by_one(stage: BatchStage, batch: Sequence[Record], places: dict[int, int]) -> None:
    following = dict(places)
    for record in batch:
        spans = {record.partition: (following[record.partition], record.offset + 1)}
        following[record.partition] = record.offset + 1
        try:
            await stage.process([record], spans)
        except TocsinError:
            raise
        except Exception as error:  # the culprit is what this loop is there to find
            log.exception("record condemned", partition=record.partition, offset=record.offset)
            await stage.condemn(record, spans, error)


def _start_where_the_stage_says(
    app: Any, settings: WorkerSettings, stage: BatchStage, contiguity: Contiguity, end: Callable[[str], None]
) -> None:
    """Replaces the consumer's seek, so that what Redis lost is read again.

    The committed offset is only what Faust believes; the stage knows what became durable.
    """
    started: Callable[[], Awaitable[None]] = app.on_first_start

    async def on_first_start() -> None:
        await stage.start()
        consumer = app.consumer
        to_committed = consumer.seek_to_committed

        async def seek_to_position() -> Any:
            committed = await to_committed()
            try:
                wanted = await stage.positions({tp.partition: offset or 0 for tp, offset in committed.items()})
            except Exception as error:
                log.exception("no position to start from", stage=settings.stage)
                end(f"{type(error).__name__}: {error}")
                raise
            seeks = {tp: wanted[tp.partition] for tp in committed}
            if seeks:
                await consumer.seek_wait(seeks)
            contiguity.start({tp.partition: offset for tp, offset in seeks.items()})
            log.info("reading from", stage=settings.stage, positions=dict(sorted(contiguity.expected.items())))
            return seeks

        consumer.seek_to_committed = seek_to_position
        await started()

    app.on_first_start = on_first_start
    stopped: Callable[[], Awaitable[None]] = app.on_stop

    async def on_stop() -> None:
        await stopped()
        await stage.stop()

    app.on_stop = on_stop


def rejected_reason(error: Exception) -> Rejected:
    """The error of a condemned record as a dead letter's reason."""
    return error if isinstance(error, Rejected) else Rejected("poison", f"{type(error).__name__}: {error}")
