"""Sinks against what stands at their other end: a real Alertmanager, a Grafana and chat services as a local server plays them."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from alerts.sinks.alertmanager import AlertmanagerSink
from alerts.sinks.apprise import AppriseSink, read_addresses
from alerts.sinks.grafana import GrafanaSink
from alerts.sinks.http import ANSWER_BYTES
from alerts.sinks.sink import DeliveryError, Notice, Sink
from alerts.sinks.webhook import WebhookSink
from alerts.texts import Wording
from contracts import codec
from contracts.clock import WallClock
from contracts.errors import UserError
from contracts.messages import Transition

EXAMPLE = Transition.model_validate_json((Path(codec.__file__).parent / "examples" / "transition-1.json").read_bytes())
WORDING = Wording("en", {"ftx": "FTX"}, "http://desk")


class Server:
    """Keeps every request and answers with what `answer` says: (status, headers, body)."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, bytes]] = []
        self.answer: Callable[[str, str, bytes], tuple[int, dict[str, str], bytes]] = lambda *_: (200, {}, b"{}")
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                server.requests.append((self.command, self.path, body))
                status, headers, content = server.answer(self.command, self.path, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = _any  # noqa: N815 - the base class's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


S = TypeVar("S", bound=Sink)


class Closing(Protocol):
    def __call__(self, sink: S) -> S: ...


@pytest.fixture
def closing() -> Iterator[Closing]:
    """Closes what is given to it after the test."""
    with ExitStack() as opened:

        def keep(sink: S) -> S:
            opened.callback(sink.close)
            return sink

        yield keep


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Alertmanager's base address."""
    program = shutil.which("prometheus-alertmanager")
    assert program, "prometheus-alertmanager is missing: run `make test`, which installs it"
    folder = tmp_path_factory.mktemp("alertmanager")
    (folder / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [program, f"--config.file={folder}/am.yml", f"--storage.path={folder}/data", "--cluster.listen-address=",
             f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
    with (folder / "log").open("w") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until, (folder / "log").read_text()
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def in_alertmanager(address: str, alert: str) -> list[dict[str, Any]]:
    query = urllib.parse.urlencode({"filter": f'alert="{alert}"'})
    with urllib.request.urlopen(f"{address}/api/v2/alerts?{query}", timeout=5) as answer:  # noqa: S310 - our own
        found: list[dict[str, Any]] = json.loads(answer.read())
        return found


def step(alert: int, number: int = 2, **changes: object) -> Transition:
    return EXAMPLE.model_copy(update={"alert": f"{alert:032x}", "number": number, **changes})


def test_alertmanager_has_an_alert_from_firing_to_its_end(alertmanager: str, closing: Closing) -> None:
    now_ms = WallClock().wall_ms()
    sink = closing(AlertmanagerSink(alertmanager, 60, 5, WORDING))
    warning = step(1, severity="warning", decided_ms=now_ms - 5_000)
    sink.send(Notice.of(warning), now_ms)
    (found,) = in_alertmanager(alertmanager, warning.alert)
    assert found["labels"]["severity"] == "warning"
    assert found["labels"]["entity"] == "ftx"
    assert found["annotations"]["summary"].startswith("Warning · FTX: 9 negative of 10 texts in 24 h")
    assert found["generatorURL"] == f"http://desk/alert/{warning.alert}"

    worse = step(1, 3, severity="critical", decided_ms=now_ms - 1_000)
    sink.send(Notice.of(worse), now_ms)
    assert {a["labels"]["severity"] for a in in_alertmanager(alertmanager, warning.alert)} == {"critical"}, (
        "the warning is over"
    )

    sink.send(Notice.of(step(1, 4, state="resolved", severity="critical", decided_ms=now_ms)), now_ms)
    assert in_alertmanager(alertmanager, warning.alert) == []


def test_a_sign_of_life_is_an_alert_that_never_ends(alertmanager: str, closing: Closing) -> None:
    closing(AlertmanagerSink(alertmanager, 60, 5, WORDING)).send(Notice("alive"), WallClock().wall_ms())
    with urllib.request.urlopen(f"{alertmanager}/api/v2/alerts", timeout=5) as answer:  # noqa: S310 - our own
        assert "TocsinAlive" in {alert["labels"]["alertname"] for alert in json.loads(answer.read())}


def test_grafana_gets_one_region_that_grows(server: Server, closing: Closing) -> None:
    regions: list[dict[str, Any]] = []

    def grafana(method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if method == "GET":
            tags = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)["tags"]
            return 200, {}, json.dumps([r for r in regions if set(tags) <= set(r["tags"])]).encode()
        if method == "POST":
            regions.append({"id": len(regions) + 1} | json.loads(body))
            return 200, {}, b'{"id":1}'
        next(r for r in regions if path.endswith(f"/{r['id']}")).update(json.loads(body))
        return 200, {}, b"{}"

    server.answer = grafana
    sink = closing(GrafanaSink(f"http://{server.address}", b"glsa_x", "board-1", 5, WORDING))
    fired = step(7)
    sink.send(Notice.of(fired), 0)
    sink.send(Notice.of(fired), 0)
    sink.send(Notice.of(step(7, 3, state="resolved", resolved_ms=fired.at_ms + 60_000)), 0)
    (region,) = regions
    assert (region["time"], region["timeEnd"]) == (fired.onset_ms, fired.at_ms + 60_000)
    assert {"tocsin", f"alert:{fired.alert}", "entity:ftx", "negative"} <= set(region["tags"])
    assert region["dashboardUID"] == "board-1"


def test_an_answer_that_is_not_grafanas_is_a_failure(server: Server, closing: Closing) -> None:
    server.answer = lambda *_: (200, {}, b'{"message":"please log in"}')
    with pytest.raises(DeliveryError, match="not Grafana"):
        closing(GrafanaSink(f"http://{server.address}", b"x", "", 5, WORDING)).send(Notice.of(step(1)), 0)


@pytest.mark.parametrize(
    ("language", "says"), [("en", "CRITICAL · FTX: 9 negative"), ("zh", "严重·FTX：24 小时内 10 条中 9 条负面")]
)
@pytest.mark.parametrize(
    ("address", "shape"),
    [
        ("json://{}/hook", lambda body: json.loads(body)["title"] + json.loads(body)["message"]),
        ("ntfy://{}/desk", lambda body: json.loads(body)["title"] + json.loads(body)["message"]),
        ("mmost://{}/3ccdd113474722377935511fc85d3dd4", lambda body: json.loads(body)["text"]),
    ],
)
def test_chat_services_get_the_text_in_the_readers_language(
    server: Server, address: str, shape: Callable[[bytes], str], language: Any, says: str
) -> None:
    AppriseSink([address.format(server.address)], 3500, Wording(language, {"ftx": "FTX"}, "http://desk")).send(
        Notice.of(step(1)), 0
    )
    text = shape(server.requests[-1][2])
    assert says in text
    assert "FTX Token Plummets as Market Fears Possible Alameda Contagion (CoinDesk, 2022-11-08 03:28)" in text
    assert f"http://desk/alert/{step(1).alert}" in text


def test_a_long_digest_is_cut_at_a_line_and_says_so(server: Server) -> None:
    sink = AppriseSink([f"json://{server.address}/hook"], 600, WORDING)
    sink.send(Notice.about("storm", tuple(step(n) for n in range(50)), "storm"), 0)
    said = json.loads(server.requests[-1][2])
    assert said["title"] == "Tocsin: 50 more alerts in a short time, in one message"
    assert len(said["message"]) <= 600
    assert "and 4" in said["message"]
    assert said["message"].endswith("Board: http://desk/")


def test_addresses_are_never_said(tmp_path: Path) -> None:
    (tmp_path / "chat").write_text("# the desk\n\nnosuchservice://secret-token@host\n")
    with pytest.raises(UserError, match="line 1 of the addresses") as error:
        AppriseSink(read_addresses(tmp_path / "chat"), 3500, WORDING)
    assert "secret-token" not in str(error.value)
    (tmp_path / "empty").write_text("# nothing\n")
    with pytest.raises(UserError, match="holds no address"):
        read_addresses(tmp_path / "empty")


def test_a_huge_answer_is_not_read_to_its_end(server: Server, closing: Closing) -> None:
    server.answer = lambda *_: (500, {"retry-after": "7"}, b"x" * (40 * ANSWER_BYTES))
    with pytest.raises(DeliveryError) as error:
        closing(WebhookSink(f"http://{server.address}/hook", b"k", 5, "")).send(Notice.of(step(1)), 0)
    assert (error.value.permanent, error.value.retry_after_s) == (False, 7.0)
    assert len(str(error.value)) < 300


def test_a_digest_over_a_webhook_has_one_key_and_all_its_alerts(server: Server, closing: Closing) -> None:
    sink = closing(WebhookSink(f"http://{server.address}/hook", b"k", 5, ""))
    notice = Notice.about("storm", (step(1), step(2)), "storm")
    sink.send(notice, 0)
    content = json.loads(server.requests[0][2])
    assert content["kind"] == "storm"
    assert [t["alert"] for t in content["transitions"]] == [step(1).alert, step(2).alert]
    assert Notice.about("storm", (step(2), step(1)), "storm").key == notice.key
    assert Notice.about("storm", (step(1), step(3)), "storm").key != notice.key
