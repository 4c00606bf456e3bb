"""Who owns a source, and where it is: in Redis, under a lease whose epoch every write must show.

Cursor, ids and end offsets of `documents` are saved together (`lua/save_cursor.lua`). Ids are remembered, 16 bytes each, for
DAYS_KEPT days of event time in a replay, and for LIVE_DAYS_KEPT days since a live source last showed them. An item that comes
again later than that has its own id only by accident of its source, and the aggregator's claims are the second net.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from pydantic import BaseModel, Field
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, ResponseError, TimeoutError  # noqa: A004 - redis' own
from redis.retry import Retry

from contracts.clock import DAY_MS
from contracts.errors import Fenced
from contracts.settings import Redis as RedisSettings
from ingest.rhythm import Rhythm
from stream.lease import Lease
from stream.scripts import Script

DAYS_KEPT = 3
LIVE_DAYS_KEPT = 8  # beyond what `documents` is kept
RETRIES = 20  # with pauses up to 1 s: a Redis that restarts is waited for, one that is gone ends the process
_SAVE = Script("ingest.lua", "save_cursor")
log = structlog.get_logger(__name__)


class Cursor(BaseModel):
    """Where a source is.

    Attributes:
        fingerprint: of what is read; another one means that the cursor is of something else.
        line: the last line that is finished.
        rows_done: rows finished.
        items: documents published.
        event_ms: everything published before this event time is below `ends`.
        newest_ms: event time of the newest document.
        moved_ms: wall time when `line` last moved.
        ends: partition of `documents` -> end offset.
        read_from: partition of `documents` -> offset from which a new owner reads back. It follows `ends` only when what was
            read back has been passed: moved earlier, a second kill would forget what the first one left unsaved.
        done: whether there is nothing more to read.
        position: of a live source: what it needs to go on (ETag, cursor, ...).
        fresh_ms: of a live source: wall time at which it last brought a document.
        interval_s: of a live source: how often it is looked at now; 0 = not looked at yet.
        rhythm: of a live source: what it normally delivers at this hour.
    """

    fingerprint: str = ""
    line: int = 0
    rows_done: int = 0
    items: int = 0
    event_ms: int = 0
    newest_ms: int = 0
    moved_ms: int = 0
    ends: dict[int, int] = Field(default_factory=dict)
    read_from: dict[int, int] = Field(default_factory=dict)
    done: bool = False
    position: dict[str, Any] = Field(default_factory=dict)
    fresh_ms: int = 0
    interval_s: float = 0.0
    rhythm: Rhythm | None = None


def connect(settings: RedisSettings) -> Redis:
    """A connection that waits for a Redis which is merely away: every script of ingest may be run twice."""
    return Redis.from_url(
        settings.url,
        password=settings.password.get_secret_value() if settings.password else None,
        socket_timeout=settings.timeout_s,
        retry=Retry(ExponentialBackoff(cap=1.0, base=0.05), RETRIES),
        retry_on_error=[ConnectionError, TimeoutError, BusyLoadingError],
    )


class CursorStore:
    """One source's lease and cursor, seen by one process."""

    def __init__(self, redis: Redis, source: str, lease_s: float, days_kept: int = DAYS_KEPT) -> None:
        self._redis = redis
        self._source = source
        self._days_kept = days_kept
        self._lease_s = lease_s
        self._lease = Lease(redis, f"source:{source}", f"{socket.gethostname()}/{os.getpid()}", lease_s)

    def take(self) -> bool:
        """Try to become the owner.

        The lease of a process that died on this machine, or that was this very process, need not run out.
        """
        if self._lease.acquire():
            return True
        holder = self._redis.get(f"lease:source:{self._source}")
        owner = holder.decode("utf-8", "replace") if isinstance(holder, bytes) else ""
        if owner and _is_dead_here(owner):
            log.info("taking over from a process that died", source=self._source, owner=owner)
            Lease(self._redis, self._lease.name, owner, self._lease_s, epoch=0).release()
            return self._lease.acquire()
        return False

    def renew(self) -> None:
        """Stay the owner.

        Raises:
            Fenced: when another process has taken over.
        """
        if not self._lease.renew():
            raise Fenced(f"another process owns source {self._source!r}")

    def release(self) -> None:
        """Let another process take over at once."""
        self._lease.release()

    def load(self) -> Cursor | None:
        """The cursor; None for a source that never saved one."""
        saved = self._redis.get(f"source:{self._source}:cursor")
        return Cursor.model_validate_json(saved) if isinstance(saved, bytes) else None

    def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these documents are saved as published."""
        if not ids:
            return set()
        members = [bytes.fromhex(one) for one in ids]
        days = self._redis.zrange(f"source:{self._source}:days", 0, -1)
        found: set[str] = set()
        with self._redis.pipeline(transaction=False) as pipeline:
            for day in days:
                name = day.decode() if isinstance(day, bytes) else str(day)
                pipeline.smismember(f"source:{self._source}:seen:{name}", members)
            for flags in pipeline.execute():
                found.update(one for one, flag in zip(ids, flags, strict=True) if flag)
        return found

    def save(self, cursor: Cursor, published: Mapping[str, int]) -> None:
        """Save the cursor and what was published since the last save.

        Args:
            cursor: where the source is now.
            published: document id -> the time by whose day it is remembered, milliseconds: that of its publication in a
                replay; the wall's for a live source, whose feed may show an item for months.

        Raises:
            Fenced: when another process has taken over; nothing is saved.
        """
        arguments: list[bytes | str | int] = [
            self._source, str(self._lease.epoch), cursor.model_dump_json(), self._days_kept,
        ]  # fmt: skip
        for document, published_ms in published.items():
            arguments += [published_ms // DAY_MS, bytes.fromhex(document)]
        try:
            _SAVE.run(self._redis, *arguments)
        except ResponseError as error:
            if "FENCED" in str(error):
                raise Fenced(f"another process owns source {self._source!r}") from error
            raise


def _is_dead_here(owner: str) -> bool:
    """Whether an owner is a process of this machine that is gone, or this process itself."""
    host, _, pid = owner.rpartition("/")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    if int(pid) == os.getpid():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
