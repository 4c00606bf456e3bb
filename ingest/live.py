"""All live sources of one process: the shell that looks at each when it is due. One that is broken stops no other.

Looking (sockets) runs on one event loop; owning and publishing (Redis, Kafka, linking) in one thread beside it, so that five
hundred feeds cost the memory of one connection each. A Kafka that is away is waited for: nothing is looked at meanwhile, and
what was in flight is read back.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

import structlog

from contracts import metrics
from contracts.clock import Clock
from contracts.errors import Fenced, Unavailable
from contracts.settings import Ingest
from ingest.fetch import Fetcher
from ingest.intervals import REFUSED_S, backoff_s, next_interval_s, spread_s
from ingest.live_sources import Door, make
from ingest.outlet import Outlet
from ingest.ownership import Ownership
from ingest.port import LiveSource, Polled, SourceTrouble
from ingest.source_kinds import JsonSource, LiveSpec, RssSource

KEEP_S = 0.5  # between two looks at leases and heartbeats
STANDBY_S = 3.0  # between two tries for sources that another process owns
LOOK_S = 0.1
FAILURES_SHOWN = 3  # failures in a row after which a source counts as stopped
log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(slots=True)
class Seat:
    """A source, who owns it, and when it is looked at next."""

    ownership: Ownership
    port: LiveSource | Door
    held: asyncio.Event = field(default_factory=asyncio.Event)
    tried_ms: int = 0


class Live:
    """Serves all live sources.

    Args:
        ownerships: one per source.
        outlet: theirs.
        settings: of the stage.
        fetcher: of the process.
        environment: where secrets are.
        clock: the wall.
    """

    def __init__(
        self,
        ownerships: Sequence[Ownership],
        outlet: Outlet,
        settings: Ingest,
        environment: Mapping[str, str],
        clock: Clock,
        make_fetcher: Callable[[], Fetcher],
    ) -> None:
        self._ownerships = ownerships
        self._outlet = outlet
        self._settings = settings
        self._environment = environment
        self._clock = clock
        self._make_fetcher = make_fetcher
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="publish")
        self._away = False

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set; blocks.

        Raises:
            UserError: a setting or secret that cannot be used.
        """
        try:
            asyncio.run(self._serve(stop))
        except BaseExceptionGroup as group:
            raise _first(group) from group

    async def _serve(self, stop: threading.Event) -> None:
        fetcher = self._make_fetcher()
        seats = [
            Seat(each, make(each.spec, fetcher, self._settings, self._environment, self._clock))
            for each in self._ownerships
        ]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._keep(seats))]
                for seat in seats:
                    follow = self._open(seat) if isinstance(seat.port, Door) else self._follow(seat, seat.port)
                    tasks.append(group.create_task(follow))
                while not stop.is_set():
                    await self._clock.asleep(LOOK_S)
                for task in tasks:
                    task.cancel()
        finally:
            await self._in_thread(self._leave)
            self._worker.shutdown()
            for seat in seats:
                await seat.port.close()
            await fetcher.close()

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work, *arguments)

    async def _keep(self, seats: Sequence[Seat]) -> None:
        """Own what can be owned, renew leases, beat."""
        while True:
            await self._in_thread(self._housekeep, seats)
            for seat in seats:
                if seat.ownership.held:
                    seat.held.set()
                else:
                    seat.held.clear()
            await self._clock.asleep(KEEP_S)

    def _housekeep(self, seats: Sequence[Seat]) -> None:
        now_ms = self._clock.wall_ms()
        try:
            self._outlet.connect()
            wanted = [s for s in seats if not s.ownership.held and now_ms - s.tried_ms >= STANDBY_S * 1000]
            self._own(wanted, now_ms)
            due_ms = now_ms - int(self._settings.live_heartbeat_s * 1000)
            beaten = [s.ownership for s in seats if s.ownership.held and self._keep_one(s.ownership, due_ms)]
            if beaten:
                self._outlet.flush()
            self._away = False
        except Unavailable as away:
            if not self._away:
                log.warning("Kafka is away: nothing is fetched until it answers", why=str(away))
            self._away = True

    def _own(self, wanted: Sequence[Seat], now_ms: int) -> None:
        starts: dict[str, Mapping[int, int] | None] = {}
        taken: dict[str, Ownership] = {}
        for seat in wanted:
            ours, start = seat.ownership.take()
            if ours:
                starts[seat.ownership.spec.name] = start
                taken[seat.ownership.spec.name] = seat.ownership
            else:
                seat.tried_ms = now_ms
        if not starts:
            return
        sent = self._outlet.read_back(starts)
        for name, ownership in taken.items():
            try:
                ownership.adopt(sent[name])
                ownership.beat()  # before its first document
            except Fenced as fenced:
                log.warning("lost the source", source=name, why=str(fenced))
        self._outlet.flush()

    def _keep_one(self, ownership: Ownership, due_ms: int) -> bool:
        """Renew and beat when due; whether it has beaten."""
        try:
            ownership.keep()
            if ownership.beaten_ms > due_ms:
                return False
            ownership.beat()
        except Fenced as fenced:
            log.warning("lost the source", source=ownership.spec.name, why=str(fenced))
            return False
        return True

    def _leave(self) -> None:
        """Say goodbye in good order, so that another process may go on at once."""
        try:
            for ownership in self._ownerships:
                if ownership.held:
                    self._farewell(ownership)
            if self._outlet.connected:
                self._outlet.flush()
        except Unavailable as away:
            log.warning("left while Kafka was away", why=str(away))
        for ownership in self._ownerships:
            ownership.release()
        self._outlet.drop()

    def _farewell(self, ownership: Ownership) -> None:
        try:
            ownership.beat(leaving=True)
        except Fenced as fenced:
            log.warning("lost the source", source=ownership.spec.name, why=str(fenced))

    async def _open(self, seat: Seat) -> None:
        """Let senders bring their documents while the source is ours."""
        if not isinstance(seat.port, Door):
            return
        await seat.port.serve(seat.ownership, seat.held, self._in_thread)

    async def _follow(self, seat: Seat, port: LiveSource) -> None:
        """Look at a source whenever it is due."""
        ownership = seat.ownership
        random = Random(ownership.spec.name)  # noqa: S311 - jitter, not a secret
        await seat.held.wait()
        await self._clock.asleep(self._first_wait_s(ownership, random))
        while True:
            await seat.held.wait()
            now_ms = self._clock.wall_ms()
            paused_ms = max(ownership.health.paused_until_ms, ownership.stage.paused_until_ms) - now_ms
            if paused_ms > 0:
                await self._clock.asleep(min(paused_ms / 1000, 60.0))
                continue
            if ownership.health.paused_until_ms:
                ownership.health.paused_until_ms, ownership.health.why = 0, ""
            try:
                polled = await port.poll(now_ms, ownership.cursor.position)
            except SourceTrouble as trouble:
                await self._clock.asleep(self._troubled(ownership, trouble, random))
                continue
            except Exception as error:
                # A bug in reading one source must not stop the others: it is loud, shown at the source, and tried rarely.
                log.exception("reading a source failed in a way that was not foreseen", source=ownership.spec.name)
                unforeseen = SourceTrouble("unforeseen", f"{type(error).__name__}: {error}", lasting=True)
                await self._clock.asleep(self._troubled(ownership, unforeseen, random))
                continue
            await self._clock.asleep(await self._took(seat, polled, random))

    async def _took(self, seat: Seat, polled: Polled, random: Random) -> float:
        """Publish what a look brought; seconds until the next look."""
        ownership = seat.ownership
        try:
            fresh = await self._in_thread(ownership.accept, polled)
        except (Unavailable, Fenced) as error:
            seat.held.clear()
            log.warning("not published, will be looked at again", source=ownership.spec.name, why=str(error))
            return 0.0
        health = ownership.health
        if polled.note and polled.note != health.note:
            log.warning("the source works, but", source=ownership.spec.name, note=polled.note)
        health.note = polled.note
        if health.failures and not health.paused_until_ms:
            log.info("the source answers again", source=ownership.spec.name, failures=health.failures)
            health.why = ""
        health.failures = 0
        metrics.SOURCE_POLLS.labels(ownership.spec.kind, "new" if fresh else "unchanged").inc()
        if polled.again_s is not None:
            return polled.again_s
        shortest_s, longest_s = bounds_s(ownership.spec)
        interval_s = next_interval_s(
            ownership.cursor.interval_s or shortest_s, fresh, shortest_s=shortest_s, longest_s=longest_s
        )
        ownership.cursor = ownership.cursor.model_copy(update={"interval_s": interval_s})
        return max(spread_s(interval_s, random), polled.floor_s)

    def _troubled(self, ownership: Ownership, trouble: SourceTrouble, random: Random) -> float:
        """Note that a look failed; seconds until the next."""
        health = ownership.health
        health.failures += 1
        metrics.SOURCE_POLLS.labels(ownership.spec.kind, "failed").inc()
        wait_s = backoff_s(health.failures, random)
        if trouble.lasting:
            wait_s = spread_s(REFUSED_S, random) if health.failures > 1 else wait_s
        wait_s = max(wait_s, trouble.retry_after_s or 0.0)
        if trouble.lasting or health.failures >= FAILURES_SHOWN:
            health.why = f"cannot be read: {trouble.detail}"
        log.warning(
            "a look at the source failed", source=ownership.spec.name, why=str(trouble), failures=health.failures,
            again_in_s=round(wait_s),
        )  # fmt: skip
        return wait_s

    def _first_wait_s(self, ownership: Ownership, random: Random) -> float:
        """After a restart a feed is not asked again before it is due; new ones are spread over some seconds."""
        cursor = ownership.cursor
        if cursor.interval_s and cursor.moved_ms:
            due_ms = cursor.moved_ms + int(cursor.interval_s * 1000)
            return max(0.0, (due_ms - self._clock.wall_ms()) / 1000) + random.uniform(0.0, 1.0)
        shortest_s, _ = bounds_s(ownership.spec)
        return random.uniform(0.0, min(shortest_s / 10, 5.0))


def bounds_s(spec: LiveSpec) -> tuple[float, float]:
    """The shortest and the longest time between two looks at a source, seconds."""
    if isinstance(spec, (RssSource, JsonSource)):
        return spec.every_s, spec.at_least_every_s
    return 1.0, 1.0


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
