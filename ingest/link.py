"""Finds the entities of the watchlist in a text: pure.

1. Every name, alias, product and ticker is searched at once (Aho-Corasick) in the text with case, widths and quotes folded.
2. A hit must stand alone: a letter or digit may not touch a letter or digit of it. Chinese and Japanese have no such
   boundary, so there any place counts.
3. Names of at most five letters all in capitals (FTX, UBS), tickers and codes count only as written (`link_codes`).
4. Where hits overlap the longest stands: in "Bitcoin Cash" there is no Bitcoin.
5. In a line in sentence case, a one-word name beside another capitalised word is part of a longer name that nobody
   watches ("Ford Foundation"), unless that word is the entity's own or says what it is (Inc, CEO).
6. An ambiguous name (`ambiguous`; all names where `near` or `not_near` is given without it) counts where the text also
   has a sure name or a marked ticker of the entity, or a legal form behind it ("Gap Inc"); else only away from its
   `not_near` words, near one of its `near` words if there are any, and never in lower case where it is written with a
   capital. Near is within NEAR_CHARACTERS.
7. Relevance 0 to 100: 50 for the title, up to 25 for an early first place, up to 25 for the share of all mentions. An
   entity's parent is mentioned at half of that, in the same places.
"""

# ruff: noqa: SIM905 - a list of words reads best as words
from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import ahocorasick

from contracts.messages import Mention
from contracts.watchlist import WatchedEntity, watchlist_version
from ingest.link_codes import forms, may_stand

TITLE_POINTS = 50
POSITION_POINTS = 25
SHARE_POINTS = 25
DECLARED_RELEVANCE = 100  # the source itself says what its item is about
SPANS_MAX = 50
SHORT_CAPITALS = 5
NEAR_CHARACTERS = 200

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
_SLUG = re.compile(r"[^a-z0-9_.-]+")
_LEGAL = re.compile(r",? (?:Inc|Corp|Corporation|Co|plc|PLC|Ltd|Limited|AG|SE|SA|NV|ASA|Holdings)\b")
_WORD_AFTER = re.compile(r" ([A-Z][a-z][\w'-]*)")
_WORD_BEFORE = re.compile(r"(?<=[a-z0-9,;:] )([A-Z][a-z][\w-]*) $")
_TITLES = frozenset(
    "CEO CFO Chairman Chief Inc Corp Corporation Co Company Plc Ltd Limited Holdings Holding Group Monday Tuesday Wednesday"
    " Thursday Friday Saturday Sunday January February March April May June July August September October November December"
    " President Director Shares Stock The And Or".split()
)


@dataclass(frozen=True, slots=True)
class _Term:
    """One way to write an entity."""

    entity: int
    written: str
    kind: str  # name, alias, product, ticker
    manner: str  # of a ticker: see link_codes; of a name: sure, ambiguous
    exact: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """A place where a name of the watchlist stands, and what became of it.

    Attributes:
        start: first character in title, newline, body.
        end: behind its last character.
        entity: its id.
        written: the watchlist's name, ticker or code that matched.
        kind: name, alias, product or ticker.
        kept: whether it is a mention.
        rule: what kept or dropped it.
    """

    start: int
    end: int
    entity: str
    written: str
    kind: str
    kept: bool
    rule: str


@dataclass(frozen=True, slots=True)
class _Hit:
    start: int
    end: int
    term: _Term
    rule: str = ""


