from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.errors import UserError
from ingest.secret_values import resolve
from ingest.source_kinds import KINDS, ReplaySource, RssSource
from ingest.sources_file import catalogue, read_sources

SOURCE: dict[str, Any] = {
    "name": "crypto-2022",
    "kind": "replay",
    "path": "streams/crypto.csv.gz",
    "map": {"time": "ts", "source": "source", "title": "title"},
    "speed": 3600,
    "phases": [{"until": "2022-11-05T00:00:00Z", "speed": 0}],
    "learn_until": "2022-11-05T00:00:00Z",
}


def _write(folder: Path, content: Any) -> Path:
    path = folder / "sources.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def test_a_source_is_read_with_its_path_beside_the_file(tmp_path: Path) -> None:
    (source,) = read_sources(_write(tmp_path, {"sources": [SOURCE]}))
    assert isinstance(source, ReplaySource)
    assert source.path == (tmp_path / "streams" / "crypto.csv.gz").resolve()
    assert source.learn_until == source.phases[0].until == 1_667_606_400_000
    assert source.schedule(0).speed_at(source.learn_until) == 3600


def test_a_time_that_yaml_reads_as_one_is_one(tmp_path: Path) -> None:
    text = "sources:\n- {name: a, kind: replay, path: a.csv, map: {time: t, title: h}, learn_until: 2022-11-05T00:00:00Z}\n"
    (source,) = read_sources(_write(tmp_path, text))
    assert isinstance(source, ReplaySource)
    assert source.learn_until == 1_667_606_400_000


def test_no_sources_is_a_list_of_none(tmp_path: Path) -> None:
    assert read_sources(_write(tmp_path, {"sources": []})) == []


MISTAKES = [
    ({**SOURCE, "kind": "fax"}, "source 1 .*crypto-2022.*kind: 'fax' is not known; the kinds are: replay, rss, json"),
    ({**SOURCE, "kind": ["rss"]}, "is not known"),
    ({"name": "a", "kind": "rss"}, "source 1 .'a'., url: is missing"),
    (
        {"name": "a", "kind": "rss", "url": "ftp://x"},
        "url: 'ftp://x' is no address that begins with http:// or https://",
    ),
    ({"name": "a", "kind": "rss", "url": "https://u:p@x/"}, "url: a name or password stands in the address"),
    ({"name": "a", "kind": "rss", "url": "https://x/", "timezone": "Mars"}, "timezone: 'Mars' is no time zone"),
    ({"name": "a", "kind": "rss", "url": "https://x/", "every_s": 1}, "every_s: .*greater than or equal to 10"),
    ({"name": "a", "kind": "json", "url": "https://x/", "map": {"title": "a["}}, "map: 'a.' is no JMESPath"),
    ({"name": "a", "kind": "json", "url": "https://x/", "map": {"id": "a"}}, "map: needs `title` or `body`"),
    ({"name": "a", "kind": "websocket", "url": "wss://x/"}, "needs `title` or `body`"),
    ({"name": "a", "kind": "push", "senders": {"desk": "secret"}}, "senders: the token of 'desk' stands in the file"),
    ({"catalogue": "no-such"}, "catalogue: there is no 'no-such'; `tocsin sources list --catalogue`"),
    ({key: value for key, value in SOURCE.items() if key != "path"}, "path: is missing"),
    ({**SOURCE, "sped": 1}, "sped: is no setting"),
    ({**SOURCE, "speed": -1}, "speed: .*greater than or equal to 0"),
    ({**SOURCE, "name": "Crypto 2022"}, "name: "),
    ({**SOURCE, "map": {"title": "title"}}, "map: needs `time`"),
    (
        {**SOURCE, "map": {"time": "ts", "headline": "title"}},
        "map: 'headline' is no field of a document; the fields are time",
    ),
    ({**SOURCE, "learn_until": "soon"}, "learn_until: 'soon' is no time"),
    (
        {**SOURCE, "phases": [{"until": "2022-11-05", "speed": 0}, {"until": "2022-11-01", "speed": 0}]},
        "phases come in order of time",
    ),
    ("a word", "source 1 is 'a word'"),
]


@pytest.mark.parametrize(("entry", "said"), MISTAKES)
def test_a_mistake_names_file_entry_field_and_remedy(tmp_path: Path, entry: Any, said: str) -> None:
    with pytest.raises(UserError, match=rf"sources\.yaml: .*{said}"):
        read_sources(_write(tmp_path, {"sources": [entry]}))


def test_a_ready_source_is_named_and_may_be_changed(tmp_path: Path) -> None:
    entries = [{"catalogue": "fed-press"}, {"catalogue": "fed-press", "name": "fed-again", "every_s": 60}]
    first, second = read_sources(_write(tmp_path, {"sources": entries}))
    assert isinstance(first, RssSource)
    assert isinstance(second, RssSource)
    assert (first.name, first.timezone, second.name, second.every_s) == (
        "fed-press",
        "America/New_York",
        "fed-again",
        60,
    )


@pytest.mark.parametrize("name", catalogue())
def test_every_ready_source_is_one_that_works_and_says_what_it_is(name: str) -> None:
    row = catalogue()[name]
    KINDS[row["kind"]].model_validate({key: value for key, value in row.items() if key not in ("about", "terms")})
    assert row["about"]
    assert row["terms"]
    assert row.get("language") in ("en", "zh") or row["documents" if "documents" in row else "preset"]


def test_the_catalogue_speaks_english_and_chinese() -> None:
    languages = [row.get("language") for row in catalogue().values()]
    assert languages.count("en") >= 30
    assert languages.count("zh") >= 6


def test_a_secret_is_named_and_found_or_missed_by_name(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("rosebud\n")
    assert resolve("Bearer ${TOKEN}", {"TOKEN": "x"}, "here") == "Bearer x"
    assert resolve(f"${{file:{tmp_path}/token}}", {}, "here") == "rosebud"
    with pytest.raises(UserError, match="here: the environment variable TOKEN is not set"):
        resolve("${TOKEN}", {}, "here")
    with pytest.raises(UserError, match="here: the secret file /no/such"):
        resolve("${file:/no/such}", {}, "here")
    with pytest.raises(UserError, match="line end"):
        resolve("${TOKEN}", {"TOKEN": "a\nb"}, "here")


def test_a_name_belongs_to_one_source(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="source 2 repeats the name 'crypto-2022'"):
        read_sources(_write(tmp_path, {"sources": [SOURCE, SOURCE]}))


@pytest.mark.parametrize("content", ["", "sources: 5", "- a", "{", "sources:\n\t- x", "just words"])
def test_a_file_that_is_none_says_so(tmp_path: Path, content: str) -> None:
    with pytest.raises(UserError, match=r"sources\.yaml: (expected a list|not YAML)"):
        read_sources(_write(tmp_path, content))


def test_a_file_that_is_not_there_says_who_writes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tocsin init"):
        read_sources(tmp_path / "sources.yaml")
