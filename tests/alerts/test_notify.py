"""Transitions reach a real receiver over HTTP, signed, once per key; a receiver that fails is tried again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from kafka import KafkaProducer
from redis import Redis

from alerts.notify import run
from alerts.routes import read_routes
from alerts.sinks.sink import DeliveryError, Notice
from alerts.sinks.webhook import WebhookSink, sign, verify
from contracts import codec
from contracts.clock import WallClock
from contracts.errors import UserError
from contracts.messages import Transition
from contracts.settings import read_settings
from tocsin import topics

KEY = b"rosebud"
EXAMPLE = Path(codec.__file__).parent / "examples" / "transition-1.json"


def transition(**changes: object) -> Transition:
    return Transition.model_validate(Transition.model_validate_json(EXAMPLE.read_bytes()).model_dump() | changes)


class Receiver:
    """A webhook's other end: answers what it is told, remembers what it accepted."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.accepted: list[tuple[str, bytes, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver.answers.pop(0) if receiver.answers else 200
                if status == 200:
                    receiver.accepted.append((self.headers["idempotency-key"], body, self.headers["tocsin-signature"]))
                self.send_response(status)
                if status == 429:
                    self.send_header("retry-after", "1")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def wait_for(self, number: int) -> None:
        until = time.monotonic() + 30
        while len(self.accepted) < number and time.monotonic() < until:
            time.sleep(0.05)
        assert len(self.accepted) == number


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def test_a_receiver_can_prove_that_a_request_is_ours_and_fresh() -> None:
    body = b'{"alert":1}'
    signature = sign(KEY, body, 1_000)
    assert verify(KEY, body, signature, 1_100)
    assert not verify(KEY, body + b" ", signature, 1_100)
    assert not verify(b"other", body, signature, 1_100)
    assert not verify(KEY, body, signature, 1_000 + 301)
    assert not verify(KEY, body, "t=,v1=", 1_000)


def test_a_webhook_posts_the_transition_signed_with_its_key(receiver: Receiver) -> None:
    sent = transition()
    with closing(WebhookSink(receiver.url, KEY, 5, "http://desk")) as sink:
        sink.send(Notice.of(sent), now_ms=5_000)
    key, body, signature = receiver.accepted[0]
    assert key == f"{sent.alert}/{sent.number}"
    assert codec.decode(Transition, body) == sent
    assert verify(KEY, body, signature, 5)


@pytest.mark.parametrize(
    ("status", "permanent", "after"), [(500, False, None), (429, False, 1.0), (400, True, None), (302, True, None)]
)
def test_an_answer_says_whether_to_try_again(
    receiver: Receiver, status: int, permanent: bool, after: float | None
) -> None:
    receiver.answers = [status]
    with closing(WebhookSink(receiver.url, KEY, 5, "")) as sink, pytest.raises(DeliveryError) as error:
        sink.send(Notice.of(transition()), now_ms=0)
    assert (error.value.permanent, error.value.retry_after_s) == (permanent, after)


def test_a_receiver_that_is_not_there_is_tried_again() -> None:
    with closing(WebhookSink("http://127.0.0.1:9/hook", KEY, 1, "")) as sink, pytest.raises(DeliveryError) as error:
        sink.send(Notice.of(transition()), now_ms=0)
    assert not error.value.permanent


def write_routes(folder: Path, url: str) -> Path:
    (folder / "hook.secret").write_bytes(KEY)
    path = folder / "routes.yaml"
    path.write_text(
        f"sinks:\n  log: {{kind: log}}\n  hook: {{kind: webhook, url: {url}, secret_file: hook.secret}}\nroute: {{sink: [log, hook]}}\n"
    )
    return path


def test_from_kafka_to_the_receiver_once_per_key_through_failures_and_a_restart(
    kafka_address: str, redis_url: str, receiver: Receiver, tmp_path: Path
) -> None:
    topics.apply(kafka_address, partitions=8, replication=1)
    path = write_routes(tmp_path, receiver.url)
    environment = {
        "TOCSIN_KAFKA__BOOTSTRAP": kafka_address,
        "TOCSIN_REDIS__URL": redis_url,
        "TOCSIN_NOTIFY__ROUTES": str(path),
    }
    settings, routes = read_settings(environment), read_routes(path)
    alert = "ab" * 16
    sent = [transition(alert=alert, number=number) for number in (2, 3, 3)] + [
        transition(alert=alert, number=4, page=False)
    ]
    producer = KafkaProducer(bootstrap_servers=kafka_address, acks="all")

    def produce(transitions: list[Transition]) -> None:
        for each in transitions:
            producer.send("alerts", key=each.alert.encode(), value=codec.encode(each), headers=codec.headers(each))
        producer.send("alerts", key=b"x", value=b"{broken")
        producer.flush()

    produce([transition(alert=alert, number=1)])
    for last in ([], [transition(alert=alert, number=5)]):
        produce(last)
        stop = threading.Event()
        thread = threading.Thread(target=run, args=(settings, routes, {}, WallClock(), stop))
        thread.start()
        receiver.wait_for(1 + 3 * bool(last))
        if not last:
            receiver.answers = [503, 429]
            produce(sent)
            receiver.wait_for(3)
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
    produce([transition(alert=alert, number=6, state="resolved")])  # other tests' sinks are told what burns
    producer.close()
    assert [key for key, _, _ in receiver.accepted] == [f"{alert}/{number}" for number in (1, 2, 3, 5)]
    with Redis.from_url(redis_url) as redis:
        assert redis.hget("sent:hook", alert) == b"5"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sinks: {log: {kind: log}}\nroute: {sink: pager}\n", "there is no sink 'pager'"),
        ("sinks: {a: {kind: pigeon}}\nroute: {sink: a}\n", "sinks.a"),
        ("sinks: {a: {kind: webhook, url: 'ftp://x', secret_file: s}}\nroute: {sink: a}\n", "url"),
        ("sinks: {log: {kind: log, colour: red}}\nroute: {sink: log}\n", "colour"),
        ("[unclosed", "not YAML"),
        (
            "sinks: {log: {kind: log}}\nroute: {sink: log, matchers: ['severity=critical']}\n",
            "the top takes every alert",
        ),
        (
            "sinks: {log: {kind: log}}\nroute: {routes: [{sink: log, matchers: ['rule=viral']}]}\n",
            "the top needs a sink",
        ),
        ("sinks: {log: {kind: log}}\nroute: {sink: log, routes: [{sink: log}]}\n", "needs matchers"),
        ("sinks: {log: {kind: log}}\nroute: {sink: log, routes: [{matchers: [colour=red]}]}\n", "no label 'colour'"),
        ("sinks: {log: {kind: log}}\nroute: {sink: log, group_wait: soon}\n", "no duration"),
        ("sinks: {log: {kind: log}}\nroute: {sink: log, mute_time_intervals: [night]}\n", "no time interval 'night'"),
        ("sinks: {log: {kind: log}}\nroute: &r {sink: log, routes: [*r]}\n", "route"),
        (
            "sinks: {log: {kind: log}}\nroute: {sink: log}\ntime_intervals: [{name: day, time_intervals: [{times: [{start_time: '08:00', end_time: '12:00'}, {start_time: '11:00', end_time: '18:00'}]}]}]\n",
            "overlap",
        ),
        ("", "the file"),
    ],
)
def test_a_mistake_in_the_routes_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"routes\.yaml") as error:
        read_routes(path)
    assert says in str(error.value)
