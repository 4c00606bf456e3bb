"""One behaviour, two indexes: what holds in memory holds in Redis."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from random import Random

import pytest
from redis import Redis

from contracts.clock import HOUR_MS
from ingest.cluster import KEPT_MS, MemoryStoryIndex, Place, Sighting, StoryIndex
from ingest.story_store import RedisStoryIndex
from text.story import Telling, telling

NOON = 1_667_822_400_000  # 2022-11-07 12:00
FTX = "FTX Files for Chapter 11 Bankruptcy, SBF Steps Down"
FTX_COPY = "FTX Files Chapter 11 Bankruptcy, SBF Steps Down as CEO"
MERGE = "Ethereum completes the Merge in long awaited upgrade"


def sighting(name: str, text: str = FTX, at_ms: int = NOON, lang: str = "en") -> Sighting:
    return Sighting(hashlib.blake2b(name.encode(), digest_size=16).hexdigest(), lang, at_ms, telling(text))


@pytest.fixture(params=["memory", "redis"])
def index(request: pytest.FixtureRequest) -> StoryIndex:
    if request.param == "memory":
        return MemoryStoryIndex()
    return RedisStoryIndex(Redis.from_url(request.getfixturevalue("redis_url")))


def test_a_near_duplicate_spreads_the_story_of_the_first(index: StoryIndex) -> None:
    first, second, other = sighting("a"), sighting("b", FTX_COPY), sighting("c", MERGE)
    places = index.place([first, second, other])
    assert places == [
        Place(first.document, 1, repeat=False),
        Place(first.document, 2, repeat=False),
        Place(other.document, 1, repeat=False),
    ]


def test_a_document_keeps_its_place_however_often_it_comes(index: StoryIndex) -> None:
    batch = [sighting("a"), sighting("b", FTX_COPY), sighting("c", FTX)]
    places = index.place(batch)
    again = index.place(batch + batch)
    assert [(p.story, p.position) for p in again] == [(p.story, p.position) for p in places + places]
    assert all(p.repeat for p in again)
    assert index.place([sighting("d")])[0].position == 4


def test_languages_stay_apart(index: StoryIndex) -> None:
    places = index.place([sighting("a", lang="en"), sighting("b", lang="de")])
    assert [p.position for p in places] == [1, 1]


@pytest.mark.parametrize(
    ("later_ms", "position"), [(48 * HOUR_MS, 2), (48 * HOUR_MS + 1, 1), (-48 * HOUR_MS, 2), (-48 * HOUR_MS - 1, 1)]
)
def test_a_story_lasts_48_hours_of_event_time_either_way(index: StoryIndex, later_ms: int, position: int) -> None:
    assert index.place([sighting("a"), sighting("b", at_ms=NOON + later_ms)])[1].position == position


def _made(name: str, unlike: range, *, at_ms: int = NOON) -> Sighting:
    """A sighting of 20 names of which those of `unlike` are its own, and which shares one band with all others."""
    names = (hashlib.blake2b(f"{name if n in unlike else ''}{n}".encode(), digest_size=3).digest() for n in range(20))
    return Sighting(
        sighting(name).document, "en", at_ms, Telling(b"\0\x14" + b"".join(n + b"\1" for n in names), (b"band",))
    )


def test_the_most_similar_story_wins(index: StoryIndex) -> None:
    near, nearer = _made("near", range(1, 5)), _made("nearer", range(10, 13))
    assert [p.position for p in index.place([near, nearer])] == [1, 1]
    assert index.place([_made("new", range(0))])[0].story == nearer.document


def test_of_equally_similar_stories_the_earlier_wins(index: StoryIndex) -> None:
    later, earlier = _made("later", range(1, 5)), _made("earlier", range(10, 14), at_ms=NOON - HOUR_MS)
    index.place([later, earlier])
    assert index.place([_made("new", range(0))])[0].story == earlier.document


def test_a_phrase_that_everybody_uses_cannot_grow_without_bound(index: StoryIndex) -> None:
    crowd = [_made(f"{n}", range(20)) for n in range(50)]
    assert {p.position for p in index.place(crowd)} == {1}
    old, new = (Sighting(sighting(f"again{n}").document, "en", NOON, crowd[n].telling) for n in (20, 49))
    # Newer stories took the old one's place in the one slot it has, so its copy is not found: the price of the bound.
    assert [p.position for p in index.place([old, new])] == [1, 2]


def test_what_is_long_past_is_a_story_of_its_own_and_moves_nothing(index: StoryIndex) -> None:
    past = sighting("past", at_ms=NOON - KEPT_MS - 1)
    assert index.place([sighting("a"), past, past]) == [
        Place(sighting("a").document, 1, repeat=False),
        Place(past.document, 1, repeat=False),
        Place(past.document, 1, repeat=False),
    ]
    assert index.place([sighting("b")])[0].position == 2


def test_a_text_with_nothing_to_compare_is_a_story_of_its_own(index: StoryIndex) -> None:
    blank = [Sighting(sighting(name).document, "und", NOON, None) for name in "ab"]
    assert [p.position for p in index.place(blank + blank)] == [1, 1, 1, 1]
    assert [p.repeat for p in index.place(blank)] == [True, True]


def test_chinese_copies_are_one_story(index: StoryIndex) -> None:
    texts = [
        "平安银行三季度净利润同比增长百分之二十五",
        "平安银行三季度净利润同比增长25%",
        "平安银行前三季度净利润同比增长百分之二十五",
    ]
    assert [p.position for p in index.place([sighting(text, text, lang="zh") for text in texts])] == [1, 2, 3]


def _random_stream(seed: int, documents: int) -> list[Sighting]:
    random = Random(seed)
    words = [f"word{n}" for n in range(60)]
    bases = [" ".join(random.choices(words, k=12)) for _ in range(30)]
    out = []
    for number in range(documents):
        text = random.choice(bases).split()
        for _ in range(random.randrange(4)):
            text[random.randrange(len(text))] = random.choice(words)
        at = NOON + number * HOUR_MS // 4 + random.randrange(-60 * HOUR_MS, 1) * (random.random() < 0.2)
        out.append(sighting(f"{seed}/{random.randrange(documents)}", " ".join(text), at, random.choice(["en", "zh"])))
    return out


@pytest.mark.parametrize("seed", range(3))
def test_memory_and_redis_give_the_same_places_for_a_long_mixed_stream(seed: int, redis_url: str) -> None:
    stream = _random_stream(seed, 1_500)
    memory, shared = MemoryStoryIndex(), RedisStoryIndex(Redis.from_url(redis_url))
    for start in range(0, len(stream), 100):
        batch = stream[start : start + 100]
        assert shared.place(batch) == memory.place(batch)


def test_what_is_forgotten_leaves_nothing_behind(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    index = RedisStoryIndex(redis)
    index.place(_random_stream(1, 500))
    index.place([sighting("later", at_ms=NOON + 9_000 * HOUR_MS)])
    assert len(redis.keys("story:*")) == 2 + 3  # newest, buckets, and the one bucket's documents, stories, bands


def _in_parallel(tasks: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_processes_that_see_one_story_at_once_agree(redis_url: str) -> None:
    found: list[Place] = []
    batches = [[sighting(f"{n}/{i}") for i in range(50)] for n in range(4)]

    def task(batch: list[Sighting]) -> Callable[[], None]:
        index = RedisStoryIndex(Redis.from_url(redis_url))
        return lambda: found.extend(place for one in batch for place in index.place([one]))

    _in_parallel([task(batch) for batch in batches])
    assert len({place.story for place in found}) == 1
    assert sorted(place.position for place in found) == list(range(1, 201))
