"""How a message looks on the wire: JSON value, `schema` header, one header per hop time.

Hop headers are `hop.NAME` = milliseconds UTC in decimal: fetch, publish, queue, tokenise, infer, count, decide, notify.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import orjson
from pydantic import ValidationError

from contracts.errors import Rejected
from contracts.messages import Message

Headers = Sequence[tuple[str, bytes]]
M = TypeVar("M", bound=Message)

SCHEMA_HEADER = "schema"
ORIGIN_HEADER = "origin"  # `partition:offset` of the document that a score belongs to
SOURCE_HEADER = "source"  # which source of sources.yaml a document came through: its next owner reads it back
HOP_PREFIX = "hop."
VALUE_MAX_BYTES = 1024 * 1024  # beyond this a message is refused unread: a 5 MB text is nobody's headline


def encode(message: Message) -> bytes:
    """The JSON value."""
    return orjson.dumps(message.model_dump(mode="json"))


def headers(message: Message, hops: dict[str, int] | None = None) -> list[tuple[str, bytes]]:
    """The headers that go with `encode(message)`.

    Args:
        message: what is sent.
        hops: hop name -> milliseconds UTC.
    """
    out = [(SCHEMA_HEADER, message.SCHEMA.encode())]
    out += [(f"{HOP_PREFIX}{name}", str(ms).encode()) for name, ms in (hops or {}).items()]
    return out


def hops(received: Iterable[tuple[str, bytes]] | None) -> dict[str, int]:
    """Hop times found in received headers; unreadable ones are left out, since they are only for watching."""
    out: dict[str, int] = {}
    for name, value in received or ():
        if name.startswith(HOP_PREFIX) and value.isdigit():
            out[name.removeprefix(HOP_PREFIX)] = int(value)
    return out


def decode(model: type[M], value: bytes | None, received: Iterable[tuple[str, bytes]] | None = None) -> M:
    """A message from the wire.

    Raises:
        Rejected: with reason `empty_value`, `too_large`, `version` (another schema than `model`'s), `undecodable` (no
            JSON, or not UTF-8) or `schema` (JSON that breaks the model; the detail names the field).
    """
    if not value:
        raise Rejected("empty_value", "the message has no value")
    if len(value) > VALUE_MAX_BYTES:
        raise Rejected("too_large", f"{len(value)} bytes, the limit is {VALUE_MAX_BYTES}")
    for name, content in received or ():
        if name == SCHEMA_HEADER and content.decode("ascii", "replace") != model.SCHEMA:
            raise Rejected("version", f"schema {content[:64]!r}, this release reads {model.SCHEMA}")
    try:
        data = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Rejected("undecodable", str(error)) from error
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "message"
        raise Rejected("schema", f"{place}: {first['msg']}") from error
