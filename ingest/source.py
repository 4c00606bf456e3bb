"""The loop of one source: the shell around `replay`, `pipeline` and `schedule`.

1. Own the source (a lease with fencing; a standby waits).
2. Learn: read `documents` from the end offsets saved with the cursor; what lies beyond was published and not yet saved.
3. Say that the source is there, before its first document.
4. Publish what is due, in batches: link, leave out what is published already, find stories, send, wait for the
   acknowledgement, then save cursor, ids and end offsets together. Never further ahead of the scorer than allowed.
5. Beat every second: everything before `event_ms` lies below `ends`. In a paced replay `event_ms` passes by itself.
6. At the end of the file say so, and stay.

A kill between sending and saving is what step 2 is for. A batch that Kafka did not acknowledge, or a lease lost, ends the
ownership: nothing is sent twice in the hope that it did not arrive.
"""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import orjson
import structlog

from contracts import metrics
from contracts.clock import MINUTE_MS, Clock
from contracts.errors import Fenced, UserError
from contracts.settings import Ingest
from ingest.batch import Dead, Due, link_batch, sort_out
from ingest.cursor import Cursor, CursorStore
from ingest.documents_log import DocumentsLog
from ingest.heartbeat import heartbeat
from ingest.pipeline import Pipeline
from ingest.publisher import STAGE, Publisher, letter_of
from ingest.replay import read_rows
from ingest.schedule import Pace
from ingest.source_kinds import ReplaySource
from ingest.survey import Survey, survey
from stream.dead_letters import DeadLetterLimit

