"""The real Kafka and the real Redis for every tier that needs them: started on first use, once per session."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.clock import WallClock
from tocsin.stack import jars, kafka, ports, redis
from tocsin.stack.programs import Program, last_lines, start, stop

START_LIMIT_MS = 60_000


def _wait(program: Program, process: subprocess.Popen[bytes], answers: Callable[[], bool]) -> None:
    clock = WallClock()
    until = clock.wall_ms() + START_LIMIT_MS
    while not answers():
        if process.poll() is not None or clock.wall_ms() > until:
            pytest.fail(f"{program.name} did not start: {last_lines(program.log, 10)}")
        clock.sleep(0.05)


@contextlib.contextmanager
def _running(program: Program, answers: Callable[[], bool]) -> Iterator[None]:
    process = start(program)
    try:
        _wait(program, process, answers)
        yield
    finally:
        stop(program, process)


@pytest.fixture(scope="session")
def store_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the data and the logs of the session's Kafka and Redis."""
    return tmp_path_factory.mktemp("stores")


@pytest.fixture(scope="session")
def kafka_address(store_home: Path) -> Iterator[str]:
    """`host:port` of a real broker without topics; tests share it, so name topics and groups for the test."""
    port, controller_port = ports.free_port(), ports.free_port()
    class_path = jars.fetch(jars.cache_folder(), jars.locked())
    program = kafka.prepare(store_home / "kafka", store_home / "kafka.log", class_path, port, controller_port)
    address = f"{ports.HOST}:{port}"
    with _running(program, lambda: kafka.answers(address)):
        yield address


@pytest.fixture(scope="session")
def redis_server(store_home: Path) -> Iterator[str]:
    """URL of a real Redis that keeps what earlier tests wrote; tests take `redis_url`, which is empty."""
    port = ports.free_port()
    program = redis.prepare(store_home / "redis", store_home / "redis.log", port)
    url = f"redis://{ports.HOST}:{port}/0"
    with _running(program, lambda: redis.answers(url)):
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """URL of a real, empty Redis."""
    from redis import Redis

    with Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server
