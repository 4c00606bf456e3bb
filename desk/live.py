"""From a changed database to a changed page: looks at the board when something arrived, and sends what differs.

Each message has a version, one above the last. A browser that missed one asks for all of it (`/board/state`).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass

from contracts.clock import SECOND_MS, Clock
from desk.board import Board, read_board
from desk.charts import Spark
from desk.feed import Feed
from desk.hub import Hub, event
from desk.names import Names
from desk.notices import Outlook, look
from desk.queries import Queries

TICK_S = 0.2  # two looks are at least this far apart
IDLE_S = 1.0  # without news the board is looked at this often: ages grow, and silence must be noticed
REDRAW_MS = 5 * SECOND_MS  # spark lines of known alerts are drawn anew this often
STILL_MS = 5 * SECOND_MS  # a browser that hears nothing for longer than twice this says that it lost the desk


@dataclass(slots=True)
class _Sent:
    version: int
    rows: dict[str, dict[str, object]]
    order: dict[str, list[str]]
    head: dict[str, object]
    now: dict[str, str]


class LiveBoard:
    """The board that everybody sees. Pages read it from any thread; `run` follows it in the server's loop."""

    def __init__(self, store: Queries, feed: Feed, names: Names, clock: Clock, hub: Hub) -> None:
        self._store = store
        self._feed = feed
        self._names = names
        self._clock = clock
        self._hub = hub
        self._sparks: dict[str, Spark] = {}
        self._drawn_ms = 0
        # Versions go on rising over a restart, so a browser never takes an old process's numbers for this one's.
        self._sent = _Sent(clock.wall_ms(), {}, {}, {}, {})
        self._unsent: list[bytes] = []
        self._looking = threading.Lock()
        self._news: Callable[[], object] | None = None
        self._waking = threading.Lock()
        feed.on_change(self._wake)

    def outlook(self) -> Outlook:
        """How the desk stands now."""
        store = self._store
        return look(
            store.sources(), store.newest(), self._feed.state(), store.unreadable_total(), self._clock.wall_ms()
        )

    def page(self) -> tuple[Board, int]:
        """The board for a page, and the version that the page then stands at."""
        with self._looking:
            board = self._look()
            return board, self._sent.version

    def state(self) -> dict[str, object]:
        """All of it, for a browser that comes new or missed something."""
        with self._looking:
            self._look()
            sent = self._sent
            return {
                "v": sent.version, "full": True, "rows": sent.rows, "order": sent.order, "head": sent.head, "now": sent.now,
            }  # fmt: skip

    def news(self) -> list[bytes]:
        """Look once; the events that tell what changed since the last look."""
        with self._looking:
            self._look()
            unsent, self._unsent = self._unsent, []
            return unsent

    def _look(self) -> Board:
        wall_ms = self._clock.wall_ms()
        if wall_ms - self._drawn_ms >= REDRAW_MS:
            self._sparks, self._drawn_ms = {}, wall_ms
        board = read_board(self._store, self._names, self.outlook(), self._sparks)
        self._sparks = {alert: Spark(cells.before, cells.after) for alert, cells in board.rows.items()}
        rows = {alert: asdict(cells) for alert, cells in board.rows.items()}
        sent = _Sent(self._sent.version + 1, rows, board.order, board.head, board.now)
        changes: dict[str, object] = {}
        if changed := {alert: cells for alert, cells in rows.items() if self._sent.rows.get(alert) != cells}:
            changes["rows"] = changed
        for part in ("order", "head", "now"):
            if getattr(sent, part) != getattr(self._sent, part):
                changes[part] = getattr(sent, part)
        if changes:
            self._sent = sent
            self._unsent.append(event("board", {"v": sent.version, **changes}))
        return board

    async def run(self) -> None:
        """Send news to the hub until cancelled."""
        arrived = asyncio.Event()
        loop = asyncio.get_running_loop()
        with self._waking:
            self._news = lambda: loop.call_soon_threadsafe(arrived.set)
        try:
            spoken = self._clock.wall_ms()
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(arrived.wait(), IDLE_S)
                arrived.clear()
                if self._hub.readers:
                    chunks = await asyncio.to_thread(self.news)
                    now = self._clock.wall_ms()
                    if not chunks and now - spoken >= STILL_MS:
                        chunks = [event("still", {"v": self._sent.version})]
                    for chunk in chunks:
                        spoken = now
                        self._hub.send(chunk)
                await asyncio.sleep(TICK_S)
        finally:
            # The feed's thread outlives this loop by a moment and must not call into it.
            with self._waking:
                self._news = None

    def _wake(self) -> None:
        with self._waking:
            if self._news is not None:
                self._news()
