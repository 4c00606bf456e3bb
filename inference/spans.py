"""Where a document's mentions are in the text that the model reads: spans followed through cleaning and composing."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inference.encode import ADDRESS, characters_read, clean, joint

Span = tuple[int, int]

# What html.unescape replaces, piece by piece (the pattern of CPython's html module).
_REFERENCE = re.compile(r"&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)")


@dataclass(frozen=True, slots=True)
class Composed:
    """A document as the model reads it.

    Attributes:
        mentions: per mention of the document, its spans [start, end) in `text`; none where all lay in what was cut.
    """

    text: str
    mentions: tuple[tuple[Span, ...], ...]


def compose_with_mentions(title: str, body: str, max_tokens: int, mentions: Sequence[Sequence[Span]]) -> Composed:
    """`inference.encode.compose`, and where the mentions went.

    Args:
        title: of the document, as it came.
        body: of the document, as it came.
        max_tokens: of the model.
        mentions: per mention its spans in title + newline + body. A span that crosses from one to the other, or that
            was partly cut off, is lost.

    >>> compose_with_mentions("FTX &amp; Co", "FTX  fell", 96, [[(0, 3), (13, 16)], [(18, 22)]])
    Composed(text='FTX & Co. FTX fell', mentions=(((0, 3), (10, 13)), ((14, 18),)))
    """
    budget = characters_read(max_tokens)
    head, head_origins = _followed(title[:budget])
    rest, rest_origins = _followed(body[:budget])
    between = joint(head, rest)
    start_of_rest = len(head) + len(between)
    text = (head + between + rest)[:budget]

    def moved(span: Span) -> Span | None:
        start, end = span
        if end <= len(title):
            found, shift, whole = _covered(head_origins, start, end), 0, end <= budget
        else:
            start, end = start - len(title) - 1, end - len(title) - 1
            found, shift, whole = _covered(rest_origins, start, end), start_of_rest, start >= 0 and end <= budget
        if found is None or not whole or found[1] + shift > len(text):
            return None
        return found[0] + shift, found[1] + shift

    return Composed(text, tuple(tuple(s for s in map(moved, spans) if s is not None) for spans in mentions))


def _followed(text: str) -> tuple[str, Sequence[int]]:
    """The cleaned text, and for each of its characters the place of the one it came from."""
    cleaned = clean(text)
    if cleaned == text:
        return text, range(len(text))
    plain, origins = _replaced(_REFERENCE, lambda m: html.unescape(m[0]), text, list(range(len(text))))
    plain = "".join("?" if "\ud800" <= letter <= "\udfff" else letter for letter in plain)
    plain, origins = _replaced(ADDRESS, lambda _: " ", plain, origins)
    kept: list[int] = []
    for word in re.finditer(r"\S+", plain):
        if kept:
            kept.append(origins[word.start() - 1])
        kept += origins[word.start() : word.end()]
    return cleaned, kept


def _replaced(
    pattern: re.Pattern[str], by: Callable[[re.Match[str]], str], text: str, origins: list[int]
) -> tuple[str, list[int]]:
    parts: list[str] = []
    places: list[int] = []
    last = 0
    for found in pattern.finditer(text):
        new = by(found)
        parts += [text[last : found.start()], new]
        places += origins[last : found.start()]
        # A reference that is none stays as it is, letter for letter.
        places += origins[found.start() : found.end()] if new == found[0] else [origins[found.start()]] * len(new)
        last = found.end()
    return "".join([*parts, text[last:]]), places + origins[last:]


def _covered(origins: Sequence[int], start: int, end: int) -> Span | None:
    """The places of the first to the last character that came from start..end."""
    if isinstance(origins, range):
        return (start, end) if 0 <= start < end <= len(origins) else None
    places = [place for place, origin in enumerate(origins) if start <= origin < end]
    return (places[0], places[-1] + 1) if places else None