class Linker:
    """A watchlist made searchable. Building takes about a second per 100,000 names; linking mutates nothing.

    Attributes:
        version: of the watchlist.
    """

    def __init__(self, watchlist: Sequence[WatchedEntity]) -> None:
        self._entities = tuple(watchlist)
        self.version = watchlist_version(self._entities)
        self._number = {entity.id: number for number, entity in enumerate(self._entities)}
        self._by_name: dict[str, WatchedEntity] = {}
        terms: dict[str, list[_Term]] = defaultdict(list)
        near: dict[str, set[int]] = defaultdict(set)
        not_near: dict[str, set[int]] = defaultdict(set)
        for number, entity in enumerate(self._entities):
            for written in dict.fromkeys((entity.id, entity.name, *entity.tickers, *entity.aliases)):
                self._by_name.setdefault(_fold(written.removeprefix("$")), entity)
            for term in _terms(number, entity):
                terms[_fold(term.written)].append(term)
            for words, places in ((entity.near, near), (entity.not_near, not_near)):
                for word in words:
                    places[_fold(word)].add(number)
        self._automaton = ahocorasick.Automaton()
        for folded in terms.keys() | near.keys() | not_near.keys():
            ways = (tuple(terms.get(folded, ())), frozenset(near.get(folded, ())), frozenset(not_near.get(folded, ())))
            self._automaton.add_word(folded, (len(folded), *ways))
        self._empty = not terms
        if terms:
            self._automaton.make_automaton()

    @property
    def entities(self) -> Sequence[WatchedEntity]:
        """Who is found."""
        return self._entities

    def link(self, title: str, body: str = "", declared: Iterable[str] = ()) -> list[Mention]:
        """The mentions in a document, the most relevant first.

        Args:
            title: one line.
            body: may be empty.
            declared: entities that the source itself names: an id, name or ticker of the watchlist; what is not on it
                becomes an entity of its own, named in lower case.
        """
        text = f"{title}\n{body}" if body else title
        mentions = self._mentions(self._findings(text), len(title), len(text))
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

    def explain(self, title: str, body: str = "") -> list[Finding]:
        """Every place where a name of the watchlist stands, kept or not and by which rule, in order of place."""
        found = self._findings(f"{title}\n{body}" if body else title)
        return sorted(found, key=lambda one: (one.start, one.end, one.entity))

    def _mentions(self, findings: Sequence[Finding], title_end: int, length: int) -> dict[str, Mention]:
        spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
        total = 0
        for one in findings:
            if one.kept:
                spans[one.entity].append((one.start, one.end))
                total += 1
        out: dict[str, Mention] = {}
        for key, places in spans.items():
            first = places[0][0]
            points = SHARE_POINTS * len(places) / total + POSITION_POINTS * (1 - first / length)
            if first < title_end:
                points += TITLE_POINTS
            entity = self._entities[self._number[key]]
            out[key] = Mention(
                entity=key, spans=places[:SPANS_MAX], relevance=min(100, round(points)), session=entity.session
            )
        for mention in list(out.values()):
            owner = self._entities[self._number[mention.entity]].parent
            if owner in self._number and owner not in out:
                session = self._entities[self._number[owner]].session
                out[owner] = Mention(
                    entity=owner, spans=mention.spans, relevance=mention.relevance // 2, session=session
                )
        return out

    def _findings(self, text: str) -> list[Finding]:
        if self._empty:
            return []
        hits: list[_Hit] = []
        dropped: list[_Hit] = []
        near: dict[int, list[tuple[int, int]]] = defaultdict(list)
        not_near: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for last, (length, ways, near_of, not_near_of) in self._automaton.iter(_fold(text)):
            start, end = last + 1 - length, last + 1
            if not _stands_alone(text, start, end):
                continue
            for number in near_of:
                near[number].append((start, end))
            for number in not_near_of:
                not_near[number].append((start, end))
            for term in ways:
                if term.exact and text[start:end].translate(_FOLD) != term.written.translate(_FOLD):
                    continue
                if term.kind == "ticker":
                    rule = may_stand(term.manner, text, start, end)
                    ambiguous = rule == "ticker as written" and term.manner == "plain" and self._doubtful(term.entity)
                    hit = _Hit(start, end, replace(term, manner="ambiguous" if ambiguous else "sure"), rule)
                    (hits if rule else dropped).append(hit if rule else replace(hit, rule="not marked as a ticker"))
                else:
                    hits.append(_Hit(start, end, term))
        kept, covered = _longest(hits)
        findings = [self._finding(hit, kept=False) for hit in dropped]
        findings += [self._finding(replace(hit, rule="within a longer name"), kept=False) for hit in covered]
        known = {hit.term.entity for hit in kept if hit.term.manner == "sure"}
        beside = {(hit.term.entity, hit.start) for hit in kept} | {(hit.term.entity, hit.end) for hit in kept}
        for hit in kept:
            keep, rule = self._judge(hit, text, known, near, not_near, beside)
            findings.append(self._finding(replace(hit, rule=rule), kept=keep))
        return findings

    def _doubtful(self, number: int) -> bool:
        entity = self._entities[number]
        return bool(entity.near or entity.not_near) and not entity.ambiguous

    def _judge(
        self,
        hit: _Hit,
        text: str,
        known: set[int],
        near: dict[int, list[tuple[int, int]]],
        not_near: dict[int, list[tuple[int, int]]],
        beside: set[tuple[int, int]],
    ) -> tuple[bool, str]:
        """Whether a hit is meant, and the rule that says so."""
        number = hit.term.entity
        entity = self._entities[number]
        if hit.term.kind != "ticker" and _in_longer_name(text, hit, beside):
            return False, "part of a longer name"
        if hit.term.manner == "sure":
            return True, hit.rule or "name"
        if number in known:
            return True, "a sure name of it is in the text"
        if hit.term.kind != "ticker" and _LEGAL.match(text, hit.end):
            return True, "legal form behind it"
        if _within(hit, not_near.get(number, ())):
            return False, "near a not_near word"
        written = text[hit.start : hit.end]
        if hit.term.kind != "ticker" and written.islower() and not hit.term.written.islower():
            return False, "in lower case"
        if entity.near and not _within(hit, near.get(number, ())):
            return False, "no near word"
        return True, "near one of its words" if entity.near else "no not_near word"

    def _finding(self, hit: _Hit, *, kept: bool) -> Finding:
        term = hit.term
        return Finding(hit.start, hit.end, self._entities[term.entity].id, term.written, term.kind, kept, hit.rule)