BATCH_ROWS = 250
IDLE_S = 0.05  # between two looks at the clock while nothing is due
ROOM_CHECK_S = 0.1  # between two looks at the scorer while there is no room
STANDBY_S = 0.5
SETTLE_S = 0.5  # what a killed process had handed to the network arrives meanwhile
DONE_BEAT_S = 5.0
RECENT_ITEMS = 20_000  # a rate above this per hour is shown as this
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class SourceLoop:
    """One replayed source, from its file to `documents`.

    Attributes:
        spec: what `sources.yaml` says.
        settings: of the stage.
        bootstrap: addresses of the brokers.
        pipeline: normalise, link, cluster; its stories are shared by all processes.
        store: lease and cursor.
        clock: the wall.
    """

    spec: ReplaySource
    settings: Ingest
    bootstrap: str
    pipeline: Pipeline
    store: CursorStore
    clock: Clock
    _survey: Survey = field(init=False)
    _cursor: Cursor = field(init=False)
    _pace: Pace = field(init=False)
    _publisher: Publisher = field(init=False)
    _log: DocumentsLog = field(init=False)
    _unsaved: set[str] = field(init=False)
    _recent: deque[int] = field(init=False)
    _rows_at_start: int = field(init=False, default=0)
    _limit: DeadLetterLimit = field(init=False)
    _why: str = field(init=False, default="")
    _beaten_ms: int = field(init=False, default=0)

    def run(self, stop: threading.Event) -> None:
        """Publish until `stop` is set.

        Raises:
            UserError: when the file cannot be read, or is another one than before.
            Unavailable: when Kafka or Redis does not answer.
        """
        self._survey = survey(self.spec.path, self.spec.map, not_after_ms=self.clock.wall_ms())
        if self._survey.out_of_order:
            log.warning(
                "the file is not sorted by time: rows that are out of order are published as late documents",
                source=self.spec.name,
                rows=self._survey.out_of_order,
            )
        while not stop.is_set():
            if not self.store.take():
                self.clock.sleep(STANDBY_S)
                continue
            try:
                self._own(stop)
            except Fenced as fenced:
                log.warning("lost the source", source=self.spec.name, why=str(fenced))
            else:
                self.store.release()

    def _own(self, stop: threading.Event) -> None:
        self._log = DocumentsLog(self.bootstrap, self.settings.scorer_group)
        self._publisher = Publisher(self.bootstrap, self.settings.lease_s * 0.8)
        try:
            self._learn()
            self._beat(alive=True)
            for batch in self._batches(stop):
                if not self._make_room(stop):
                    break
                self._publish(batch)
                self._beat_if_due()
                self._pause_if_rotten(stop)
            if not stop.is_set():
                self._finish(stop)
            self._beat(alive=False)
        finally:
            self._publisher.close()
            self._log.close()

    def _learn(self) -> None:
        """Take up the cursor, and what was published beyond it."""
        fingerprint = self._fingerprint()
        saved = self.store.load()
        if saved and saved.fingerprint != fingerprint:
            raise UserError(
                f"source {self.spec.name!r}: {self.spec.path} or its map is not what was replayed under this name before; "
                "give the source another name"
            )
        if saved:
            self.clock.sleep(SETTLE_S)
        self._cursor = saved or Cursor(fingerprint=fingerprint, event_ms=self._survey.promises_ms[0])
        self._unsaved, ends = self._log.published_since(self._cursor.read_from)
        self._cursor = self._cursor.model_copy(update={"ends": ends})
        self._rows_at_start = self._cursor.rows_done
        schedule = self.spec.schedule(self._survey.start_ms)
        self._pace = Pace.resumed(schedule, self._cursor.event_ms, self.clock.wall_ms())
        self._recent = deque(maxlen=RECENT_ITEMS)
        self._limit = DeadLetterLimit(self.settings.dead_letter_ratio)
        log.info(
            "owning the source", source=self.spec.name, line=self._cursor.line, read_back=len(self._unsaved),
            rows=self._survey.rows,
        )  # fmt: skip

    def _fingerprint(self) -> str:
        with self.spec.path.open("rb") as file:
            digest = hashlib.blake2b(file.read(64 * 1024), digest_size=16)
        digest.update(f"{self.spec.path.stat().st_size}".encode())
        digest.update(orjson.dumps(self.spec.map, option=orjson.OPT_SORT_KEYS))
        return digest.hexdigest()

    def _batches(self, stop: threading.Event) -> Iterator[list[Due]]:
        """Rows beyond the cursor when they are due, together with those that are due by then."""
        batch: list[Due] = []
        for due in self._rows():
            wait_s = self._wait_s(due)
            if batch and (wait_s > 0 or len(batch) >= BATCH_ROWS):
                yield batch
                batch = []
            while wait_s > 0 and not stop.is_set():
                self.clock.sleep(min(wait_s, IDLE_S))
                self._beat_if_due()
                wait_s = self._wait_s(due)
            if stop.is_set():
                return
            batch.append(due)
        if batch:
            yield batch

    def _rows(self) -> Iterator[Due]:
        index = 0
        for row in read_rows(self.spec.path, self.spec.map):
            timed = index < len(self._survey.lines) and self._survey.lines[index] == row.line
            if row.line > self._cursor.line:
                yield Due(row, index if timed else None)
            index += timed

    def _wait_s(self, due: Due) -> float:
        if due.index is None:
            return 0.0
        return self._pace.wait_s(self._survey.times_ms[due.index], self.clock.wall_ms())

    def _make_room(self, stop: threading.Event) -> bool:
        """Wait while `documents` is too far ahead of the scorer: overload slows, and a backlog would page nobody.

        Returns:
            whether there is room; False when told to stop.
        """
        limit = self.settings.ahead_documents
        while limit and not stop.is_set():
            ahead = self._log.ahead_of_scorer()
            if ahead is not None and ahead + BATCH_ROWS <= max(limit, BATCH_ROWS):
                break
            self.clock.sleep(ROOM_CHECK_S)
            self._beat_if_due()
        return not stop.is_set()

    def _publish(self, batch: Sequence[Due]) -> None:
        fetched_ms = self.clock.wall_ms()
        linked, dead = link_batch(batch, self.spec.name, self._survey.times_ms, self.pipeline.link)
        fresh, saved = sort_out(linked, self.store.known([one.draft.id for one in linked]), self._unsaved)
        self._unsaved.difference_update(saved)
        places = self.pipeline.stories.place([one.sighting for one in fresh])
        documents = [one.document(place) for one, place in zip(fresh, places, strict=True)]
        self.store.renew()
        now_ms = self.clock.wall_ms()
        for document in documents:
            self._demand_fresh_lease(now_ms)
            self._publisher.document(document, {"fetch": fetched_ms, "publish": now_ms})
            saved[document.id] = document.published_ms
        for letter in dead:
            self._publisher.dead_letter(letter_of(self.spec.name, letter.rejected, letter.raw, now_ms))
        ends = self._publisher.flush()
        self._move_on(batch, [one.draft.published_ms for one in fresh], ends)
        self.store.save(self._cursor, saved)
        self._count(len(batch), len(linked), len(fresh), dead)

    def _demand_fresh_lease(self, renewed_ms: int) -> None:
        """Send nothing once the lease may have run out: this process may have been frozen at any line."""
        if self.clock.wall_ms() - renewed_ms > self.settings.lease_s * 500:
            raise Fenced(f"was held up past half the lease of source {self.spec.name!r} while sending")

    def _count(self, rows: int, linked: int, fresh: int, dead: Sequence[Dead]) -> None:
        metrics.SOURCE_ITEMS.labels(self.spec.name).inc(rows)
        metrics.BATCH_MESSAGES.labels(STAGE).observe(rows)
        metrics.STAGE_MESSAGES.labels(STAGE, "ok").inc(fresh)
        metrics.STAGE_MESSAGES.labels(STAGE, "repeat").inc(linked - fresh)
        metrics.STAGE_MESSAGES.labels(STAGE, "dead").inc(len(dead))
        for letter in dead:
            metrics.DEAD_LETTERS.labels(STAGE, letter.rejected.reason).inc()
        for number in range(rows):
            self._limit.add(dead=number < len(dead))

    def _pause_if_rotten(self, stop: threading.Event) -> None:
        """Too many dead rows: say so and wait, so that a wrong map does not drain a file into dead letters."""
        if not self._limit.exceeded:
            return
        minutes = self.settings.pause_s / 60
        self._why = (
            f"paused: {self._limit.dead} of its last {self._limit.window} rows could not be used. `tocsin dead-letters list "
            f"--source {self.spec.name}` shows why; it goes on in {minutes:.0f} minutes, or at a restart"
        )
        log.error("the source is paused", source=self.spec.name, why=self._why)
        self._beat(alive=False)
        until_ms = self.clock.wall_ms() + int(self.settings.pause_s * 1000)
        while not stop.is_set() and self.clock.wall_ms() < until_ms:
            self.clock.sleep(IDLE_S)
            self._beat_if_due()
        self._why, self._limit = "", DeadLetterLimit(self.settings.dead_letter_ratio)

    def _move_on(self, batch: Sequence[Due], published: Sequence[int], ends: dict[int, int]) -> None:
        now_ms = self.clock.wall_ms()
        self._recent.extend(published)
        last = next((due.index for due in reversed(batch) if due.index is not None), None)
        if last is not None:
            self._pace.taken(self._survey.times_ms[last], now_ms)
        rows_done = self._cursor.rows_done + len(batch)
        ends = self._cursor.ends | ends
        # An owner that was killed left at most one batch unsaved: it lies within that many rows of where this one began.
        passed = rows_done - self._rows_at_start >= BATCH_ROWS
        self._cursor = self._cursor.model_copy(
            update={
                "line": batch[-1].row.line,
                "rows_done": rows_done,
                "items": self._cursor.items + len(published),
                "newest_ms": max([self._cursor.newest_ms, *published]),
                "moved_ms": now_ms,
                "ends": ends,
                "read_from": ends if passed else self._cursor.read_from,
            }
        )
        self._advance(now_ms)

    def _advance(self, now_ms: int) -> None:
        """Up to which event time everything is published: the replay's clock, held back by the first row that is not."""
        following = bisect_right(self._survey.lines, self._cursor.line)
        if following == len(self._survey.lines):
            return  # `_finish` says how the last minute ends
        event_ms = self._survey.promises_ms[following]
        reached = self._pace.event_ms(now_ms)
        if reached is not None:
            event_ms = min(event_ms, reached)
        self._cursor = self._cursor.model_copy(update={"event_ms": max(event_ms, self._cursor.event_ms)})

    def _finish(self, stop: threading.Event) -> None:
        """Everything is published. The last minute is over: nothing more will come into it."""
        end_ms = (self._survey.end_ms // MINUTE_MS + 1) * MINUTE_MS
        self._cursor = self._cursor.model_copy(update={"done": True, "event_ms": end_ms})
        log.info("the replay is over", source=self.spec.name, documents=self._cursor.items)
        self._beat(alive=True)
        while not stop.is_set():
            self.clock.sleep(IDLE_S)
            self._beat_if_due(DONE_BEAT_S)

    def _beat_if_due(self, every_s: float | None = None) -> None:
        now_ms = self.clock.wall_ms()
        if now_ms - self._beaten_ms >= (every_s or self.settings.heartbeat_s) * 1000:
            self._beat(alive=not self._why)
        elif now_ms - self._beaten_ms >= self.settings.lease_s * 300:
            self.store.renew()

    def _beat(self, *, alive: bool) -> None:
        """Save how far event time has come, and tell."""
        now_ms = self.clock.wall_ms()
        self.store.renew()
        self._advance(now_ms)
        self.store.save(self._cursor, {})
        self._publisher.heartbeat(
            heartbeat(self.spec, self._survey, self._cursor, self._recent, now_ms, alive=alive, why=self._why)
        )
        self._publisher.flush()
        self._beaten_ms = now_ms
        metrics.SOURCE_ALIVE.labels(self.spec.name).set(alive)
        metrics.SOURCE_NEWEST.labels(self.spec.name).set(self._cursor.newest_ms / 1000)
        metrics.STAGE_WATERMARK.labels(STAGE).set(self._cursor.event_ms / 1000)
