"""The port that the scorer's shell calls, from a thread: documents' texts in, one result each out, in order.

A text goes to the model of its language. What cannot be scored is rejected with a reason; nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inference.bundle import Bundle, load_bundle, shipped
from inference.deterministic import NAME as DETERMINISTIC
from inference.deterministic import deterministic_engine
from inference.encode import compose
from inference.engine import BATCH_TOKENS, Answer, Engine, Probabilities

DEFAULT_MAX_TOKENS = 96


@dataclass(frozen=True, slots=True)
class TextToScore:
    """What the model needs of a document.

    Attributes:
        mentions: per mention its spans, [start, end) in title + newline + body.
    """

    id: str
    lang: str
    title: str
    body: str = ""
    mentions: Sequence[Sequence[tuple[int, int]]] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """One text's result: probabilities, or the reason why there are none.

    Attributes:
        reason: None where it was scored; else `language` or `empty`.
        detail: the reason as a sentence.
        mentions: sentiment per mention, in the order of the text's mentions. The first bundle has no head for
            mentions; each gets the document's own sentiment.
        tokenise_us: see `inference.engine.Answer`; 0 where it was rejected.
    """

    id: str
    reason: str | None = None
    detail: str = ""
    bundle: str = ""
    topic: Probabilities = field(default_factory=dict)
    sentiment: Probabilities = field(default_factory=dict)
    mentions: Sequence[Probabilities] = ()
    tokenise_us: int = 0
    infer_us: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    """An engine with the name that its scores carry."""

    version: str
    engine: Engine
    max_tokens: int = DEFAULT_MAX_TOKENS

    @classmethod
    def of(cls, bundle: Bundle) -> Model:
        """The model that a bundle holds."""
        return cls(bundle.manifest.version, bundle.engine, bundle.manifest.max_tokens)


class Scorer:
    """The models by language.

    Args:
        models: ISO 639-1 language -> the model that scores it. A language that is not there is rejected.
    """

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = dict(models)

    @property
    def languages(self) -> list[str]:
        """The languages that can be scored."""
        return sorted(self._models)

    def version(self, lang: str) -> str:
        """The version of the bundle that scores a language; empty where none does."""
        model = self._models.get(lang)
        return model.version if model else ""

    def score(self, texts: Sequence[TextToScore]) -> list[Scored]:
        """One result per text, in order. Batching changes no answer."""
        results: list[Scored | None] = [None] * len(texts)
        waiting: dict[str, list[tuple[int, str]]] = {}
        for place, text in enumerate(texts):
            model = self._models.get(text.lang)
            composed = compose(text.title, text.body, model.max_tokens if model else DEFAULT_MAX_TOKENS)
            if not composed:
                results[place] = Scored(text.id, "empty", "nothing is left of the title and body to score")
                continue
            if model is None:
                detail = f"no bundle scores the language {text.lang!r}, only {', '.join(self.languages)}"
                results[place] = Scored(text.id, "language", detail)
                continue
            waiting.setdefault(text.lang, []).append((place, composed))
        for lang, line in waiting.items():
            model = self._models[lang]
            answers = model.engine.answer([composed for _, composed in line])
            for (place, _), answer in zip(line, answers, strict=True):
                results[place] = _scored(texts[place], model.version, answer)
        return [result for result in results if result is not None]


def _scored(text: TextToScore, version: str, answer: Answer) -> Scored:
    sentiment = answer.heads["sentiment"]
    return Scored(
        id=text.id,
        bundle=version,
        topic=answer.heads["topic"],
        sentiment=sentiment,
        mentions=tuple(dict(sentiment) for _ in text.mentions),
        tokenise_us=answer.tokenise_us,
        infer_us=answer.infer_us,
    )


def load_scorer(bundles: Mapping[str, str], *, batch_tokens: int = BATCH_TOKENS) -> Scorer:
    """The scorer that the settings name.

    Args:
        bundles: language -> the bundle's folder; empty = the shipped one; `deterministic` = no model.
        batch_tokens: padded tokens that one run of a model may hold.

    Raises:
        inference.bundle.BundleRefused: a bundle fails its proof.
    """
    models = {}
    for lang, place in bundles.items():
        if place == DETERMINISTIC:
            models[lang] = Model(DETERMINISTIC, deterministic_engine())
        else:
            folder = Path(place) if place else shipped(lang)
            models[lang] = Model.of(load_bundle(folder, batch_tokens=batch_tokens))
    return Scorer(models)