def _terms(number: int, entity: WatchedEntity) -> list[_Term]:
    kinds = ("name", *("alias" for _ in entity.aliases), *("product" for _ in entity.products))
    ambiguous = set(entity.ambiguous)
    doubtful = not ambiguous and bool(entity.near or entity.not_near)
    terms: dict[str, _Term] = {}
    for name, kind in zip((entity.name, *entity.aliases, *entity.products), kinds, strict=True):
        unsure = doubtful or name in ambiguous
        exact = len(name) <= SHORT_CAPITALS and name.isascii() and name.upper() == name
        terms.setdefault(name, _Term(number, name, kind, "ambiguous" if unsure else "sure", exact))
    tickers = [
        _Term(number, form.written, "ticker", form.manner, exact=True)
        for ticker in dict.fromkeys(entity.tickers)
        for form in forms(ticker)
    ]
    return [term for term in (*terms.values(), *tickers) if term.written.strip()]


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


def _within(hit: _Hit, places: Iterable[tuple[int, int]]) -> bool:
    """Whether one of the places is near a hit, or covers it."""
    return any(start - hit.end <= NEAR_CHARACTERS and hit.start - end <= NEAR_CHARACTERS for start, end in places)


def _in_longer_name(text: str, hit: _Hit, beside: set[tuple[int, int]]) -> bool:
    name = text[hit.start : hit.end]
    if not name.isascii() or " " in name or not name[0].isupper():
        return False
    after = _WORD_AFTER.match(text, hit.end)
    before = _WORD_BEFORE.search(text[max(0, hit.start - 30) : hit.start])
    longer = (after is not None and after[1] not in _TITLES and (hit.term.entity, after.start(1)) not in beside) or (
        before is not None and before[1] not in _TITLES and (hit.term.entity, hit.start - 1) not in beside
    )
    return longer and _in_sentence_case(text, hit.start, hit.end)


def _in_sentence_case(text: str, start: int, end: int) -> bool:
    """Whether capitals mean names in the line of a place: most of its words are in lower case."""
    line = text[text.rfind("\n", 0, start) + 1 : start] + text[end:].partition("\n")[0]
    words = [word for word in line.split() if word[0].isalpha() and len(word) > 3]
    return sum(word.islower() for word in words) * 3 >= len(words) * 2 and len(words) >= 2


def _longest(hits: list[_Hit]) -> tuple[list[_Hit], list[_Hit]]:
    """Hits in order of place, and those that lie within or across a longer one; equal spans of two entities stay."""
    taken: dict[tuple[int, int, int], _Hit] = {}
    spans: set[tuple[int, int]] = set()
    covered: set[int] = set()
    dropped: list[_Hit] = []
    for hit in sorted(
        hits, key=lambda hit: (hit.start - hit.end, hit.start, hit.term.entity, hit.term.manner != "sure")
    ):
        span = (hit.start, hit.end)
        if span not in spans:
            places = range(hit.start, hit.end)
            if not covered.isdisjoint(places):
                dropped.append(hit)
                continue
            spans.add(span)
            covered.update(places)
        taken.setdefault((*span, hit.term.entity), hit)
    return [taken[key] for key in sorted(taken)], dropped
