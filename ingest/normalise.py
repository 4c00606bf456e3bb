"""From what a source gave to the fields of a document: pure.

Nothing is dropped in silence: every change has a reason, returned beside the draft, and the shell counts it. Reasons:

| reason | what happened |
|---|---|
| `truncated` | the body was cut to 20,000 characters (flag) |
| `title_truncated` | the title was cut to 1,000 characters (flag) |
| `future_dated` | published over 5 minutes after the fetch: the fetch time stands (flag) |
| `undated` | no time that can be read: the fetch time stands (flag) |
| `implausible_date` | before 1990: kept, and so counted as late beyond the baseline (flag) |
| `url_dropped` | no http(s) address |
| `markup` | HTML, control characters or spacing were taken out |
| `lang_detected` | the source named no language |
| `masked_mail`, `masked_phone`, `masked_id`, `masked_card`, `masked_account` | personal data in a comment (`text.masking`) |

An author is a keyed hash, HMAC-SHA256 with the key of TOCSIN_INGEST__AUTHOR_KEY (or ..._FILE). To rotate the key, set the new
one and restart ingest: from then on every author is a new one, so that counts of distinct authors begin again, and the old
hashes can be told from a name by nobody once the old key is destroyed. There is no need to stop at a certain time, and no
second key: a hash is used within 24 hours (authors behind an alert) and never to find a person.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from contracts.clock import MINUTE_MS
from contracts.errors import Rejected
from contracts.messages import BODY_MAX_CHARACTERS
from ingest.dates import parse_time_ms
from text.language import language
from text.masking import mask
from text.normalise import canonical_url, clean, one_line

TITLE_MAX_CHARACTERS = 1_000
RAW_MAX_CHARACTERS = 400_000  # beyond this even markup is not read: the body is cut at 20,000 anyway
FUTURE_TOLERANCE_MS = 5 * MINUTE_MS
PLAUSIBLE_FROM_MS = 631_152_000_000  # 1990-01-01: the web has nothing older
NAME_MAX_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Item:
    """What a source gave, field by field, unchanged.

    Attributes:
        source: who published it, as series and evidence show it.
        id: the source's own id.
        published: a time in any dialect of `ingest.dates`, or None.
        fetched_ms: when it was fetched, milliseconds UTC; in a replay the published time.
        entities: entities that the source itself names (`AAPL|GOOG`).
        zone: IANA name of the zone in which its times without one lie.
    """

    source: str
    fetched_ms: int
    published: object = None
    id: str = ""
    url: str = ""
    title: str = ""
    body: str = ""
    author: str = ""
    lang: str = ""
    kind: str = ""
    entities: tuple[str, ...] = ()
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Draft:
    """A normalised item: a document that is not yet linked and has no story. Fields as in `contracts.Document`."""

    id: str
    source: str
    kind: Literal["news", "comment"]
    lang: str
    title: str
    body: str
    url: str | None
    author: str | None
    published_ms: int
    fetched_ms: int
    flags: tuple[str, ...]
    entities: tuple[str, ...]


def item_from(values: Mapping[str, Any], *, source: str, fetched_ms: int | None, zone: str = "UTC") -> Item:
    """An item from a row whose columns bear the names of a mapping: time, source, title, body, id, url, ...

    Args:
        values: column -> value; None and missing are the same.
        source: the name when the row has none.
        fetched_ms: when it was fetched; in a replay as `survey.FetchTimes` says, None when the row has no time.
        zone: where times without a zone lie.

    Raises:
        Rejected: `time` when a replayed row has no time that can be read, and so no place in the replay.
    """
    when = values.get("time")
    if fetched_ms is None:
        raise Rejected("time", f"{str(when)[:64]!r} is no time that can be read")

    def text(name: str) -> str:
        value = values.get(name)
        return "" if value is None else value if isinstance(value, str) else str(value)

    entities = values.get("entity")
    named = entities if isinstance(entities, list) else text("entity").replace(";", "|").split("|")
    return Item(
        source=one_line(text("source"))[:NAME_MAX_CHARACTERS] or source,
        fetched_ms=fetched_ms,
        published=when,
        id=text("id").strip(),
        url=text("url"),
        title=text("title"),
        body=text("body"),
        author=text("author"),
        lang=text("lang"),
        kind=text("kind"),
        entities=tuple(name for name in (one_line(str(part)) for part in named) if name),
        zone=zone,
    )


def normalise(item: Item, author_key: bytes) -> tuple[Draft, list[str]]:
    """The draft of an item, and the reasons of what was changed.

    Args:
        item: as the source gave it.
        author_key: key of the hash that stands for an author.

    Raises:
        Rejected: `empty` when neither title nor body holds a visible character.
    """
    changes: list[str] = []
    flags: list[str] = []

    title, body = one_line(item.title[:RAW_MAX_CHARACTERS]), clean(item.body[:RAW_MAX_CHARACTERS])
    if title != item.title or body != item.body:
        changes.append("markup")
    kind: Literal["news", "comment"] = "comment" if item.kind.strip().lower() == "comment" else "news"
    if kind == "comment":
        title, body = _masked(title, changes), _masked(body, changes)
    if len(title) > TITLE_MAX_CHARACTERS:
        title = title[:TITLE_MAX_CHARACTERS].rstrip()
        flags.append("title_truncated")
    if len(body) > BODY_MAX_CHARACTERS:
        body = body[:BODY_MAX_CHARACTERS].rstrip()
        flags.append("truncated")
    if not any(character.isprintable() and not character.isspace() for character in title + body):
        raise Rejected("empty", "neither title nor body holds any text")

    published_ms = _published(item, flags)
    url = canonical_url(item.url) if item.url.strip() else None
    if url is None and item.url.strip():
        changes.append("url_dropped")
    lang = item.lang.strip().lower().replace("_", "-").partition("-")[0]
    if not (lang.isascii() and lang.isalpha() and len(lang) == 2):
        lang = language(f"{title}\n{body}")
        changes.append("lang_detected")

    draft = Draft(
        id=document_id(item.source, own_id=item.id, url=url, published_ms=published_ms, title=title or body),
        source=item.source,
        kind=kind,
        lang=lang,
        title=title,
        body=body,
        url=url,
        author=author_hash(item.source, item.author, author_key),
        published_ms=published_ms,
        fetched_ms=item.fetched_ms,
        flags=tuple(flags),
        entities=item.entities,
    )
    return draft, changes + flags


def _masked(text: str, changes: list[str]) -> str:
    masked, found = mask(text)
    changes += [f"masked_{kind}" for kind in found]
    return masked


def _published(item: Item, flags: list[str]) -> int:
    published_ms = parse_time_ms(item.published, item.zone)
    if published_ms is None:
        flags.append("undated")
        return item.fetched_ms
    if published_ms > item.fetched_ms + FUTURE_TOLERANCE_MS:
        flags.append("future_dated")
        return item.fetched_ms
    if published_ms < PLAUSIBLE_FROM_MS:
        flags.append("implausible_date")
    return published_ms


def document_id(source: str, *, own_id: str, url: str | None, published_ms: int, title: str) -> str:
    """128-bit hash of the source and its own id, else the canonical address, else time and title; 32 digits.

    An item that is fetched again, or replayed from the same file, has the same id.
    """
    if own_id:
        known: tuple[str, ...] = ("id", own_id)
    elif url:
        known = ("url", url)
    else:
        known = ("item", f"{published_ms}", title)
    digest = hashlib.blake2b(digest_size=16)
    for part in (source, *known):
        content = part.encode("utf-8", "replace")
        digest.update(len(content).to_bytes(4, "big") + content)  # lengths keep ("ab", "c") apart from ("a", "bc")
    return digest.hexdigest()


def author_hash(source: str, author: str, key: bytes) -> str | None:
    """What stands for an author: HMAC-SHA256 of source and name, 32 digits; None without an author.

    Without the key nobody can tell whether a given name is behind a hash. A new key makes new authors of all.
    """
    name = one_line(author)
    if not name:
        return None
    return hmac.new(key, f"{source}\n{name}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]
