"""One live source between its lease and its last save. Blocking; all of a process run in one thread, one call after another.

1. Take the lease; load the cursor; what `documents` holds beyond it was published and not saved: save it as published.
2. Publish what a look brought: normalise, link, leave out what is known, find stories, send, wait for the acknowledgement,
   then save position, ids and end offsets together. Every id that the source shows is saved anew, so that an item which stays
   in a feed for months is remembered as long.
3. Beat: save, and say in `sources` how it is.

A kill between sending and saving is what step 1 is for; so is a Kafka that went away before it acknowledged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from contracts import metrics
from contracts.clock import HOUR_MS, Clock
from contracts.errors import Fenced, Rejected, Unavailable
from contracts.messages import SourceHeartbeat
from contracts.settings import Ingest
from ingest.batch import Dead
from ingest.cursor import Cursor, CursorStore
from ingest.dead_items import raw_of
from ingest.normalise import Item
from ingest.outlet import Outlet
from ingest.pipeline import Linked, Pipeline
from ingest.port import Health, Polled
from ingest.publisher import STAGE, letter_of
from ingest.rhythm import Rhythm
from ingest.source_kinds import LiveSpec
from stream.dead_letters import DeadLetterLimit

BATCH_ITEMS = 250
DEAD_WINDOW = 100  # items of one source that its dead letters are measured by
STAGE_WINDOW = 500
RECENT_ITEMS = 20_000  # a rate above this per hour is shown as this
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class StageLimit:
    """The dead letters of all sources of a process together: beyond the ratio the stage stops, stays up, and says why."""

    recent: DeadLetterLimit | None = None
    paused_until_ms: int = 0
    reason: str = ""

    def add(self, items: int, dead: int, now_ms: int, settings: Ingest) -> None:
        """More items were finished."""
        self.recent = self.recent or DeadLetterLimit(settings.dead_letter_ratio, STAGE_WINDOW)
        for number in range(items):
            self.recent.add(dead=number < dead)
        if self.recent.exceeded:
            self.reason = (
                f"ingest is paused: {self.recent.dead} of the last {STAGE_WINDOW} items of all sources could not be used, which "
                "looks like a fault of this release or its settings. `tocsin dead-letters list` shows why; it goes on in "
                f"{settings.pause_s / 60:.0f} minutes, or at a restart"
            )
            self.paused_until_ms = now_ms + int(settings.pause_s * 1000)
            self.recent = None
            log.error("the stage is paused", why=self.reason)

    def why(self, now_ms: int) -> str:
        """Why nothing is taken now; empty while it is."""
        return self.reason if now_ms < self.paused_until_ms else ""


@dataclass(slots=True)
class Ownership:
    """A live source and what its owner knows of it."""

    spec: LiveSpec
    settings: Ingest
    pipeline: Pipeline
    store: CursorStore
    outlet: Outlet
    clock: Clock
    cursor: Cursor = field(default_factory=Cursor)
    health: Health = field(default_factory=Health)
    owned: bool = False
    epoch: int = 0
    renewed_ms: int = 0
    beaten_ms: int = 0
    stage: StageLimit = field(default_factory=StageLimit)
    _recent: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT_ITEMS))
    _limit: DeadLetterLimit = field(init=False)

    def __post_init__(self) -> None:
        self._limit = DeadLetterLimit(self.settings.dead_letter_ratio, DEAD_WINDOW)

    @property
    def held(self) -> bool:
        """Whether this process may publish for the source now."""
        return self.owned and self.outlet.connected and self.epoch == self.outlet.epoch

    def take(self) -> tuple[bool, dict[int, int] | None]:
        """Try to own the source.

        Returns:
            whether it is ours, and from where `documents` is to be read back; None when nothing was ever saved.
        """
        now_ms = self.clock.wall_ms()
        if self.owned:
            try:
                self.store.renew()
            except Fenced:
                self.owned = False
        if not self.owned and not self.store.take():
            return False, None
        self.owned, self.renewed_ms = True, now_ms
        saved = self.store.load()
        self.cursor = saved or Cursor()
        return True, saved.read_from if saved else None

    def adopt(self, published: set[str]) -> None:
        """What was read back is published: save it so."""
        now_ms = self.clock.wall_ms()
        known = self.store.known(sorted(published))
        unsaved = published - known
        self.epoch = self.outlet.epoch
        self.cursor = self.cursor.model_copy(update={"items": self.cursor.items + len(unsaved)} | self._ends())
        self._save(dict.fromkeys(sorted(published), now_ms))
        log.info("owning the source", source=self.spec.name, kind=self.spec.kind, read_back=len(unsaved))

    def accept(self, polled: Polled) -> int:
        """Publish what a look brought, and save where the source is.

        Returns:
            documents published.

        Raises:
            Fenced: another process owns the source.
            Unavailable: Kafka did not acknowledge; nothing of it counts as published here.
        """
        if not self.held:
            raise Unavailable(f"Kafka is away, or source {self.spec.name!r} is another process's")
        fresh = 0
        for start in range(0, max(1, len(polled.items)), BATCH_ITEMS):
            last = start + BATCH_ITEMS >= len(polled.items)
            fresh += self._publish(polled.items[start : start + BATCH_ITEMS], polled if last else None)
        return fresh

    def _publish(self, items: Sequence[Item], polled: Polled | None) -> int:
        """Publish some of a look's items; `polled` comes with the last of them, and moves the position."""
        fetched_ms = self.clock.wall_ms()
        linked, dead, shown = self._linked(items)
        dead += polled.dead if polled else ()
        known = self.store.known(list(shown))
        fresh = list({one.draft.id: one for one in linked if one.draft.id not in known}.values())
        places = self.pipeline.stories.place([one.sighting for one in fresh])
        if fresh or dead:
            self._renew()
            now_ms = self.clock.wall_ms()
            for one, place in zip(fresh, places, strict=True):
                self._demand_fresh_lease(now_ms)
                self.outlet.publisher.document(
                    one.document(place), {"fetch": fetched_ms, "publish": now_ms}, source=self.spec.name
                )
            for letter in dead:
                self.outlet.publisher.dead_letter(letter_of(self.spec.name, letter.rejected, letter.raw, now_ms))
            self.outlet.flush()
        self._move_on(fresh, polled)
        self._save(dict.fromkeys(shown, fetched_ms))
        self._count(len(shown) + len(dead), len(linked), len(fresh), dead)
        return len(fresh)

    def _linked(self, items: Sequence[Item]) -> tuple[list[Linked], list[Dead], dict[str, None]]:
        """Documents to be, what is dead, and the ids of the former."""
        linked: list[Linked] = []
        dead: list[Dead] = []
        shown: dict[str, None] = {}
        for item in items:
            try:
                one = self.pipeline.link(item)
            except Rejected as rejected:
                dead.append(Dead(raw_of(item), rejected))
                continue
            if self.spec.only_mentions and not one.mentions:
                metrics.NORMALISE_CHANGES.labels("unmentioned").inc()
                continue
            shown[one.draft.id] = None
            linked.append(one)
        return linked, dead, shown

    def _move_on(self, fresh: list[Linked], polled: Polled | None) -> None:
        now_ms = self.clock.wall_ms()
        self._recent.extend([now_ms] * len(fresh))
        rhythm = (self.cursor.rhythm or Rhythm()).counted(len(fresh), now_ms)
        changes: dict[str, object] = {
            "items": self.cursor.items + len(fresh),
            "newest_ms": max([self.cursor.newest_ms, *(one.draft.published_ms for one in fresh)]),
            "rhythm": rhythm,
        }
        if fresh:
            changes["fresh_ms"] = now_ms
        if polled is not None:
            changes |= {"position": dict(polled.position), "moved_ms": now_ms}
        self.cursor = self.cursor.model_copy(update=changes | self._ends())

    def _ends(self) -> dict[str, object]:
        """Everything of this source is acknowledged and saved: it lies below these ends."""
        return {"ends": dict(self.outlet.ends), "read_from": dict(self.outlet.ends)}

    def _count(self, items: int, linked: int, fresh: int, dead: list[Dead]) -> None:
        metrics.SOURCE_ITEMS.labels(self.spec.name).inc(fresh)
        if fresh:
            metrics.BATCH_MESSAGES.labels(STAGE).observe(fresh)
        metrics.STAGE_MESSAGES.labels(STAGE, "ok").inc(fresh)
        metrics.STAGE_MESSAGES.labels(STAGE, "repeat").inc(linked - fresh)
        metrics.STAGE_MESSAGES.labels(STAGE, "dead").inc(len(dead))
        for letter in dead:
            metrics.DEAD_LETTERS.labels(STAGE, letter.rejected.reason).inc()
        for _ in range(min(len(dead), DEAD_WINDOW)):
            self._limit.add(dead=True)
        for _ in range(min(items - len(dead), DEAD_WINDOW)):
            self._limit.add(dead=False)
        now_ms = self.clock.wall_ms()
        self.stage.add(items, len(dead), now_ms, self.settings)
        if self._limit.exceeded:
            self._pause(self._limit.dead, now_ms)

    def _pause(self, dead: int, now_ms: int) -> None:
        self._limit = DeadLetterLimit(self.settings.dead_letter_ratio, DEAD_WINDOW)
        self.health.paused_until_ms = now_ms + int(self.settings.pause_s * 1000)
        self.health.why = (
            f"paused: {dead} of its last {DEAD_WINDOW} items could not be used. `tocsin dead-letters list --source "
            f"{self.spec.name}` shows why; it is tried again in {self.settings.pause_s / 60:.0f} minutes, or at a restart"
        )
        metrics.SOURCE_POLLS.labels(self.spec.kind, "paused").inc()
        log.error("the source is paused", source=self.spec.name, why=self.health.why)

    def beat(self, *, leaving: bool = False) -> None:
        """Save how it is, and say so; `Outlet.flush` sends it.

        Raises:
            Fenced: another process owns the source.
        """
        now_ms = self.clock.wall_ms()
        rhythm = (self.cursor.rhythm or Rhythm()).counted(0, now_ms, reachable=not self.health.failures)
        self.cursor = self.cursor.model_copy(update={"rhythm": rhythm} | self._ends())
        self._save({})
        expected = rhythm.expected(now_ms)
        silent = rhythm.is_silent(self.cursor.fresh_ms, now_ms)
        why = self.health.why or self.stage.why(now_ms)
        if leaving:
            why = "stopped in good order"
        elif silent and not why:
            hours = (now_ms - self.cursor.fresh_ms) / HOUR_MS
            why = f"silent: nothing came for {hours:.1f} h, which is not normal at this hour"
        self.outlet.publisher.heartbeat(
            SourceHeartbeat(
                source=self.spec.name, kind=self.spec.kind, alive=not why, at_ms=now_ms, newest_ms=self.cursor.newest_ms,
                items=self.cursor.items, items_per_hour=float(sum(when > now_ms - HOUR_MS for when in self._recent)),
                items_per_hour_expected=expected,
                cursor_age_ms=max(0, now_ms - self.cursor.moved_ms) if self.cursor.moved_ms else 0,
                ends=self.cursor.ends, why=why,
            )
        )  # fmt: skip
        self.beaten_ms = now_ms
        metrics.SOURCE_ALIVE.labels(self.spec.name).set(not why)
        metrics.SOURCE_NEWEST.labels(self.spec.name).set(self.cursor.newest_ms / 1000)
        metrics.SOURCE_SILENT.labels(self.spec.name).set((now_ms - self.cursor.fresh_ms) / 1000 if silent else 0)

    def keep(self) -> None:
        """Stay the owner, when that is due.

        Raises:
            Fenced: another process owns the source.
        """
        if self.clock.wall_ms() - self.renewed_ms >= self.settings.live_lease_s * 300:
            self._renew()

    def release(self) -> None:
        """Let another process take over at once."""
        if self.owned:
            self.store.release()
            self.owned = False

    def _renew(self) -> None:
        now_ms = self.clock.wall_ms()
        try:
            self.store.renew()
        except Fenced:
            self.owned = False
            raise
        self.renewed_ms = now_ms

    def _save(self, shown: dict[str, int]) -> None:
        try:
            self.store.save(self.cursor, shown)
        except Fenced:
            self.owned = False
            raise

    def _demand_fresh_lease(self, renewed_ms: int) -> None:
        """Send nothing once the lease may have run out: this process may have been frozen at any line."""
        if self.clock.wall_ms() - renewed_ms > self.settings.live_lease_s * 500:
            self.owned = False
            raise Fenced(f"was held up past half the lease of source {self.spec.name!r} while sending")
