"""The notifier's shell: the topic `alerts` in, sinks out. One thread and one consumer group per sink, so none waits for another.

1. A transition is taken from the log; `dispatch` (pure) says whether this sink is told now, later in a group or digest, or not.
2. It is sent, and tried again with growing pauses until the sink has it, says that it never will, or its time is over; then it
   goes to the dead letters of `alerts`.
3. What was told is remembered in Redis, then the offset committed. A kill between sending and remembering repeats one notice,
   with the same idempotency key.
4. Between records the sink's clock runs: groups and digests that are due, firing alerts that are no longer kept back, repetition,
   resends, daily digests, signs of life.

The second process of this stage is a standby: its consumers have no partition, and it does nothing until they have.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import Any

import structlog
from kafka import KafkaConsumer, KafkaProducer
from redis import Redis

from alerts.deliver import Delivery, GaveUp, Stopped
from alerts.dispatch import Circumstances, Dispatch, bucket_kind
from alerts.routes import Routes
from alerts.schedule import daily_due, switch_due
from alerts.sink_memory import Held, SinkMemory
from alerts.sinks.alertmanager import AlertmanagerSink
from alerts.sinks.factory import make_sink
from alerts.sinks.sink import Notice, Sink
from contracts import codec, metrics
from contracts.clock import Clock
from contracts.errors import Rejected
from contracts.messages import Silence, Transition, Verdict
from contracts.settings import Settings
from contracts.topics import ALERTS, SILENCES, VERDICTS, dead_letters
from stream.control import ControlReader
from stream.dead_letters import dead_letter
from stream.records import Record

STAGE = "notify"
TICK_MS = 1_000
log = structlog.get_logger(__name__)


class SinkWorker:
    """Carries transitions to one sink."""

    def __init__(self, name: str, sink: Sink, routes: Routes, settings: Settings, redis: Redis, clock: Clock) -> None:
        self._name = name
        self._sink = sink
        self._routes = routes
        self._settings = settings
        self._redis = redis
        self._clock = clock
        self._world = Circumstances()
        self._memory = SinkMemory(redis, name)
        self._dispatch = Dispatch(name, routes)
        self._active = False
        self._known_to: dict[int, int] = {}
        self._ticked_ms = self._resent_ms = self._alive_ms = 0

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set."""
        bootstrap = self._settings.kafka.bootstrap
        consumer = KafkaConsumer(
            ALERTS.name,
            bootstrap_servers=bootstrap.split(","),
            group_id=f"notify-{self._name}",
            enable_auto_commit=False,
            auto_offset_reset="latest",
            max_poll_records=50,
            session_timeout_ms=int(self._settings.kafka.session_timeout_s * 1000),
        )
        producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), acks="all", enable_idempotence=True)
        alerts = ControlReader(bootstrap, ALERTS.name, Transition)
        verdicts = ControlReader(bootstrap, VERDICTS.name, Verdict)
        silences = ControlReader(bootstrap, SILENCES.name, Silence)
        delivery = Delivery(self._name, self._sink, self._routes.sinks[self._name].give_up_after, self._clock, consumer)
        try:
            for _, transition in alerts.to_end():
                self._world.note(transition)
            self._known_to = alerts.places()
            alerts.close()
            self._hear(verdicts.to_end(), silences.to_end())
            while not stop.is_set():
                batches = consumer.poll(timeout_ms=200)
                self._become(consumer)
                for records in batches.values():
                    for record in records:
                        self._handle(record, delivery, producer, stop)
                    consumer.commit()
                if self._active:
                    self._hear(verdicts.poll(), silences.poll())
                    self._tick(delivery, producer, stop)
        except Stopped:
            log.info("stopped while a sink was being tried", sink=self._name)
        finally:
            for connection in (consumer, alerts, verdicts, silences):
                connection.close()
            producer.close(timeout=5)
            self._sink.close()

    def _hear(self, verdicts: Any, silences: Any) -> None:
        for _, verdict in verdicts:
            if verdict.kind == "acknowledgement":
                self._world.acknowledged[verdict.alert] = verdict.by
        for name, silence in silences:
            self._world.silences[name] = silence

    def _become(self, consumer: Any) -> None:
        """A standby that is given the partition takes over what Redis remembers.

        A sink that is new begins with what is open now (the tick tells it) and with what comes after; not with history.
        """
        assigned = consumer.assignment()
        if assigned and not self._active:
            for partition in assigned:
                if consumer.committed(partition) is None:
                    consumer.seek(partition, self._known_to.get(partition.partition, 0))
            now_ms = self._clock.wall_ms()
            self._memory.load(now_ms)
            within_ms = now_ms - int(self._routes.storm.within * 1000)
            self._dispatch = Dispatch(
                self._name, self._routes, sorted(ms for ms in self._memory.last_ms.values() if ms > within_ms)
            )
        self._active = bool(assigned)

    def _handle(self, record: Any, delivery: Delivery, producer: Any, stop: threading.Event) -> None:
        try:
            transition = codec.decode(Transition, record.value, record.headers)
        except Rejected as error:
            log.error("an alert cannot be read and is passed over", offset=record.offset, why=str(error))  # noqa: TRY400
            metrics.STAGE_MESSAGES.labels(STAGE, "dead").inc()
            return
        self._world.note(transition)
        self._consider(transition, delivery, producer, stop, from_log=True)

    def _consider(
        self, transition: Transition, delivery: Delivery, producer: Any, stop: threading.Event, *, from_log: bool
    ) -> None:
        now_ms = self._clock.wall_ms()
        told = self._memory.numbers.get(transition.alert, 0)
        decision = self._dispatch.decide(transition, self._world, now_ms, told, self._memory.buckets())
        if from_log and decision.action != "send":
            metrics.NOTIFICATIONS.labels(self._name, decision.reason).inc()
        if decision.action == "hold":
            self._memory.hold(Held(decision.bucket, decision.due_ms, transition))
        elif decision.action == "send":
            if transition.state == "firing" and not told:
                self._dispatch.rang(now_ms)
            self._tell(Notice.of(transition), delivery, producer, stop)
            metrics.HOP_SECONDS.labels("notify").observe(max(0, self._clock.wall_ms() - transition.decided_ms) / 1000)
            metrics.STAGE_MESSAGES.labels(STAGE, "ok").inc()

    def _tell(self, notice: Notice, delivery: Delivery, producer: Any, stop: threading.Event) -> None:
        """Deliver, and remember that it was; what cannot be delivered is dead-lettered and remembered too."""
        try:
            delivery.deliver(notice, stop)
        except GaveUp as error:
            self._bury(notice, str(error), producer)
        else:
            metrics.NOTIFICATIONS.labels(self._name, "sent").inc()
        self._memory.told(notice.transitions, self._clock.wall_ms())

    @staticmethod
    def _say(notice: Notice, delivery: Delivery, stop: threading.Event) -> None:
        """Deliver what is nobody's alert; a sink that refuses it for good has been logged, and the next one is due soon."""
        with contextlib.suppress(GaveUp):
            delivery.deliver(notice, stop)

    def _bury(self, notice: Notice, why: str, producer: Any) -> None:
        for transition in notice.transitions:
            record = Record(-1, -1, transition.alert.encode(), codec.encode(transition))
            error = Rejected("sink", f"{self._name}: {why}")
            letter = dead_letter(ALERTS.name, record, STAGE, error, self._clock.wall_ms())
            producer.send(
                dead_letters(ALERTS.name), key=record.key, value=codec.encode(letter), headers=codec.headers(letter)
            ).get(timeout=30)
            metrics.DEAD_LETTERS.labels(STAGE, "sink").inc()

    def _tick(self, delivery: Delivery, producer: Any, stop: threading.Event) -> None:
        now_ms = self._clock.wall_ms()
        if now_ms < self._ticked_ms + TICK_MS:
            return
        self._ticked_ms = now_ms
        for bucket, due_ms in sorted(self._memory.buckets().items()):
            if due_ms <= now_ms:
                self._open_bucket(bucket, delivery, producer, stop)
        waiting = {held.transition.alert for held in self._memory.held.values()}
        for alert, transition in sorted(self._world.firing.items()):
            if alert not in waiting and self._memory.numbers.get(alert, 0) < transition.number:
                self._consider(transition, delivery, producer, stop, from_log=False)
        for transition, target in self._dispatch.repeats(self._world, self._memory.last_ms, now_ms):
            again = int(now_ms // max(1.0, target.repeat_s * 1000))
            self._tell(Notice.of(transition, "repeat", again), delivery, producer, stop)
        self._resend(now_ms, delivery)
        self._daily(now_ms, delivery, stop)
        self._alive(now_ms, delivery, stop)

    def _open_bucket(self, bucket: str, delivery: Delivery, producer: Any, stop: threading.Event) -> None:
        transitions = self._memory.in_bucket(bucket)
        # What is over before its group was told is told with it, as it stands now.
        newest = tuple(self._world.firing.get(t.alert, t) for t in transitions)
        if len(newest) == 1 and bucket_kind(bucket) == "group":
            notice = Notice.of(newest[0])
        else:
            notice = Notice.about(bucket_kind(bucket), newest, bucket)
        self._tell(notice, delivery, producer, stop)

    def _resend(self, now_ms: int, delivery: Delivery) -> None:
        if isinstance(self._sink, AlertmanagerSink) and now_ms >= self._resent_ms + self._sink.resend_s * 1000:
            self._resent_ms = now_ms
            told = [t for alert, t in self._world.firing.items() if alert in self._memory.numbers]
            delivery.resend(self._sink, told)

    def _daily(self, now_ms: int, delivery: Delivery, stop: threading.Event) -> None:
        for digest in self._routes.daily_digests:
            key = f"daily:{self._name}:{digest.at}"
            day = daily_due(digest, now_ms)
            if digest.sink != self._name or day is None or self._redis.get(key) == day.encode():
                continue
            since_ms = now_ms - 24 * 3600 * 1000
            recent = [t for t in self._world.firing.values() if t.page or t.decided_ms >= since_ms]
            self._say(Notice("daily", tuple(recent), f"daily/{self._name}/{day}"), delivery, stop)
            self._redis.set(key, day)

    def _alive(self, now_ms: int, delivery: Delivery, stop: threading.Event) -> None:
        switch = self._routes.dead_mans_switch
        if switch is None or switch.sink != self._name or now_ms < self._alive_ms + switch.every * 1000:
            return
        self._alive_ms = now_ms
        if not switch_due(self._settings.clock, self._redis.get("evaluated"), now_ms):
            log.error("no sign of life is sent: alerts are not being evaluated", sink=self._name)
            return
        self._say(Notice("alive", (), f"alive/{now_ms // 1000}"), delivery, stop)


def run(settings: Settings, routes: Routes, names: Mapping[str, str], clock: Clock, stop: threading.Event) -> None:
    """Serve every sink that a route names until `stop` is set; a thread that fails ends the process."""
    password = settings.redis.password.get_secret_value() if settings.redis.password else None
    redis = Redis.from_url(settings.redis.url, password=password, socket_timeout=settings.redis.timeout_s)
    failures: list[BaseException] = []

    def serve(worker: SinkWorker) -> None:
        try:
            worker.run(stop)
        except BaseException as error:
            failures.append(error)
            stop.set()
            raise

    threads = []
    for name in routes.used():
        sink = make_sink(routes, name, settings.notify.routes, settings.notify.desk_url, names)
        worker = SinkWorker(name, sink, routes, settings, redis, clock)
        threads.append(threading.Thread(target=serve, args=(worker,), name=f"sink-{name}"))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    redis.close()
    if failures:
        raise failures[0]
