"""Finds the entities of the watchlist in a text: pure.

1. Every name, alias and ticker is searched at once (Aho-Corasick) in the text with case, widths and quotes folded.
2. A hit must stand alone: a letter or digit may not touch a letter or digit of it. Chinese and Japanese have no such
   boundary, so there any place counts.
3. Names of at most five letters all in capitals (FTX, UBS), tickers and cashtags count only as written. A ticker of one
   or two letters, or of digits alone, counts only as `$C`, `NYSE: C`, `(C)`, `C.N`; none counts bare in a line of capitals.
4. An ambiguous name counts only near its `near` words and away from its `not_near` words, anywhere in the text;
   a ticker marked as one is never ambiguous.
5. Where hits overlap the longest stands: in "Bitcoin Cash" there is no Bitcoin.
6. Relevance 0 to 100: 50 for the title, up to 25 for an early first place, up to 25 for the share of all mentions.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import ahocorasick

from contracts.messages import Mention
from contracts.watchlist import WatchedEntity

TITLE_POINTS = 50
POSITION_POINTS = 25
SHARE_POINTS = 25
DECLARED_RELEVANCE = 100  # the source itself says what its item is about
SPANS_MAX = 50
SHORT_CAPITALS = 5

_QUOTES = {
    ord("\u2018"): "'",
    ord("\u2019"): "'",
    ord("\u02bc"): "'",
    ord("\u2010"): "-",
    ord("\u2011"): "-",
    ord("\u00a0"): " ",
}
_WIDTHS = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {0x3000: " "}
_FOLD = _QUOTES | _WIDTHS
_EXCHANGES = (
    "AMEX|ASX|BIT|BME|BSE|EPA|ETR|Euronext|EURONEXT|FRA|HK|HKEX|HKG|KRX|LON|LSE|NASDAQ|Nasdaq|NSE|NYSE|OTC|OTCMKTS|SEHK|SGX"
    "|SH|SIX|SSE|STO|SWX|SZ|SZSE|TSE|TSX|TYO|XETRA"
)
_MARKED_BEFORE = re.compile(rf"(?:\$|\b(?:{_EXCHANGES}): ?|[(\uff08])$")
_MARKED_AFTER = re.compile(r"\.[A-Z]{1,2}\b|[)\uff09]")
_SLUG = re.compile(r"[^a-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class _Term:
    """One way to write an entity, or a word that must or must not stand near it."""

    entity: int
    written: str
    kind: str  # name, ticker, near, not_near
    exact: bool


@dataclass(frozen=True, slots=True)
class _Hit:
    start: int
    end: int
    entity: int
    marked: bool


class Linker:
    """A watchlist made searchable. Building takes about a second per 100,000 names; linking mutates nothing."""

    def __init__(self, watchlist: Sequence[WatchedEntity]) -> None:
        self._entities = tuple(watchlist)
        self._by_name: dict[str, WatchedEntity] = {}
        terms: dict[str, list[_Term]] = defaultdict(list)
        for number, entity in enumerate(self._entities):
            for written in dict.fromkeys((entity.id, entity.name, *entity.tickers, *entity.aliases)):
                self._by_name.setdefault(_fold(written), entity)
            for term in _terms(number, entity):
                terms[_fold(term.written)].append(term)
        self._automaton = ahocorasick.Automaton()
        for folded, ways in terms.items():
            self._automaton.add_word(folded, (len(folded), tuple(ways)))
        if terms:
            self._automaton.make_automaton()
        self._empty = not terms

    def link(self, title: str, body: str = "", declared: Iterable[str] = ()) -> list[Mention]:
        """The mentions in a document, the most relevant first.

        Args:
            title: one line.
            body: may be empty.
            declared: entities that the source itself names: an id, name or ticker of the watchlist; what is not on it
                becomes an entity of its own, named in lower case.
        """
        text = f"{title}\n{body}" if body else title
        mentions = self._mentions(text, len(title))
        for name in declared:
            entity = self._by_name.get(_fold(name))
            key = entity.id if entity else _SLUG.sub("-", name.lower()).strip("-.")
            if not key:
                continue
            found = mentions.get(key)
            mentions[key] = Mention(
                entity=key,
                spans=found.spans if found else [],
                relevance=DECLARED_RELEVANCE,
                session=entity.session if entity else "global",
            )
        return sorted(mentions.values(), key=lambda mention: (-mention.relevance, mention.entity))

    def _mentions(self, text: str, title_end: int) -> dict[str, Mention]:
        spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
        hits = _longest(self._hits(text))
        for hit in hits:
            spans[hit.entity].append((hit.start, hit.end))
        out: dict[str, Mention] = {}
        for number, places in spans.items():
            first = places[0][0]
            points = SHARE_POINTS * len(places) / len(hits) + POSITION_POINTS * (1 - first / len(text))
            if first < title_end:
                points += TITLE_POINTS
            entity = self._entities[number]
            out[entity.id] = Mention(
                entity=entity.id, spans=places[:SPANS_MAX], relevance=min(100, round(points)), session=entity.session
            )
        return out

    def _hits(self, text: str) -> list[_Hit]:
        if self._empty:
            return []
        hits: list[tuple[_Hit, bool]] = []
        near: set[int] = set()
        not_near: set[int] = set()
        for last, (length, ways) in self._automaton.iter(_fold(text)):
            start, end = last + 1 - length, last + 1
            if not _stands_alone(text, start, end):
                continue
            for term in ways:
                if term.exact and text[start:end].translate(_FOLD) != term.written.translate(_FOLD):
                    continue
                if term.kind == "near":
                    near.add(term.entity)
                elif term.kind == "not_near":
                    not_near.add(term.entity)
                elif term.kind == "name":
                    hits.append((_Hit(start, end, term.entity, marked=False), False))
                else:
                    marked = _is_marked(text, start, end)
                    if marked or _may_stand_bare(term.written, text, start, end):
                        hits.append((_Hit(start, end, term.entity, marked), True))
        return [hit for hit, _ in hits if hit.marked or self._is_meant(hit.entity, near, not_near)]

    def _is_meant(self, number: int, near: set[int], not_near: set[int]) -> bool:
        if number in not_near:
            return False
        return not self._entities[number].near or number in near


def _terms(number: int, entity: WatchedEntity) -> list[_Term]:
    names = [
        _Term(number, name, "name", exact=len(name) <= SHORT_CAPITALS and name.isascii() and name.upper() == name)
        for name in dict.fromkeys((entity.name, *entity.aliases))
    ]
    tickers = [
        _Term(number, ticker.removeprefix("$"), "ticker", exact=True) for ticker in dict.fromkeys(entity.tickers)
    ]
    context = [_Term(number, word, "near", exact=False) for word in entity.near]
    context += [_Term(number, word, "not_near", exact=False) for word in entity.not_near]
    return [term for term in names + tickers + context if term.written.strip()]


def _fold(text: str) -> str:
    """Lower case, half width, straight quotes; as many characters as before, so that places stay true."""
    folded = text.translate(_FOLD)
    lower = folded.lower()
    if len(lower) == len(folded):
        return lower
    return "".join(small if len(small := character.lower()) == 1 else character for character in folded)


def _joins(character: str) -> bool:
    """Whether a character sticks to a letter beside it; Han and kana stick to nothing."""
    if character.isascii():
        return character.isalnum() or character == "_"
    return character.isalnum() and unicodedata.category(character) != "Lo"


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = start > 0 and _joins(text[start - 1]) and _joins(text[start])
    after = end < len(text) and _joins(text[end]) and _joins(text[end - 1])
    return not (before or after)


def _is_marked(text: str, start: int, end: int) -> bool:
    """Whether a ticker is written as one: `$C`, `NYSE: C`, `(C)`, `C.N`."""
    before = _MARKED_BEFORE.search(text[max(0, start - 12) : start])
    after = _MARKED_AFTER.match(text, end)
    if before and before.group()[-1] in "(\uff08":
        return bool(after)
    return bool(before) or bool(after and after.group()[0] == ".")


def _may_stand_bare(ticker: str, text: str, start: int, end: int) -> bool:
    if len(ticker) <= 2 or ticker.isdigit():
        return False
    line = text[text.rfind("\n", 0, start) + 1 : start] + text[end:].partition("\n")[0]
    # In a line of capitals every word looks like a ticker.
    return any(character.islower() for character in line) or not any(character.isalpha() for character in line)


def _longest(hits: list[_Hit]) -> list[_Hit]:
    """Hits without those that lie within or across a longer one, in order of place; equal spans of two entities stay."""
    taken: dict[tuple[int, int, int], _Hit] = {}
    spans: set[tuple[int, int]] = set()
    covered: set[int] = set()
    for hit in sorted(hits, key=lambda hit: (hit.start - hit.end, hit.start, hit.entity)):
        span = (hit.start, hit.end)
        if span not in spans:
            places = range(hit.start, hit.end)
            if not covered.isdisjoint(places):
                continue
            spans.add(span)
            covered.update(places)
        taken[*span, hit.entity] = hit
    return [taken[key] for key in sorted(taken)]
