"""The notifier's shell: the topic `alerts` in, sinks out. One thread and one consumer group per sink, so none waits for another.

1. A transition is taken from the log; what pages nobody is passed over, what this sink already has (Redis remembers the last
   number per alert) is a repeat.
2. It is sent, and tried again with growing pauses until the sink has it or says that it never will.
3. The number is remembered, then the offset committed. A kill between sending and remembering repeats one transition, with
   the same idempotency key.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import structlog
from kafka import KafkaConsumer
from redis import Redis

from alerts.routes import Routes, read_secret
from alerts.routes import WebhookSink as WebhookRoute
from alerts.sinks.log import LogSink
from alerts.sinks.sink import DeliveryError, Sink
from alerts.sinks.webhook import WebhookSink
from contracts import codec, metrics
from contracts.clock import Clock
from contracts.errors import Rejected
from contracts.messages import Transition
from contracts.settings import Settings
from contracts.topics import ALERTS

STAGE = "notify"
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
log = structlog.get_logger(__name__)


def is_for_people(transition: Transition) -> bool:
    """Whether a transition is told at all: an alert that pages, from firing on. Pending ones are the desk's."""
    return transition.page and transition.state != "pending"


def make_sink(routes: Routes, name: str, path: Path, desk_url: str) -> Sink:
    """The sink of that name."""
    spec = routes.sinks[name]
    if isinstance(spec, WebhookRoute):
        return WebhookSink(spec.url, read_secret(spec.secret_file, path), spec.timeout_s, desk_url)
    return LogSink(desk_url)


class SinkWorker:
    """Carries transitions to one sink."""

    def __init__(self, name: str, sink: Sink, settings: Settings, redis: Redis, clock: Clock) -> None:
        self._name = name
        self._sink = sink
        self._settings = settings
        self._redis = redis
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set."""
        consumer = KafkaConsumer(
            ALERTS.name,
            bootstrap_servers=self._settings.kafka.bootstrap.split(","),
            group_id=f"notify-{self._name}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=50,
            session_timeout_ms=int(self._settings.kafka.session_timeout_s * 1000),
        )
        try:
            while not stop.is_set():
                for records in consumer.poll(timeout_ms=200).values():
                    for record in records:
                        self._handle(record, stop, consumer)
                        if stop.is_set():
                            return
                    consumer.commit()
        finally:
            consumer.close()

    def _handle(self, record: Any, stop: threading.Event, consumer: Any) -> None:
        try:
            transition = codec.decode(Transition, record.value, record.headers)
        except Rejected as error:
            log.error("an alert cannot be read and is passed over", offset=record.offset, why=str(error))  # noqa: TRY400
            metrics.STAGE_MESSAGES.labels(STAGE, "dead").inc()
            return
        if not is_for_people(transition):
            return
        if int(self._redis.hget(f"sent:{self._name}", transition.alert) or 0) >= transition.number:
            metrics.NOTIFICATIONS.labels(self._name, "repeat").inc()
            return
        if self._deliver(transition, stop, consumer):
            self._redis.hset(f"sent:{self._name}", transition.alert, transition.number)
            metrics.HOP_SECONDS.labels("notify").observe(max(0, self._clock.wall_ms() - transition.decided_ms) / 1000)
            metrics.STAGE_MESSAGES.labels(STAGE, "ok").inc()

    def _deliver(self, transition: Transition, stop: threading.Event, consumer: Any) -> bool:
        pause_s = FIRST_PAUSE_S
        while not stop.is_set():
            try:
                with metrics.SINK_SECONDS.labels(self._name).time():
                    self._sink.send(transition, self._clock.wall_ms())
            except DeliveryError as error:
                if error.permanent:
                    log.error(  # noqa: TRY400 - the reason is the sink's answer, not a traceback
                        "the sink refuses this alert", sink=self._name, alert=transition.alert, why=str(error)
                    )
                    metrics.NOTIFICATIONS.labels(self._name, "failed").inc()
                    return True
                metrics.NOTIFICATIONS.labels(self._name, "retried").inc()
                wait_s = error.retry_after_s or pause_s
                log.warning("the sink did not take an alert", sink=self._name, why=str(error), again_in_s=wait_s)
                self._hold(wait_s, stop, consumer)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                metrics.NOTIFICATIONS.labels(self._name, "sent").inc()
                return True
        return False

    @staticmethod
    def _hold(wait_s: float, stop: threading.Event, consumer: Any) -> None:
        """Wait without leaving the group: paused partitions are polled, so that the broker sees us alive."""
        assigned = consumer.assignment()
        consumer.pause(*assigned)
        left_s = wait_s
        while left_s > 0 and not stop.wait(min(1.0, left_s)):
            consumer.poll(timeout_ms=0)
            left_s -= 1.0
        consumer.resume(*assigned)


def run(settings: Settings, routes: Routes, clock: Clock, stop: threading.Event) -> None:
    """Serve every sink of the route until `stop` is set; a thread that fails ends the process."""
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
    for name in routes.route.sinks:
        sink = make_sink(routes, name, settings.notify.routes, settings.notify.desk_url)
        worker = SinkWorker(name, sink, settings, redis, clock)
        threads.append(threading.Thread(target=serve, args=(worker,), name=f"sink-{name}"))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    redis.close()
    if failures:
        raise failures[0]
