"""Offsets come without gaps; a jump forward is a loss that must not go unnoticed."""

from __future__ import annotations

import pytest

from contracts.errors import Inconsistent
from stream.records import Contiguity, Record


def records(*places: tuple[int, int]) -> list[Record]:
    return [Record(partition, offset, b"k", b"v") for partition, offset in places]


def test_a_batch_that_continues_is_accepted_with_its_spans() -> None:
    contiguity = Contiguity()
    contiguity.start({0: 5, 1: 0})
    assert contiguity.accept(records((0, 5), (1, 0), (0, 6))) == {0: (5, 7), 1: (0, 1)}
    assert contiguity.accept(records((0, 7))) == {0: (7, 8)}


def test_a_jump_forward_is_refused() -> None:
    contiguity = Contiguity()
    contiguity.start({0: 5})
    with pytest.raises(Inconsistent, match="partition 0: read offset 7 where 5 was due"):
        contiguity.accept(records((0, 7)))


def test_a_jump_inside_a_batch_is_refused() -> None:
    contiguity = Contiguity()
    contiguity.start({0: 5})
    with pytest.raises(Inconsistent):
        contiguity.accept(records((0, 5), (0, 7)))


def test_what_was_read_before_is_harmless() -> None:
    contiguity = Contiguity()
    contiguity.start({0: 5})
    assert contiguity.accept(records((0, 3), (0, 4), (0, 5))) == {0: (3, 6)}


def test_a_header_is_found_by_its_name() -> None:
    record = Record(0, 0, None, None, [("a", b"1"), ("b", b"2")])
    assert record.header("b") == b"2"
    assert record.header("c") is None
