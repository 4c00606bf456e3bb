"""The scorer's shell: `documents` in, `scores` out, on a Faust worker.

1. A batch is scored in a thread, so that heartbeats go on while the model runs.
2. Dead letters are written first, then one record per document, in order, to the partition of the same number, with the
   document's origin in its header.
3. Only when the broker has them all are the documents acknowledged. One batch is in flight at a time, so in a partition of
   `scores` first appearances of origins come in order and without gaps, whoever wrote them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from contracts import codec, metrics
from contracts.clock import Clock
from contracts.errors import Inconsistent, Rejected, Unavailable
from contracts.settings import Settings
from contracts.topics import DOCUMENTS, SCORES
from inference.recording import Written, condemned, record_scores
from inference.scoring import Scorer, load_scorer, those_there_are
from stream.dead_letters import DeadLetterLimit, bury
from stream.records import Record
from stream.worker import WorkerSettings, create_worker, rejected_reason

STAGE = "scorer"
BATCH_BYTES = 1 << 19
log = structlog.get_logger(__name__)


class ScorerStage:
    """The stage that scores.

    Args:
        settings: of the whole process.
        scorer: the models.
        clock: wall time.
    """

    def __init__(self, settings: Settings, scorer: Scorer, clock: Clock) -> None:
        self._settings = settings
        self._scorer = scorer
        self._clock = clock
        self._producer: Any = None
        self._limit = DeadLetterLimit(settings.scorer.dead_letter_ratio)

    async def start(self) -> None:
        """Connect the producer."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka.bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * BATCH_BYTES,
        )
        await self._producer.start()
        parts = await self._producer.partitions_for(SCORES.name)
        if len(parts) != len(await self._producer.partitions_for(DOCUMENTS.name)):
            raise Inconsistent("`documents` and `scores` must have equally many partitions: run `tocsin topics apply`")
        for lang in self._scorer.languages:
            model = self._scorer.model(lang)
            metrics.SCORER_BUNDLE.labels(lang, model.version, model.engine.provider).set(1)
            log.info(
                "this bundle scores a language",
                lang=lang,
                bundle=model.version,
                provider=model.engine.provider,
                why_not_others=dict(model.why_not),
            )

    async def stop(self) -> None:
        """Close the producer."""
        if self._producer is not None:
            await self._producer.stop()

    async def positions(self, committed: dict[int, int]) -> dict[int, int]:
        """The committed offsets: what was rewritten after a crash is a repeat that counting skips."""
        return committed

    async def process(self, batch: Sequence[Record], spans: dict[int, tuple[int, int]]) -> None:
        """Score a batch and make its records durable."""
        now_ms = self._clock.wall_ms()
        written = await asyncio.to_thread(record_scores, batch, self._scorer, now_ms)
        await self._write(batch, written)
        for one in written:
            self._limit.add(dead=one.dead is not None)
        if self._limit.exceeded:
            await self._stand_still()

    async def condemn(self, record: Record, spans: dict[int, tuple[int, int]], error: Exception) -> None:
        """Dead-letter a document that crashes its scorer, and write its rejected record."""
        await self._write([record], [condemned(record, rejected_reason(error))])

    async def _write(self, batch: Sequence[Record], written: Sequence[Written]) -> None:
        try:
            for record, one in zip(batch, written, strict=True):
                if one.dead is not None:
                    await bury(self._producer, DOCUMENTS.name, record, STAGE, one.dead, self._clock.wall_ms())
            await self._send(batch, written)
        except KafkaError as error:
            raise Unavailable(f"the broker did not take the scores: {error}") from error
        self._measure(written)

    async def _send(self, batch: Sequence[Record], written: Sequence[Written]) -> None:
        now_ms = self._clock.wall_ms()
        open_batches: dict[int, Any] = {}
        sent = []
        for record, one in zip(batch, written, strict=True):
            value = codec.encode(one.score)
            hops = one.hops | {"queue": record.appended_ms, "infer": now_ms}
            headers = codec.headers(one.score, hops)
            headers.append((codec.ORIGIN_HEADER, b"%d:%d" % (record.partition, record.offset)))
            key = record.key or one.score.document.encode()
            builder = open_batches.get(record.partition) or self._producer.create_batch()
            open_batches[record.partition] = builder
            if builder.append(key=key, value=value, timestamp=None, headers=headers) is None:
                builder.close()
                sent.append(await self._producer.send_batch(builder, SCORES.name, partition=record.partition))
                builder = open_batches[record.partition] = self._producer.create_batch()
                if builder.append(key=key, value=value, timestamp=None, headers=headers) is None:
                    raise Rejected("too_large", f"a score of {len(value)} bytes does not fit a batch")
        for partition, builder in open_batches.items():
            builder.close()
            sent.append(await self._producer.send_batch(builder, SCORES.name, partition=partition))
        for acknowledged in sent:
            await acknowledged

    @staticmethod
    def _measure(written: Sequence[Written]) -> None:
        for one in written:
            score = one.score
            if one.dead is not None:
                metrics.STAGE_MESSAGES.labels(STAGE, "dead").inc()
            elif score.status == "rejected":
                metrics.STAGE_MESSAGES.labels(STAGE, "rejected").inc()
            else:
                metrics.STAGE_MESSAGES.labels(STAGE, "ok").inc()
                topic = max(score.topic, key=lambda name: score.topic[name])
                sentiment = max(score.sentiment, key=lambda name: score.sentiment[name])
                metrics.SCORED_DOCUMENTS.labels(topic, sentiment).inc()
                metrics.HOP_SECONDS.labels("queue").observe(score.queue_us / 1e6)
                metrics.HOP_SECONDS.labels("tokenise").observe(score.tokenise_us / 1e6)
                metrics.HOP_SECONDS.labels("infer").observe(score.infer_us / 1e6)
        newest = max((one.score.published_ms for one in written), default=0)
        if newest:
            metrics.STAGE_WATERMARK.labels(STAGE).set(newest / 1000)

    async def _stand_still(self) -> None:
        """Stop taking documents and keep saying why: a bad deploy must not drain the topic into dead letters."""
        while True:
            log.error(
                "too many dead letters: this stage has stopped taking documents",
                dead_of_last_1000=self._limit.dead,
                do="see `tocsin dead-letters list`, mend the cause, then restart the scorer",
            )
            await self._clock.asleep(30)


def create_app(settings: Settings, slot: str, clock: Clock) -> Any:
    """The Faust app of one scorer; run it with `faust.Worker(app)`. Loads and proves its bundles first.

    Raises:
        inference.bundle.BundleRefused: a bundle fails its proof.
    """
    named = {"en": settings.scorer.bundle_en, "zh": settings.scorer.bundle_zh}
    scorer = load_scorer(those_there_are(named), batch_tokens=settings.scorer.tokens)
    worker = WorkerSettings(
        stage=STAGE,
        slot=slot,
        topic=DOCUMENTS.name,
        batch=settings.scorer.batch_documents,
        linger_s=settings.scorer.linger_s,
        watchdog_s=settings.scorer.watchdog_s,
        home=settings.home,
    )
    return create_worker(worker, settings.kafka, ScorerStage(settings, scorer, clock))
