"""The desk as a process: the feed in a thread of its own, the pages in the main one."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import uvicorn
from fastapi import FastAPI

from contracts.clock import Clock
from contracts.errors import UserError
from contracts.settings import Settings
from desk.app import LOOPBACK, create_app
from desk.database import database_path
from desk.kafka_feed import KafkaFeed
from desk.store import Store

SHUTDOWN_S = 3


def run(settings: Settings, clock: Clock, stop: threading.Event) -> None:
    """Serve until `stop` is set, or a signal comes where this is the main thread.

    A failure of the feed that is not Kafka or the database being away ends the process with its error.

    Raises:
        UserError: the address or the database cannot be used.
    """
    if settings.desk.host not in LOOPBACK:
        raise UserError(
            f"desk.host={settings.desk.host}: the desk has no login yet, so it serves this machine only; set 127.0.0.1"
        )
    store = Store(database_path(settings.desk.database))
    feed = KafkaFeed(settings.kafka.bootstrap, store, clock)
    app = create_app(settings.desk, store, feed, clock)
    following = _Following(feed, stop)
    following.start()
    try:
        config = uvicorn.Config(
            app, host=settings.desk.host, port=settings.desk.port, log_config=None, access_log=False,
            timeout_graceful_shutdown=SHUTDOWN_S, server_header=False,
        )  # fmt: skip
        _Server(config, app, stop).run()
    finally:
        stop.set()
        following.join()
        store.close()
    if following.error is not None:
        raise following.error


class _Following(threading.Thread):
    """The feed's thread. What it dies of is kept for the main one."""

    def __init__(self, feed: KafkaFeed, stop: threading.Event) -> None:
        super().__init__(name="desk-feed", daemon=True)
        self._feed = feed
        self._stop_all = stop
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._feed.follow(self._stop_all)
        except BaseException as error:  # noqa: BLE001  # raised again by the main thread, which is stopped here
            self.error = error
            self._stop_all.set()


class _Server(uvicorn.Server):
    """Stops when told, and ends the streams first: open ones would use up all the patience of the shutdown."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, stop: threading.Event) -> None:
        super().__init__(config)
        self._desk = app
        self._stop_all = stop

    async def on_tick(self, counter: int) -> bool:
        following: asyncio.Task[None] = self._desk.state.following
        if following.done():
            following.result()
        return self._stop_all.is_set() or await super().on_tick(counter)

    async def shutdown(self, sockets: Any = None) -> None:
        self._stop_all.set()
        self._desk.state.hub.close()
        await super().shutdown(sockets)
