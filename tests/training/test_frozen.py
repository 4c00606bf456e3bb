"""A text that tests once tests for ever, with the labels it had."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from training.frozen import FrozenChanged, check_frozen, fingerprint, freeze, read_frozen
from training.leak_free import LeftOut, merged
from training.rows import Row
from training.sources import shipped

pytestmark = pytest.mark.train

TESTS = [Row(text, "en", "a", "MIT", "test", "neutral") for text in ("gold waits", "oil waits")]
FROZEN = [fingerprint(row) for row in TESTS]


def test_what_is_as_it_was_passes() -> None:
    check_frozen(reversed(TESTS), TESTS, FROZEN)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([TESTS[0]], "of a, is gone"),
        ([TESTS[0], replace(TESTS[1], text="oil waits.")], "is gone or reads otherwise"),
        ([TESTS[0], replace(TESTS[1], split="train")], "moved to train: 'oil waits'"),
        ([TESTS[0], replace(TESTS[1], sentiment="negative")], "other labels: 'oil waits'"),
        ([*TESTS, replace(TESTS[0], text="tin waits")], "is new: 'tin waits'"),
    ],
)
def test_a_change_is_refused_and_named(rows: list[Row], said: str) -> None:
    with pytest.raises(FrozenChanged, match=said):
        check_frozen([row for row in rows if row.split == "test"], rows, FROZEN)


def test_a_new_source_may_bring_tests_and_freezing_adds_only_them(tmp_path: Path) -> None:
    path = tmp_path / "frozen.csv.gz"
    assert freeze(TESTS, path) == 2
    other = Row("金价", "zh", "b", "MIT", "test", topic="market_moves")
    check_frozen([*TESTS, other], [], read_frozen(path))
    assert freeze([*TESTS, replace(TESTS[0], text="tin waits"), other], path) == 1
    assert {one.text for one in read_frozen(path)} == {fingerprint(row).text for row in (*TESTS, other)}


def test_every_test_text_that_ships_is_frozen_as_it_is() -> None:
    rows = [row for source in shipped().values() for row in source()]
    tests = [row for row in merged(rows, LeftOut()) if row.split == "test"]
    check_frozen(tests, rows, read_frozen())
    assert {fingerprint(row) for row in tests} == set(read_frozen())
