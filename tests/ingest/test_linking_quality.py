"""Linking and clustering on their labelled sets stay at least as good as they must be."""

from __future__ import annotations

import pytest

from contracts.watchlist import read_watchlist, shipped_watchlists
from ingest.cluster import MemoryStoryIndex
from ingest.link import Linker
from tests.bench.linking import Tally, sighting
from tests.bench.linking_sets import hard_set, story_pairs


@pytest.fixture(scope="module")
def world() -> Linker:
    return Linker(read_watchlist(shipped_watchlists()["world"]))


@pytest.mark.parametrize("half", [0, 1])
def test_the_large_watchlist_finds_the_names_of_the_hard_set_and_invents_few(world: Linker, half: int) -> None:
    tally = Tally()
    texts = [text for text in hard_set() if text.number % 2 == half]
    for text in texts:
        tally.add({mention.entity for mention in world.link(text.title, text.body)}, text.entities)
    assert len(texts) >= 100
    assert tally.precision >= 0.98
    assert tally.recall >= 0.93


@pytest.mark.parametrize("half", [0, 1])
def test_pairs_of_one_story_are_joined_and_others_are_not(half: int) -> None:
    tally = Tally()
    for pair in story_pairs():
        if pair.number % 2 == half:
            first, second = (sighting(f"{pair.number}/{n}", one) for n, one in enumerate((pair.first, pair.second)))
            together = MemoryStoryIndex().place([first, second])[1].position == 2
            tally.add([1] if together else [], [1] if pair.same else [])
    assert tally.f1 >= 0.9
