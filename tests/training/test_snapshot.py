"""The snapshot that `tocsin data build` makes of everything that ships leaks nothing, and says what it holds."""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.sparse import csr_array
from typer.testing import CliRunner

from tocsin.cli import app
from training import snapshot
from training.frozen import fingerprint, read_frozen
from training.left_out import marks_of, read_left_out
from training.rows import Row, content_sha256
from training.snapshot import Snapshot, SnapshotInvalid
from training.sources import finentity_texts, shipped
from training.unlabelled import held_out_days, stream

pytestmark = pytest.mark.train

STREAM = Path(__file__).parents[2] / "tocsin" / "streams" / "crypto_2022_en_3src.csv.gz"
LABELLED = [
    # The first two nearly repeat a test text and a headline of the day of the Merge; the third is good.
    {
        "text": "Prosecutors in Frankfurt search the offices of asset manager DWS for a second time",
        "sentiment": "negative",
    },
    {
        "text": "Ethereum executes its highly anticipated Merge event, ushering in a proof-of-stake era",
        "sentiment": "positive",
    },
    {"text": "The committee of the lighthouse keepers' pension fund buys eleven oak barrels", "topic": "general_other"},
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder and what the command printed, with a file of labels beside what ships."""
    folder = tmp_path_factory.mktemp("snapshot")
    labels = folder / "desk.jsonl"
    labels.write_text("".join(json.dumps(one) + "\n" for one in LABELLED), encoding="utf-8")
    done = CliRunner().invoke(app, ["data", "build", "--out", str(folder / "made"), "--labels", str(labels), "--json"])
    assert done.exit_code == 0, done.output
    return folder / "made", json.loads(done.stdout)


@pytest.fixture(scope="module")
def built(made: tuple[Path, dict[str, Any]]) -> Snapshot:
    return snapshot.read(made[0])


def plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text).lower()).strip()


def word_parts(text: str) -> set[str]:
    """Words and pairs of words as a stranger would cut them."""
    words = plain(text).split()
    return set(words) | {f"{a} {b}" for a, b in pairwise(words)}


def character_parts(text: str) -> set[str]:
    """Runs of four characters; of two where a text is Chinese."""
    whole = plain(text)
    chinese = sum("\u4e00" <= c <= "\u9fff" for c in whole) > len(whole) / 4
    whole, n = (whole.replace(" ", ""), 2) if chinese else (whole, 4)
    return {whole[i : i + n] for i in range(max(1, len(whole) - n + 1))}


def most_similar(texts: list[str], others: list[str], parts: Callable[[str], set[str]]) -> tuple[float, str, str]:
    """The pair of highest Jaccard similarity, by comparing every text with every other."""
    places: dict[str, int] = {}

    def matrix(group: list[str]) -> csr_array:
        cut = [[places.setdefault(part, len(places)) for part in parts(text)] for text in group]
        ends = np.cumsum([0, *(len(one) for one in cut)])
        columns = np.fromiter((place for one in cut for place in one), np.int32, int(ends[-1]))
        return csr_array((np.ones(len(columns), np.int32), columns, ends), shape=(len(group), 2_000_000))

    left, right = matrix(texts), matrix(others)
    sizes, other_sizes = np.diff(left.indptr), np.diff(right.indptr)
    turned = right.T.tocsr()
    best = (0.0, "", "")
    for start in range(0, len(texts), 500):
        shared = (left[start : start + 500] @ turned).tocoo()
        similarity = shared.data / (sizes[start + shared.row] + other_sizes[shared.col] - shared.data)
        if len(similarity) and (top := int(similarity.argmax())) >= 0 and similarity[top] > best[0]:
            best = float(similarity[top]), texts[start + shared.row[top]], others[shared.col[top]]
    return best


def test_no_text_trains_or_validates_that_any_set_tests(built: Snapshot) -> None:
    tested = {plain(row.text) for row in built.rows if row.split == "test"} | {
        plain(text) for text in finentity_texts()
    }
    taught = [plain(row.text) or row.text for row in built.rows if row.split != "test"]
    assert len(taught) > 30_000
    assert not tested & set(taught)
    assert len(set(taught)) == len(taught)


@pytest.mark.parametrize(("parts", "below"), [(word_parts, 0.65), (character_parts, 0.75)])
def test_comparing_every_pair_finds_no_near_duplicate_of_a_test_text(
    built: Snapshot, parts: Callable[[str], set[str]], below: float
) -> None:
    tested = sorted({row.text for row in built.rows if row.split == "test"} | set(finentity_texts()))
    taught = sorted(row.text for row in built.rows if row.split != "test")
    similarity, text, test = most_similar(taught, tested, parts)
    assert similarity < below, (text, test)


def test_the_headlines_of_the_merge_and_of_tornado_cash_do_not_train(built: Snapshot) -> None:
    days = held_out_days()["crypto_2022_en_3src"]
    texts = {one.text: one.day.isoformat() for one in stream(STREAM, "crypto_2022_en_3src", "title") if one.day in days}
    assert {"2022-09-15", "2022-08-08"} <= set(texts.values())
    taught = sorted(row.text for row in built.rows if row.split != "test")
    assert not {plain(text) for text in texts} & {plain(text) for text in taught}
    similarity, text, headline = most_similar(taught, sorted(texts), word_parts)
    assert similarity < 0.65, (text, headline)


def test_what_repeats_a_test_text_or_a_headline_is_left_out_of_the_labels_given(
    made: tuple[Path, dict[str, Any]],
) -> None:
    _, card = made
    assert card["sources"]["desk"] == {"train": 1, "valid": 0, "test": 0}
    why = {one["why"] for one in card["left_out"] if one["source"] == "desk"}
    assert why == {"repeats a test text", "repeats a headline of a held-out day"}


def test_every_test_text_is_there_with_its_labels(built: Snapshot) -> None:
    assert {fingerprint(row) for row in built.rows if row.split == "test"} == set(read_frozen())


def test_what_a_training_on_the_sets_leaves_out_is_what_the_snapshot_leaves_out(built: Snapshot) -> None:
    given = [row for source in shipped().values() for row in source()]
    assert read_left_out() == marks_of(given, built.rows)


def test_the_card_counts_what_the_file_holds(made: tuple[Path, dict[str, Any]], built: Snapshot) -> None:
    folder, card = made
    table = pq.read_table(folder / "rows.parquet")
    assert table.num_rows == card["rows"] == len(built.rows) == sum(card["splits"].values())
    for column, key in (
        ("source", "sources"),
        ("lang", "languages"),
        ("licence", "licences"),
        ("sentiment", "sentiment"),
        ("topic", "topic"),
    ):
        found = Counter(zip(table[column].to_pylist(), table["split"].to_pylist(), strict=True))
        assert {(name, split): n for name, per in card[key].items() for split, n in per.items() if n} == {
            k: n for k, n in found.items() if k[0]
        }
    assert set(card["languages"]) == {"en", "zh"}
    assert len(card["topic"]) == 14
    page = (folder / "card.md").read_text(encoding="utf-8")
    assert card["sha256"] in page
    assert (
        "written\nfor this project" in page.replace("were\nwritten", "written\n") or "written for this project" in page
    )


def test_the_checksum_is_of_the_content_in_any_order(built: Snapshot) -> None:
    some = built.rows[:500]
    assert content_sha256(some) == content_sha256(reversed(some))
    assert content_sha256(some) != content_sha256([replace(some[0], weight=2.0), *some[1:]])
    assert content_sha256(built.rows) == built.sha256


def test_a_row_of_finentity_is_refused() -> None:
    row = Row("Siemens rallies", "en", "FinEntity", "ODC-By-1.0", "train", "positive")
    with pytest.raises(SnapshotInvalid, match="FinEntity is for testing only"):
        snapshot.build([row], {}, [])


SMALL = [
    Row(text, "en", "a", "MIT", split, "neutral") for text, split in (("gold waits", "train"), ("oil and tin", "test"))
]


def small(folder: Path) -> Snapshot:
    made = snapshot.build(SMALL, {}, [])
    snapshot.write(made, folder)
    return made


def test_what_is_written_is_read_back_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    made = small(tmp_path / "a")
    small(tmp_path / "b")
    assert snapshot.read(tmp_path / "a") == made
    for name in ("rows.parquet", "card.json", "card.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_snapshot_that_was_changed_or_is_newer_or_incomplete_is_refused(tmp_path: Path) -> None:
    small(tmp_path / "a")
    card = json.loads((tmp_path / "a" / "card.json").read_text())
    for change, said in (({"sha256": "00"}, "the card says 00"), ({"schema_version": 2}, "schema 2")):
        (tmp_path / "a" / "card.json").write_text(json.dumps({**card, **change}))
        with pytest.raises(SnapshotInvalid, match=said):
            snapshot.read(tmp_path / "a")
    (tmp_path / "a" / "rows.parquet").write_bytes(b"PAR1")
    (tmp_path / "a" / "card.json").write_text(json.dumps(card))
    with pytest.raises(SnapshotInvalid, match="cannot be read"):
        snapshot.read(tmp_path / "a")
    with pytest.raises(SnapshotInvalid, match=r"card\.json is missing"):
        snapshot.read(tmp_path)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(SnapshotInvalid, match="name another folder"):
        small(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").exists()
    shutil.rmtree(tmp_path / "mine")
    small(tmp_path / "mine")
    small(tmp_path / "mine")


@pytest.mark.parametrize("arguments", [["--labels", "nowhere.jsonl"], ["--labels", "bad.jsonl"], ["--out", "taken"]])
def test_a_mistake_on_the_command_line_is_one_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("training.sources.shipped", dict)
    monkeypatch.setattr("training.frozen.read_frozen", list)
    (tmp_path / "bad.jsonl").write_text("{}\n")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("x")
    done = CliRunner().invoke(app, ["data", "build", *arguments])
    assert type(done.exception).__name__ == "UserError"
    assert "\n" not in str(done.exception)
    assert arguments[1] in str(done.exception)
