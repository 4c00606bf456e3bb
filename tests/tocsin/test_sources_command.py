from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from contracts.errors import UserError
from tests.ingest.publisher_site import Site, rss
from tocsin.commands.init import write
from tocsin.commands.sources import app

Command = Callable[..., str]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    write(tmp_path, force=False)
    monkeypatch.setenv("TOCSIN_INGEST__PRIVATE_NETWORKS", "127.0.0.0/8")

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--file", str(tmp_path / "sources.yaml")])
        if isinstance(result.exception, UserError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return run


@pytest.fixture
def site() -> Iterator[Site]:
    pages = Site()
    server = pages.serve()
    yield pages
    server.shutdown()
    server.server_close()


def names(output: str) -> list[str]:
    return [orjson.loads(line)["name"] for line in output.splitlines()]


def test_ready_sources_are_added_by_name_and_comments_stay(command: Command, tmp_path: Path) -> None:
    before = (tmp_path / "sources.yaml").read_text()
    assert names(command("list", "--json")) == []
    assert "public domain" in command("add", "fed-press")
    command("add", "ecb-press", "hkma-press-zh")
    assert set(names(command("list", "--json"))) == {"fed-press", "ecb-press", "hkma-press-zh"}
    assert names(command("list", "--json", "--language", "zh")) == ["hkma-press-zh"]
    after = (tmp_path / "sources.yaml").read_text()
    assert [line for line in before.splitlines() if line.startswith("#")] == [
        line for line in after.splitlines() if line.startswith("#")
    ]
    assert "3 sources, 3 of them live" in command("check")


def test_a_name_that_is_none_or_there_already_is_refused(command: Command) -> None:
    with pytest.raises(UserError, match="no ready source 'no-such'"):
        command("add", "no-such")
    command("add", "fed-press")
    with pytest.raises(UserError, match="has a source 'fed-press' already"):
        command("add", "fed-press")


def test_the_catalogue_is_shown_with_its_terms(command: Command) -> None:
    rows = [orjson.loads(line) for line in command("list", "--catalogue", "--json").splitlines()]
    assert len(rows) >= 50
    assert all(row["terms"] and row["about"] and row["address"] for row in rows)


def test_check_names_a_secret_and_a_file_that_are_not_there(command: Command, tmp_path: Path) -> None:
    command("add", "bluesky-search")
    with pytest.raises(
        UserError, match=r"bluesky-search.*headers.Authorization: the environment variable BLUESKY_TOKEN is not set"
    ):
        command("check")
    (tmp_path / "sources.yaml").write_text(
        "sources:\n- {name: a, kind: replay, path: gone.csv, map: {time: t, title: h}}\n"
    )
    with pytest.raises(UserError, match=r"source 'a', path: there is no file .*gone\.csv"):
        command("check")


def test_test_shows_what_one_look_would_publish(command: Command, site: Site, tmp_path: Path) -> None:
    site.pages["/feed"] = lambda visit: visit.conditional(rss("FTX halts withdrawals", "Older"))
    source = f"sources:\n- {{name: mine, kind: rss, url: '{site.address}/feed'}}\n"
    (tmp_path / "sources.yaml").write_text(source)
    shown = command("test", "mine")
    assert "FTX halts withdrawals" in shown
    assert "2 documents, 0 that cannot be used" in shown
    drafts = [orjson.loads(line) for line in command("test", "mine", "--json").splitlines()]
    assert [(draft["title"], draft["published"]) for draft in drafts] == [
        ("Older", "2022-11-08 14:30:00Z"), ("FTX halts withdrawals", "2022-11-08 14:30:00Z"),
    ]  # fmt: skip


def test_test_says_in_one_line_why_a_source_cannot_be_read(command: Command, site: Site, tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text(f"sources:\n- {{name: mine, kind: rss, url: '{site.address}/gone'}}\n")
    with pytest.raises(UserError, match=r"mine: http://127.*/gone answers 404 Not Found \(http_404\)"):
        command("test", "mine")
    with pytest.raises(UserError, match="no source 'yours'"):
        command("test", "yours")
