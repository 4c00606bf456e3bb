"""`tocsin score` as a person and as a program use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from contracts.errors import UserError
from tocsin.cli import app


def tocsin_score(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["score", *arguments])


def test_json_is_one_object_a_text_in_the_order_given() -> None:
    done = tocsin_score("--json", "Lender files for bankruptcy", "Shares jump 9% on record profit")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["text"], first["sentiment"]) == ("Lender files for bankruptcy", "negative")
    assert second["sentiment"] == "positive"
    assert sum(first["probabilities"]["topic"].values()) == pytest.approx(1, abs=1e-3)
    assert first["topic"] in first["probabilities"]["topic"]


def test_a_text_that_cannot_be_scored_says_why_in_its_place() -> None:
    done = tocsin_score("--json", "", "今天股市大跌投资者恐慌抛售", "Oil falls after the meeting of ministers")
    reasons = [json.loads(line).get("rejected") for line in done.stdout.splitlines()]
    assert reasons == ["empty", "language", None]


def test_the_table_shows_text_topic_and_sentiment() -> None:
    done = tocsin_score("Regulator fines the bank [$400 million] for misleading investors")
    assert "negative" in done.stdout
    assert "[$400" in done.stdout


def test_a_file_is_scored_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("Oil falls after the meeting\nThe dollar rises against the euro\n", encoding="utf-8")
    done = tocsin_score("--json", "--file", str(file))
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == file.read_text().splitlines()


def test_nothing_to_score_is_one_line_of_advice() -> None:
    assert isinstance(tocsin_score().exception, UserError)


@pytest.mark.parametrize("arguments", [("x", "--bundle", "nowhere"), ("--file", "nowhere.txt")])
def test_a_folder_or_file_that_is_not_there_is_named(arguments: tuple[str, ...]) -> None:
    done = tocsin_score(*arguments)
    assert isinstance(done.exception, UserError)
    assert "nowhere" in str(done.exception)


def test_a_damaged_bundle_is_refused_with_the_reason(copy: Path) -> None:
    (copy / "golden.jsonl").write_text("", encoding="utf-8")
    done = tocsin_score("Oil falls", "--bundle", str(copy))
    assert "checksum" in str(done.exception)
