"""Between batches a worker verifies what it made durable; during one, or while partitions move, it does not ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.errors import Rewind
from stream.records import Contiguity
from stream.worker import _verify_between_batches


class App(SimpleNamespace):
    """Stands for the Faust app: keeps the timer it is given. The real one: tests/bench/chaos."""

    rebalancing = False
    look: Callable[..., Awaitable[None]]

    def timer(self, every_s: float) -> Callable[[Any], Any]:
        def keep(look: Any) -> Any:
            self.look = look
            return look

        return keep


async def test_it_asks_with_the_positions_reached_and_only_between_batches() -> None:
    app, handling, asked = App(), asyncio.Lock(), list[dict[int, int]]()
    contiguity = Contiguity({0: 5, 1: 7})

    async def verify(positions: dict[int, int]) -> None:
        asked.append(positions)

    _verify_between_batches(app, "aggregator", contiguity, handling, verify, pytest.fail)
    await app.look(app)
    async with handling:
        await app.look(app)
    app.rebalancing = True
    await app.look(app)
    assert asked == [{0: 5, 1: 7}]


async def test_what_is_durable_no_more_ends_the_process() -> None:
    app, ended = App(), list[str]()

    async def verify(positions: dict[int, int]) -> None:
        raise Rewind(f"partition 0: Redis has gone back from {positions[0]} to 2")

    _verify_between_batches(app, "aggregator", Contiguity({0: 5}), asyncio.Lock(), verify, ended.append)
    with pytest.raises(Rewind):
        await app.look(app)
    assert ended == ["Rewind: partition 0: Redis has gone back from 5 to 2"]
