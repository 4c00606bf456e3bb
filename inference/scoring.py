"""The port that the scorer's shell calls, from a thread: documents' texts in, one result each out, in order.

A text goes to the model of its language. What cannot be scored is rejected with a reason; nothing is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inference.bundle import Bundle, load_bundle, shipped
from inference.deterministic import NAME as DETERMINISTIC
from inference.deterministic import deterministic_engine
from inference.engine import BATCH_TOKENS, Answer, Engine, Probabilities
from inference.spans import Composed, compose_with_mentions

DEFAULT_MAX_TOKENS = 96
MENTION = "mention"  # the head that says the sentiment towards a mention


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
        mentions: sentiment per mention, in the order of the text's mentions.
        from_text: per mention, whether that is only the text's own sentiment: the mention lies in what was cut off,
            or the bundle has no head for mentions.
        tokenise_us: see `inference.engine.Answer`; 0 where it was rejected.
    """

    id: str
    reason: str | None = None
    detail: str = ""
    bundle: str = ""
    topic: Probabilities = field(default_factory=dict)
    sentiment: Probabilities = field(default_factory=dict)
    mentions: Sequence[Probabilities] = ()
    from_text: Sequence[bool] = ()
    tokenise_us: int = 0
    infer_us: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    """An engine with the name that its scores carry.

    Attributes:
        why_not: faster provider -> why it does not run this model.
    """

    version: str
    engine: Engine
    max_tokens: int = DEFAULT_MAX_TOKENS
    why_not: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, bundle: Bundle) -> Model:
        """The model that a bundle holds."""
        return cls(bundle.manifest.version, bundle.engine, bundle.manifest.max_tokens, bundle.devices.why_not)


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

    def model(self, lang: str) -> Model:
        """The model of one of the languages."""
        return self._models[lang]

    def version(self, lang: str) -> str:
        """The version of the bundle that scores a language; empty where none does."""
        model = self._models.get(lang)
        return model.version if model else ""

    def score(self, texts: Sequence[TextToScore]) -> list[Scored]:
        """One result per text, in order. Batching changes no answer."""
        results: list[Scored | None] = [None] * len(texts)
        waiting: dict[str, list[tuple[int, Composed]]] = {}
        for place, text in enumerate(texts):
            model = self._models.get(text.lang)
            max_tokens = model.max_tokens if model else DEFAULT_MAX_TOKENS
            composed = compose_with_mentions(text.title, text.body, max_tokens, text.mentions)
            if not composed.text:
                results[place] = Scored(text.id, "empty", "nothing is left of the title and body to score")
                continue
            if model is None:
                detail = f"no bundle scores the language {text.lang!r}, only {', '.join(self.languages)}"
                results[place] = Scored(text.id, "language", detail)
                continue
            waiting.setdefault(text.lang, []).append((place, composed))
        turns = [self._answers(self._models[lang], line) for lang, line in waiting.items()]
        for place, version, answer in _in_turn(turns):
            results[place] = _scored(texts[place], version, answer)
        return [result for result in results if result is not None]

    @staticmethod
    def _answers(model: Model, line: Sequence[tuple[int, Composed]]) -> Iterator[list[tuple[int, str, Answer]]]:
        """Runs of one model over its texts."""
        composed = [c for _, c in line]
        for run in model.engine.runs([c.text for c in composed], [c.mentions for c in composed]):
            yield [(line[place][0], model.version, answer) for place, answer in run]


def _in_turn(
    models: Sequence[Iterator[list[tuple[int, str, Answer]]]],
) -> Iterator[tuple[int, str, Answer]]:
    """What the models say, one run of each after the other, so that no language waits for another's whole line."""
    line = deque(models)
    while line:
        model = line.popleft()
        run = next(model, None)
        if run is not None:
            yield from run
            line.append(model)


def _scored(text: TextToScore, version: str, answer: Answer) -> Scored:
    sentiment = answer.heads["sentiment"]
    own = [said.get(MENTION) if said else None for said in answer.mentions]
    return Scored(
        id=text.id,
        bundle=version,
        topic=answer.heads["topic"],
        sentiment=sentiment,
        mentions=tuple(dict(sentiment) if said is None else said for said in own),
        from_text=tuple(said is None for said in own),
        tokenise_us=answer.tokenise_us,
        infer_us=answer.infer_us,
    )


def those_there_are(bundles: Mapping[str, str]) -> dict[str, str]:
    """Of bundles by language, those that are named and those that ship: documents of other languages are rejected."""
    return {lang: place for lang, place in bundles.items() if place or shipped(lang).is_dir()}


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
