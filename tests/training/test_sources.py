"""What the labelled sets and a file of labels yield."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from training.rows import Row
from training.sources import FINENTITY, SourceInvalid, finentity_texts, labels_file, shipped

pytestmark = pytest.mark.train

SAID = {
    "text": "Tesla &amp; Apple fall",
    "sentiment": "negative",
    "topic": "market_moves",
    "entities": {"apple": "negative", "Tesla": "neutral"},
}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [row for source in shipped().values() for row in source()]


def written(path: Path, *said: object) -> Path:
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in said), encoding="utf-8")
    return path


def test_every_set_yields_rows_of_every_split(rows: list[Row]) -> None:
    found = {(row.source, row.split) for row in rows}
    assert found == {
        (source, split)
        for source in ("tfns", "sentfin", "tfnt", "own_en", "own_zh")
        for split in ("train", "valid", "test")
    }


def test_a_mention_stands_where_it_says(rows: list[Row]) -> None:
    mentions = [(row.text, m) for row in rows for m in row.mentions]
    assert len(mentions) > 20_000
    assert all(text[m.start : m.end] == m.name for text, m in mentions)


def test_names_that_sentfin_garbled_are_mended(rows: list[Row]) -> None:
    names = {m.name for row in rows if row.source == "sentfin" for m in row.mentions}
    assert {"WNS Holdings", "Frank Russell Company"} <= names
    assert not any("neutralings" in name or "Rusnegative" in name for name in names)


def test_finentity_ships_and_no_source_yields_it(rows: list[Row]) -> None:
    texts = set(finentity_texts())
    assert len(texts) == 968
    assert not texts & {row.text for row in rows}
    recipes = Path(__file__).parents[2] / "training" / "recipes"
    assert not any(FINENTITY in recipe.read_text(encoding="utf-8") for recipe in recipes.glob("*.yaml"))


def test_a_file_of_labels_is_read_with_what_it_leaves_out(tmp_path: Path) -> None:
    chinese = {
        "text": "宁德时代大涨",
        "sentiment": "positive",
        "split": "valid",
        "weight": 2,
        "source": "desk",
        "licence": "Apache-2.0",
    }
    first, second = labels_file(written(tmp_path / "mine.jsonl", SAID, chinese))
    assert (first.text, first.lang, first.source, first.split, first.weight) == (
        "Tesla & Apple fall",
        "en",
        "mine",
        "train",
        1.0,
    )
    assert [(m.name, m.label) for m in first.mentions] == [("Tesla", "neutral"), ("Apple", "negative")]
    assert (second.lang, second.source, second.licence, second.split, second.weight) == (
        "zh",
        "desk",
        "Apache-2.0",
        "valid",
        2.0,
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sentiment": "bearish"}, "sentiment is 'bearish', not one of negative, neutral, positive"),
        ({"topic": "sports"}, "topic is 'sports'"),
        ({"entities": {"Shell": "negative"}}, "'Shell' is not in 'Tesla & Apple fall'"),
        ({"entities": {"Tesla": "bad"}}, "a mention's label is 'bad'"),
        ({"entities": ["Tesla"]}, "line 2"),
        ({"text": 5}, 'it is no object with a "text"'),
        ({"text": "https://t.co/x", "entities": {}}, "empty"),
        ({"split": "dev"}, "split is 'dev'"),
        ({"weight": "much"}, "line 2"),
        ({"weight": float("nan")}, "weight is nan"),
    ],
)
def test_a_bad_line_is_named_with_what_is_wrong(tmp_path: Path, change: dict[str, object], said: str) -> None:
    path = written(tmp_path / "mine.jsonl", SAID, {**SAID, **change})
    with pytest.raises(SourceInvalid, match=r"mine\.jsonl, line 2: ") as caught:
        list(labels_file(path))
    assert said in str(caught.value)


def test_a_line_without_a_label_and_one_that_is_no_json_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceInvalid, match="line 1: it has no sentiment, topic or entities"):
        list(labels_file(written(tmp_path / "a.jsonl", {"text": "gold"})))
    (tmp_path / "b.jsonl").write_text("\n{", encoding="utf-8")
    with pytest.raises(SourceInvalid, match="line 2: "):
        list(labels_file(tmp_path / "b.jsonl"))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    whole = gzip.compress(json.dumps(SAID).encode() * 100)
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "no.jsonl.gz").write_bytes(b"plain")
    (tmp_path / "latin.jsonl").write_bytes('{"text": "é"}'.encode("latin-1"))
    for name in ("cut.jsonl.gz", "no.jsonl.gz", "latin.jsonl", "nowhere.jsonl", "."):
        with pytest.raises(SourceInvalid, match=r"cannot be read|no such file|is a folder"):
            list(labels_file(tmp_path / name))
