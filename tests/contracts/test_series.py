"""Which series a document counts for."""

from __future__ import annotations

from contracts.messages import MentionScore, Score
from contracts.series import Count, alert_id, counts, entity_of, is_copy, topic_of


def score(**changes: object) -> Score:
    content: dict[str, object] = {
        "document": "0" * 32,
        "origin_partition": 0,
        "origin_offset": 0,
        "topic": {"politics": 0.8, "analyst": 0.2},
        "sentiment": {"negative": 0.6, "neutral": 0.3, "positive": 0.1},
    }
    return Score.model_validate(content | changes)


def mention(entity: str, relevance: int, negative: float) -> MentionScore:
    return MentionScore(
        entity=entity, relevance=relevance, session="xetra", sentiment={"negative": negative, "neutral": 1 - negative}
    )


def test_a_document_counts_for_all_and_its_most_probable_topic() -> None:
    assert counts(score()) == [
        Count("all", "all", True, 0.6),
        Count("topic:politics", "topic:politics", True, 0.6),
    ]


def test_a_mention_counts_with_its_own_sentiment_for_the_entity_and_the_pair() -> None:
    found = counts(score(mentions=[mention("sap", 25, 0.1)]))[2:]
    assert found == [
        Count("entity:sap", "session:xetra", False, 0.1),
        Count("entity:sap/topic:politics", "session:xetra", False, 0.1),
    ]


def test_a_mention_in_passing_is_not_counted() -> None:
    assert len(counts(score(mentions=[mention("sap", 24, 0.9)]))) == 2


def test_an_entity_mentioned_twice_counts_once() -> None:
    assert len(counts(score(mentions=[mention("sap", 90, 0.9), mention("sap", 80, 0.9)]))) == 4


def test_a_rejected_record_counts_for_nothing() -> None:
    assert counts(score(status="rejected", reason="empty", topic={}, sentiment={})) == []


def test_a_text_is_negative_from_one_half_on() -> None:
    assert counts(score(sentiment={"negative": 0.5, "neutral": 0.5}))[0].negative
    assert not counts(score(sentiment={"negative": 0.49, "neutral": 0.51}))[0].negative


def test_the_first_five_of_a_story_are_distinct_texts() -> None:
    assert [is_copy(position) for position in (1, 5, 6)] == [False, False, True]


def test_a_series_says_what_it_is_about() -> None:
    assert entity_of("entity:ftx/topic:politics") == "ftx"
    assert topic_of("entity:ftx/topic:politics") == "politics"
    assert entity_of("all") is None
    assert topic_of("entity:ftx") is None


def test_an_alert_id_depends_on_series_rule_and_onset_only() -> None:
    one = alert_id("entity:ftx", "negative", 27_798_000)
    assert one == alert_id("entity:ftx", "negative", 27_798_000)
    assert len({one, alert_id("entity:ftx", "volume", 27_798_000), alert_id("entity:ftx", "negative", 27_798_001)}) == 3
