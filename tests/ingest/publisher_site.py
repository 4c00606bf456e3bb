"""A publisher's web site of our own, on this machine, that behaves as the real ones do: well, badly, and with intent."""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

Page = Callable[["Visit"], None]


@dataclass
class Visit:
    """One request, and the ways to answer it."""

    handler: BaseHTTPRequestHandler
    path: str
    query: dict[str, str]

    def header(self, name: str) -> str:
        return self.handler.headers.get(name, "")

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.handler.send_response(status)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("content-length", str(len(body)))
        for name, value in sent.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def conditional(self, body: bytes, **headers: str) -> None:
        """As a well-made site: an ETag, and 304 to who has it."""
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        if self.header("if-none-match") == etag:
            self.answer(b"", 304, etag=etag, **headers)
        else:
            modified = formatdate(1_700_000_000, usegmt=True)
            self.answer(body, etag=etag, last_modified=modified, content_type="application/rss+xml", **headers)


@dataclass
class Site:
    """Pages by path, and how often each was asked for."""

    pages: dict[str, Page] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    visits: list[Visit] = field(default_factory=list)
    address: str = ""

    def serve(self) -> ThreadingHTTPServer:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                visit = Visit(self, parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()})
                site.asked[parts.path] += 1
                site.visits.append(visit)
                page = site.pages.get(parts.path)
                try:
                    visit.answer(b"not here", 404) if page is None else page(visit)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Nobody reads it."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.address = f"http://127.0.0.1:{server.server_address[1]}"
        return server


def rss(*titles: str, extra: str = "", date: str = "Tue, 08 Nov 2022 14:30:00 GMT") -> bytes:
    """A plain RSS 2.0 feed, the newest item first."""
    items = "".join(
        f"<item><title>{title}</title><link>https://news.example/{number}?utm_source=rss</link>"
        f"<guid isPermaLink='false'>{title}</guid><pubDate>{date}</pubDate></item>"
        for number, title in enumerate(titles)
    )
    text = f"<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel><title>t</title>{extra}{items}</channel></rss>"
    return text.encode()


def slow_drip(visit: Visit) -> None:
    """A byte now and then, for ever."""
    visit.handler.send_response(200)
    visit.handler.send_header("content-length", "100000")
    visit.handler.end_headers()
    waiting = threading.Event()
    for _ in range(600):
        visit.handler.wfile.write(b" ")
        visit.handler.wfile.flush()
        waiting.wait(0.05)


def truncated(visit: Visit) -> None:
    """Less than was promised."""
    visit.handler.send_response(200)
    visit.handler.send_header("content-length", "100000")
    visit.handler.end_headers()
    visit.handler.wfile.write(rss("cut off"))
    visit.handler.close_connection = True


def large(visit: Visit) -> None:
    """50 MB."""
    visit.handler.send_response(200)
    visit.handler.send_header("content-length", str(50 * 1024 * 1024))
    visit.handler.end_headers()
    for _ in range(50):
        visit.handler.wfile.write(b"x" * 1024 * 1024)


@cache
def bomb() -> bytes:
    """200 MB in under 1 MB."""
    pack = zlib.compressobj(1, wbits=31)
    return b"".join(pack.compress(bytes(1024 * 1024)) for _ in range(200)) + pack.flush()


def zip_bomb(visit: Visit) -> None:
    """A small answer that grows."""
    visit.answer(bomb(), content_encoding="gzip", content_type="text/xml")


ENTITY_BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + b"".join(
        b'<!ENTITY lol%d "%s">' % (level, b"&lol%d;" % (level - 1) * 10 if level > 1 else b"&lol;" * 10)
        for level in range(1, 10)
    )
    + b']><rss version="2.0"><channel><title>t</title><item><title>&lol9;</title><guid>1</guid></item></channel></rss>'
)
FILE_ENTITY = (
    b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY secret SYSTEM "file:///etc/passwd">]>'
    b'<rss version="2.0"><channel><title>t</title><item><title>x &secret; y</title><guid>1</guid></item></channel></rss>'
)
