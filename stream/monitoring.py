"""What every process shows of itself: logs by structlog, metrics and health over HTTP."""

from __future__ import annotations

import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from typing import Literal

import orjson
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from contracts import metrics
from contracts.errors import UserError

NOISY = ("aiokafka", "kafka", "faust", "mode", "httpx")  # their info lines drown ours; their warnings stay


def configure_logging(form: Literal["console", "json"], level: str, stage: str, slot: str) -> None:
    """One stream of lines for our own and the libraries' logs, each with stage and slot."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=lambda content, **_: orjson.dumps(content, default=str).decode())
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    last = [structlog.processors.format_exc_info, renderer] if form == "json" else [renderer]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns of each tenth of a second that a busy machine kept it waiting.
    logging.getLogger("kafka.net.selector").setLevel(logging.ERROR)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(stage=stage, slot=slot)


_composed = threading.Event()


def say_ready() -> None:
    """From now on `/health` says that this process has all it needs; before, it answers 503."""
    _composed.set()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.split("?")[0] == "/metrics":
            self._answer(CONTENT_TYPE_LATEST, generate_latest(REGISTRY))
        elif self.path == "/health":
            ready = _composed.is_set()
            self._answer("application/json", b'{"alive":true}' if ready else b'{"alive":false}', 200 if ready else 503)
        else:
            self.send_error(404)

    def _answer(self, kind: str, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """A scrape every few seconds is nobody's news."""


def serve_metrics(port: int, stage: str, slot: str) -> int:
    """Serve `/metrics` and `/health` on the loopback interface; returns the port.

    Raises:
        UserError: the port is taken.
    """
    metrics.BUILD.labels(stage, slot, version("tocsin")).set(1)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    except OSError as error:
        raise UserError(f"port {port} for the metrics of {stage} {slot} is taken: {error.strerror}") from error
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_address[1])
