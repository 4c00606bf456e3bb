"""What of an item that could not become a document is kept for the person who looks: never an author, nor personal data. Pure."""

from __future__ import annotations

import orjson

from ingest.normalise import Item
from text.masking import mask


def raw_of(item: Item) -> bytes:
    """The item as JSON, its comment masked."""
    comment = item.kind.strip().lower() == "comment"
    kept = {
        "source": item.source,
        "id": item.id,
        "url": item.url,
        "published": str(item.published) if item.published is not None else None,
        "title": mask(item.title)[0] if comment else item.title,
        "body": mask(item.body)[0] if comment else item.body,
        "lang": item.lang,
        "kind": item.kind,
    }
    return orjson.dumps({name: value for name, value in kept.items() if value not in (None, "")})
