"""A board that is not fed never looks calm, and one that is fed is not accused."""

from __future__ import annotations

import pytest

from contracts.messages import SourceHeartbeat
from desk.feed import FeedState
from desk.notices import Outlook, look
from desk.rows import Newest
from tests.desk import made_up

NOW = made_up.NOW
FED = FeedState(reachable=True, since_ms=NOW - 60_000)
CAUGHT_UP = Newest(NOW - 5_000, NOW - 5_000, {0: 10, 1: 4})


def outlook(
    *sources: SourceHeartbeat,
    newest: Newest = CAUGHT_UP,
    feed: FeedState = FED,
    unreadable: int = 0,
    wall_ms: int = NOW,
) -> Outlook:
    return look(sources, newest, feed, unreadable, wall_ms)


def beat(name: str = "CoinDesk", wall_ms: int = NOW, **more: object) -> SourceHeartbeat:
    return made_up.heartbeat(name, wall_ms, **more)  # type: ignore[arg-type]


def titles(seen: Outlook) -> list[str]:
    return [notice.title for notice in seen.notices]


def test_a_fed_desk_says_nothing() -> None:
    seen = outlook(beat(), beat("Decrypt"), beat("The Block"))
    assert (seen.notices, seen.mood, seen.summary) == ((), "quiet", "3 sources alive")


def test_kafka_away_is_loud_and_says_since_when_and_time_stands_still() -> None:
    seen = outlook(beat(), feed=FeedState(reachable=False, since_ms=NOW - 90_000, reason="no broker"))
    assert [(one.level, one.title, one.since_ms) for one in seen.notices] == [
        ("loud", "Kafka cannot be read", NOW - 90_000)
    ]
    assert "no broker" in seen.notices[0].text
    assert (seen.mood, seen.as_of_ms) == ("blind", NOW - 90_000)


def test_no_source_ever_is_loud() -> None:
    assert (titles(outlook()), outlook().mood) == (["Nothing comes in"], "blind")


def test_all_sources_silent_is_loud_since_the_last_sign() -> None:
    seen = outlook(beat(wall_ms=NOW - 40_000), beat("Decrypt", wall_ms=NOW - 31_000))
    assert [(one.level, one.since_ms) for one in seen.notices] == [("loud", NOW - 31_000)]


def test_one_silent_source_among_others_is_named() -> None:
    seen = outlook(beat(wall_ms=NOW - 40_000), beat("Decrypt"))
    assert [(one.level, one.title) for one in seen.notices] == [("warn", "Silent sources")]
    assert "CoinDesk" in seen.notices[0].text
    assert seen.fed


def test_a_source_that_says_it_stopped_is_named() -> None:
    seen = outlook(beat(alive=False), beat("Decrypt"))
    assert titles(seen) == ["Stopped sources"]


def test_documents_without_a_score_for_a_minute_are_loud() -> None:
    behind = Newest(NOW - 200_000, NOW - 61_000, {0: 10, 1: 4})
    seen = outlook(beat(ends={0: 12, 1: 4}), newest=behind)
    assert [(one.level, one.title, one.since_ms) for one in seen.notices] == [
        ("loud", "Nothing is scored", NOW - 61_000)
    ]
    assert seen.notices[0].text.startswith("2 documents wait")


@pytest.mark.parametrize(
    "newest",
    [Newest(NOW - 900_000, NOW - 900_000, {0: 12, 1: 4}), Newest(NOW - 900_000, NOW - 59_000, {0: 10, 1: 4})],
    ids=["a quiet hour in which all is scored", "a scorer that is merely a little behind"],
)
def test_silence_without_a_cause_is_not_accused(newest: Newest) -> None:
    assert outlook(beat(ends={0: 12, 1: 4}), newest=newest).notices == ()


def test_what_could_not_be_read_and_what_happened_to_the_log_is_said() -> None:
    seen = outlook(
        beat(),
        feed=FeedState(reachable=True, since_ms=0, behind=9000, warnings=("The topic scores was created anew.",)),
        unreadable=1,
    )
    assert titles(seen) == ["The log changed", "Unreadable messages", "Catching up"]
    assert seen.notices[1].text.startswith("1 message broke")


def test_a_replay_shows_its_own_time_speed_and_progress() -> None:
    seen = outlook(beat(replay=made_up.replay(), event_ms=NOW - 3_600_000, newest_ms=NOW - 7_200_000), wall_ms=NOW)
    assert seen.replay is not None
    assert seen.as_of_ms == NOW - 3_600_000
    assert seen.replay.title == "This is a replay"
    assert seen.replay.speed == "3,600 times as fast as life"
    assert seen.replay.progress_words == "85 % of 34,120 documents"
    assert "It learned until 2022-11-04 13:00 UTC" in seen.replay.learning


def test_a_replay_that_learns_is_not_called_quiet() -> None:
    seen = outlook(beat(replay=made_up.replay(learn_until_ms=NOW + 1)))
    assert seen.replay is not None
    assert (seen.mood, seen.replay.learning) == (
        "learns",
        "It only learns until 2022-11-09 13:00 UTC: nothing pages before.",
    )


def test_a_replay_that_is_over_is_no_silence() -> None:
    seen = outlook(beat(wall_ms=NOW - 3_600_000, replay=made_up.replay(done=True)))
    assert (seen.notices, seen.summary) == ((), "The replay is over")
    assert seen.replay is not None
    assert (seen.replay.title, seen.replay.progress) == ("The replay is over", 1.0)
