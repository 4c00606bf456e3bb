"""The evaluator's shell: one leader turns counts into transitions, a standby waits behind it.

1. Lead: take the lease (a new fencing epoch), read `sources` and `alerts` to their ends, load the book from Redis.
2. Look: how far has counting come (`watermark`, pure), which series are dirty, what do their tails hold up to there.
3. Advance the state machine (`evaluation`, pure) from where Redis says it stands to the watermark.
4. Commit: states, book, trimmed tails, cleared dirty marks and unsent transitions in one script that checks epoch and place.
5. Send: transitions go to the topic `alerts`, then come off the unsent list. One that the topic already has is not sent again.

A leader that is fenced steps down; a Redis that went back makes it start over at 1. Both repeat the same chunk with the
same result, because the state machine is a function of the log.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import msgpack
import structlog
from kafka import KafkaConsumer, TopicPartition
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ResponseError
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisSlow
from redis.retry import Retry

from alerts import keys
from alerts.counting import Tail, split_tail
from alerts.evaluation import Evaluation
from alerts.outbox import ENDED, Outbox, unsent_field
from alerts.references import Reference, unpack
from alerts.rules import Rules
from alerts.score_log import ScoreLog
from alerts.watermark import Progress, lag_s, replay_watermark_s, wall_watermark_s
from alerts.witnesses import in_window, with_witnesses
from contracts import codec, metrics
from contracts.clock import Clock
from contracts.errors import Fenced
from contracts.messages import SourceHeartbeat, Transition
from contracts.series import entity_of
from contracts.settings import Settings
from contracts.topics import DOCUMENTS, SOURCES
from contracts.watchlist import WatchedEntity
from stream.control import ControlReader
from stream.lease import Lease
from stream.scripts import Script

STAGE = "evaluator"
AWAY = (RedisAway, RedisSlow, BusyLoadingError)
NEWS_RULES = ("volume", "viral")  # rules whose witnesses are all documents, not only the negative ones
_COMMIT = Script("alerts.lua", "commit")
log = structlog.get_logger(__name__)


class _Stale(Exception):
    """Redis is not where this leader left it."""


@dataclass(slots=True)
class _Look:
    """What one look at Redis found."""

    progress: Progress
    dirty: dict[str, bytes]
    evaluated: bytes


class Evaluator:
    """One contender for the lead.

    Args:
        settings: of the whole process.
        rules: what is an alert.
        watched: the watchlist.
        clock: wall time.
    """

    def __init__(self, settings: Settings, rules: Rules, watched: Iterable[WatchedEntity], clock: Clock) -> None:
        self._settings = settings
        self._rules = rules
        self._watched = {entity.id: entity for entity in watched}
        self._clock = clock
        password = settings.redis.password.get_secret_value() if settings.redis.password else None
        self._redis = Redis.from_url(
            settings.redis.url, password=password, socket_timeout=settings.redis.timeout_s, retry=Retry(NoBackoff(), 0)
        )
        owner = f"{socket.gethostname()}:{os.getpid()}"
        self._lease = Lease(self._redis, keys.LEASE, owner, settings.evaluator.lease_s)
        self._heartbeats: dict[str, SourceHeartbeat] = {}

    def run(self, stop: threading.Event) -> None:
        """Contend for the lead until `stop` is set."""
        metrics.LEADER.set(0)
        while not stop.is_set():
            try:
                if self._lease.acquire():
                    self._lead(stop)
            except AWAY as error:
                log.warning("Redis is away; evaluating waits", error=str(error))
            except Fenced as error:
                log.warning("stepping down", why=str(error))
            finally:
                metrics.LEADER.set(0)
            stop.wait(self._settings.evaluator.tick_s)
        self._resign()

    def _resign(self) -> None:
        try:
            self._lease.release()
        except AWAY as error:
            log.warning("the lease could not be given back and will expire", error=str(error))
        self._redis.close()

    def _lead(self, stop: threading.Event) -> None:
        log.info("leading", epoch=self._lease.epoch)
        metrics.LEADER.set(1)
        bootstrap = self._settings.kafka.bootstrap
        sources = ControlReader(bootstrap, SOURCES.name, SourceHeartbeat)
        ends = KafkaConsumer(bootstrap_servers=bootstrap.split(","), enable_auto_commit=False)
        scores = ScoreLog.connect(bootstrap)
        outbox = Outbox(bootstrap, self._redis)
        try:
            outbox.learn()
            for source, heartbeat in sources.to_end():
                self._heartbeats[source] = heartbeat
            while not stop.is_set():
                try:
                    self._tick_until_stale(stop, sources, ends, scores, outbox)
                except _Stale:
                    log.warning("Redis went back: evaluating again from where it stands")
                    metrics.REWINDS.labels(STAGE).inc()
        finally:
            for connection in (sources, ends, scores, outbox):
                connection.close()

    def _tick_until_stale(
        self,
        stop: threading.Event,
        sources: ControlReader[SourceHeartbeat],
        ends: Any,
        scores: ScoreLog,
        outbox: Outbox,
    ) -> None:
        evaluation = Evaluation(
            self._rules, self._watched, lambda series: self._get(keys.state(series)), self._get(keys.BOOK)
        )
        outbox.send(self._epoch())
        while not stop.is_set():
            if not self._lease.renew():
                raise Fenced("the lease was lost")
            for source, heartbeat in sources.poll():
                self._heartbeats[source] = heartbeat
            with metrics.TICK_SECONDS.time():
                busy = self._tick(evaluation, ends, scores, outbox)
            if busy:
                outbox.send(self._epoch())
            else:
                stop.wait(self._settings.evaluator.tick_s)

    def _epoch(self) -> int:
        if self._lease.epoch is None:
            raise Fenced("the lease was lost")
        return self._lease.epoch

    def _get(self, key: str) -> bytes | None:
        return cast("bytes | None", self._redis.get(key))

    def _look(self, ends: Any) -> _Look:
        partitions = sorted(ends.partitions_for_topic(DOCUMENTS.name) or ())
        asked_ms = self._clock.wall_ms()
        places = ends.end_offsets([TopicPartition(DOCUMENTS.name, number) for number in partitions])
        pipe = self._redis.pipeline(transaction=True)
        for name in (keys.MARK, keys.SEEN, keys.APPENDED, keys.DIRTY):
            pipe.hgetall(name)
        pipe.get(keys.EVALUATED)
        marks, seen, appended, dirty, evaluated = pipe.execute()
        progress = Progress(
            _integers(marks),
            _integers(seen),
            _integers(appended),
            {tp.partition: o for tp, o in places.items()},
            asked_ms,
        )
        return _Look(progress, {name.decode(): version for name, version in dirty.items()}, evaluated or b"")

    def _watermark(self, progress: Progress) -> int | None:
        if self._settings.clock == "replay":
            return replay_watermark_s(progress, self._heartbeats.values())
        return wall_watermark_s(progress)

    def _tick(self, evaluation: Evaluation, ends: Any, scores: ScoreLog, outbox: Outbox) -> bool:
        """Evaluate and commit what can be; True when there was anything."""
        look = self._look(ends)
        until_s = self._watermark(look.progress)
        expected = b"" if evaluation.evaluated_until_s is None else str(evaluation.evaluated_until_s).encode()
        if look.evaluated != expected:
            raise _Stale
        if until_s is None or (evaluation.evaluated_until_s is not None and until_s <= evaluation.evaluated_until_s):
            return False
        tails = self._tails(look.dirty, until_s)
        until_s, tails = self._chunk(tails, until_s)
        lag = lag_s(look.progress, look.progress.asked_ms)
        catching_up = lag > self._settings.evaluator.catch_up_lag_s
        outcome = evaluation.advance(
            {series: (self._group(series), tail.ready) for series, tail in tails.items() if tail.ready},
            until_s,
            learn_until_s=self._learn_until_s(),
            page=not catching_up,
        )
        drafts = [self._witnessed(draft, scores, outbox) for draft in outcome.drafts]
        self._commit(look.evaluated, until_s, outcome.book, outcome.states, tails, drafts)
        metrics.CATCHING_UP.set(catching_up)
        metrics.STAGE_LAG_SECONDS.labels(STAGE).set(lag)
        metrics.STAGE_WATERMARK.labels(STAGE).set(until_s)
        metrics.EVALUATED_SERIES.inc(len(outcome.states))
        return True

    def _tails(self, dirty: dict[str, bytes], until_s: int) -> dict[str, Tail]:
        pipe = self._redis.pipeline(transaction=False)
        for series in dirty:
            pipe.get(keys.tail(series))
        packed = pipe.execute() if dirty else []
        return {
            series: split_tail(tail or b"", version, until_s)
            for (series, version), tail in zip(dirty.items(), packed, strict=True)
        }

    def _chunk(self, tails: dict[str, Tail], until_s: int) -> tuple[int, dict[str, Tail]]:
        """Cut a long way into steps that are written one by one: where it is cut changes nothing in the result."""
        seconds = sorted(entry.visible_s for tail in tails.values() for entry in tail.ready)
        limit = self._settings.evaluator.steps_per_commit
        if len(seconds) <= limit or seconds[limit] >= until_s:
            return until_s, tails
        return seconds[limit], {series: tail.until(seconds[limit]) for series, tail in tails.items()}

    def _group(self, series: str) -> str:
        entity = entity_of(series)
        if entity is None:
            return series
        watched = self._watched.get(entity)
        return f"session:{watched.session if watched else 'global'}"

    def _learn_until_s(self) -> int:
        return max((h.replay.learn_until_ms for h in self._heartbeats.values() if h.replay), default=0) // 1000

    def _witnessed(self, draft: Transition, scores: ScoreLog, outbox: Outbox) -> Transition:
        """The transition with the documents behind it; one that ends an alert keeps what made it ring."""
        before = outbox.open.get(draft.alert)
        if draft.state in ENDED and before is not None:
            return draft.model_copy(
                update={
                    "decided_ms": self._clock.wall_ms(),
                    "evidence": before.evidence,
                    "why": f"Over: {before.why}",
                }
            )
        pipe = self._redis.pipeline(transaction=False)
        pipe.lrange(keys.negatives(draft.series), 0, -1)
        pipe.lrange(keys.others(draft.series), 0, -1 if draft.rule in NEWS_RULES else -(2**31))
        negative, other = pipe.execute()
        references: list[Reference] = [unpack(packed) for packed in [*negative, *other]]
        contributing = in_window(references, draft.at_ms // 1000, draft.evidence.window)
        alive = sorted(h.source for h in self._heartbeats.values() if h.alive)
        silent = sorted(h.source for h in self._heartbeats.values() if not h.alive)
        evidence = draft.evidence.model_copy(update={"sources_alive": alive, "sources_silent": silent})
        witnessed = draft.model_copy(
            update={
                "decided_ms": self._clock.wall_ms(),
                "evidence": with_witnesses(evidence, contributing, scores.read),
            }
        )
        outbox.remember(witnessed)
        return witnessed

    def _commit(
        self,
        come_from: bytes,
        until_s: int,
        book: bytes,
        states: dict[str, bytes],
        tails: dict[str, Tail],
        drafts: list[Transition],
    ) -> None:
        content = {
            "epoch": self._epoch(),
            "from": come_from,
            "to": str(until_s),
            "book": book,
            "states": [part for series, packed in states.items() for part in (series, packed)],
            "trims": [[series, t.seen, t.left, t.version] for series, t in tails.items() if t.ready],
            "unsent": [part for draft in drafts for part in (unsent_field(draft), codec.encode(draft))],
        }
        try:
            _COMMIT.run(self._redis, msgpack.packb(content, use_bin_type=False))
        except ResponseError as error:
            if str(error).startswith("STALE"):
                raise _Stale from error
            raise
        for draft in drafts:
            metrics.TRANSITIONS.labels(draft.rule, draft.state).inc()


def _integers(answer: dict[bytes, bytes]) -> dict[int, int]:
    return {int(key): int(value) for key, value in answer.items()}
