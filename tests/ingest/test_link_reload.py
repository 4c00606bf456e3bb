"""The watchlist is followed while Tocsin runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contracts.errors import UserError
from contracts.watchlist import watchlist_version
from ingest.link_reload import WatchedLinker
from ingest.pipeline import Pipeline


def _write(path: Path, text: str, at: int) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(at, at))  # two writes within a tick of the file system's clock must differ


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "watchlist.yaml"
    _write(file, "entities: [{id: ftx, name: FTX}]", 1)
    return file


def _entities(links: WatchedLinker, text: str) -> list[str]:
    return [mention.entity for mention in links.current.link(text)]


def test_a_changed_file_is_taken_up_and_its_version_with_it(path: Path) -> None:
    links = WatchedLinker(path)
    before = links.current.version
    assert not links.look()
    _write(path, "entities: [{id: ftx, name: FTX}, {id: gap, name: Old Navy}]", 2)
    assert _entities(links, "Old Navy") == []
    assert links.look()
    assert _entities(links, "Old Navy") == ["gap"]
    assert links.current.version == watchlist_version(links.current.entities) != before


def test_a_change_that_changes_nothing_is_no_new_version(path: Path) -> None:
    links = WatchedLinker(path)
    _write(path, "# a comment\nentities: [{id: ftx, name: FTX}]", 2)
    assert not links.look()


@pytest.mark.parametrize("text", ["entities: [{id: ftx", "entities: [{name: FTX}]", "entitys: []"])
def test_a_file_that_cannot_be_read_leaves_the_list_before_in_use(path: Path, text: str) -> None:
    links = WatchedLinker(path)
    _write(path, text, 2)
    assert not links.look()
    assert _entities(links, "FTX") == ["ftx"]
    _write(path, "entities: [{id: ftx, name: FTX}, {id: gap, name: Old Navy}]", 3)
    assert links.look()


def test_a_file_that_is_gone_for_a_moment_is_waited_for(path: Path) -> None:
    links = WatchedLinker(path)
    path.unlink()
    assert not links.look()
    _write(path, "entities: [{id: gap, name: Old Navy}]", 2)
    assert links.look()
    assert _entities(links, "FTX Old Navy") == ["gap"]


def test_an_included_file_is_followed_too(path: Path) -> None:
    _write(path.parent / "more.yaml", "entities: [{id: gap, name: Old Navy}]", 1)
    _write(path, "include: [more.yaml]", 2)
    links = WatchedLinker(path)
    _write(path.parent / "more.yaml", "entities: [{id: gap, name: Athleta}]", 2)
    assert links.look()
    assert _entities(links, "Athleta") == ["gap"]


def test_a_file_that_cannot_be_read_at_the_start_is_a_mistake(path: Path) -> None:
    _write(path, "entitys: []", 2)
    with pytest.raises(UserError):
        WatchedLinker(path)


def test_documents_say_which_watchlist_found_their_mentions(path: Path) -> None:
    links = WatchedLinker(path)
    pipeline = Pipeline(links.current.entities, linkers=lambda: links.current)
    rows = [{"time": f"2022-11-0{day}", "title": f"FTX and Old Navy, day {day}"} for day in (1, 2)]
    (_, first), *_ = pipeline.documents([(1, rows[0])])
    _write(path, "entities: [{id: ftx, name: FTX}, {id: gap, name: Old Navy}]", 2)
    links.look()
    (_, second), *_ = pipeline.documents([(2, rows[1])])
    assert [len(document.mentions) for document in (first, second)] == [1, 2]
    assert first.watchlist != second.watchlist == links.current.version
