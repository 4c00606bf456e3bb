"""Judges a bundle by a labelled file: what it answers to each judgement, and the figures over all of them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, get_args

import numpy as np

from contracts.errors import UserError
from contracts.messages import Sentiment, Topic
from inference.engine import Probabilities
from inference.quality import Quality, quality
from inference.scoring import Scored, Scorer, TextToScore
from tocsin.labelled import Labelled, spans_of

TEXTS_AT_ONCE = 512


class Task(StrEnum):
    """What is judged."""

    SENTIMENT = "sentiment"
    TOPIC = "topic"
    ENTITY = "entity"


LABELS: dict[Task, tuple[str, ...]] = {
    Task.SENTIMENT: get_args(Sentiment),
    Task.TOPIC: get_args(Topic),
    Task.ENTITY: get_args(Sentiment),
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What the bundle said of each judgement, in their order.

    Attributes:
        said: probabilities; None where the text was rejected.
        not_found: judgements whose entity does not occur in its text; the text's own sentiment stands for it.
        seconds: what scoring took, loading left out.
    """

    said: list[Probabilities | None]
    bundle: str
    texts: int
    not_found: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """The whole result.

    Attributes:
        rejected: judgements of texts that cannot be scored (empty, emoji only in no language, ...); they count nowhere.
    """

    task: Task
    labels: tuple[str, ...]
    figures: Quality
    answers: Answers
    lang: str
    rejected: int

    @property
    def texts_per_s(self) -> float:
        """Distinct texts a second, tokenising included."""
        return round(self.answers.texts / self.answers.seconds, 1) if self.answers.seconds else 0.0

    def as_object(self) -> dict[str, Any]:
        """The JSON."""
        report: dict[str, Any] = {
            "task": self.task.value,
            "n": self.figures.n,
            "accuracy": round(self.figures.accuracy, 4),
            "macro_f1": round(self.figures.macro_f1, 4),
            "per_class": {
                label: {name: round(value, 4) for name, value in dataclasses.asdict(c).items()}
                for label, c in self.figures.per_class.items()
            },
            "ece": round(self.figures.ece, 4),
            "confusion": {"labels": list(self.labels), "matrix": self.figures.confusion},
            "rejected": self.rejected,
            "lang": self.lang,
            "texts_per_s": self.texts_per_s,
            "bundle": self.answers.bundle,
        }
        if self.task is Task.ENTITY:
            report["not_found"] = self.answers.not_found
        return report


def answer(
    judged: Sequence[Labelled], task: Task, scorer: Scorer, lang: str, *, done: Callable[[int], object]
) -> Answers:
    """Score every text once, with all the entities that are judged in it.

    Args:
        judged: what to answer, at least one.
        task: which answer of the bundle is taken.
        scorer: has a bundle for `lang`.
        lang: of every text.
        done: told how many more texts have been scored.
    """
    of_text: dict[str, list[int]] = {}
    for place, one in enumerate(judged):
        of_text.setdefault(one.text, []).append(place)
    said: list[Probabilities | None] = [None] * len(judged)
    texts = list(of_text)
    not_found = seconds = 0
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        part = texts[start : start + TEXTS_AT_ONCE]
        spans = [{name: spans_of(name, text) for name in _names(judged, of_text[text])} for text in part]
        found = [[name for name, places in known.items() if places] for known in spans]
        asked = [
            TextToScore(str(start + n), lang, text, mentions=[spans[n][name] for name in found[n]])
            for n, text in enumerate(part)
        ]
        began = time.perf_counter_ns()
        results = scorer.score(asked)
        seconds += time.perf_counter_ns() - began
        for text, names, result in zip(part, found, results, strict=True):
            towards = dict(zip(names, result.mentions, strict=True)) if result.reason is None else {}
            for place in of_text[text]:
                said[place] = _said(result, task, towards, judged[place].entity)
                not_found += task is Task.ENTITY and result.reason is None and judged[place].entity not in towards
        done(len(part))
    return Answers(said, scorer.version(lang), len(texts), not_found, seconds / 1e9)


def _names(judged: Sequence[Labelled], places: Sequence[int]) -> list[str]:
    return list(dict.fromkeys(judged[place].entity for place in places if judged[place].entity))


def _said(result: Scored, task: Task, towards: dict[str, Probabilities], entity: str) -> Probabilities | None:
    if result.reason is not None:
        return None
    if task is Task.TOPIC:
        return result.topic
    return towards.get(entity, result.sentiment)


def report_on(task: Task, judged: Sequence[Labelled], answers: Answers, lang: str) -> Report | None:
    """The figures; None where no text could be scored.

    Args:
        task: what was judged.
        judged: the true labels.
        answers: to the same judgements.
        lang: of the texts.

    Raises:
        UserError: the bundle has other labels.
    """
    labels = LABELS[task]
    pairs = [(one.label, said) for one, said in zip(judged, answers.said, strict=True) if said is not None]
    if not pairs:
        return None
    if set(pairs[0][1]) != set(labels):
        raise UserError(f"bundle {answers.bundle} answers with other labels than {', '.join(labels)}")
    figures = quality(
        np.array([[said[label] for label in labels] for _, said in pairs]),
        np.array([labels.index(label) for label, _ in pairs]),
        labels,
    )
    return Report(task, labels, figures, answers, lang, rejected=len(judged) - len(pairs))
