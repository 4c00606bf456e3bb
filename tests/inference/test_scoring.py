"""Every text gets a score or a reason, whatever it is."""

from __future__ import annotations

import pytest

from inference.bundle import Bundle
from inference.deterministic import deterministic_engine
from inference.scoring import Model, Scored, Scorer, TextToScore, load_scorer


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


def test_every_mention_gets_the_sentiment_of_the_document(scorer: Scorer) -> None:
    (result,) = scorer.score([TextToScore("a", "en", "FTX and Alameda", mentions=[[(0, 3)], [(8, 15)]])])
    assert list(result.mentions) == [result.sentiment, result.sentiment]


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
