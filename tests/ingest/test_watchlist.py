"""The watchlist file: what it may include, what it refuses, and the one that ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import UserError
from contracts.watchlist import WatchedEntity, read_watchlist, shipped_watchlists, watchlist_files, watchlist_version


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_an_included_file_is_read_and_the_file_that_includes_wins(tmp_path: Path) -> None:
    _write(tmp_path / "other.yaml", "entities: [{id: ftx, name: FTX}, {id: gap, name: Gap}]")
    path = _write(tmp_path / "watchlist.yaml", "include: [other.yaml]\nentities: [{id: ftx, name: FTX Trading}]")
    assert {entity.id: entity.name for entity in read_watchlist(path)} == {"ftx": "FTX Trading", "gap": "Gap"}
    assert watchlist_files(path) == [path, tmp_path / "other.yaml"]


def test_a_file_may_do_nothing_but_include_what_ships(tmp_path: Path) -> None:
    path = _write(tmp_path / "watchlist.yaml", "include: [world]")
    assert read_watchlist(path) == read_watchlist(shipped_watchlists()["world"])


def test_a_word_list_stands_for_its_words_also_from_an_included_file(tmp_path: Path) -> None:
    _write(tmp_path / "words.yaml", "word_lists: {company: [shares, profit]}\nentities: []")
    path = _write(
        tmp_path / "watchlist.yaml",
        "include: [words.yaml]\nentities: [{id: gap, name: Gap, near: ['@company', stores]}]",
    )
    assert read_watchlist(path)[0].near == ["shares", "profit", "stores"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("include: [nowhere.yaml]", "include 'nowhere.yaml': no such file, and no such watchlist comes with Tocsin"),
        ("include: world", "'world': expected a list of words"),
        ("include: [watchlist.yaml]", "includes itself"),
        ("entitys: []", "entitys: known are entities, include, word_lists"),
        ("entities: [{id: a, name: A, near: ['@nothing']}]", "there is no word list 'nothing'"),
        ("entities: [{id: a, name: A, ambiguous: [B]}]", "ambiguous: B is none of its names"),
        ("entities: [{id: a, name: A, parent: b}]", "the parent 'b' of 'a' is not on the watchlist"),
        ("entities: [{id: a, name: A}, {id: a, name: B}]", "entity 2 repeats the id 'a' of entity 1"),
        ("word_lists: {}", "expected a list of entities"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=r"watchlist\.yaml") as raised:
        read_watchlist(_write(tmp_path / "watchlist.yaml", text))
    assert complaint in str(raised.value)


def test_the_version_follows_the_content_and_not_the_order() -> None:
    a, b = WatchedEntity(id="a", name="A"), WatchedEntity(id="b", name="B")
    assert watchlist_version([a, b]) == watchlist_version([b, a])
    assert watchlist_version([a, b]) != watchlist_version([a, WatchedEntity(id="b", name="B", tickers=["B"])])


def test_the_watchlist_that_ships_is_large_and_spread_over_the_markets() -> None:
    entities = read_watchlist(shipped_watchlists()["world"])
    assert len(entities) >= 500
    for session, least in (("us", 300), ("eu", 100), ("hk", 40), ("cn", 80), ("crypto", 50)):
        assert sum(entity.session == session for entity in entities) >= least, session


def test_the_starter_with_the_large_one_keeps_every_entity_of_the_starter(tmp_path: Path) -> None:
    starter = Path(__file__).parents[2] / "tocsin" / "templates" / "watchlist.yaml"
    text = starter.read_text(encoding="utf-8").replace("# include: [world]", "include: [world]")
    both = {entity.id: entity for entity in read_watchlist(_write(tmp_path / "watchlist.yaml", text))}
    assert len(both) > 1_000
    for entity in read_watchlist(starter):
        assert both[entity.id] == entity


def test_no_sure_name_of_the_large_watchlist_belongs_to_two() -> None:
    owners: dict[str, set[str]] = {}
    for entity in read_watchlist(shipped_watchlists()["world"]):
        for name in (entity.name, *entity.aliases, *entity.products):
            if name not in entity.ambiguous and not (entity.near and not entity.ambiguous):
                owners.setdefault(name.casefold(), set()).add(entity.id)
    assert {name: ids for name, ids in owners.items() if len(ids) > 1} == {}
