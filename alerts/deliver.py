"""One sink's attempts: growing pauses, a breaker that says so loudly, and an end where one was asked for."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from typing import Any

import structlog

from alerts.sinks.alertmanager import AlertmanagerSink
from alerts.sinks.sink import DeliveryError, Notice, Sink
from contracts import metrics
from contracts.clock import Clock
from contracts.errors import TocsinError
from contracts.messages import Transition

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
BREAKS_AFTER = 5  # failures in a row after which the sink counts as down
log = structlog.get_logger(__name__)


class GaveUp(TocsinError):
    """The sink will never take this notice, or its time is over."""


class Stopped(Exception):
    """The process is stopping; what was not delivered is taken again after the start."""


class Delivery:
    """Attempts at one sink.

    Args:
        name: of the sink.
        sink: it.
        give_up_s: an undeliverable notice is given up after so long; 0 = never.
        clock: wall time.
        consumer: polled while waiting, so that the broker sees this member alive.
    """

    def __init__(self, name: str, sink: Sink, give_up_s: float, clock: Clock, consumer: Any) -> None:
        self._name = name
        self._sink = sink
        self._give_up_s = give_up_s
        self._clock = clock
        self._consumer = consumer
        self._failures = 0
        metrics.SINK_UP.labels(name).set(1)
        metrics.NOTIFICATIONS.labels(name, "failed")  # it must be there as 0 for its first increase to be seen

    def deliver(self, notice: Notice, stop: threading.Event) -> None:
        """Try until the sink has it.

        Raises:
            GaveUp: it never will.
            Stopped: the process was asked to stop first.
        """
        pause_s, began_ms = FIRST_PAUSE_S, self._clock.wall_ms()
        while not stop.is_set():
            try:
                with metrics.SINK_SECONDS.labels(self._name).time():
                    self._sink.send(notice, self._clock.wall_ms())
            except DeliveryError as error:
                self._failed(error, notice)
                over = self._give_up_s and self._clock.wall_ms() - began_ms > self._give_up_s * 1000
                if error.permanent or over:
                    metrics.NOTIFICATIONS.labels(self._name, "failed").inc()
                    raise GaveUp(str(error)) from error
                metrics.NOTIFICATIONS.labels(self._name, "retried").inc()
                # Jitter: many senders must not come back to a sink that recovers in the same moment.
                self._hold(error.retry_after_s or pause_s * random.uniform(0.8, 1.2), stop)  # noqa: S311
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                if self._failures:
                    log.info("the sink takes notices again", sink=self._name, after_failures=self._failures)
                self._failures = 0
                metrics.SINK_UP.labels(self._name).set(1)
                return
        raise Stopped

    def resend(self, sink: AlertmanagerSink, transitions: Sequence[Transition]) -> None:
        """One attempt to send all open alerts again; the next resend is the retry."""
        try:
            sink.send_all(transitions, self._clock.wall_ms())
        except DeliveryError as error:
            self._failed(error, None)
        else:
            self._failures = 0
            metrics.SINK_UP.labels(self._name).set(1)

    def _failed(self, error: DeliveryError, notice: Notice | None) -> None:
        self._failures += 1
        if self._failures == BREAKS_AFTER:
            metrics.SINK_UP.labels(self._name).set(0)
        say = log.error if error.permanent or self._failures >= BREAKS_AFTER else log.warning
        say(
            "a sink refuses a notice" if error.permanent else "a sink did not take a notice",
            sink=self._name,
            why=str(error),
            kind=notice.kind if notice else "resend",
            alert=notice.transitions[0].alert if notice and notice.transitions else None,
            failures_in_a_row=self._failures,
        )

    def _hold(self, wait_s: float, stop: threading.Event) -> None:
        """Wait without leaving the group: paused partitions are polled."""
        assigned = self._consumer.assignment()
        self._consumer.pause(*assigned)
        left_s = wait_s
        while left_s > 0 and not stop.wait(min(1.0, left_s)):
            self._consumer.poll(timeout_ms=0)
            left_s -= 1.0
        self._consumer.resume(*assigned)
