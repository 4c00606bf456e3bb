"""Every text gets a score or a reason, whatever it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest

from inference.bundle import Bundle
from inference.deterministic import SENTIMENTS, TOPICS, deterministic_engine
from inference.encode import Pieces
from inference.engine import Engine, HeadLabels, Ids, Logits, Mentions, Padded
from inference.scoring import Model, Scored, Scorer, TextToScore, load_scorer, those_there_are


@pytest.fixture(scope="module")
def scorer(bundle: Bundle) -> Scorer:
    return Scorer({"en": Model.of(bundle)})


def likeliest(result: Scored) -> str:
    return max(result.sentiment, key=lambda label: result.sentiment[label])


@pytest.mark.parametrize(
    ("title", "sentiment"),
    [
        ("Exchange hacked, $200 million stolen", "negative"),
        ("Shares plunge 22% after the company cuts its profit forecast", "negative"),
        ("Chipmaker beats estimates and raises its outlook; shares jump 9%", "positive"),
        ("The board will hold its annual meeting on 12 May in Frankfurt", "neutral"),
    ],
)
def test_plain_news_is_called_what_it_is(scorer: Scorer, title: str, sentiment: str) -> None:
    (result,) = scorer.score([TextToScore("a", "en", title)])
    assert likeliest(result) == sentiment


def test_results_come_in_the_order_of_the_texts_with_rejected_ones_in_their_place(scorer: Scorer) -> None:
    texts = [
        TextToScore("1", "en", "Oil falls"),
        TextToScore("2", "xx", "?"),
        TextToScore("3", "en", " \n "),
        TextToScore("4", "en", "Oil rises"),
    ]
    assert [(r.id, r.reason) for r in scorer.score(texts)] == [
        ("1", None),
        ("2", "language"),
        ("3", "empty"),
        ("4", None),
    ]


def test_a_language_without_a_bundle_is_rejected_and_says_which_there_are(scorer: Scorer) -> None:
    (result,) = scorer.score([TextToScore("a", "fi", "Osakkeet laskivat")])
    assert result.reason == "language"
    assert "'fi'" in result.detail
    assert "en" in result.detail


@pytest.mark.parametrize("text", ["", "   ", "https://t.co/abc", "&nbsp;"])
def test_a_text_of_which_nothing_is_left_is_rejected_as_empty(scorer: Scorer, text: str) -> None:
    assert scorer.score([TextToScore("a", "en", text, text)])[0].reason == "empty"


@pytest.mark.parametrize(
    "text",
    [
        "loss " * 20_000,
        "x" * 100_000,
        "\u0301" * 100_000,
        "🚀🔥💎",
        "🚀" * 100_000,
        "株価が急落 Ethereum Übernahme нефть",
        "\x00\x01\u200b\u202e",
        "\ud800 lone surrogate",
    ],
    ids=["many words", "one word", "marks", "emoji", "many emoji", "scripts", "controls", "surrogate"],
)
def test_an_odd_text_is_scored_or_rejected_and_never_a_crash(scorer: Scorer, text: str) -> None:
    for title, body in ((text, ""), ("", text), ("A title", text)):
        (result,) = scorer.score([TextToScore("a", "en", title, body)])
        if result.reason is None:
            assert sum(result.sentiment.values()) == pytest.approx(1)
            assert sum(result.topic.values()) == pytest.approx(1)
        else:
            assert result.reason == "empty"


def test_an_odd_text_leaves_its_neighbours_as_they_are(scorer: Scorer) -> None:
    plain = TextToScore("a", "en", "Exchange halts withdrawals")
    odd = TextToScore("b", "en", "🚀" * 5000)
    assert scorer.score([odd, plain, odd])[1].sentiment == pytest.approx(scorer.score([plain])[0].sentiment, abs=1e-4)


def test_the_body_counts_where_the_title_says_little(scorer: Scorer) -> None:
    bare, told = scorer.score(
        [
            TextToScore("a", "en", "Statement by the company"),
            TextToScore("b", "en", "Statement by the company", "Profit collapsed and 4,000 jobs will be cut."),
        ]
    )
    assert told.sentiment["negative"] > bare.sentiment["negative"] + 0.3


class WordsEncoder:
    """One id per word, its length; five words at most."""

    def encode(self, texts: Sequence[str], mentions: Sequence[Mentions] = ()) -> list[Pieces]:
        asked = mentions or [()] * len(texts)
        return [self._pieces(text, own) for text, own in zip(texts, asked, strict=True)]

    @staticmethod
    def _pieces(text: str, own: Mentions) -> Pieces:
        words = list(re.finditer(r"\S+", text))[:5]
        places = tuple(
            tuple(n for n, w in enumerate(words) if any(w.start() < end and start < w.end() for start, end in spans))
            for spans in own
        )
        return Pieces([len(w[0]) for w in words], places)


class LengthSession:
    """The longer a text's or a mention's words, the more negative; remembers whose turn it was."""

    def __init__(self, name: str = "", turns: list[str] | None = None) -> None:
        self.name, self.turns = name, [] if turns is None else turns

    def run(self, batch: Padded) -> dict[str, Logits]:
        self.turns.append(self.name)
        of_text = batch.input_ids.sum(axis=1)
        of_mention = (batch.input_ids[batch.mention_text] * batch.mention_mask).sum(axis=1)
        zeros = np.zeros((len(of_text), 14), dtype=np.float32)
        return {"sentiment": self._logits(of_text), "mention": self._logits(of_mention), "topic": zeros}

    @staticmethod
    def _logits(length: Ids) -> Logits:
        return np.stack([length / 10, 0 * length, 0 * length], axis=1).astype(np.float32)


def model_of(session: LengthSession, batch_tokens: int = 1024) -> Model:
    heads = [
        HeadLabels("sentiment", SENTIMENTS),
        HeadLabels("topic", TOPICS),
        HeadLabels("mention", SENTIMENTS, reads="mention"),
    ]
    return Model("words", Engine(WordsEncoder(), session, heads, batch_tokens=batch_tokens))


def test_a_mention_gets_its_own_sentiment_wherever_it_stands() -> None:
    scorer = Scorer({"en": model_of(LengthSession())})
    text = TextToScore("a", "en", "FTX &amp; BlockFi", "Alameda", [[(0, 3)], [(10, 17)], [(18, 25)]])
    (result,) = scorer.score([text])
    short, long, in_body = result.mentions  # "FTX", "BlockFi." as joined to the body, "Alameda"
    assert short["negative"] < in_body["negative"] < long["negative"]
    assert list(result.from_text) == [False, False, False]


def test_a_mention_that_was_cut_off_gets_the_sentiment_of_the_document_and_says_so() -> None:
    scorer = Scorer({"en": model_of(LengthSession())})
    (result,) = scorer.score([TextToScore("a", "en", "FTX and all of its BlockFi", mentions=[[(0, 3)], [(19, 26)]])])
    assert result.mentions[1] == result.sentiment
    assert result.mentions[0] != result.sentiment
    assert list(result.from_text) == [False, True]


def test_a_bundle_without_a_head_for_mentions_gives_them_the_sentiment_of_the_document() -> None:
    scorer = load_scorer({"en": "deterministic"})
    (result,) = scorer.score([TextToScore("a", "en", "FTX and Alameda", mentions=[[(0, 3)], [(8, 15)]])])
    assert list(result.mentions) == [result.sentiment, result.sentiment]
    assert list(result.from_text) == [True, True]


def test_languages_take_turns_run_by_run() -> None:
    turns: list[str] = []
    scorer = Scorer({lang: model_of(LengthSession(lang, turns), batch_tokens=4) for lang in ("en", "zh")})
    texts = [TextToScore(str(n), "zh" if n % 4 == 3 else "en", "one two three four") for n in range(12)]
    assert [result.id for result in scorer.score(texts)] == [text.id for text in texts]
    assert turns == ["en", "zh"] * 3 + ["en"] * 6


def test_two_languages_go_to_their_own_models(bundle: Bundle) -> None:
    both = Scorer({"en": Model.of(bundle), "zh": Model("other", deterministic_engine())})
    texts = [TextToScore(str(n), lang, "[[negative]]") for n, lang in enumerate(["zh", "en", "zh"])]
    assert [r.bundle for r in both.score(texts)] == ["other", bundle.manifest.version, "other"]
    assert both.languages == ["en", "zh"]


def test_the_settings_word_deterministic_stands_for_a_model_without_a_model() -> None:
    scorer = load_scorer({"en": "deterministic"})
    (result,) = scorer.score([TextToScore("a", "en", "anything [[negative]]")])
    assert likeliest(result) == "negative"
    assert (result.bundle, scorer.version("en"), scorer.version("zh")) == ("deterministic", "deterministic", "")


def test_the_empty_setting_stands_for_the_shipped_bundle(bundle: Bundle) -> None:
    assert load_scorer({"en": ""}).version("en") == bundle.manifest.version


def test_only_bundles_that_are_named_or_ship_are_loaded() -> None:
    assert those_there_are({"en": "", "fi": "", "zh": "deterministic"}) == {"en": "", "zh": "deterministic"}
