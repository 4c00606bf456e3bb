"""Training texts told another way: another name, another casing, two texts in one.

A text that was changed has no soft targets: the teacher was not asked about it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from contracts.watchlist import read_watchlist
from training.config import Augmentation
from training.dataset import Example, Mention

Names = Mapping[str, Sequence[str]]


def aliases_of(watchlist: Path) -> dict[str, list[str]]:
    """Every name in a watchlist with the entity's other names."""
    out = {}
    for entity in read_watchlist(watchlist):
        names = [entity.name, *entity.aliases, *(f"${ticker}" for ticker in entity.tickers)]
        out.update({name: [other for other in names if other != name] for name in names if len(names) > 1})
    return out


def augmented(examples: Sequence[Example], how: Augmentation, aliases: Names, seed: int) -> list[Example]:
    """An epoch's examples, each changed in each way with that way's probability; as many come out as go in.

    Entity swap puts a name in the place of another that is written in the same script; alias swap another name of the
    same entity; casing lowers or raises the whole text; mixing appends another text: what the two say of their mentions
    stays, and a label of the text stays where both agree.
    """
    rng = random.Random(seed)  # noqa: S311 - a choice that repeats is wanted
    names = sorted({e.text[m.start : m.end] for e in examples for m in e.mentions})
    by_script = {script: [n for n in names if n.isascii() == script] for script in (True, False)}
    out = []
    for e in examples:
        told = e
        if told.mentions and rng.random() < how.entity_swap:
            told = renamed(told, lambda name: rng.choice(by_script[name.isascii()]))
        if told.mentions and rng.random() < how.alias_swap:
            told = renamed(told, lambda name: rng.choice(aliases.get(name) or [name]))
        if rng.random() < how.mixing:
            told = joined(told, rng.choice(examples))
        if rng.random() < how.casing:
            told = recased(told, lower=rng.random() < 0.5)
        out.append(told)
    return out


def renamed(e: Example, another: Callable[[str], str]) -> Example:
    """The text with each of its mentions' names replaced by `another(name)`, spans moved accordingly."""
    text, shift, mentions = e.text, 0, []
    last = 0
    for m in sorted(e.mentions, key=lambda m: m.start):
        if m.start < last:  # names that overlap cannot both be replaced
            return e
        last = m.end
        name = another(e.text[m.start : m.end])
        start = m.start + shift
        text = text[:start] + name + text[m.end + shift :]
        mentions.append(Mention(start, start + len(name), m.targets))
        shift += len(name) - (m.end - m.start)
    return replace(e, text=text, mentions=tuple(mentions), soft={})


def recased(e: Example, *, lower: bool) -> Example:
    """The text in lower or upper case; left alone where that would change how long it is."""
    text = e.text.lower() if lower else e.text.upper()
    if len(text) != len(e.text):
        return e
    return replace(e, text=text, mentions=tuple(Mention(m.start, m.end, m.targets) for m in e.mentions), soft={})


def joined(first: Example, second: Example) -> Example:
    """Two texts as one: all their mentions, and the labels of the text that they share."""
    shift = len(first.text) + 1
    moved = tuple(Mention(m.start + shift, m.end + shift, m.targets) for m in second.mentions)
    kept = tuple(Mention(m.start, m.end, m.targets) for m in first.mentions)
    shared = {head: place for head, place in first.targets.items() if second.targets.get(head) == place}
    return replace(first, text=f"{first.text} {second.text}", targets=shared, mentions=kept + moved, soft={})
