"""Which phrases carried a decision, by occlusion: leave a phrase out, and see how far the decided label's probability falls.

Pure but for the model, which is an argument. No gradients: what is measured is what serves, int8 and all. It measures one
phrase at a time, so of two phrases that each suffice for the label neither weighs much.

1. A text's words are its units; where there are no spaces, its Han characters are. Addresses are none.
2. Each unit is left out, and each run of 2 and 3 words or 2 to 4 Han characters that no punctuation interrupts. A run
   neither begins nor ends with a word that only joins others. At most UNITS_MAX units are tried: O(words) texts.
3. All texts without a phrase go through the model in one call.
4. A run counts where it weighs RUN_MARGIN more than the best part of it; of phrases that overlap the heavier stays.
"""

# ruff: noqa: SIM905 - a list of words reads best as words
from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

UNITS_MAX = 96  # no bundle that ships reads more tokens of a text, and a word is at least one
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
        ask: the model: probabilities per text, None where a text cannot be scored. Called once.
    """
    runs = [list(runs_of(text)) for text in texts]
    shorter = [without(text, *run) for text, of_text in zip(texts, runs, strict=True) for run in of_text]
    said = iter(ask(shorter) if shorter else [])
    return [
        _heaviest(text, whole, [(run, next(said)) for run in of_text])
        for text, whole, of_text in zip(texts, decided, runs, strict=True)
    ]


def without(text: str, start: int, end: int) -> str:
    """The text with one phrase left out, and no double blank in its place.

    >>> without("Lender halts withdrawals today", 7, 24), without("股价大跌", 0, 2)
    ('Lender today', '大跌')
    """
    before, after = text[:start], text[end:]
    if before[-1:].isspace() or not before:
        after = after.lstrip()
    return before + after


def runs_of(text: str) -> Iterator[tuple[int, int]]:
    """Where the phrases that are tried start and end, shortest first at each place.

    >>> text = "Lender halts the withdrawals. Again"
    >>> [text[start:end] for start, end in runs_of(text)]
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
                yield first.start, unit.end
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


def _heaviest(
    text: str, whole: Probabilities, tried: Sequence[tuple[tuple[int, int], Probabilities | None]]
) -> list[Phrase]:
    label = max(whole, key=lambda name: whole[name])
    fall = {run: whole[label] - (said[label] if said else 0.0) for run, said in tried}
    kept: list[Phrase] = []
    for (start, end), weight in sorted(fall.items(), key=lambda one: (-one[1], one[0])):
        floor = max(WEIGHT_MIN, SHARE_MIN * kept[0].weight if kept else 0.0)
        if weight < floor or len(kept) == PHRASES_MAX:
            break
        parts = [w for (s, e), w in fall.items() if start <= s and e <= end and (s, e) != (start, end)]
        if parts and weight < max(parts) + RUN_MARGIN:
            continue
        if all(end <= other.start or other.end <= start for other in kept):
            kept.append(Phrase(text[start:end], start, end, round(weight, 4)))
    return kept
