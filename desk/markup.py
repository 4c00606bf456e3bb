"""Text from the open web, made safe to show. Pure.

Templates escape everything by themselves; here are the two places where that is not enough: marks inside a text, and links.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from markupsafe import Markup, escape


def highlighted(text: str, spans: Sequence[tuple[int, int]]) -> Markup:
    """The text with its spans in `<mark>`. Every piece is escaped; spans that overlap or leave the text are trimmed.

    >>> highlighted("a <b> c", [(2, 5)])
    Markup('a <mark>&lt;b&gt;</mark> c')
    """
    out, at = Markup(), 0
    for start, end in sorted(spans):
        first, last = max(start, at), min(end, len(text))
        if first >= last:
            continue
        out += escape(text[at:first]) + Markup("<mark>") + escape(text[first:last]) + Markup("</mark>")
        at = last
    return out + escape(text[at:])


def web_link(url: str | None) -> str | None:
    """The url when it is plainly http or https, else None: `javascript:` and its kind never become links.

    >>> web_link("https://example.org/a"), web_link("javascript:alert(1)"), web_link("//example.org")
    ('https://example.org/a', None, None)
    """
    if not url or any(character <= " " for character in url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme.lower() in {"http", "https"} and parts.hostname else None
