"""A flood on one route, from the real Kafka to a real receiver: the first few, one digest, the critical ones; through a restart."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from redis import Redis

from alerts.notify import run
from alerts.routes import read_routes
from contracts import codec
from contracts.clock import ManualClock
from contracts.messages import Severity, Silence, Transition, Verdict
from contracts.settings import Settings, read_settings
from tocsin import topics

EXAMPLE = Transition.model_validate_json((Path(codec.__file__).parent / "examples" / "transition-1.json").read_bytes())
FIRST = 5


class Receiver:
    def __init__(self) -> None:
        self.got: list[tuple[str, str, dict[str, Any]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append((self.headers["tocsin-kind"], self.headers["idempotency-key"], json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def wait(self, number: int) -> None:
        until = time.monotonic() + 60
        while len(self.got) < number and time.monotonic() < until:
            time.sleep(0.05)
        assert len(self.got) >= number, self.kinds()

    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture
def settings(kafka_address: str, redis_url: str, tmp_path: Path, receiver: Receiver) -> Settings:
    topics.apply(kafka_address, partitions=8, replication=1)
    name = f"storm-{time.monotonic_ns()}"  # a sink is a consumer group: each test has its own
    (tmp_path / "hook.secret").write_text("k")
    (tmp_path / "routes.yaml").write_text(
        f"sinks: {{{name}: {{kind: webhook, url: '{receiver.url}', secret_file: hook.secret}}}}\n"
        f"route: {{sink: {name}, repeat_interval: 4h}}\nstorm: {{alerts: {FIRST}, within: 10m}}\n"
    )
    return read_settings(
        {
            "TOCSIN_KAFKA__BOOTSTRAP": kafka_address,
            "TOCSIN_REDIS__URL": redis_url,
            "TOCSIN_NOTIFY__ROUTES": str(tmp_path / "routes.yaml"),
        }
    )


@contextmanager
def notifier(settings: Settings, clock: ManualClock) -> Iterator[None]:
    stop = threading.Event()
    routes = read_routes(settings.notify.routes)
    thread = threading.Thread(target=run, args=(settings, routes, {}, clock, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


class World:
    """Writes alerts, verdicts and silences under ids that no other test has."""

    def __init__(self, settings: Settings) -> None:
        self.producer = KafkaProducer(bootstrap_servers=settings.kafka.bootstrap, acks="all")
        self._base = time.monotonic_ns() % 10**9

    def alert(self, n: int) -> str:
        return f"{self._base:016x}{n:016x}"

    def ring(self, n: int, severity: Severity, number: int = 2, **changes: object) -> None:
        step = EXAMPLE.model_copy(update={"alert": self.alert(n), "severity": severity, "number": number, **changes})
        self.producer.send("alerts", key=step.alert.encode(), value=codec.encode(step), headers=codec.headers(step))
        self.producer.flush()


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    world = World(settings)
    yield world
    # What fires is told to every later notifier of this broker: leave nothing burning.
    for n in range(70):
        world.ring(n, "warning", number=99, state="resolved")
    world.producer.close()


def test_a_flood_is_the_first_few_then_one_digest_and_every_critical_one(
    settings: Settings, receiver: Receiver, world: World
) -> None:
    clock = ManualClock(1_000_000)
    with notifier(settings, clock):
        for n in range(FIRST):
            world.ring(n, "warning")
        receiver.wait(FIRST)
        for n in range(FIRST, 60):
            world.ring(n, "warning")
        for n in range(60, 63):
            world.ring(n, "critical")
        receiver.wait(FIRST + 3)
        assert receiver.kinds() == ["alert"] * (FIRST + 3)
    # A restart while the digest is held forgets none of it.
    with notifier(settings, clock):
        clock.advance(61_000)
        receiver.wait(FIRST + 4)
        world.ring(0, "warning", number=3, state="resolved")
        receiver.wait(FIRST + 5)
    assert receiver.kinds() == ["alert"] * (FIRST + 3) + ["storm", "alert"]
    _, _, digest = receiver.got[-2]
    assert {t["alert"] for t in digest["transitions"]} == {world.alert(n) for n in range(FIRST, 60)}
    assert len({key for _, key, _ in receiver.got}) == len(receiver.got)
    with Redis.from_url(settings.redis.url) as redis:
        assert not list(redis.scan_iter("held:*"))


def test_what_is_silenced_is_told_when_the_silence_ends_and_repeated_until_it_is_acknowledged(
    settings: Settings, receiver: Receiver, world: World
) -> None:
    clock = ManualClock(1_000_000)
    silence = Silence(id="s", matchers=[f'alert="{world.alert(1)}"'], starts_ms=0, until_ms=1_060_000, by="ann")
    world.producer.send("silences", key=b"s", value=codec.encode(silence), headers=codec.headers(silence))
    world.ring(1, "warning")
    world.ring(2, "warning")
    with notifier(settings, clock):
        receiver.wait(1)
        assert [body["alert"] for _, _, body in receiver.got] == [world.alert(2)]
        clock.advance(60_000)
        receiver.wait(2)
        assert receiver.got[1][2]["alert"] == world.alert(1)
        verdict = Verdict(alert=world.alert(2), kind="acknowledgement", value="ann", by="ann", at_ms=0)
        world.producer.send(
            "verdicts", key=b"v", value=codec.encode(verdict), headers=codec.headers(verdict)
        ).get(timeout=30)  # fmt: skip
        time.sleep(2)
        clock.advance(4 * 3600 * 1000)
        receiver.wait(3)
    assert receiver.kinds() == ["alert", "alert", "repeat"]
    assert receiver.got[2][2]["alert"] == world.alert(1), "the acknowledged one is not repeated"


def test_a_new_sink_begins_with_what_burns_now_and_is_not_told_history(
    settings: Settings, receiver: Receiver, world: World
) -> None:
    world.ring(1, "warning")
    world.ring(1, "warning", number=3, state="resolved")
    world.ring(2, "warning")
    with notifier(settings, ManualClock(1_000_000)):
        receiver.wait(1)
        world.ring(3, "warning")
        receiver.wait(2)
        time.sleep(2)
    assert [body["alert"] for _, _, body in receiver.got] == [world.alert(2), world.alert(3)]
