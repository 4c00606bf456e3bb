"""From what `sources.yaml` says of a live source to the source itself, with its secrets in place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from contracts.clock import Clock
from contracts.settings import Ingest
from ingest.addresses import read_networks
from ingest.fetch import Fetcher
from ingest.http_json import HttpJson
from ingest.ownership import Ownership
from ingest.port import LiveSource
from ingest.push import Push
from ingest.rss import Rss
from ingest.secret_values import resolve
from ingest.source_kinds import JsonSource, LiveSpec, PushSource, RssSource, WebSocketSource
from ingest.websocket import WebSocket

InThread = Callable[..., Awaitable[Any]]


@runtime_checkable
class Door(Protocol):
    """A source that is not looked at: others come to it."""

    async def serve(self, ownership: Ownership, held: asyncio.Event, in_thread: InThread) -> None:
        """Take what is brought, while the source is ours."""

    async def close(self) -> None:
        """Close the door."""


def make(
    spec: LiveSpec, fetcher: Fetcher, settings: Ingest, environment: Mapping[str, str], clock: Clock
) -> LiveSource | Door:
    """The source of a specification.

    Raises:
        UserError: a secret that is not there.
    """

    def secrets(values: Mapping[str, str], field: str) -> dict[str, str]:
        return {
            name: resolve(value, environment, f"source {spec.name!r}, {field}.{name}") for name, value in values.items()
        }

    if isinstance(spec, RssSource):
        return Rss(spec, fetcher, secrets(spec.headers, "headers"))
    if isinstance(spec, JsonSource):
        return HttpJson(spec, fetcher, secrets(spec.headers, "headers"), secrets(spec.parameters, "parameters"))
    if isinstance(spec, WebSocketSource):
        messages = [resolve(message, environment, f"source {spec.name!r}, subscribe") for message in spec.subscribe]
        networks = read_networks(settings.private_networks)
        return WebSocket(spec, clock, networks, secrets(spec.headers, "headers"), messages, fetcher.agent)
    if isinstance(spec, PushSource):
        return Push(spec, settings, clock, secrets(spec.senders, "senders"))
    raise TypeError(f"a source of kind {spec.kind!r} is not live")
