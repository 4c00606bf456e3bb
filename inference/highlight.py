"""Which phrases carried a decision, by occlusion: leave a phrase out, and see how far the decided label's probability falls.

Pure but for the model, which is an argument. No gradients: what is measured is what serves, int8 and all. It measures one
phrase at a time, so of two phrases that each suffice for the label neither weighs much.

1. A text's words are its units; where there are no spaces, its Han characters are. Addresses are none.
2. Each of the first UNITS_MAX units is left out, but for words that only join others.
3. So is each run of 2 and 3 words or 2 to 4 Han characters that holds one of the SEEDS_MAX heaviest units, that no
   punctuation interrupts, and that neither begins nor ends with a word that only joins others.
4. A run counts where it weighs RUN_MARGIN more than the best part of it; of phrases that overlap the heavier stays, and
   those that stand side by side become one.
The model is asked twice, whatever the number of texts: O(words) texts in step 2, a constant number per text in step 3.
"""

# ruff: noqa: SIM905 - a list of words reads best as words
from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

UNITS_MAX = 96  # no bundle that ships reads more tokens of a text, and a word is at least one
SEEDS_MAX = 6
PHRASES_MAX = 3
WEIGHT_MIN = 0.01  # a smaller fall of the probability is noise of quantisation
SHARE_MIN = 0.25  # of the heaviest phrase's weight
RUN_MARGIN = 0.05  # what a longer phrase must weigh more than the best part of it
WORDS_MAX = 3
HAN_MAX = 4

_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_EMOJI = "\u2600-\u27bf\u2b50\u2b55\U0001f300-\U0001faff"
_UNIT = re.compile(
    r"(?P<address>https?://\S+|www\.\S+)"
    rf"|(?P<han>[{_HAN}])"
    rf"|(?P<emoji>[{_EMOJI}][{_EMOJI}\ufe0f\u200d\U0001f3fb-\U0001f3ff]*)"
    rf"|(?P<word>[$\u20ac\u00a3\u00a5#@+-]?[^\W{_HAN}]+(?:[.,'\u2019&/:-][^\W{_HAN}]+)*%?)",
    re.IGNORECASE,
)
_JOINING = frozenset(
    "a an the of to in on at by for from with and or but as after before is are was were be been its it this that his her"
    " their our 的 了 在 是 和 与 及 等 将 已 被 为 于 对 从 到 其 该 之 也 就 都 这 那".split()
)

Span = tuple[int, int]
Probabilities = Mapping[str, float]
Ask = Callable[[Sequence[str]], Sequence[Probabilities | None]]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A part of a text that spoke for the decided label.

    Attributes:
        start: the phrase is text[start:end].
        weight: by how much the label's probability falls without the phrase, in 0..1; where nothing but the phrase is
            in the text, the whole probability.
    """

    text: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class _Unit:
    start: int
    end: int
    han: bool
    joining: bool


def highlight(texts: Sequence[str], decided: Sequence[Probabilities], ask: Ask) -> list[list[Phrase]]:
    """The phrases that carried each text's decision, heaviest first.

    Args:
        texts: as they were scored.
        decided: label -> probability of each; the likeliest label is the decision.
        ask: the model: probabilities per text, None where a text cannot be scored. Called at most twice.
    """
    runs = [list(runs_of(text)) for text in texts]
    single = [[run for run, units in of_text if units == 1] for of_text in runs]
    falls = _falls(texts, decided, single, ask)
    seeds = [sorted(fall, key=lambda run: (-fall[run], run))[:SEEDS_MAX] for fall in falls]
    longer = [
        [(start, end) for (start, end), units in of_text if units > 1 and any(start <= s < end for s, _ in of_seeds)]
        for of_text, of_seeds in zip(runs, seeds, strict=True)
    ]
    for fall, more in zip(falls, _falls(texts, decided, longer, ask), strict=True):
        fall.update(more)
    return [_heaviest(text, fall) for text, fall in zip(texts, falls, strict=True)]


def without(text: str, start: int, end: int) -> str:
    """The text with one phrase left out, and no double blank in its place.

    >>> without("Lender halts withdrawals today", 7, 24), without("股价大跌", 0, 2)
    ('Lender today', '大跌')
    """
    before, after = text[:start], text[end:]
    if before[-1:].isspace() or not before:
        after = after.lstrip()
    return before + after


def runs_of(text: str) -> Iterator[tuple[Span, int]]:
    """The phrases that may carry a decision: where each starts and ends, and how many units it has.

    >>> text = "Lender halts the withdrawals. Again"
    >>> [text[start:end] for (start, end), units in runs_of(text)]
    ['Lender', 'Lender halts', 'halts', 'halts the withdrawals', 'withdrawals', 'Again']
    """
    units = _units(text)
    for place, first in enumerate(units):
        if first.joining:
            continue
        last = first
        for length, unit in enumerate(units[place : place + max(WORDS_MAX, HAN_MAX)], start=1):
            if unit.han != first.han or length > (HAN_MAX if first.han else WORDS_MAX):
                break
            if length > 1 and text[last.end : unit.start].strip():
                break
            if not unit.joining:
                yield (first.start, unit.end), length
            last = unit


def _units(text: str) -> list[_Unit]:
    units: list[_Unit] = []
    for found in _UNIT.finditer(text):
        if found.lastgroup == "address":
            continue
        units.append(_Unit(*found.span(), found.lastgroup == "han", found.group().lower() in _JOINING))
        if len(units) == UNITS_MAX:
            break
    return units


def _falls(
    texts: Sequence[str], decided: Sequence[Probabilities], runs: Sequence[Sequence[Span]], ask: Ask
) -> list[dict[Span, float]]:
    """Per text and run, how far the probability of the decided label falls without the run."""
    shorter = [without(text, *run) for text, of_text in zip(texts, runs, strict=True) for run in of_text]
    said = iter(ask(shorter) if shorter else [])
    falls = []
    for whole, of_text in zip(decided, runs, strict=True):
        label = max(whole, key=lambda name: whole[name])
        left = [(run, next(said)) for run in of_text]
        falls.append({run: whole[label] - (p[label] if p else 0.0) for run, p in left})
    return falls


def _heaviest(text: str, fall: Mapping[Span, float]) -> list[Phrase]:
    kept: list[Phrase] = []
    for (start, end), weight in sorted(fall.items(), key=lambda one: (-one[1], one[0])):
        if weight < max(WEIGHT_MIN, SHARE_MIN * kept[0].weight if kept else 0.0) or len(kept) == PHRASES_MAX:
            break
        parts = [w for (s, e), w in fall.items() if start <= s and e <= end and (s, e) != (start, end)]
        if parts and weight < max(parts) + RUN_MARGIN:
            continue
        if all(end <= other.start or other.end <= start for other in kept):
            kept.append(Phrase(text[start:end], start, end, round(weight, 4)))
    return sorted(_joined(text, kept, fall), key=lambda phrase: (-phrase.weight, phrase.start))


def _joined(text: str, phrases: Sequence[Phrase], fall: Mapping[Span, float]) -> Iterator[Phrase]:
    """Phrases side by side as one, where that one was tried: two words that are both needed, two halves of a Chinese word."""
    before: Phrase | None = None
    for phrase in sorted(phrases, key=lambda phrase: phrase.start):
        weight = fall.get((before.start, phrase.end), 0.0) if before else 0.0
        if before and weight >= WEIGHT_MIN:
            both = text[before.start : phrase.end]
            phrase = Phrase(both, before.start, phrase.end, round(weight, 4))  # noqa: PLW2901 - it takes the place of both
        elif before:
            yield before
        before = phrase
    if before:
        yield before
