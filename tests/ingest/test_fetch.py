"""Fetching over HTTP from a site of our own: whatever it does, the fetch ends, in time and in memory."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from contracts.clock import ManualClock, WallClock
from ingest.addresses import read_networks
from ingest.fetch import Fetcher
from ingest.port import SourceTrouble
from tests.ingest.publisher_site import Site, Visit, bomb, large, rss, slow_drip, truncated, zip_bomb

LOOPBACK = read_networks("127.0.0.0/8")


@pytest.fixture
def site() -> Iterator[Site]:
    pages = Site()
    server = pages.serve()
    yield pages
    server.shutdown()
    server.server_close()


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    made = Fetcher(WallClock(), LOOPBACK, interval_s=0.0, contact="desk@example.org")
    yield made
    await made.close()


async def trouble(fetcher: Fetcher, url: str, **more: object) -> SourceTrouble:
    with pytest.raises(SourceTrouble) as caught:
        await fetcher.get(url, robots=False, **more)  # type: ignore[arg-type]
    return caught.value


async def test_an_answer_is_read_and_who_asks_is_said(site: Site, fetcher: Fetcher) -> None:
    site.pages["/feed"] = lambda visit: visit.answer(gzip.compress(b"hello"), content_encoding="gzip")
    answer = await fetcher.get(f"{site.address}/feed")
    assert (answer.status, answer.body) == (200, b"hello")
    assert site.visits[-1].header("user-agent").startswith("Tocsin/")
    assert "desk@example.org" in site.visits[-1].header("user-agent")


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (truncated, "broken_off"),
        (large, "too_large"),
        (zip_bomb, "too_large"),
        (lambda visit: visit.answer(gzip.compress(b"hello" * 99)[:-9], content_encoding="gzip"), "broken_off"),
        (lambda visit: visit.answer(b"not gzip", content_encoding="gzip"), "encoding"),
        (lambda visit: visit.answer(b"x", content_encoding="br"), "encoding"),
        (lambda visit: visit.answer(b"", 302, location="/page"), "redirect"),
        (lambda visit: visit.answer(b"", 302, location="file:///etc/passwd"), "redirect"),
        (lambda visit: visit.answer(b"", 302), "redirect"),
        (lambda visit: visit.answer(b"", 500), "http_500"),
        (lambda visit: visit.answer(b"", 404), "http_404"),
        (lambda visit: visit.handler.connection.shutdown(socket.SHUT_RDWR), "broken_off"),
    ],
    ids=["truncated", "50MB", "bomb", "cut-gzip", "no-gzip", "brotli", "loop", "file", "nowhere", "500", "404", "hangs-up"],
)  # fmt: skip
async def test_what_a_site_does_wrong_is_a_trouble_with_a_name(
    site: Site, fetcher: Fetcher, page: object, reason: str
) -> None:
    site.pages["/page"] = page  # type: ignore[assignment]
    bomb()  # made before the clock runs
    assert (await trouble(fetcher, f"{site.address}/page")).reason in {
        reason,
        "refused" if reason == "broken_off" else reason,
    }


async def test_a_slow_drip_ends_in_time(site: Site) -> None:
    impatient = Fetcher(WallClock(), LOOPBACK, interval_s=0.0, total_s=1.0)
    site.pages["/page"] = slow_drip
    assert (await trouble(impatient, f"{site.address}/page")).reason == "timeout"
    await impatient.close()


async def test_a_refused_connection_and_a_name_that_is_none_are_troubles(fetcher: Fetcher) -> None:
    assert (await trouble(fetcher, "http://127.0.0.1:1/")).reason == "refused"
    assert (await trouble(fetcher, "http://no-such-host.invalid/")).reason == "name"


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_heard(site: Site, fetcher: Fetcher, status: int) -> None:
    site.pages["/page"] = lambda visit: visit.answer(b"", status, retry_after="120")
    assert (await trouble(fetcher, f"{site.address}/page")).retry_after_s == 120


async def test_a_redirect_is_followed_and_a_lasting_one_is_told(site: Site, fetcher: Fetcher) -> None:
    site.pages["/old"] = lambda visit: visit.answer(b"", 301, location="/new")
    site.pages["/now"] = lambda visit: visit.answer(b"", 302, location="/new")
    site.pages["/new"] = lambda visit: visit.answer(b"here")
    old, now = await fetcher.get(f"{site.address}/old"), await fetcher.get(f"{site.address}/now")
    assert (old.body, old.url, old.moved) == (b"here", f"{site.address}/new", True)
    assert not now.moved


async def test_a_secret_does_not_follow_to_another_host(site: Site, fetcher: Fetcher) -> None:
    other = site.address.replace("127.0.0.1", "127.0.0.2")
    site.pages["/old"] = lambda visit: visit.answer(b"", 302, location=f"{other}/new")
    site.pages["/new"] = lambda visit: visit.answer(b"stolen")
    caught = await trouble(fetcher, f"{site.address}/old", headers={"x-key": "secret"}, secret=True)
    assert (caught.reason, caught.lasting) == ("redirect", True)
    assert site.asked["/new"] == 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "[::ffff:127.0.0.1]"]
)
async def test_a_house_address_is_never_connected_to(site: Site, host: str) -> None:
    port = site.address.rpartition(":")[2]
    guarded = Fetcher(WallClock(), (), interval_s=0.0, total_s=3.0)
    caught = await trouble(guarded, f"http://{host}:{port}/feed")
    assert (caught.reason, caught.lasting) == ("address", True)
    assert not site.visits, "nothing reached it"
    await guarded.close()


async def test_a_redirect_into_the_house_is_not_followed(site: Site) -> None:
    port = site.address.rpartition(":")[2]
    site.pages["/feed"] = lambda visit: visit.answer(b"", 302, location=f"http://127.0.0.2:{port}/inside")
    guarded = Fetcher(WallClock(), read_networks("127.0.0.1/32"), interval_s=0.0, total_s=3.0)
    assert (await trouble(guarded, f"{site.address}/feed")).reason == "address"
    assert site.asked["/inside"] == 0
    await guarded.close()


async def test_robots_txt_is_obeyed_and_read_once(site: Site, fetcher: Fetcher) -> None:
    site.pages["/robots.txt"] = lambda visit: visit.answer(b"User-agent: *\nDisallow: /private\n")
    site.pages["/open"] = site.pages["/private/feed"] = lambda visit: visit.answer(b"x")
    for _ in range(2):
        assert (await fetcher.get(f"{site.address}/open")).status == 200
    with pytest.raises(SourceTrouble, match="robots"):
        await fetcher.get(f"{site.address}/private/feed")
    assert site.asked == {"/robots.txt": 1, "/open": 2}


async def test_a_robots_txt_that_is_not_there_forbids_nothing_and_one_that_fails_everything(
    site: Site, fetcher: Fetcher
) -> None:
    site.pages["/feed"] = lambda visit: visit.answer(b"x")
    failing = True

    def robots(visit: Visit) -> None:
        visit.answer(b"", 500 if failing else 404)

    site.pages["/robots.txt"] = robots
    with pytest.raises(SourceTrouble, match="http_500"):
        await fetcher.get(f"{site.address}/feed")
    failing = False
    assert (await fetcher.get(f"{site.address}/feed")).status == 200


async def test_one_host_is_asked_at_one_polite_rate(site: Site) -> None:
    clock = ManualClock(1_000_000)
    polite = Fetcher(clock, LOOPBACK, interval_s=2.0, total_s=3.0)
    site.pages["/robots.txt"] = lambda visit: visit.answer(b"User-agent: *\nCrawl-delay: 7\n")
    site.pages["/feed"] = lambda visit: visit.answer(rss("a"))
    for _ in range(3):
        await polite.get(f"{site.address}/feed")
    assert clock.ms == 1_000_000 + 2_000 + 2 * 7_000, "our own pause after robots.txt, from then on the one it asks for"
    await polite.close()


def certificate(folder: Path) -> Path:
    """A certificate that nobody vouches for."""
    key, pem = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=publisher.example -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", key, "-out", pem], check=True, capture_output=True)
    pem.write_bytes(key.read_bytes() + pem.read_bytes())
    return pem


async def test_a_certificate_that_cannot_be_trusted_is_refused(tmp_path: Path, fetcher: Fetcher) -> None:
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    assert (await trouble(fetcher, f"https://127.0.0.1:{server.server_address[1]}/")).reason == "tls"
    server.shutdown()
    server.server_close()
