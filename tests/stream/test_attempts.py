"""A place that failed three times is taken record by record; bad luck elsewhere does not count."""

from __future__ import annotations

from pathlib import Path

from stream.attempts import Attempts


def test_the_third_failure_at_one_place_exhausts_it(tmp_path: Path) -> None:
    path = tmp_path / "run" / "attempts.json"
    for failures in range(3):
        assert not Attempts(path).exhausted({0: 7}), failures
        Attempts(path).failed({0: 7})
    assert Attempts(path).exhausted({0: 7, 1: 2})


def test_failures_at_other_places_begin_anew(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "attempts.json")
    attempts.failed({0: 7})
    attempts.failed({0: 7})
    attempts.failed({0: 9})
    attempts.failed({0: 7})
    assert not attempts.exhausted({0: 7})


def test_a_file_cut_short_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "attempts.json"
    path.write_text('{"0:7": ')
    assert not Attempts(path).exhausted({0: 7})


def test_a_place_that_was_passed_is_forgotten(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "attempts.json")
    attempts.failed({0: 7})
    attempts.clear()
    attempts.clear()
    assert not attempts.path.exists()
