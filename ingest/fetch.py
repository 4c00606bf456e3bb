"""Fetches over HTTP: politely, within limits, and only from where a source may lie. The shell around httpx.

Limits of one answer: seconds until it is complete (a slow drip ends there), bytes as they come and bytes unpacked (a zip
bomb ends there), redirects. One request at a time per host, with a pause between; robots.txt is read once a day per host.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx
from protego import Protego

from contracts.clock import DAY_MS, Clock
from ingest.addresses import Network, allowed
from ingest.intervals import rate_limit_s, retry_after_s
from ingest.port import SourceTrouble

TOTAL_S = 30.0
CONNECT_S = 10.0
BODY_MAX_BYTES = 10 * 1024 * 1024
ROBOTS_MAX_BYTES = 512 * 1024  # RFC 9309 asks for at least 500 KiB
REDIRECTS_MAX = 5
_NAME = "tocsin"
_LASTING = {400, 401, 402, 403, 404, 405, 406, 410, 451}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: 200 or 304.

    Attributes:
        url: where it came from in the end.
        moved: the server says that this is the address from now on.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    url: str
    moved: bool = False


class _Guard(httpcore.AsyncNetworkBackend):
    """Connects to judged addresses only."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = networks
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await resolve(host, port, self._networks)
        for last, address in enumerate(addresses, 1):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if last == len(addresses):
                    raise
        raise httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("no source lies in a local socket")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


async def resolve(host: str, port: int, networks: Sequence[Network]) -> list[str]:
    """The addresses of a host that may be connected to.

    Raises:
        SourceTrouble: `address` when it lies where no source may, `name` when it has none.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceTrouble("name", f"{host} cannot be resolved: {error}") from error
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    judged = allowed(addresses, networks)
    if not judged:
        raise SourceTrouble(
            "address",
            f"{host} is {', '.join(addresses)}, which is no public address; where that is meant, "
            "TOCSIN_INGEST__PRIVATE_NETWORKS names its network",
            lasting=True,
        )
    return judged


class _Transport(httpx.AsyncHTTPTransport):
    """httpx offers no way to hand a network backend to its pool; a test fails if this one is ever passed by."""

    def __init__(self, networks: Sequence[Network], tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=15.0,
            network_backend=_Guard(networks),
        )


@dataclass(slots=True)
class _Host:
    """One host: who speaks with it, and when it may be spoken to again."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_ms: int = 0
    robots: Protego | None = None
    robots_until_ms: int = 0
    crawl_delay_s: float = 0.0


