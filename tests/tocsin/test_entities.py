"""`tocsin entities`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from contracts.errors import UserError
from tocsin.cli import app

LIST = """
entities:
  - {id: gap, name: Gap, aliases: [盖璞], near: [retailer], session: us}
  - {id: ftx, name: FTX}
"""


@pytest.fixture
def watchlist(tmp_path: Path) -> str:
    path = tmp_path / "own.yaml"
    path.write_text(LIST, encoding="utf-8")
    return str(path)


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(
        app, ["entities", *arguments], input=given, catch_exceptions=False, env={"COLUMNS": "160"}
    )


def test_explain_shows_place_rule_and_relevance(watchlist: str) -> None:
    shown = run("explain", "Retailer Gap falls\nMind the gap", "--watchlist", watchlist).stdout
    assert "near one of its words" in shown
    assert "in lower case" in shown


def test_explain_as_json_has_every_place_and_every_mention(watchlist: str) -> None:
    said = json.loads(run("explain", "Retailer Gap, the gap", "--watchlist", watchlist, "--json").stdout)
    assert [(one["text"], one["kept"], one["rule"]) for one in said["places"]] == [
        ("Gap", True, "near one of its words"),
        ("gap", False, "in lower case"),
    ]
    (mention,) = said["mentions"]
    assert (mention["entity"], mention["counted"], mention["session"], mention["spans"]) == (
        "gap",
        True,
        "us",
        [[9, 12]],
    )


def test_explain_reads_standard_input_and_takes_html_away(watchlist: str) -> None:
    said = json.loads(run("explain", "-", "--watchlist", watchlist, "--json", given="<b>FTX</b> halts\n").stdout)
    assert said["mentions"][0]["spans"] == [[0, 3]]


def test_explain_takes_the_large_watchlist_by_name() -> None:
    said = json.loads(run("explain", "迪王又降价了", "--watchlist", "world", "--json").stdout)
    assert [mention["entity"] for mention in said["mentions"]] == ["byd"]


def test_a_text_without_a_watched_name_is_said_to_have_none(watchlist: str) -> None:
    assert "No watched name" in run("explain", "Nothing here", "--watchlist", watchlist).stdout


@pytest.mark.parametrize("text", ["", "<b></b>"])
def test_an_empty_text_is_a_mistake(watchlist: str, text: str) -> None:
    with pytest.raises(UserError, match="nothing to explain"):
        run("explain", text, "--watchlist", watchlist)


def test_list_finds_by_any_name(watchlist: str) -> None:
    assert json.loads(run("list", "盖璞", "--watchlist", watchlist, "--json").stdout)["id"] == "gap"
    shown = run("list", "--watchlist", watchlist).stdout
    assert "2 of 2; version " in shown
