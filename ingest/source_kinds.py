"""The kinds of sources as types: what `sources.yaml` may say of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ingest.dates import parse_time_ms, zone_named
from ingest.replay import FIELDS
from ingest.schedule import Phase, Schedule


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PhaseEntry(_Entry):
    """A part of a replay: until when (event time), and how fast."""

    until: int
    speed: float = Field(ge=0.0, allow_inf_nan=False)

    @field_validator("until", mode="before")
    @classmethod
    def _time(cls, value: object) -> int:
        return _time_ms(value)


class _Source(_Entry):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")


class ReplaySource(_Source):
    """A file of history, published in event time.

    Attributes:
        path: CSV, JSONL or Parquet, gzipped or not; relative to the folder of `sources.yaml`.
        map: our field -> the file's column.
        speed: event seconds per wall second; 0 = as fast as it goes.
        phases: speeds of the parts before.
        learn_until: nothing before this event time pages anyone; milliseconds, 0 = everything may.
    """

    kind: Literal["replay"]
    path: Path
    map: dict[str, str]
    speed: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    phases: list[PhaseEntry] = Field(default_factory=list)
    learn_until: int = 0

    @field_validator("learn_until", mode="before")
    @classmethod
    def _time(cls, value: object) -> int:
        return 0 if value in (None, 0) else _time_ms(value)

    @field_validator("map")
    @classmethod
    def _fields(cls, value: dict[str, str]) -> dict[str, str]:
        return _mapping(value, needs_time=True)

    @model_validator(mode="after")
    def _in_order(self) -> ReplaySource:
        self.schedule(0)
        return self

    def schedule(self, start_ms: int) -> Schedule:
        """The pace of the replay, given the event time of its first row."""
        return Schedule(start_ms, self.speed, tuple(Phase(entry.until, entry.speed) for entry in self.phases))


class LiveSpec(_Source):
    """What all live sources have.

    Attributes:
        documents: what its items are; comments have personal data masked.
        language: ISO 639-1; empty = what it says itself, else detected.
        timezone: where times without a zone lie.
        only_mentions: only items that name an entity of the watchlist become documents; the others are counted.
    """

    kind: str
    documents: Literal["news", "comment"] = "news"
    language: str = Field(default="", pattern=r"^([a-z]{2})?$")
    timezone: str = "UTC"
    only_mentions: bool = False

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        zone_named(value)
        return value


class _Polled(LiveSpec):
    """Looked at again and again.

    Attributes:
        url: http or https.
        every_s: the shortest time between two looks; a source that brings little is looked at less often.
        at_least_every_s: the longest.
        headers: sent with each request; `${NAME}` is an environment variable, `${file:PATH}` a file.
        robots: whether robots.txt is obeyed; false only where the publisher's terms offer the address to programs.
    """

    url: str
    every_s: float = Field(default=300.0, ge=10.0, le=86_400.0)
    at_least_every_s: float = Field(default=3_600.0, ge=10.0, le=86_400.0)
    headers: dict[str, str] = Field(default_factory=dict)
    robots: bool = True

    @field_validator("url")
    @classmethod
    def _web(cls, value: str) -> str:
        return _address(value, {"http", "https"})

    @model_validator(mode="after")
    def _bounds(self) -> _Polled:
        if self.at_least_every_s < self.every_s:
            raise ValueError("at_least_every_s is below every_s")
        return self


class RssSource(_Polled):
    """RSS, Atom or RDF."""

    kind: Literal["rss"]


class Paging(_Entry):
    """How an API hands out what does not fit one answer.

    Attributes:
        next: JMESPath of what leads on: a cursor, or a whole address.
        parameter: the query parameter that takes the cursor; empty = `next` is an address of the same host.
        pages_max: at most this many answers per look.
    """

    next: str
    parameter: str = ""
    pages_max: int = Field(default=20, ge=1, le=1_000)

    @field_validator("next")
    @classmethod
    def _path(cls, value: str) -> str:
        return _expression(value)


class Since(_Entry):
    """How an API is asked for what is new: the newest published time seen, less `overlap_s`.

    Attributes:
        parameter: the query parameter that takes it.
        form: seconds, milliseconds, ISO 8601, or a day.
        overlap_s: asked for again, for items that are published late; what is known already is left out.
    """

    parameter: str
    form: Literal["s", "ms", "iso", "day"] = "iso"
    overlap_s: float = Field(default=600.0, ge=0.0)


class JsonSource(_Polled):
    """An API that answers JSON.

    Attributes:
        parameters: of the query; values may hold secrets as headers may.
        items: JMESPath of the list of items.
        map: our field -> JMESPath within an item.
    """

    kind: Literal["json"]
    parameters: dict[str, str] = Field(default_factory=dict)
    items: str = "@"
    map: dict[str, str]
    paging: Paging | None = None
    since: Since | None = None
    robots: bool = False  # an API is made for programs

    @field_validator("items")
    @classmethod
    def _items(cls, value: str) -> str:
        return _expression(value)

    @field_validator("map")
    @classmethod
    def _fields(cls, value: dict[str, str]) -> dict[str, str]:
        return {field: _expression(path) for field, path in _mapping(value).items()}


class WebSocketSource(LiveSpec):
    """A stream of JSON messages.

    Attributes:
        url: ws or wss.
        preset: `jetstream` fills in the mapping, filter and cursor of Bluesky's Jetstream.
        subscribe: messages sent after connecting; may hold secrets as headers may.
        items: JMESPath of the items in a message.
        where: JMESPath that is true for the items wanted.
        cursor: JMESPath of the cursor in a message.
        cursor_parameter: the query parameter that takes it when the connection is made again.
        rewind: how far a numeric cursor is set back then, in its own unit; what is known already is left out.
        quiet_s: after so long without any message the connection is made anew.
    """

    kind: Literal["websocket"]
    url: str
    preset: Literal["", "jetstream"] = ""
    headers: dict[str, str] = Field(default_factory=dict)
    subscribe: list[str] = Field(default_factory=list)
    items: str = "@"
    map: dict[str, str] = Field(default_factory=dict)
    where: str = ""
    cursor: str = ""
    cursor_parameter: str = ""
    rewind: int = Field(default=0, ge=0)
    quiet_s: float = Field(default=60.0, ge=5.0)

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("preset") == "jetstream":
            return JETSTREAM | values
        return values

    @field_validator("url")
    @classmethod
    def _web(cls, value: str) -> str:
        return _address(value, {"ws", "wss"})

    @field_validator("items", "where", "cursor")
    @classmethod
    def _paths(cls, value: str) -> str:
        return _expression(value) if value else value

    @field_validator("map")
    @classmethod
    def _fields(cls, value: dict[str, str]) -> dict[str, str]:
        return {field: _expression(path) for field, path in _mapping(value).items()}

    @model_validator(mode="after")
    def _mapped(self) -> WebSocketSource:
        _mapping(self.map)
        return self


class PushSource(LiveSpec):
    """Others bring their documents: `POST /v1/documents`.

    Attributes:
        senders: name -> token, a secret as in headers; a sender's name is the source of its documents.
    """

    kind: Literal["push"]
    host: str = "127.0.0.1"
    port: int = Field(default=8710, ge=0, le=65_535)
    senders: dict[str, str] = Field(min_length=1)

    @field_validator("senders")
    @classmethod
    def _names(cls, value: dict[str, str]) -> dict[str, str]:
        for name, token in value.items():
            if not name or len(name) > 64 or "/" in name:
                raise ValueError(f"{name!r} is no name of a sender")
            if "${" not in token:
                raise ValueError(f"the token of {name!r} stands in the file; write ${{NAME}} and set that variable")
        return value


# docs.bsky.app, Jetstream: time_us is the cursor; set back by five seconds, as its README advises.
JETSTREAM: dict[str, Any] = {
    "documents": "comment",
    "where": "kind == 'commit' && commit.operation == 'create' && commit.collection == 'app.bsky.feed.post'",
    "map": {
        "id": "join('/', [did, commit.collection, commit.rkey])",
        "url": "join('', ['https://bsky.app/profile/', did, '/post/', commit.rkey])",
        "body": "commit.record.text",
        "time": "commit.record.createdAt",
        "author": "did",
        "lang": "commit.record.langs[0]",
    },
    "cursor": "time_us",
    "cursor_parameter": "cursor",
    "rewind": 5_000_000,
}

SourceSpec = ReplaySource | RssSource | JsonSource | WebSocketSource | PushSource
KINDS: dict[str, type[SourceSpec]] = {
    "replay": ReplaySource,
    "rss": RssSource,
    "json": JsonSource,
    "websocket": WebSocketSource,
    "push": PushSource,
}


def _mapping(value: dict[str, str], *, needs_time: bool = False) -> dict[str, str]:
    unknown = sorted(set(value) - set(FIELDS))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no field of a document; the fields are {', '.join(FIELDS)}")
    if needs_time and "time" not in value:
        raise ValueError("needs `time`, and `title` or `body`")
    if not {"title", "body"} & set(value):
        raise ValueError("needs `title` or `body`" if not needs_time else "needs `time`, and `title` or `body`")
    return value


def _expression(path: str) -> str:
    try:
        jmespath.compile(path)
    except (JMESPathError, TypeError) as error:
        raise ValueError(f"{path!r} is no JMESPath: {' '.join(str(error).split())[:160]}") from error
    return path


def _address(value: str, schemes: set[str]) -> str:
    try:
        parts = urlsplit(value)
        port_is_readable = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_readable = urlsplit(""), False
    if parts.scheme not in schemes or not parts.hostname or not port_is_readable:
        raise ValueError(
            f"{value!r} is no address that begins with {' or '.join(f'{one}://' for one in sorted(schemes))}"
        )
    if parts.username or parts.password:
        raise ValueError("a name or password stands in the address; send it as a header with ${NAME}")
    return value


def _time_ms(value: object) -> int:
    when = parse_time_ms(value)
    if when is None:
        raise ValueError(f"{value!r} is no time; write one like 2022-11-05T00:00:00Z")
    return when
