"""Whatever a reader delivers, what was accepted has no holes, and a refused batch was a jump."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import Inconsistent
from stream.records import Contiguity, Record

BATCHES = st.lists(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=1, max_size=5), max_size=12)


@given(BATCHES, st.dictionaries(st.integers(0, 1), st.integers(0, 4), min_size=2, max_size=2))
def test_what_was_accepted_has_no_holes(batches: list[list[tuple[int, int]]], begin: dict[int, int]) -> None:
    contiguity = Contiguity()
    contiguity.start(begin)
    reached = dict(begin)
    for batch in batches:
        before = dict(reached)
        try:
            spans = contiguity.accept([Record(partition, offset, None, None) for partition, offset in batch])
        except Inconsistent:
            follow = dict(before)
            jumped = False
            for partition, offset in batch:
                jumped = jumped or offset > follow[partition]
                follow[partition] = max(follow[partition], offset + 1)
            assert jumped
            return  # the process ends
        for partition, (first, following) in spans.items():
            assert first <= before[partition] <= following
            read = {offset for of, offset in batch if of == partition}
            assert set(range(before[partition], following)) <= read, "every place between was read"
            reached[partition] = following
    assert contiguity.expected == reached
