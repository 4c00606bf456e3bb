"""A feed's bytes to items: RSS 0.9 to 2.0, RDF, Atom, CDF, whole or broken. Pure.

feedparser reads the dialects and mends what is broken; what it must not do is taken from it: it is given bytes, never an
address, and no document type with entities reaches it, so that none can grow (billion laughs) or name a file.
"""

from __future__ import annotations

import calendar
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import feedparser

from ingest.dates import parse_time_ms
from ingest.normalise import Item
from ingest.port import SourceTrouble

ITEMS_MAX = 1_000  # of one feed; what lies below them was in an earlier answer
TTL_MAX_S = 24 * 3600.0
_ENTITIES = re.compile(rb"<!DOCTYPE[^>\[]*\[.*?\]\s*>", re.DOTALL | re.IGNORECASE)
_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_HTML = re.compile(rb"^\s*(?:<!doctype\s+html|<html[\s>])", re.IGNORECASE)
# What the publisher's template adds to every item.
_BOILERPLATE = re.compile(
    r"(?:<p>)?\s*The post\s+<a [^>]*>.{0,400}?</a>\s+(?:first )?appeared (?:first )?on\s+"
    r"<a [^>]*>.{0,200}?</a>\.?\s*(?:</p>)?\s*$"
    r"|<a [^>]*>\s*(?:Read more|Continue reading|Full story|阅读全文|查看全文|閱讀全文)[^<]{0,200}</a>\s*(?:</p>)?\s*$"
    r"|(?:\[(?:&#8230;|&hellip;|…|\.\.\.)\])\s*(?:</p>)?\s*$",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed that was read.

    Attributes:
        items: the oldest first: feeds begin with the newest.
        ttl_s: how long it asks to be left alone, 0 = it does not say.
        broken: what is wrong with it although it could be read; empty when it is well formed.
    """

    items: list[Item]
    ttl_s: float
    broken: str


def read_feed(
    body: bytes, headers: Mapping[str, str], *, source: str, fetched_ms: int, zone: str, lang: str, kind: str
) -> Feed:
    """The items of a feed.

    Args:
        body: as it came, unpacked.
        headers: of the answer; the character set may be in them, and what they say may be wrong.
        source: the name of the source.
        fetched_ms: when it was fetched.
        zone: where times without a zone lie.
        lang: of its items; empty = what the feed says, else it is detected.
        kind: news or comment.

    Raises:
        SourceTrouble: `no_feed` when nothing in it can be read as a feed.
    """
    if not body.strip():
        raise SourceTrouble("no_feed", "the answer is empty")
    if _HTML.match(body[:4096]):
        raise SourceTrouble("no_feed", "the answer is a web page, not a feed")
    if _ENTITY.search(body[:1_000_000]):
        body = _ENTITIES.sub(b"", body, count=1)
        if _ENTITY.search(body):
            raise SourceTrouble("no_feed", "the feed declares entities where none may be declared")
    known = {
        name.lower(): value for name, value in headers.items() if name.lower() in {"content-type", "content-language"}
    }
    parsed = feedparser.parse(io.BytesIO(body), response_headers=known)
    if not parsed.entries and not parsed.version:
        why = str(parsed.get("bozo_exception", "no item and no title")).strip() or "no item and no title"
        raise SourceTrouble("no_feed", f"nothing in the answer can be read as a feed: {why[:200]}")
    spoken = lang or str(parsed.feed.get("language", ""))
    items = [
        _item(entry, source=source, fetched_ms=fetched_ms, zone=zone, lang=spoken, kind=kind)
        for entry in parsed.entries[:ITEMS_MAX]
    ]
    items.reverse()
    broken = str(parsed.get("bozo_exception", "broken XML"))[:200] if parsed.get("bozo") else ""
    return Feed(items, _ttl_s(parsed.feed.get("ttl")), broken)


def _item(entry: Any, *, source: str, fetched_ms: int, zone: str, lang: str, kind: str) -> Item:
    contents = [str(part.get("value", "")) for part in entry.get("content", [])]
    summary = str(entry.get("summary", ""))
    body = max([summary, *contents], key=len)
    return Item(
        source=source,
        fetched_ms=fetched_ms,
        published=_when(entry),
        zone=zone,
        id=str(entry.get("id", "")),
        url=str(entry.get("link", "")),
        title=str(entry.get("title", "")),
        body=_BOILERPLATE.sub("", body),
        author=str(entry.get("author", "")),
        lang=lang,
        kind=kind,
    )


def _when(entry: Any) -> object:
    """The published time as it was written; where only feedparser can read it, in seconds."""
    for name in ("published", "updated", "created"):
        written = entry.get(name)
        if written and parse_time_ms(written) is not None:
            return written
        read = entry.get(f"{name}_parsed")
        if read:
            return calendar.timegm(read)
    return entry.get("published") or entry.get("updated")


def _ttl_s(minutes: object) -> float:
    text = str(minutes or "").strip()
    return min(float(text) * 60.0, TTL_MAX_S) if text.isdigit() else 0.0
