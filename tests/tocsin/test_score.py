"""What `tocsin score` shows beside the sentiment: companies, phrases, columns of files, texts that are no texts."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from contracts.errors import UserError
from inference.highlight import Phrase
from tocsin.cli import app
from tocsin.commands.score import _shown
from tocsin.texts import read_texts

FTX = "FTX halts withdrawals as Binance walks away"


def tocsin_score(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["score", *arguments], catch_exceptions=False, env={"COLUMNS": "160"})


def objects(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in tocsin_score("--json", *arguments).stdout.splitlines()]


def test_companies_of_the_watchlist_come_with_the_sentiment_towards_each(tmp_path: Path) -> None:
    (said,) = objects(FTX)
    assert [company["entity"] for company in said["companies"]] == ["ftx", "binance"]
    ftx = said["companies"][0]
    assert (ftx["name"], ftx["sentiment"], ftx["spans"]) == ("FTX", "negative", [[0, 3]])
    assert sum(ftx["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    own = tmp_path / "own.yaml"
    own.write_text("entities:\n  - {id: walker, name: walks}\n", encoding="utf-8")
    (said,) = objects(FTX, "--watchlist", str(own), "--no-phrases")
    assert [company["entity"] for company in said["companies"]] == ["walker"]


def test_phrases_stand_in_the_text_where_they_say() -> None:
    (said,) = objects(FTX)
    assert any("halts" in phrase["text"] for phrase in said["phrases"])
    for phrase in said["phrases"]:
        assert FTX[phrase["start"] : phrase["end"]] == phrase["text"]
        assert 0 < phrase["weight"] <= 1


def test_without_phrases_they_are_not_looked_for() -> None:
    (said,) = objects(FTX, "--no-phrases")
    assert "phrases" not in said


def test_where_there_is_no_colour_phrases_are_marked_by_signs() -> None:
    shown = tocsin_score("Lender files for bankruptcy").stdout
    assert "*bankruptcy*" in shown


def test_only_the_beginning_of_a_long_text_is_shown_and_then_its_phrases() -> None:
    text = "a [b] " + "x" * 300 + " fraud"
    phrases = [Phrase("[b]", 2, 5, 0.2), Phrase("fraud", 307, 312, 0.5)]
    shown = _shown(text, phrases, ("*", "*"))
    assert shown.startswith(r"a *\[b]* xxx")
    assert shown.endswith("x… *fraud* …")
    assert len(shown) < 230


ODD = [
    ("", "empty"),
    (" \n\t ", "empty"),
    ("https://t.co/abc", "empty"),
    ("🚀🚀🚀", None),
    ("<" * 100_000, None),
    ("Lender halts withdrawals " * 4_000, None),
    ("Bitcoin和以太坊暴跌, traders панік و panic \ud800 \x00", None),
]


@pytest.mark.parametrize(("text", "reason"), ODD, ids=["empty", "blank", "address", "emoji", "signs", "long", "mixed"])
def test_odd_texts_are_answered_or_rejected_clearly(text: str, reason: str | None) -> None:
    (said,) = objects("--bundle", "deterministic", "--lang", "en", "--", text)
    assert said.get("rejected") == reason
    assert said["detail"] if reason else said["sentiment"]


def test_columns_of_csv_tsv_and_jsonl_are_read_by_the_files_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('\ufeff"id","headline"\n1,"Oil, gas\nand tin"\n2,\n', encoding="utf-8")
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(b"headline\tid\nOil, gas\t1\n"))
    (tmp_path / "a.jsonl").write_text('{"headline": "Oil"}\n', encoding="utf-8")
    assert read_texts(tmp_path / "a.csv", "headline") == ["Oil, gas\nand tin", ""]
    assert read_texts(tmp_path / "a.tsv.gz", "headline") == ["Oil, gas"]
    assert read_texts(tmp_path / "a.jsonl", "headline") == ["Oil"]


def test_any_other_file_is_a_text_a_line_zipped_or_not(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffÖl fällt\n\nGas".encode())
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"Oil falls\n"))
    assert read_texts(tmp_path / "a.txt", "text") == ["Öl fällt", "", "Gas"]
    assert read_texts(tmp_path / "a.txt.gz", "text") == ["Oil falls"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"headline\nOil\n", "no column 'text'; the header has 'headline'"),
        ("a.csv", b"text,id\nOil\n", "row 1: line 2: 1 fields where the header has 2"),
        ("a.jsonl", b'{"text": 1}\n', "row 1 \\(line 1\\): 'text' is 1, no text; name the field with --text"),
        ("a.txt", b"Oil\n\xe9t\xe9\n", "line 2: not UTF-8"),
        ("a.txt.gz", gzip.compress(b"Oil falls\n" * 99)[:30], "a.txt.gz: cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_place(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_texts(tmp_path / name, "text")