class Fetcher:
    """All HTTP of one process.

    Args:
        clock: the wall.
        networks: private networks that sources may lie in.
        interval_s: between two requests to one host.
        contact: mail or page, sent in the User-Agent.
        tls: default: the certificates of certifi, or of SSL_CERT_FILE.
    """

    def __init__(
        self,
        clock: Clock,
        networks: Sequence[Network] = (),
        *,
        interval_s: float = 1.0,
        contact: str = "",
        tls: ssl.SSLContext | None = None,
        total_s: float = TOTAL_S,
    ) -> None:
        self.agent = f"Tocsin/{version('tocsin')}" + (f" ({contact})" if contact else "")
        self._clock = clock
        self._networks = networks
        self._interval_s = interval_s
        self._total_s = total_s
        self._hosts: dict[str, _Host] = {}
        self._client = httpx.AsyncClient(
            transport=_Transport(networks, tls or httpx.create_ssl_context()),
            timeout=httpx.Timeout(total_s, connect=min(CONNECT_S, total_s)),
            headers={"user-agent": self.agent, "accept-encoding": "gzip, deflate"},
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        robots: bool = True,
        secret: bool = False,
        max_bytes: int = BODY_MAX_BYTES,
    ) -> Answer:
        """Fetch an address.

        Args:
            url: http or https.
            headers: sent with it.
            robots: whether robots.txt is obeyed.
            secret: the headers hold a secret: a redirect to another host is not followed.
            max_bytes: of the unpacked body.

        Raises:
            SourceTrouble: for everything but 200 and 304.
        """
        asked, moved, first = url, True, url
        for _ in range(REDIRECTS_MAX + 1):
            answer = await self._polite(asked, headers or {}, robots=robots, max_bytes=max_bytes)
            if answer.status not in {301, 302, 303, 307, 308}:
                return Answer(answer.status, answer.headers, answer.body, asked, moved=moved and asked != first)
            moved = moved and answer.status in {301, 308}
            target = _target(asked, answer.headers.get("location", ""))
            if secret and urlsplit(target)[:2] != urlsplit(first)[:2]:
                raise SourceTrouble(
                    "redirect", f"{first} redirects to {target}, where its secret must not go", lasting=True
                )
            asked = target
        raise SourceTrouble("redirect", f"{first} redirects more than {REDIRECTS_MAX} times", lasting=True)

    async def _polite(self, url: str, headers: Mapping[str, str], *, robots: bool, max_bytes: int) -> Answer:
        host = self._hosts.setdefault(urlsplit(url).netloc.lower(), _Host())
        async with host.lock:
            if robots:
                await self._obey(host, url)
            await self._wait(host)
            return await self._once(host, url, headers, max_bytes)

    async def _wait(self, host: _Host) -> None:
        wait_ms = host.free_ms - self._clock.wall_ms()
        if wait_ms > 0:
            await self._clock.asleep(wait_ms / 1000)

    async def _obey(self, host: _Host, url: str) -> None:
        """Raises SourceTrouble `robots` where robots.txt forbids the address; it is read again after a day."""
        now_ms = self._clock.wall_ms()
        if now_ms >= host.robots_until_ms:
            parts = urlsplit(url)
            await self._wait(host)
            try:
                answer = await self._once(host, f"{parts.scheme}://{parts.netloc}/robots.txt", {}, ROBOTS_MAX_BYTES)
                text = answer.body.decode("utf-8", "replace") if answer.status == 200 else ""
            except SourceTrouble as trouble:
                # RFC 9309: what is not there forbids nothing; a server that fails forbids everything until it answers.
                if not trouble.reason.startswith("http_4") or trouble.reason == "http_429":
                    raise
                text = ""
            host.robots = Protego.parse(text)
            host.robots_until_ms = now_ms + DAY_MS
            host.crawl_delay_s = min(float(host.robots.crawl_delay(_NAME) or 0.0), 60.0)
        if host.robots is not None and not host.robots.can_fetch(url, _NAME):
            raise SourceTrouble("robots", f"robots.txt of {urlsplit(url).netloc} forbids {url}", lasting=True)

    async def _once(self, host: _Host, url: str, headers: Mapping[str, str], max_bytes: int) -> Answer:
        try:
            async with (
                asyncio.timeout(self._total_s),
                self._client.stream("GET", url, headers=dict(headers)) as response,
            ):
                self._judge(url, response)
                body = b"" if response.status_code != 200 else await _read(response, max_bytes)
                return Answer(response.status_code, response.headers, body, url)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise SourceTrouble("timeout", f"{url} was not complete within {self._total_s:.0f} s") from error
        except httpx.RemoteProtocolError as error:
            raise SourceTrouble("broken_off", f"{url} broke off: {error}") from error
        except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol, ssl.SSLError) as error:
            tls = "certificate" in str(error).lower() or "ssl" in str(error).lower()
            raise SourceTrouble("tls" if tls else "refused", f"{url}: {error}") from error
        finally:
            pause_s = max(self._interval_s, host.crawl_delay_s)
            host.free_ms = self._clock.wall_ms() + int(pause_s * 1000)

    def _judge(self, url: str, response: httpx.Response) -> None:
        status = response.status_code
        if status in {200, 301, 302, 303, 304, 307, 308}:
            return
        now_ms = self._clock.wall_ms()
        after = (
            retry_after_s(response.headers.get("retry-after"), now_ms) or rate_limit_s(response.headers, now_ms) or None
        )
        raise SourceTrouble(
            f"http_{status}",
            f"{url} answers {status} {response.reason_phrase}".rstrip(),
            retry_after_s=after if status in {429, 503} else None,
            lasting=status in _LASTING,
        )


def _target(url: str, location: str) -> str:
    try:
        target = str(httpx.URL(url).join(location))
    except (httpx.InvalidURL, ValueError) as error:
        raise SourceTrouble("redirect", f"{url} redirects to {location[:200]!r}, which is no address") from error
    if not location or urlsplit(target).scheme not in {"http", "https"}:
        raise SourceTrouble("redirect", f"{url} redirects to {location[:200]!r}, which is no web address", lasting=True)
    return target


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    """The body, unpacked, never more than `max_bytes` of it in memory."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise SourceTrouble("encoding", f"{response.url} is packed with {encoding!r}, which was not asked for")
    unpack = zlib.decompressobj(47) if encoding not in {"", "identity"} else None
    body = bytearray()
    try:
        async for chunk in response.aiter_raw():
            body += chunk if unpack is None else unpack.decompress(chunk, max_bytes - len(body) + 1)
            if len(body) > max_bytes:
                raise SourceTrouble("too_large", f"{response.url} is larger than {max_bytes} bytes")
    except zlib.error as error:
        raise SourceTrouble("encoding", f"{response.url} cannot be unpacked: {error}") from error
    if unpack is not None and not unpack.eof and body:
        raise SourceTrouble("broken_off", f"{response.url} ends before its packed body does")
    return bytes(body)
